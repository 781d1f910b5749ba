#!/usr/bin/env bats
# SPDX-License-Identifier: Apache-2.0
# tls.bats - HTTPS with the library in real programs: the same output and status, one header
# a request at the server, which tells what it read; and spans of what was said inside.

bats_require_minimum_version 1.5.0
load helpers
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

@test "a traceparent that is there is kept inside TLS, too" {
	https
	both_ways curl -s --cacert "$dir/cert.pem" "https://localhost:$port/a" \
		-H 'TraceParent: 00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01'
	cmp "$dir/heads.raw" "$dir/heads.shim"
	spans 'S[0].trace == "0af7651916cd43dd8448eb211c80319c"'
}

@test "wget (GnuTLS), Python (its own OpenSSL scope): their own output, one header each" {
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

@test "asyncio (memory BIO): no connection is better than a wrong one, and none is harmed" {
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

@test "never blocking, through small buffers: what TLS could not write comes again, whole" {
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

@test "records of 512 bytes, all of a piece or a part of it: what is sent arrives, in order" {
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
		[ "$waits" -gt 0 ] && [ $((parts > 0)) = "$part" ]
		injected=$(grep -c ^traceparent: "$dir/heads")
		[ "$injected" -gt 10 ]
		grep -q "headers   $injected put in" "$dir/text"
	done
}

@test "curl -> nginx -> Python, TLS all the way: one trace, and files whole" {
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

@test "psql, sslmode=require: its statements, read inside TLS" {
	local dsn
	svc_init
	svc_postgres 3>&-
	pids+=("$PG_PID")
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
