#!/usr/bin/env bats
# SPDX-License-Identifier: Apache-2.0
# output.bats - where traces are written: a descriptor of the caller's is used as it is, a file
# holds whole lines, and what could not be written is said.

bats_require_minimum_version 1.5.0
load helpers
setup() {
	live_setup
	shim_setup
}
teardown() { live_teardown; }

# All that three writers of one descriptor have written, in order.
whole() {
	cat "$dir/log"
	head -n 1 "$dir/log" | grep -qx before
	tail -n 1 "$dir/log" | grep -qx after
	grep -qx program "$dir/log"
	grep -q '^otrace 0' "$dir/log"
	grep -q '^otrace: sh: status 0' "$dir/log"
	grep -q '  200 GET /x\|GET /x  ' "$dir/log"
	run ! grep -P '\x00' "$dir/log"
}

@test "-o to a descriptor of the caller's: nothing before or after it is lost, program and otrace take turns" {
	http "$port"
	cat >"$dir/both.sh" <<-S
		echo program >&\$1
		curl -s "127.0.0.1:$port/x" >/dev/null
	S
	for out in /dev/stderr /dev/fd/2 /proc/self/fd/2; do
		(
			echo before >&2
			"$OTRACE" run --no-bpf -o "$out" -- sh "$dir/both.sh" 2
			echo after >&2
		) 2>"$dir/log" 3>&-
		whole
	done
	for out in - /dev/stdout /proc/self/fd/1; do
		(
			echo before
			"$OTRACE" run --no-bpf -o "$out" -- sh "$dir/both.sh" 1
			echo after
		) >"$dir/log" 3>&-
		whole
	done
	(
		echo before >&7
		"$OTRACE" run --no-bpf -o /dev/fd/7 -- sh "$dir/both.sh" 7
		echo after >&7
	) 7>"$dir/log" 3>&-
	whole
}

@test "-o to root's pipe, as another user" {
	chmod -R a+rwX "$dir"
	(
		setpriv --reuid=65534 --regid=65534 --clear-groups env -C / HOME=/tmp "$OTRACE" run \
			-o /dev/stderr -- true 2>&1 >/dev/null 3>&-
	) | cat >"$dir/log"
	cat "$dir/log"
	grep -q '^otrace: true: status 0' "$dir/log"
}

@test "lines of a file are whole, however long; a terminal cuts them" {
	http "$port"
	long=$(printf '/alpha/beta/gamma%.0s' $(seq 8))
	traced curl -s "127.0.0.1:$port$long"
	grep -q "GET $long" "$dir/text"
	run ! grep '…' "$dir/text"
}

@test "-q shows nothing, so it needs no terminal" {
	http "$port"
	setsid "$OTRACE" run --no-bpf -q --export "file:$dir/spans" -- curl -s "127.0.0.1:$port/x" \
		>"$dir/out" 2>"$dir/err" </dev/null 3>&-
	[ ! -s "$dir/err" ]
	spans 'len(C) == 1'
	setsid "$OTRACE" run --no-bpf -q -- curl -s "127.0.0.1:$port/x" >"$dir/out" 2>"$dir/err" </dev/null 3>&-
	[ ! -s "$dir/err" ]
	grep -qx 'hello /x' "$dir/out"
}
