#!/usr/bin/env bats
# SPDX-License-Identifier: Apache-2.0
# connect.bats - a connect() that fails gives a client span.

load helpers
setup() { live_setup; shim_setup; dead=$(free_port); }

each() { # TEST..: by each source alone and by both
	for opts in --no-bpf --no-shim ""; do
		echo "# with '$opts'"
		# shellcheck disable=SC2206 # none is no argument
		opts=($opts)
		rm -f "$dir/spans" "$dir/text"
		"$@"
	done
}

refused() {
	run -7 "$OTRACE" run -o "$dir/text" --export "file:$dir/spans" "${opts[@]}" -- \
		curl -s "http://127.0.0.1:$dead/"
	spans 'len(F) == 1' 'len(P) == 1' "F[0].name == 'connect 127.0.0.1:$dead'" 'F[0].error' \
		"F[0].attr['error.type'] == 'connection_refused'" \
		"F[0].attr['server.port'] == '$dead'" 'F[0].parent == P[0].span'
}
@test "a refused connect() is a span below the program of run" { each refused; }

@test "if the second address of a name answers, the first attempt is no span" {
	http "$port"
	another() {
		traced curl -s --resolve "shop.example:$port:127.0.0.2,127.0.0.1" \
			"http://shop.example:$port/a"
		spans 'len(F) == 0' 'len(C) == 1' "C[0].attr['url.full'] == 'http://shop.example:$port/a'"
	}
	each another
}

polls() {
	traced "$PY" -c "
import socket, time
for i in range(20):
    with socket.socket() as s:
        assert s.connect_ex(('127.0.0.1', $dead))
    time.sleep(0.01)"
	spans 'len(F) <= 2' 'all(s.error for s in F)' 'len(F) >= 1'
}
@test "a program that polls a closed port makes few spans" { each polls; }

given_up() { # a queue of connections that is full takes no more: SYNs are not answered
	traced "$PY" -c "
import socket
with socket.socket() as lst, socket.socket() as s:
    lst.bind(('127.0.0.1', 0))
    lst.listen(0)
    held = []
    for i in range(4):
        s = socket.socket()
        s.settimeout(0.2)
        held.append(s)
        try:
            s.connect(lst.getsockname())
        except TimeoutError:
            break
    for s in held:
        s.close()"
	spans 'len(F) == 1' "F[0].attr['error.type'] == 'timeout'"
}
@test "a connect() that the program gives up is a span with a timeout" { each given_up; }

behind() {
	one_nginx "proxy_pass http://127.0.0.1:$dead;"
	bg tracer "$OTRACE" run -o "$dir/text" --export "file:$dir/spans" "${opts[@]}" -- \
		nginx -c "$dir/nginx.conf"
	tracer=$pid
	up "$port"
	[ "$(curl -s -o "$dir/answer" -w '%{http_code}' "127.0.0.1:$port/a")" = 502 ]
	quiet
	kill "$(cat "$dir/nginx.pid")"
	ended "$tracer"
	spans 'len(F) == 1' 'len(V) == 1' 'F[0].parent == V[0].span' "F[0].trace == V[0].trace"
}
@test "a failed connect() of a server is below the request that it was made for" { each behind; }

# PID: its requests in flight that have no parent, as the kernel side counts them for this session
orphans() {
	for id in $(sed -n 's/^map_id:\t//p' "/proc/$tracer/fdinfo/"*); do
		bpftool -j map dump id "$id" 2>/dev/null |
			jq ".[].formatted? | select(.key? == $1) | .value.orphans? // empty"
	done
}

# A live process is looked at, so it waits for its end on stdin.
@test "probes: a request whose connection is closed is not in flight (R8)" {
	mkfifo "$dir/stdin"
	bg run "$OTRACE" run --no-shim -o "$dir/text" -- "$PY" -c "
import os, socket, sys
with socket.socket() as lst:
    lst.bind(('127.0.0.1', 0))
    lst.listen(8)
    for i in range(5):
        with socket.create_connection(lst.getsockname()) as s:
            s.send(b'GET /x HTTP/1.1\r\nHost: h\r\n\r\n')
            print(os.getpid(), i, flush=True)
            open('$dir/stdin').read()"
	tracer=$pid
	until_true 30 grep -q ' 0$' "$dir/run.out"
	read -r asker _ <"$dir/run.out"
	[ "$(orphans "$asker")" = 1 ]
	for i in 1 2 3 4; do
		: >"$dir/stdin"
		until_true 30 grep -q " $i$" "$dir/run.out"
	done
	[ "$(orphans "$asker")" = 1 ] # of five requests, four are closed
	: >"$dir/stdin"
	wait "$tracer"
}
