#!/usr/bin/env bats
# SPDX-License-Identifier: Apache-2.0
# both.bats - `run` as root: the library in programs that can load it, kernel probes for the others;
# nothing is observed twice, and one trace spans all.

load shim
setup() {
	live_setup
	shim_setup
	opts=()
	export COLUMNS=200
	http "$port"
}

build_bypass() { # NAME [CC OPTION..]
	local name=$1
	shift
	${CC:-cc} -O2 -Wall -Wextra -Werror -D_GNU_SOURCE "$@" -o "$dir/$name" "$APPS/bypass.c"
}

# $1 SCRIPT with $p, its port: starts a server in each run, so that both ends are traced.
with_server() {
	cat >"$dir/script" <<-S
		p=$(free_port)
		$PY $APPS/httpd.py \$p 2>/dev/null &
		server=\$!
		until (exec 3<>/dev/tcp/127.0.0.1/\$p) 2>/dev/null; do sleep 0.02; done
		$1
		sleep 0.3 # a server that is killed before its last record is written does not report it
		kill \$server
	S
	traced bash "$dir/script"
}

@test "a process with the library is reported by the library alone: no byte twice" {
	opts=(--record "$dir/record")
	with_server 'curl -s 127.0.0.1:$p/unmistakable'
	grep -q '^otrace .* bpf+shim$' "$dir/text"
	[ "$(grep -ao 'GET /unmistakable' "$dir/record" | wc -l)" -eq 2 ] # one at each end
	spans '[s.kind for s in S if s.name == "GET /unmistakable"].count("client") == 1' \
		'[s.kind for s in S if s.name == "GET /unmistakable"].count("server") == 1' \
		'all(parent(s) is s0 for s in V for s0 in C if s0.name == s.name)'
	grep -q '^lost *nothing' "$dir/text"
	run ! grep '^not seen' "$dir/text"
}

# OPTION: a service that eight threads prepare at once; each of its nine requests is a trace.
prepared() {
	local web
	for _ in 1 2 3 4 5 6 7 8 9 10; do
		rm -f "$dir/spans" "$dir/text"
		web=$(free_port)
		# shellcheck disable=SC2086 # none is no argument
		bg tracer "$OTRACE" run -o "$dir/text" --export "file:$dir/spans" $1 -- \
			"$dir/starts" "$port" "$web"
		until_true 30 curl -s -m 10 "127.0.0.1:$web/served"
		ended "$pid"
		cat "$dir/text" "$dir/tracer.err"
		spans 'len(C) == 8' 'len(V) == 1' 'not P' 'not any(s.parent for s in S)' \
			'len({s.trace for s in S}) == 9'
	done
}
@test "eight first requests at once of a program that serves later: each root has a trace" {
	cc -O1 -D_GNU_SOURCE -Wall -Wextra -Werror -o "$dir/starts" "$APPS/starts.c" -lpthread
	for source in --no-bpf --no-shim ""; do
		echo "# with '$source'"
		prepared "$source"
	done
}

@test "a static program is seen by the probes, in one trace with programs that carry the library" {
	build_bypass static -static
	with_server "curl -s 127.0.0.1:\$p/carries; $dir/static \$p calls /static"
	grep -q '^hello /static' "$dir/out"
	spans 'len({s.trace for s in S + P}) == 1' 'len(P) == 1' \
		'[s.service for s in C if s.name == "GET /static"] == ["static"]' \
		'[parent(s).service for s in V if s.name == "GET /static"] == ["static"]' \
		'[parent(s).service for s in V if s.name == "GET /carries"] == ["curl"]'
	grep -q '^headers *1 put in$' "$dir/text"
}

@test "a static CMD is reported once, and traced by the probes" {
	build_bypass static -static
	traced "$dir/static" "$port" calls /alone
	spans 'len(C) == 1' 'C[0].name == "GET /alone"'
	[ "$(grep -c 'is statically linked: seen by kernel probes, no traceparent is injected' "$dir/text")" -eq 1 ]
}

@test "stdio on a socket and direct system calls work as before, and are named in 'not seen'" {
	build_bypass bypass
	for how in stdio direct; do
		# The library sees no byte, and does not announce the connection: the probes do.
		traced "$dir/bypass" "$port" "$how" /alone
		spans '[s.name for s in C] == ["GET /alone"]'
		run ! grep '^not seen' "$dir/text"
		traced "$dir/bypass" "$port" calls /before "$how" "/$how" calls /after
		grep -q "^hello /$how" "$dir/out"
		grep "^not seen  bypass (pid [0-9]*): 1 connection to 127.0.0.1:$port, .*bypassed the library (stdio, direct system calls, io_uring)\$" \
			"$dir/text"
		spans '[s.name for s in C] == ["GET /before", "GET /after"]'
	done
	traced "$dir/bypass" "$port" calls /calls
	run ! grep '^not seen' "$dir/text"
	spans 'len(C) == 1'
}

@test "with forks and many threads that begin at once, each byte is reported once" {
	cat >"$dir/many.py" <<-'P'
		import os, sys, threading, urllib.request
		def ask(path):
		    urllib.request.urlopen(f"http://127.0.0.1:{sys.argv[1]}{path}").read()
		for child in range(4):
		    if os.fork() == 0:
		        ts = [threading.Thread(target=ask, args=(f"/c{child}t{i}",)) for i in range(8)]
		        [t.start() for t in ts]
		        [t.join() for t in ts]
		        os._exit(0)
		for child in range(4):
		    os.wait()
	P
	for _ in 1 2 3; do
		traced $PY "$dir/many.py" "$port"
		spans 'sorted(s.name for s in C) == sorted(f"GET /c{c}t{t}" for c in range(4) for t in range(8))'
		run ! grep '^not seen' "$dir/text"
	done
}

@test "a child closes descriptors of its parent: the parent's connections go on and are seen whole" {
	cat >"$dir/heirs.py" <<-'P'
		import os, socket
		def pair():
		    door = socket.create_server(("127.0.0.1", 0))
		    return socket.create_connection(door.getsockname()), door.accept()[0]
		def talk(near, far):
		    near.send(b"GET /heirs HTTP/1.1\r\nHost: q\r\n\r\n")
		    far.recv(999)
		    far.send(b"HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n")
		    near.recv(999)
		near, far = pair()
		talk(near, far)
		if not os.fork():
		    talk(*pair())
		    near.close()
		    far.close()
		    os._exit(0)
		os.wait()
		for _ in range(5): talk(near, far)
		os._exit(0)
	P
	"$OTRACE" run -o "$dir/text" --export "file:$dir/spans" -- $PY "$dir/heirs.py" 3>&-
	cat "$dir/text"
	spans 'len(C) == 7' 'len(V) == 7'
	run ! grep -q 'bypassed the library' "$dir/text"
}

@test "--no-shim traces by the probes alone and injects nothing" {
	opts=(--no-shim)
	unset OTRACE_CONFIG # the helpers set it
	with_server 'curl -s 127.0.0.1:$p/bare; env >&2'
	run ! grep -E 'LD_PRELOAD|OTRACE_|TRACEPARENT' "$dir/err"
	spans '[parent(s).service for s in V if s.name == "GET /bare"] == ["curl"]'
	run ! grep '^headers' "$dir/text"
	run "$OTRACE" run --no-shim --no-bpf -o "$dir/t" -- touch "$dir/started"
	[ "$status" -eq 125 ]
	[[ ${lines[0]} == "otrace run: --no-shim and --no-bpf leave nothing to trace with; not started" ]]
	[ ! -e "$dir/started" ]
}

@test "a missing library, or a kernel that refuses the probes, is reported once; the other source goes on" {
	mkdir "$dir/alone"
	cp "$OTRACE" "$dir/alone/"
	OTRACE=$dir/alone/otrace traced curl -s "127.0.0.1:$port/probes"
	spans 'len(C) == 1'
	[ "$(grep -c 'probes alone, no traceparent is injected: .*libotrace.so: No such file' "$dir/text")" -eq 1 ]
	unshare -m sh -c "mount -t tmpfs none /sys/kernel/btf && exec '$OTRACE' run -o '$dir/text' \
		--export 'file:$dir/spans' -- curl -s '127.0.0.1:$port/library'" >"$dir/out"
	spans 'len(C) == 1'
	[ "$(grep -c 'no kernel probes, so static programs and Go programs are not seen: ' "$dir/text")" -eq 1 ]
	grep -q '^otrace .* shim$' "$dir/text"
}

@test "work that is handed to a pool: the kernel side finds for which request it was done" {
	SHIM=both SECONDS_EACH=1 CLIENTS=4 run "$ROOT/tests/accuracy/run.sh" pool-c
	echo "$output"
	[ "$status" -eq 0 ]
	read -r _ _ _ right wrong _ <<<"${lines[1]}"
	[ "$right" -gt 100 ]
	[ "$wrong" -eq 0 ]
}

# With a wider window of a worker 1 to 5 of 3,000 requests have a wrong parent here.
@test "handlers that begin to wait late for their job get no request of another job" {
	SHIM=both SECONDS_EACH=2 CLIENTS=6 run "$ROOT/tests/accuracy/run.sh" pool-late
	echo "$output"
	[ "$status" -eq 0 ]
	read -r _ _ _ right wrong _ <<<"${lines[1]}"
	[ "$right" -gt 100 ]
	[ "$wrong" -eq 0 ]
}

# As Bun does: one thread reads requests and waits for many descriptors, another asks for all of
# them.
@test "an event loop whose other threads ask: each request has a header, as with the library alone" {
	cat >"$dir/loop.py" <<-'P'
		import asyncio, sys, urllib.request
		def ask(path):
		    return urllib.request.urlopen(f"http://127.0.0.1:{sys.argv[2]}{path}").read()
		async def serve(reader, writer):
		    path = (await reader.readuntil(b"\r\n\r\n")).split()[1].decode()
		    await asyncio.get_running_loop().run_in_executor(None, ask, path)
		    writer.write(b"HTTP/1.1 200 OK\r\nContent-Length: 3\r\nConnection: close\r\n\r\nok\n")
		    await writer.drain()
		    writer.close()
		async def main():
		    server = await asyncio.start_server(serve, "127.0.0.1", int(sys.argv[1]))
		    await server.serve_forever()
		asyncio.run(main())
	P
	relay
	for source in "" --no-bpf; do
		echo "# with '$source'"
		rm -f "$dir/spans" "$dir/text"
		: >"$dir/wire"
		web=$(free_port)
		# shellcheck disable=SC2086 # none is no argument
		bg tracer "$OTRACE" run -o "$dir/text" --export "file:$dir/spans" $source -- \
			$PY "$dir/loop.py" "$web" "$relay"
		up "$web"
		curl -s -m 20 -Z "127.0.0.1:$web/[1-40]" >"$dir/answers"
		[ "$(grep -c ok "$dir/answers")" -eq 40 ]
		until_true 10 drained
		kill "$(pgrep -P "$pid")"
		ended "$pid"
		cat "$dir/text"
		[ "$(grep -ac '^traceparent' "$dir/wire")" -eq 40 ]
		spans 'len(V) == 40' 'len(C) == 40' \
			'all(c.attr["url.full"].endswith(parent(c).path) for c in C if c.parent)'
	done
}
