#!/usr/bin/env bats
# SPDX-License-Identifier: Apache-2.0
# rings.bats - a traced process writes any bytes over the ring that it shares with the agent, or
# offers rings that are none. The agent, under AddressSanitizer, continues; every span of the other
# process in the session is there, and losses are reported.

load helpers
setup_file() {
	# About 30 s if nothing is built yet.
	make -s -j2 SAN=1 ${CC:+CC="$CC"} all 3>&-
}
setup() {
	live_setup
	mkdir "$dir/bin"
	cp build-san/otrace build/libotrace.so "$dir/bin/"
	export ASAN_OPTIONS="log_path=$dir/report:detect_leaks=0:exitcode=66"
	export UBSAN_OPTIONS="log_path=$dir/report"
	port=$(free_port)
	http "$port"
}

# WAY SEED: both processes in one session; 30 requests of the other are there, each with its header.
rogue() {
	local status=0
	cat >"$dir/all" <<-S
		unset ASAN_OPTIONS UBSAN_OPTIONS
		$PY "$APPS/rogue.py" "$1" "$2" "http://127.0.0.1:$port/rogue" >"$dir/rogue.out" 2>"$dir/rogue.err" &
		for i in \$(seq 10); do
			curl -s "http://127.0.0.1:$port/good/\$i.[1-3]"
			sleep 0.05
		done >"$dir/good.out"
		wait
	S
	rm -f "$dir/text" "$dir/spans"
	timeout 120 "$dir/bin/otrace" run --no-bpf -o "$dir/text" --export "file:$dir/spans" -- \
		bash "$dir/all" >"$dir/out" 2>"$dir/err" 3>&- || status=$?
	cat "$dir/text" "$dir/err" "$dir/rogue.err"
	echo "way $1, seed $2, status $status; the rogue has asked $(tail -n 1 "$dir/rogue.out") times"
	if compgen -G "$dir/report*" >/dev/null; then cat "$dir"/report* && return 1; fi
	[ "$status" = 0 ]
	# The process cannot make the agent count more time than the CPU that it used.
	! grep -E '^headers .*[0-9]{10}' "$dir/text" || return 1
	[ "$(grep -c hello "$dir/good.out")" = 30 ]
	spans '{s.asked for s in S if s.asked and s.asked.startswith("/good/")} == {f"/good/{i}.{k}" for i in range(1, 11) for k in (1, 2, 3)}' \
		'not any(s.error for s in S if s.asked and s.asked.startswith("/good/"))'
}

seeds() { # WAY: seeds that are always used, and a new one
	local seed asked
	for seed in 1 2 $RANDOM; do
		rogue "$1" "$seed"
		asked=$(tail -n 1 "$dir/rogue.out")
		[ "$asked" -gt 0 ]
		grep -qE '^lost +[0-9]' "$dir/text" ||
			spans "len([s for s in C if s.asked.startswith('/rogue/')]) >= $asked"
	done
}

@test "random words in the head of a ring harm nothing" { seeds head; }

@test "slots with a right stamp and wrong sizes harm nothing" { seeds sizes; }

@test "counters of a ring that go backwards or cross each other harm nothing" { seeds backwards; }

@test "random bytes in the whole ring harm nothing" { seeds anywhere; }

@test "rings that shrink, have other sizes, are no memory or are offered twice harm nothing" { seeds offers; }

@test "a child that writes into the ring of its parent harms nothing" { seeds children; }
