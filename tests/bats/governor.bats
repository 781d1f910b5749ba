#!/usr/bin/env bats
# SPDX-License-Identifier: Apache-2.0
# governor.bats - --cpu-budget: too small for the load. Requests that are shed are counted, spans
# are whole or marked, and shedding ends with the load.

load helpers
setup() {
	live_setup
	gcc -O2 -D_GNU_SOURCE -o "$dir/openloop" tests/bench/openloop.c
	back=$(free_port)
	front=$(free_port)
	bg back node "$APPS/prices.js" "$back"
	backs=$pid
	up "$back"
	BACK=http://127.0.0.1:$back bg front node "$APPS/prices.js" "$front"
	up "$front"
}

# SECONDS: a load that exceeds the budget, but does not fill the ring on a machine that is busy.
# Every request is answered.
load() {
	local sent answered
	run -0 "$dir/openloop" "$front" /price/7 16 1500 "$1"
	read -r sent answered _ <<<"$output"
	[ "$sent" -gt 0 ]
	[ "$sent" = "$answered" ]
}

# As many requests as the servers take, so that some are in progress whenever a pause begins.
flood() { run -0 wrk -t1 -c16 -d5s "http://127.0.0.1:$front/price/7"; }

burn() { # a load without breaks until the notice comes, then with breaks
	for _ in $(seq 20); do
		load 2
		! grep -q 'traced for' "$dir/tracer.err" || { load 5; return; }
	done
	cat "$dir/tracer.err"
	return 1
}

@test "over the budget less is traced, with a notice and a count of the rest; later all is traced again" {
	OTEL_BSP_MAX_QUEUE_SIZE=100000 attach --cpu-budget 1% --slow 1h ":$front" ":$back"
	burn
	grep -q 'CPU budget: .*% of a core used, [0-9.]*% allowed (--cpu-budget 1%): traced for' "$dir/tracer.err"
	until_true 120 grep -q 'all requests are traced again' "$dir/tracer.err"
	curl -s "127.0.0.1:$front/price/after" >/dev/null
	sleep 0.3
	detach
	grep -Eq '^lost .*[0-9] requests \(budget\)' "$dir/text"
	# A pause leaves no hole. (A machine so busy that the ring was full does.)
	grep -q '^lost .*(ring)' "$dir/text" || ! grep -q '^lost .*(hole)' "$dir/text"
	grep -Eq '^budget +over --cpu-budget 1% for [0-9]+ s: traced for' "$dir/text"
	# Whole, or marked: only the front asks the back.
	spans "all(s.parent in known or 'otrace.cut' in s.attr for s in V if s.pid == $backs)" \
		"len([s for s in S if s.attr.get('otrace.cut') == 'budget']) < len(S) / 2" \
		"sum(s.path == '/price/after' for s in S) >= 2" \
		"any(0 < s.attr.get('otrace.sampled_share', 0) < 1 for s in S)" \
		"not any('otrace.cut' in s.attr or 'otrace.sampled_share' in s.attr for s in S if s.path == '/price/after')"
}

@test "a replay of a reduced session marks the same spans" {
	OTEL_BSP_MAX_QUEUE_SIZE=100000 attach --cpu-budget 1% --slow 1h --record "$dir/r.otr" ":$front" ":$back"
	burn
	flood
	detach
	"$OTRACE" replay --no-live -o "$dir/again" --export "file:$dir/spans.again" "$dir/r.otr"
	grep -Eq '^lost .*requests \(budget\)' "$dir/again"
	diff <(grep -o otrace.sampled_share "$dir/spans" | wc -l) <(grep -o otrace.sampled_share "$dir/spans.again" | wc -l)
	for f in spans spans.again; do
		grep -o '"otrace.cut","value":{"stringValue":"[a-z]*"' "$dir/$f" | sort | uniq -c >"$dir/$f.cut"
	done
	[ -s "$dir/spans.cut" ]
	diff "$dir/spans.cut" "$dir/spans.again.cut"
}

@test "--cpu-budget 0 sets no limit" {
	attach --cpu-budget 0 --slow 1h ":$front" ":$back"
	load 8
	detach
	run ! grep -q 'budget' "$dir/text" "$dir/tracer.err"
}

# Starts two servers that carry the library, and one agent.
shim_pair() { # ARG..: its pid in $tracer
	shim_setup
	back=$(free_port)
	front=$(free_port)
	cat >"$dir/pair" <<-S
		trap 'trap - TERM; kill 0' TERM
		node "$APPS/prices.js" "$back" &
		BACK=http://127.0.0.1:$back node "$APPS/prices.js" "$front" &
		wait
	S
	OTEL_BSP_MAX_QUEUE_SIZE=100000 bg tracer setsid "$OTRACE" run --slow 1h \
		-o "$dir/text" --export "file:$dir/spans" "$@" -- bash "$dir/pair"
	tracer=$pid
	up "$back"
	up "$front"
}
end_pair() {
	quiet
	kill -TERM "$tracer"
	until_true 30 gone "$tracer"
	cat "$dir/text"
}

over_its_budget() { # ARG..
	shim_pair --cpu-budget 1% "$@"
	noticed() { grep -q 'CPU budget: .*traced for' "$dir/text"; }
	for _ in $(seq 20); do load 2; ! noticed || break; done
	noticed
	load 5
	until_true 120 grep -q 'all requests are traced again' "$dir/text"
	curl -s "127.0.0.1:$front/price/after" >/dev/null
	sleep 0.3
	end_pair
	grep -Eq '^lost .*[0-9] requests \(budget\)' "$dir/text"
	grep -q '^lost .*(ring)' "$dir/text" || ! grep -q '^lost .*(hole)' "$dir/text"
	grep -Eq '^budget +over --cpu-budget 1% for [0-9]+ s: traced for' "$dir/text"
	# Only the front asks the back, and each request has no header, or one that names an emitted
	# span.
	spans "any(int(s.attr['server.port']) == $back for s in V)" \
		"all(s.parent in known or 'otrace.cut' in s.attr for s in V if int(s.attr['server.port']) == $back)" \
		"len([s for s in S if s.attr.get('otrace.cut') == 'budget']) < len(S) / 2" \
		"sum(s.path == '/price/after' for s in S) >= 2" \
		"any(0 < s.attr.get('otrace.sampled_share', 0) < 1 for s in S)" \
		"not any('otrace.cut' in s.attr or 'otrace.sampled_share' in s.attr for s in S if s.path == '/price/after')"
}

@test "the library over its budget: the same notice and count; spans are whole or marked" {
	over_its_budget --no-bpf
}

@test "library and probes over the budget pause together" {
	over_its_budget
}

@test "--cpu-budget 0 sets no limit for the library" {
	shim_pair --no-bpf --cpu-budget 0
	load 8
	end_pair
	run ! grep -q 'budget' "$dir/text" "$dir/tracer.err"
}

@test "--cpu-budget takes a share, and refuses other words" {
	run -2 "$OTRACE" attach --cpu-budget 1e9 ":$front"
	[[ "$output" == *'"1e9" is not a share'*'10%, 0.1 (the same)'* ]]
	run -2 "$OTRACE" attach --cpu-budget 150% ":$front"
	[[ "$output" == *'150% is out of range'*'0 to 100%'* ]]
	OTRACE_CPU_BUDGET=often run -2 "$OTRACE" attach ":$front"
	[[ "$output" == *OTRACE_CPU_BUDGET*'"often" is not a share'* ]]
}
