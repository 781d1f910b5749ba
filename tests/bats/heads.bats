#!/usr/bin/env bats
# SPDX-License-Identifier: Apache-2.0
# heads.bats - heads that are longer than what is copied of every run.

bats_require_minimum_version 1.5.0
load helpers
setup() { live_setup; shim_setup; trace=0af7651916cd43dd8448eb211c80319c; above=b7ad6b7169203331; }
teardown() { live_teardown; }

long() { # COOKIE PIECES
	run "$PY" "$APPS/longhead.py" "$port" "$1" "$2" "00-$trace-$above-01"
	echo "$output"
	[ "$output" = "HTTP/1.1 200 OK" ]
}

# Cookies of 1,100, 5,000 and 15,000 bytes, in one write and in several.
long_heads() {
	long 1100 1
	long 1100 3
	long 5000 1
	long 15000 1
	long 15000 5
}
found() {
	spans 'len(V) == 5' "all(s.trace == '$trace' and s.parent == '$above' for s in V)" \
		'all("otrace.cut" not in s.attr for s in V)'
}

served() { # the server under `run`, by PORT; ends it once it was asked
	bg tracer "$OTRACE" run -o "$dir/text" --export "file:$dir/spans" "${opts[@]}" -- \
		"$PY" "$APPS/httpd.py" "$port"
	tracer=$pid
	up "$port"
}

over() {
	quiet
	kill "$(pgrep -P "$tracer" -f "httpd.py $port")"
	ended "$tracer"
	cat "$dir/text"
}

@test "a traceparent behind a long cookie is found: probes" {
	http "$port"
	attach --no-shim ":$port"
	long_heads
	detach
	found
}

@test "a traceparent behind a long cookie is found: library" {
	served
	long_heads
	over
	found
}

@test "a traceparent behind a long cookie is found: both" {
	opts=()
	served
	long_heads
	over
	found
}

@test "a head that is longer than what is read of any makes no claim" {
	http "$port"
	attach --no-shim ":$port"
	long 17000 1
	detach
	spans 'len(V) == 1' "V[0].attr['otrace.cut'] == 'head'"
	grep -Eq '^parents .* 1 orphan' "$dir/text"
}

@test "a long body is not copied for the sake of its head" {
	http "$port"
	attach --no-shim --record "$dir/rec" ":$port"
	head -c 200000 /dev/zero | tr '\0' 'z' >"$dir/body"
	curl -s -H 'Expect:' --data-binary "@$dir/body" "127.0.0.1:$port/post" >/dev/null
	detach
	spans 'len(V) == 1'
	run grep -ac 'z\{3000\}' "$dir/rec"
	[ "$output" = 0 ]
}
