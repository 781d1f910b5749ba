#!/usr/bin/env bats
# SPDX-License-Identifier: Apache-2.0
# heads.bats - heads that are longer than what is copied of a run.

load helpers
setup() { live_setup; shim_setup; trace=0af7651916cd43dd8448eb211c80319c; above=b7ad6b7169203331; }

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

served() { # PORT: the server under `run`; ends it once it has served
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

@test "a head that is longer than the part that is copied gives no parent" {
	http "$port"
	attach --no-shim ":$port"
	long 17000 1
	detach
	spans 'len(V) == 1' "V[0].attr['otrace.cut'] == 'head'"
	grep -Eq '^parents .* 1 orphan' "$dir/text"
}

@test "the body behind a long head is not copied" {
	http "$port"
	attach --no-shim --record "$dir/rec" ":$port"
	head -c 200000 /dev/zero | tr '\0' 'z' >"$dir/body"
	curl -s -H 'Expect:' --data-binary "@$dir/body" "127.0.0.1:$port/post" >/dev/null
	detach
	spans 'len(V) == 1'
	run grep -ac 'z\{3000\}' "$dir/rec"
	[ "$output" = 0 ]
}

# Each request asks for another status, so that an answer that is paired with another request is
# found.
deep() { # DEPTH PAD
	run "$PY" "$APPS/pipeline.py" "$port" "$1" "$2"
	[ "$output" = "$1" ]
}
pairs() {
	spans 'all(s.asked == "/status/%d" % s.code for s in S if s.code)' \
		'all(s.asked in ("", "/") or len(s.asked) == len("/status/400") for s in S)' \
		'sum(s.code > 0 for s in V) >= 40' 'any(not s.code for s in V)'
}
deep_ones() {
	local pad
	for pad in 0 1 5 13; do
		deep 10 "$pad"
		deep 100 "$pad"
		deep 150 "$pad"
	done
}

@test "a hundred pipelined requests are paired rightly or not at all: probes" {
	http "$port"
	attach --no-shim ":$port"
	deep_ones
	detach
	pairs
}

@test "a hundred pipelined requests are paired rightly or not at all: library" {
	served
	deep_ones
	over
	pairs
}

@test "empty lines before a head and a method in lower case are read as servers read them" {
	one_nginx 'return 200 "ok";'
	bg nginx nginx -c "$dir/nginx.conf"
	up "$port"
	attach --no-shim "$pid"
	"$PY" - "$port" <<-'END'
		import socket, sys
		rest = b"Host: h\r\nUser-Agent: shop/1\r\nConnection: close\r\n"
		for head in (b"\r\n\r\nGET /empty HTTP/1.1\r\nX-Forwarded-For: 192.0.2.7, 10.0.0.1\r\n",
		             b"get /lower HTTP/1.1\r\n"):
		    with socket.create_connection(("127.0.0.1", int(sys.argv[1]))) as s:
		        s.sendall(head + rest + b"\r\n")
		        while s.recv(65536):
		            pass
	END
	detach
	spans 'len(V) == 2' 'V[0].name == "GET /empty" and V[0].code == 200' \
		'V[0].attr["client.address"] == "192.0.2.7"' 'V[1].attr["client.address"] == "127.0.0.1"' \
		'V[1].attr["http.request.method"] == "_OTHER"' \
		'V[1].attr["http.request.method_original"] == "get"' \
		'all(s.attr["user_agent.original"] == "shop/1" for s in V)'
}
