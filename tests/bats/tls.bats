#!/usr/bin/env bats
# SPDX-License-Identifier: Apache-2.0
# tls.bats - HTTPS with the library in real programs: the same output and status, one header a
# request at the server, which prints what it read; and spans of the requests inside TLS.

load https
setup() {
	live_setup
	shim_setup
	https_setup
}
teardown() {
	live_teardown
	[ -z "${SVC:-}" ] || rm -rf "$SVC"
}

is_client='S[0].kind == "client" and S[0].attr["server.port"] == S[0].attr["url.full"].split("/")[2].split(":")[1]'

@test "curl (OpenSSL, its own BIO): GET, two on one connection, POST; one header each" {
	https
	both_ways curl -s --cacert "$dir/cert.pem" "https://localhost:$port/a"
	injected 1
	spans 'len(S) == 1' 'S[0].name == "GET /a"' "$is_client" \
		"S[0].attr['url.full'] == 'https://localhost:$port/a'"
	both_ways curl -s --cacert "$dir/cert.pem" "https://localhost:$port/a" \
		"https://localhost:$port/b"
	injected 2
	spans 'len(S) == 2'
	both_ways curl -s -d hello --cacert "$dir/cert.pem" "https://localhost:$port/p"
	injected 1
	both_ways curl -s --tls-max 1.2 --cacert "$dir/cert.pem" "https://localhost:$port/old"
	injected 1
	spans 'len(S) == 1' 'S[0].name == "GET /old"'
}

@test "a traceparent of the program is kept inside TLS, too" {
	https
	both_ways curl -s --cacert "$dir/cert.pem" "https://localhost:$port/a" \
		-H 'TraceParent: 00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01'
	cmp "$dir/heads.raw" "$dir/heads.shim"
	spans 'S[0].trace == "0af7651916cd43dd8448eb211c80319c"'
}

@test "wget (GnuTLS), Python (its own OpenSSL scope): the same output, and one header each" {
	https
	both_ways wget -q -O - --ca-certificate="$dir/cert.pem" "https://localhost:$port/w"
	injected 1
	spans 'len(S) == 1' 'S[0].name == "GET /w"' "$is_client"
	cat >"$dir/get.py" <<-P
		import ssl, urllib.request
		trust = ssl.create_default_context(cafile="$dir/cert.pem")
		for path, body in ("x", None), ("y", None), ("p", b"GET / HTTP/1.1\r\n\r\n"):
		    url = "https://localhost:$port/" + path
		    print(urllib.request.urlopen(url, body, context=trust).read())
	P
	both_ways $PY "$dir/get.py"
	injected 3
	spans 'len(S) == 3' 'all(s.kind == "client" for s in S)'
}

@test "asyncio (memory BIO): a session whose connection is not certain gets no header, and works as before" {
	https
	cat >"$dir/aio.py" <<-P
		import asyncio, ssl
		trust = ssl.create_default_context(cafile="$dir/cert.pem")
		async def ask(i):
		    r, w = await asyncio.open_connection("localhost", $port, ssl=trust)
		    for k in range(3):
		        w.write(b"GET /%d.%d HTTP/1.1\r\nHost: localhost\r\n\r\n" % (i, k))
		        await r.readuntil(b"\r\n\r\n")
		        print(await r.readline())
		    w.close()
		async def main():
		    for i in range(3):
		        await ask(i)
		asyncio.run(main())
	P
	both_ways $PY "$dir/aio.py"
	cmp "$dir/heads.raw" "$dir/heads.shim"
	grep -q "not seen .*TLS: not readable here" "$dir/text"
}

@test "requests (urllib3): a session that sends body and head apart gets a header per request" {
	https
	cat >"$dir/ask.py" <<-P
		import requests
		session = requests.Session()
		session.verify = "$dir/cert.pem"
		for path in "ab":
		    print(session.get("https://localhost:$port/" + path).text)
		print(session.post("https://localhost:$port/p", data="GET / HTTP/1.1\r\n\r\n").text)
	P
	both_ways $PY "$dir/ask.py"
	injected 3
	spans '[s.name for s in S] == ["GET /a", "GET /b", "POST /p"]'
}

@test "aiohttp (memory BIO): eight connections at once, none of them reported wrongly" {
	https
	cat >"$dir/aio.py" <<-P
		import aiohttp, asyncio, ssl
		trust = ssl.create_default_context(cafile="$dir/cert.pem")
		async def main():
		    tcp = aiohttp.TCPConnector(ssl=trust)
		    async with aiohttp.ClientSession(connector=tcp) as session:
		        async def ask(i):
		            async with session.get("https://localhost:$port/%d" % i) as answer:
		                return await answer.text()
		        print(await asyncio.gather(*[ask(i) for i in range(8)]))
		asyncio.run(main())
	P
	both_ways $PY "$dir/aio.py"
	cmp <(sort "$dir/heads.raw") <(sort "$dir/heads.shim")
	spans 'S == []'
	grep -q "not seen .*8 connections to 127.0.0.1:$port, .*TLS: not readable here" "$dir/text"
}

@test "git (GnuTLS): each request of a clone in clear, in TLS and by HTTP/2 is a span" {
	local front clear how
	front=$(free_port)
	clear=$(free_port)
	git init -q "$dir/src"
	date >"$dir/src/file"
	git -C "$dir/src" add .
	git -C "$dir/src" -c user.name=a -c user.email=a@b commit -qm first
	git clone -q --bare "$dir/src" "$dir/bare.git"
	git -C "$dir/bare.git" update-server-info
	chmod -R a+rX "$dir"
	nginx_conf "$front" "listen 127.0.0.1:$clear;" "root $dir;" \
		"access_log $dir/heads named;" >"$dir/nginx.conf"
	bg nginx nginx -c "$dir/nginx.conf"
	up "$front"
	export GIT_SSL_CAINFO=$dir/cert.pem
	for how in "http://localhost:$clear HTTP/1.1" "https://localhost:$front HTTP/1.1" \
		"https://localhost:$front HTTP/2"; do
		cat >"$dir/clone" <<-S
			rm -rf $dir/got
			git -c http.version=${how#* } clone ${how% *}/bare.git $dir/got && cat $dir/got/file
		S
		both_ways sh "$dir/clone"
		[ "$(wc -l <"$dir/heads")" -ge 5 ]
		run ! grep -v ' 00-[0-9a-f]\{32\}-[0-9a-f]\{16\}-01$' "$dir/heads"
		cmp <(sort "$dir/heads.raw") <(sed 's/ 00-[^ ]*$/ -/' "$dir/heads" | sort)
		[ "$(sed 's/.* 00-\([0-9a-f]*\).*/\1/' "$dir/heads" | sort -u)" = \
			"$($PY -c "import json; print(json.loads(open('$dir/spans').readline())['resourceSpans'][0]['scopeSpans'][0]['spans'][0]['traceId'])")" ]
	done
	spans 'len(P) == 1' "len(S) == $(wc -l <"$dir/heads")" \
		'all(s.kind == "client" and s.attr["network.protocol.version"] == "2" for s in S)'
}

@test "with non-blocking sockets and small buffers, writes that TLS refused are repeated whole" {
	https 2048
	opts+=(--no-live)
	"$PY" "$APPS/tlsslow.py" "$port" "$dir/cert.pem" 1 >"$dir/one" 2>&1
	"$OTRACE" run "${opts[@]}" -o "$dir/text" -- "$PY" "$APPS/tlsslow.py" "$port" \
		"$dir/cert.pem" 60 >"$dir/out" 2>"$dir/err" 3>&-
	cat "$dir/text" "$dir/out" "$dir/err"
	[ "$(cat "$dir/out")" = 60 ]
	read -r _ waits <"$dir/err"
	[ "$waits" -gt 0 ]
	[ "$(grep -c ^traceparent: "$dir/heads")" = 60 ]
	grep -q "headers   60 put in" "$dir/text"
}

@test "with records of 512 bytes and partial writes all bytes arrive in order" {
	local part
	https 2048
	opts+=(--no-live)
	cc -D_GNU_SOURCE -o "$dir/torture" "$APPS/tlstorture.c" -l:libssl.so.3 -l:libcrypto.so.3
	for part in 0 1; do
		: >"$dir/heads"
		"$OTRACE" run "${opts[@]}" -o "$dir/text" -- "$dir/torture" "$port" 60 "$part" \
			>"$dir/out" 2>"$dir/err" 3>&-
		cat "$dir/text" "$dir/out" "$dir/err"
		[ "$(cat "$dir/out")" = 60 ]
		read -r _ waits _ parts <"$dir/err"
		[ "$waits" -gt 0 ]
		[ $((parts > 0)) = "$part" ]
		injected=$(grep -c ^traceparent: "$dir/heads")
		[ "$injected" -gt 10 ]
		grep -q "headers   $injected put in" "$dir/text"
	done
}

@test "after plaintext that bypassed the library, what follows is unchanged" {
	https
	cc -o "$dir/beside" "$APPS/tlsbeside.c" -l:libgnutls.so.30
	both_ways "$dir/beside" "$port"
	cmp "$dir/heads.raw" "$dir/heads.shim"
	grep -q '^hello /p 35 ' "$dir/out"
}

@test "with records made by the kernel (kTLS) bytes count once, also those of sendfile" {
	cat >"$dir/ktlsd.py" <<-P
		import socket, zlib
		server = socket.create_server(("127.0.0.1", $port))
		while True:
		    near = server.accept()[0]
		    stream = near.makefile("rb")
		    if stream.read(10) != b"\x16\x03\x01\x00\x05hello":
		        continue
		    while line := stream.readline():
		        head = [line]
		        while (line := stream.readline()) not in (b"\r\n", b""): head.append(line)
		        with open("$dir/heads", "ab") as out: out.write(b"".join(head).replace(b"\r", b""))
		        n = int(head[-1].split()[1])
		        text = b"%d\n" % zlib.crc32(stream.read(n))
		        near.sendall(b"HTTP/1.1 200 OK\r\nContent-Length: %d\r\n\r\n%s" % (len(text), text))
	P
	bg ktlsd "$PY" "$dir/ktlsd.py"
	up "$port"
	# No part of a body that looks like a request may be taken for one.
	for _ in $(seq 3000); do printf 'GET /body HTTP/1.1\r\nHost: a\r\n\r\n'; done >"$dir/body"
	cc -DLIBRARY -shared -fPIC -o "$dir/libkernel.so" "$APPS/ktls.c"
	cc -o "$dir/ktls" "$APPS/ktls.c" -L"$dir" -lkernel -Wl,-rpath,"$dir"
	both_ways "$dir/ktls" "$port" "$dir/body"
	injected 2
	spans '[s.name for s in S] == ["POST /a", "POST /b"]' 'all(s.code == 200 for s in S)' \
		"all(s.attr['url.full'] == 'https://127.0.0.1:$port' + s.asked for s in S)"
}

@test "curl -> nginx -> Python inside TLS is one trace, and files arrive whole" {
	local front
	front=$(free_port)
	head -c 3000000 /dev/urandom >"$dir/big"
	chmod 755 "$dir"
	chmod 644 "$dir/big"
	nginx_conf "$front" "location / { proxy_pass https://127.0.0.1:$port; }" \
		"location /files/ { alias $dir/; }" >"$dir/nginx.conf"
	cat >"$dir/all" <<-S
		$PY $APPS/httpsd.py $port $dir $dir/heads & app=\$!
		nginx -c $dir/nginx.conf & nginx=\$!
		for p in $port $front; do
			for _ in \$(seq 200); do (exec 4<>/dev/tcp/127.0.0.1/\$p) 2>/dev/null && break; sleep 0.05; done
		done
		curl -s --http1.1 --cacert $dir/cert.pem https://localhost:$front/outer
		curl -s --http1.1 --cacert $dir/cert.pem -o $dir/got https://localhost:$front/files/big
		sleep 0.1
		kill \$nginx \$app
	S
	traced bash "$dir/all"
	cmp "$dir/big" "$dir/got"
	[ "$(grep -c '^traceparent: ' "$dir/heads")" = 1 ]
	spans 'len([s for s in S if s.name == "GET /outer"]) == 4' \
		'len({s.trace for s in S if s.name == "GET /outer"}) == 1' \
		'[s.attr["url.scheme"] for s in V if s.name == "GET /outer"] == ["https"] * 2' \
		'all(parent(v).kind == "client" for v in V)' 'not any(s.error for s in S)'
}

@test "nginx with TLS on both sides, 20 at once: each call is in its request's trace" {
	local front
	front=$(free_port)
	nginx_conf "$front" "location / { proxy_pass https://127.0.0.1:$port; }" >"$dir/nginx.conf"
	cat >"$dir/all" <<-S
		$PY $APPS/httpsd.py $port $dir $dir/heads & app=\$!
		nginx -c $dir/nginx.conf & nginx=\$!
		for p in $port $front; do
			for _ in \$(seq 200); do (exec 4<>/dev/tcp/127.0.0.1/\$p) 2>/dev/null && break; sleep 0.05; done
		done
		seq 40 | xargs -P 20 -I{} curl -s --http1.1 --cacert $dir/cert.pem https://localhost:$front/n{}
		sleep 0.1
		kill \$nginx \$app
	S
	room_for_all
	traced bash "$dir/all"
	[ "$(sort -u "$dir/out" | wc -l)" = 40 ]
	spans 'len(S) == 160' 'all(parent(s).asked in ("", s.asked) for s in S)'
}

@test "RTLD_DEEPBIND is removed for PHP's extensions, and kept in other programs" {
	local name
	https
	cc -shared -fPIC -o "$dir/ext.so" "$APPS/ext.c" -lcurl
	for name in php-like other; do
		cc -o "$dir/$name" "$APPS/deepbind.c"
		both_ways "$dir/$name" "$dir/ext.so" "https://localhost:$port/e" "$dir/cert.pem"
		grep -qx 'hello /e 0 0' "$dir/out"
		[ $name = other ] || injected 1
	done
	cmp "$dir/heads.raw" "$dir/heads.shim"
}

@test "dlopen: a library finds its dependencies by its own run path, and errors are the same" {
	mkdir "$dir/sub"
	echo 'int here;' | cc -shared -fPIC -x c -o "$dir/sub/libinner.so" -
	cc -shared -fPIC -O0 -x c -Wl,-rpath,'$ORIGIN' -o "$dir/sub/libouter.so" - <<-C
		#include <dlfcn.h>
		int outer(void) { void *at = dlopen("libinner.so", RTLD_NOW); return at != 0; }
	C
	cat >"$dir/opens.c" <<-C
		#include <dlfcn.h>
		#include <stdio.h>
		int main(void)
		{
			int (*outer)(void) = dlsym(dlopen("$dir/sub/libouter.so", RTLD_NOW), "outer");

			printf("%d\n", outer());
			printf("%d %s\n", dlopen("lacks.so", RTLD_NOW) != NULL, dlerror());
			return 0;
		}
	C
	cc -o "$dir/opens" "$dir/opens.c"
	both_ways "$dir/opens"
	[ "$(head -n 1 "$dir/out")" = 1 ]
}

@test "psql with sslmode=require: its statements are read inside TLS" {
	local dsn
	svc_init
	svc_postgres 3>&-
	own "$PG_PID"
	install -o postgres -g postgres -m 600 "$dir/key.pem" "$SVC/pg/data/server.key"
	install -o postgres -g postgres -m 600 "$dir/cert.pem" "$SVC/pg/data/server.crt"
	psql -q "$DSN" -c 'alter system set ssl = on' -c 'select pg_reload_conf()' >/dev/null
	dsn="host=127.0.0.1 port=$PG_PORT user=postgres dbname=postgres sslmode=require"
	until_true 30 psql -q "$dsn" -c 'select 1'
	both_ways psql -X "$dsn" -c 'select ssl from pg_stat_ssl where pid = pg_backend_pid()' \
		-c 'select 40 + 2 as sum'
	grep -qx ' t' "$dir/out"
	spans 'len(C) == 2' '{c.text for c in C} == {"select ssl from pg_stat_ssl where pid = pg_backend_pid()", "select ? + ? as sum"}' \
		'not any(c.error for c in C)'
}
