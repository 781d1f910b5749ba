#!/usr/bin/env bats
# SPDX-License-Identifier: Apache-2.0
# tls_attach.bats - requests inside TLS of programs that run already, by probes in their TLS
# libraries; no program here carries otrace's library.

load https
setup_file() { pg_setup_file; }
teardown_file() { pg_teardown_file; }
setup() {
	live_setup
	port=$(free_port)
	https_setup
	opts=(--no-shim)
	unset SSLKEYLOGFILE
}

ask() { curl -s -m 20 --cacert "$dir/cert.pem" "$@"; }
shim_setup_keeping_port() {
	local was=$port
	shim_setup
	port=$was
}
changed_bytes() { "$PY" "$APPS/textsame.py" "$server" /libssl.so; }
seen_all() { ! grep -q '^not seen' "$dir/text"; }

@test "a server: status and route of each request, the first too; nothing is named as not seen" {
	https
	server=$pid
	attach "$server"
	ask "https://localhost:$port/item/7" "https://localhost:$port/b" -o "$dir/one"
	ask --tls-max 1.2 -d hello "https://localhost:$port/post"
	detach
	spans 'len(S) == 3' 'all(s.kind == "server" and s.code == 200 for s in S)' \
		'{s.name for s in S} == {"GET /item/{id}", "GET /b", "POST /post"}' \
		'all(s.attr["url.scheme"] == "https" for s in S)'
	seen_all
}

@test "both ends over a connection from before: HTTP is joined in the middle, and the ends meet" {
	https
	server=$pid
	mkfifo "$dir/go"
	bg pair sh -c "exec $PY $APPS/tlspair.py $port $dir <$dir/go"
	client=$pid
	exec 5>"$dir/go"
	until_true 30 grep -q open "$dir/pair.out"
	attach "$server" "$client"
	echo >&5
	exec 5>&-
	ended "$client"
	[ "$status" = 0 ]
	detach
	[ "$(grep -c hello "$dir/pair.out")" = 12 ]
	spans 'len(C) == 22 and len(V) >= 20' 'all(s.code == 200 for s in S)' \
		'all(not parent(v) or parent(v).asked == v.asked for v in V)' \
		'sum(1 for v in V if parent(v)) >= 20' \
		'sorted(c.asked for c in C) == sorted(["/bytes", "/after"] + ["/%s%d" % (n, i) for n in "ab" for i in range(10)])'
	seen_all
}

# The new workers have their probes, which a link of otrace shows, and the old ones are gone.
reloaded() {
	local pid workers
	workers=$(pgrep -P "$server")
	[ "$(wc -w <<<"$workers")" = 2 ] || return 1
	for pid in $workers; do
		[ "$("$PY" "$APPS/textsame.py" "$pid" /libssl.so)" = 4 ] || return 1
	done
}

@test "nginx with TLS: requests of both its workers, and of those after a reload" {
	nginx_conf "$port" "location / { return 200 'hello\\n'; }" |
		sed 's/worker_processes 1/worker_processes 2/; s/ http2;/;/' >"$dir/nginx.conf"
	bg nginx nginx -c "$dir/nginx.conf"
	server=$pid
	up "$port"
	attach "$server"
	for i in 1 2 3 4; do ask "https://localhost:$port/w/$i" -o /dev/null; done
	kill -HUP "$server"
	until_true 30 reloaded
	for i in 5 6 7 8; do ask "https://localhost:$port/w/$i" -o /dev/null; done
	detach
	spans 'len(V) == 8' 'all(v.name == "GET /w/{id}" and v.code == 200 for v in V)' \
		'len({v.pid for v in V}) >= 2'
	seen_all
}

@test "an HTTPS front that asks a plain HTTP back end, 16 clients: no parent is wrong, none is missing" {
	back=$(free_port)
	http "$back"
	inner=$pid
	bg front "$PY" "$APPS/tlsfront.py" "$port" "$dir" "$back"
	server=$pid
	up "$port"
	room_for_all
	attach --cpu-budget 0 "$server" "$inner"
	[ "$("$PY" "$APPS/tlsload.py" "$port" "$dir" /r 16 10)" = "0 failed []" ]
	detach
	spans 'len(C) == 160 and len(V) == 320' 'all(parent(c) for c in C)' \
		'all(parent(c).attr["url.query"] == c.attr["url.full"].split("?")[1] for c in C)' \
		'sum(1 for v in V if parent(v)) == 160'
}

# As detach(), which waits until no process of the test works.
loaded_detach() {
	kill -INT "$tracer"
	ended "$tracer"
	[ "$status" = 0 ]
	rounds=$((rounds + 1))
}

@test "detach leaves no probe, and 30 times attach and detach under load fail no request" {
	https
	server=$pid
	[ "$(changed_bytes)" = 0 ]
	attach "$server"
	ask "https://localhost:$port/a" -o /dev/null
	[ "$(changed_bytes)" = 4 ]
	links=$(grep -h '^link_id' "/proc/$tracer"/fdinfo/* | awk '{ print $2 }')
	[ -n "$links" ]
	for id in $links; do bpftool link show id "$id"; done
	detach
	[ "$(changed_bytes)" = 0 ]
	for id in $links; do run ! bpftool link show id "$id"; done
	bg load "$PY" "$APPS/tlsload.py" "$port" "$dir" /l 4 0 keep
	load=$pid
	rounds=0
	for _ in $(seq 30); do
		attach "$server"
		loaded_detach
	done
	[ "$rounds" = 30 ]
	kill -0 "$load"
	kill -TERM "$load"
	ended "$load"
	[ "$(cat "$dir/load.out")" = "0 failed []" ]
	kill -0 "$server"
}

# CMD..: a server that moves the ciphertext itself, with its first connection before and the others
# while it is traced: the probes that find their sockets are set when the first one is seen.
off_sockets() {
	bg server "$@"
	server=$pid
	up "$port"
	attach "$server"
	for i in $(seq 60); do
		[ "$(ask "https://localhost:$port/warm")" = /warm ]
		[ "$i" -lt 3 ] || ! grep -q 'GET /warm' "$dir/text" || break
	done
	[ "$i" -lt 60 ]
	for i in $(seq 5); do ask "https://localhost:$port/first/$i" "https://localhost:$port/second/$i"; done
	detach
	spans 'len([s for s in V if s.name == "GET /first/{id}"]) == 5' \
		'len([s for s in V if s.name == "GET /second/{id}"]) == 5' \
		'all(s.code == 200 and s.attr["url.scheme"] == "https" for s in V)' 'len(C) == 0'
}

@test "asyncio (memory BIO): a session belongs to the socket on which the same ciphertext came in" {
	cat >"$dir/aio.py" <<-P
		import asyncio, ssl
		keys = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
		keys.load_cert_chain("$dir/cert.pem", "$dir/key.pem")
		async def serve(r, w):
		    try:
		        while True:
		            path = (await r.readuntil(b"\r\n\r\n")).split()[1] + b"\n"
		            w.write(b"HTTP/1.1 200 OK\r\nContent-Length: %d\r\n\r\n" % len(path) + path)
		            await w.drain()
		    except asyncio.IncompleteReadError:
		        w.close()
		async def main():
		    async with await asyncio.start_server(serve, "127.0.0.1", $port, ssl=keys) as s:
		        await s.serve_forever()
		asyncio.run(main())
	P
	off_sockets "$PY" "$dir/aio.py"
}

@test "Node (OpenSSL in its own file, BIOs of its own)" {
	cat >"$dir/server.js" <<-J
		const fs = require("fs");
		const keys = { key: fs.readFileSync("$dir/key.pem"), cert: fs.readFileSync("$dir/cert.pem") };
		require("https").createServer(keys, (ask, answer) => answer.end(ask.url + "\n")).listen($port, "127.0.0.1");
	J
	off_sockets node "$dir/server.js"
}

@test "a thread that receives for one session inside a call for another: lost and counted, never mixed up" {
	cc -O1 -Wall -D_GNU_SOURCE -o "$dir/cross" "$APPS/tlscross.c" -lssl -lcrypto
	https
	mkfifo "$dir/go"
	bg cross sh -c "exec $dir/cross $port <$dir/go"
	client=$pid
	exec 5>"$dir/go"
	until_true 30 grep -q open "$dir/cross.out"
	attach "$client"
	echo >&5
	exec 5>&-
	ended "$client"
	[ "$status" = 0 ]
	ended "$tracer"
	cat "$dir/text"
	[ "$(grep -c "^HTTP/1.[01] 200 hello /[ab]/" "$dir/cross.out")" = 5 ]
	spans 'sorted(c.asked for c in C) == ["/a/1", "/a/3", "/b/1", "/b/2", "/b/3", "/missing/2"]' \
		'all(c.code == 200 for c in C if c.asked != "/missing/2")' \
		'all(c.code != 200 for c in C if c.asked == "/missing/2")'
	grep -q "^lost .*1 calls (session)" "$dir/text"
}

@test "GnuTLS: a wget that runs already" {
	https
	mkfifo "$dir/urls"
	bg wget wget -q -O /dev/null --ca-certificate="$dir/cert.pem" -i "$dir/urls"
	client=$pid
	attach "$client"
	printf "https://localhost:$port/w/%d\n" 1 2 3 >"$dir/urls"
	ended "$client"
	ended "$tracer"
	cat "$dir/text"
	spans 'len(C) == 3' 'all(s.name == "GET /w/{id}" and s.code == 200 for s in C)'
	seen_all
}

@test "a library whose file was deleted; a process that filters its system calls" {
	cp /usr/lib/*/libssl.so.3 "$dir/"
	cat >"$dir/filtered.py" <<-P
		import ctypes, runpy, ssl, sys
		filters = ctypes.CDLL("libseccomp.so.2")
		filters.seccomp_init.restype = ctypes.c_void_p
		ctx = ctypes.c_void_p(filters.seccomp_init(0x80000000))  # all else kills the process
		for call in [*range(335), *range(424, 470)]:
		    filters.seccomp_rule_add(ctx, 0x7fff0000, call, 0)
		assert filters.seccomp_load(ctx) == 0
		sys.argv = ["httpsd.py", "$port", "$dir", "$dir/heads"]
		runpy.run_path("$APPS/httpsd.py", run_name="__main__")
	P
	LD_LIBRARY_PATH=$dir bg server "$PY" "$dir/filtered.py"
	server=$pid
	up "$port"
	grep -q "$dir/libssl.so.3" "/proc/$server/maps"
	rm "$dir/libssl.so.3"
	attach "$server"
	for i in 1 2 3; do ask "https://localhost:$port/d/$i" -o /dev/null; done
	detach
	kill -0 "$server"
	spans 'len(V) == 3' 'all(v.name == "GET /d/{id}" for v in V)'
}

@test "without uprobes all else is traced, TLS is named as not seen, and why is said once" {
	https
	server=$pid
	export OTRACE_PROBES=uprobes
	attach "$server"
	for _ in 1 2; do ask "https://localhost:$port/a" -o /dev/null; done
	detach
	spans 'len(S) == 0'
	grep -q "not seen .*TLS: not readable here" "$dir/text"
	[ "$(grep -c "inside TLS are seen by the library alone: uprobes: left out" "$dir/tracer.err")" = 1 ]
	run "$OTRACE" doctor
	[[ "$output" =~ TLS\ +.*limited ]]
}

@test "a program that carries the library has no probe in it, and no request is seen twice" {
	https
	shim_setup_keeping_port
	opts=()
	cat >"$dir/ask.py" <<-P
		import os, ssl, subprocess, sys, urllib.request
		trust = ssl.create_default_context(cafile="$dir/cert.pem")
		for i in range(3):
		    urllib.request.urlopen("https://localhost:$port/n/%d" % i, context=trust).read()
		print("libotrace" in open("/proc/self/maps").read())
		print(subprocess.run([sys.executable, "$APPS/textsame.py", str(os.getpid()), "/libssl.so"],
		                     capture_output=True, text=True, env={}).stdout)
	P
	traced "$PY" "$dir/ask.py"
	grep -qx True "$dir/out"
	grep -qx 0 "$dir/out"
	spans 'len(C) == 3' 'all(s.name == "GET /n/{id}" for s in C)'
}

@test "SQL inside TLS of a client that runs: over a connection from before, and over a new one" {
	psql -q "$DSN" -c 'ALTER SYSTEM SET ssl = on' -c 'SELECT pg_reload_conf()' >/dev/null
	until_true 30 psql "$DSN sslmode=require" -c 'SELECT 1'
	mkfifo "$dir/go"
	cat >"$dir/sql.py" <<-P
		import sys, psycopg2
		def ask(cursor, n):
		    cursor.execute("SELECT count(*) FROM pg_class WHERE relname = %s", (str(n),))
		    print(cursor.fetchall(), flush=True)
		old = psycopg2.connect("$DSN sslmode=require").cursor()
		ask(old, 0)
		sys.stdin.readline()
		ask(old, 1)
		ask(psycopg2.connect("$DSN sslmode=require").cursor(), 2)
		sys.stdin.readline()
	P
	bg sql sh -c "exec $PY $dir/sql.py <$dir/go"
	client=$pid
	exec 5>"$dir/go"
	until_true 30 grep -q 0 "$dir/sql.out"
	attach "$client"
	echo >&5
	until_true 30 eval '[ "$(grep -c 0 "$dir/sql.out")" = 3 ]'
	detach
	exec 5>&-
	spans 'sum(1 for s in S if s.name == "SELECT pg_class") == 2' 'all(s.kind == "client" for s in S)'
	seen_all
}
