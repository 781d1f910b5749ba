#!/usr/bin/env bats
# SPDX-License-Identifier: Apache-2.0
# http2.bats - clients on libnghttp2 with the library: the same output and status, and one
# traceparent a request, which names an emitted span.

load https
setup() {
	live_setup
	shim_setup
	https_setup
	front=$(free_port)
	clear=$(free_port)
	chmod 755 "$dir"
}

# URL: nginx with HTTP/2 on $front, and on $clear without TLS, before it.
before() {
	nginx_conf "$front" "listen 127.0.0.1:$clear http2;" \
		"location / { proxy_pass $1; proxy_set_header Connection ''; }" >"$dir/nginx.conf"
}

in_front() {
	https
	before "https://127.0.0.1:$port"
	bg nginx nginx -c "$dir/nginx.conf"
	up "$front"
}

# N: this many requests have an injected header, in one trace; without the headers, the heads are
# the same.
added() {
	[ "$(grep -c '^traceparent: ' "$dir/heads.shim")" = "$1" ]
	[ "$(grep -o '^traceparent: 00-[0-9a-f]\{32\}' "$dir/heads.shim" | sort -u | wc -l)" = 1 ]
	same_heads
	grep -q "headers   $1 put in\$" "$dir/text"
}

# PROGRAM [ARG..]: all in one process tree; the servers of PROGRAM end with it.
all_of() {
	cat >"$dir/all" <<-S
		$PY $APPS/httpd.py $port & app=\$!
		nginx -c $dir/nginx.conf & nginx=\$!
		for p in $port $front; do
			for _ in \$(seq 200); do (exec 4<>/dev/tcp/127.0.0.1/\$p) 2>/dev/null && break; sleep 0.05; done
		done
		$*
		sleep 0.1
		kill \$nginx \$app
		wait
	S
	traced bash "$dir/all"
}

@test "curl: TLS and clear, two on one connection, POST of 1 MB: one field each" {
	in_front
	both_ways curl -sv --http2 --cacert "$dir/cert.pem" -w '%{http_version}' -o /dev/null \
		--stderr /dev/null "https://localhost:$front/a"
	grep -qx 2 "$dir/out"
	added 1
	both_ways curl -s --http2 --cacert "$dir/cert.pem" "https://localhost:$front/a" \
		"https://localhost:$front/b"
	added 2
	both_ways curl -s --http2-prior-knowledge "http://localhost:$clear/c"
	added 1
	head -c 1000000 /dev/urandom >"$dir/big"
	both_ways curl -s --http2 --cacert "$dir/cert.pem" --data-binary "@$dir/big" \
		"https://localhost:$front/p"
	added 1
}

@test "a traceparent of the program is kept, and with --no-inject none is added" {
	in_front
	both_ways curl -s --http2 --cacert "$dir/cert.pem" "https://localhost:$front/a" \
		-H 'TraceParent: 00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01'
	cmp "$dir/heads.raw" "$dir/heads.shim"
	grep -q '^traceparent: 00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01$' "$dir/heads"
	grep -q 'headers   0 put in; left alone: 1 had one' "$dir/text"
	opts+=(--no-inject)
	both_ways curl -s --http2 --cacert "$dir/cert.pem" "https://localhost:$front/a"
	cmp "$dir/heads.raw" "$dir/heads.shim"
}

@test "--no-inject-to matches a host by its :authority" {
	in_front
	opts+=(--no-inject-to "localhost:$front")
	both_ways curl -s --http2 --cacert "$dir/cert.pem" "https://localhost:$front/a"
	cmp "$dir/heads.raw" "$dir/heads.shim"
	grep -q 'headers   0 put in; left alone: 1 ' "$dir/text"
	both_ways curl -s --http2-prior-knowledge "http://localhost:$clear/c"
	added 1
}

@test "tracestate and baggage go with the trace, unless the program sets its own" {
	in_front
	export TRACEPARENT=00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01
	export TRACESTATE=a=b BAGGAGE=who=me
	both_ways curl -s --http2 --cacert "$dir/cert.pem" "https://localhost:$front/a" -H 'Baggage: own=1'
	grep -q '^traceparent: 00-0af7651916cd43dd8448eb211c80319c-' "$dir/heads"
	grep -qx 'tracestate: a=b' "$dir/heads"
	[ "$(grep '^baggage' "$dir/heads")" = 'baggage: own=1' ]
}

@test "curl -> nginx -> Python is one trace in which each parent exists; with probes, too" {
	before "http://127.0.0.1:$port"
	for source in shim bpf+shim; do
		[ $source = shim ] || opts=()
		all_of "curl -s --http2 --cacert $dir/cert.pem https://localhost:$front/tls
			curl -s --http2-prior-knowledge http://localhost:$clear/clear"
		head -n 1 "$dir/text" | grep -q " $source\$"
		printf 'hello /tls\nhello /clear\n' | output_is
		spans 'len(P) == 1' 'len(S) == 8' 'len({s.trace for s in S + P}) == 1' \
			'all(parent(c) is P[0] for c in C if c.service == "curl")' \
			'all(parent(s).name == s.name for s in S if parent(s) is not P[0])' \
			'[parent(c).service for c in C if c.service == "nginx"] == ["nginx"] * 2' \
			'all(s.attr["network.protocol.version"] == "2" for s in S if s.service == "curl")' \
			'{v.attr["url.scheme"] for v in V if v.service == "nginx"} == {"https", "http"}'
	done
}

@test "calls of a server, on one connection each or on a shared one, belong to their own requests" {
	local midway=$port more
	cc -o "$dir/h2midway" "$APPS/h2midway.c" -lcurl
	for more in '' new; do
		port=$(free_port)
		midway=$(free_port)
		before "http://127.0.0.1:$port"
		all_of "$dir/h2midway $midway https://localhost:$front $more & app=\"\$app \$!\"
			for _ in \$(seq 200); do (exec 4<>/dev/tcp/127.0.0.1/$midway) 2>/dev/null && break; sleep 0.05; done
			for i in a b c; do curl -s http://127.0.0.1:$midway/\$i; done"
		printf 'hello /%s\n' a b c | output_is
		# Where a machine is busy, a timer of libcurl may be due: then nothing is claimed.
		spans 'len(S) == 18' 'sum(not parent(s) for s in S) <= 1' \
			'all(parent(s).name == s.name for s in S if parent(s) and parent(s) is not P[0])' \
			'[parent(s).service for s in C if s.service == "nginx"] == ["nginx"] * 3' \
			'[parent(s).service for s in V if s.service == "nginx"] == ["h2midway"] * 3'
	done
}

@test "a request to a server that is not traced names the span of the program" {
	in_front
	both_ways curl -s --http2 --cacert "$dir/cert.pem" "https://localhost:$front/a"
	id=$(sed -n 's/^traceparent: 00-[0-9a-f]*-\([0-9a-f]*\)-01$/\1/p' "$dir/heads")
	spans "[(p.service, p.span) for p in P] == [('curl', '$id')]" \
		'[(s.service, s.kind, parent(s)) for s in S] == [("curl", "client", P[0])]'
}

# A request of HTTP/2 by clients of different make, without TLS, to nghttpd with trailers.
clients() { # PORT
	cat <<-S
		nghttpd --no-tls --trailer 'x-end: yes' -d $dir/www $1 & server=\$!
		for _ in \$(seq 200); do (exec 4<>/dev/tcp/127.0.0.1/$1) 2>/dev/null && break; sleep 0.05; done
		curl -s --http2-prior-knowledge http://127.0.0.1:$1/page?token=secret
		nghttp -n -m 3 http://127.0.0.1:$1/page http://127.0.0.1:$1/none
		nghttp -n --continuation -d $dir/www/page http://127.0.0.1:$1/page
		sleep 0.1
		kill \$server
		wait
	S
}

@test "nghttpd with curl and nghttp: each stream is one span at each end, by each source" {
	mkdir -p "$dir/www"
	printf 'a page\n' >"$dir/www/page"
	clients "$port" >"$dir/all"
	local source
	for source in --no-shim --no-bpf ''; do
		opts=(--no-live $source)
		traced bash "$dir/all"
		grep -q '^lost *nothing' "$dir/text"
		run ! grep '^not seen' "$dir/text"
		spans 'len(C) == len(V) == 8' 'all(v.parent in {c.span for c in C} for v in V)' \
			'sorted(c.code for c in C) == [200] * 5 + [404] * 3' \
			'all(parent(v).code == v.code and v.evidence == "wire" for v in V)' \
			'all(s.attr["network.protocol.version"] == "2" for s in S)' \
			'{s.name for s in S if s.code == 200} == {"GET /page", "POST /page"}' \
			'all(c.error == (c.code == 404) for c in C)' 'not any(v.error for v in V)' \
			'not any("otrace.cut" in s.attr for s in S)' \
			'[c.attr["url.full"].partition("?")[2] for c in C if c.service == "curl"] == ["token=REDACTED"]'
	done
}

@test "h2load with 50 streams at once on each of two connections: as many spans as requests" {
	room_for_all
	mkdir -p "$dir/www"
	printf 'a page\n' >"$dir/www/page"
	bg nghttpd nghttpd --no-tls -d "$dir/www" "$port"
	up "$port"
	attach "$pid"
	h2load -n 2000 -c 2 -m 50 "http://127.0.0.1:$port/page" >"$dir/out"
	detach
	grep -q '2000 succeeded' "$dir/out"
	grep -q '^lost *nothing' "$dir/text"
	spans 'len(S) == 2000' 'all(v.kind == "server" and v.code == 200 and not v.error for v in V)'
}

@test "connections that were open before the attach are read; what they compressed before is unknown" {
	mkdir -p "$dir/www"
	printf 'a page\n' >"$dir/www/page"
	bg nghttpd nghttpd --no-tls -d "$dir/www" "$port"
	up "$port"
	local server=$pid
	bg node node "$APPS/h2wait.js" "$port" "$dir/go" /page
	up "$port"
	until_true 10 grep -q first "$dir/node.out"
	attach "$server"
	touch "$dir/go"
	ended "$pid" || true
	until_true 10 grep -q last "$dir/node.out"
	detach
	spans 'len(V) == 5' 'all(v.code == 200 and v.attr["otrace.cut"] == "head" for v in V)' \
		'{v.name for v in V} == {"GET /page"}' 'not any("user_agent.original" in v.attr for v in V)'
}

@test "a client that gives up, a server that refuses: reset streams have their reasons" {
	bg server node "$APPS/h2reset.js" "$port"
	up "$port"
	attach "$pid"
	node "$APPS/h2resets.js" "$port"
	detach
	spans 'sorted((v.path, v.attr.get("error.type"), v.code) for v in V) == [
		("/cancel", "client_disconnect", 200), ("/fine", None, 200), ("/internal", "INTERNAL_ERROR", 200),
		("/refuse", "REFUSED_STREAM", 0), ("/slow", None, 200)]' \
		'[400 < v.ms < 3000 for v in V if v.path == "/slow"] == [True]'
}

@test "after Upgrade: h2c the connection is read on as HTTP/2" {
	cat >"$dir/all" <<-S
		$PY $APPS/httpd.py $port & app=\$!
		nghttpx --workers=1 --frontend='127.0.0.1,$clear;no-tls' --backend='127.0.0.1,$port' \
			--errorlog-file=$dir/nghttpx.log --conf=/dev/null & proxy=\$!
		for p in $port $clear; do
			for _ in \$(seq 200); do (exec 4<>/dev/tcp/127.0.0.1/\$p) 2>/dev/null && break; sleep 0.05; done
		done
		nghttp -nu -m 2 http://127.0.0.1:$clear/a http://127.0.0.1:$clear/b
		kill \$proxy \$app
		wait
	S
	for source in --no-shim --no-bpf; do
		opts=(--no-live $source)
		traced bash "$dir/all"
		spans 'sorted((c.asked, c.code) for c in C if c.service == "nghttp") == [
			("/a", 101), ("/a", 200), ("/b", 200), ("/b", 200)]' \
			'all(v.parent in {c.span for c in C} for v in V)' \
			'len([v for v in V if v.service == "nghttpx"]) == 4'
	done
}

# Which request a proxy makes for which of many on a connection is not known, unless it passes the
# header of its client on; none may have a wrong parent.
@test "nginx before Python, one stream and many on a connection: no parent is wrong" {
	local how
	for i in $(seq 100); do echo "http://127.0.0.1:$clear/u$i"; done >"$dir/uris"
	before "http://127.0.0.1:$port"
	for how in '1 1' '1 5' '3 4'; do
		opts=(--no-live --no-shim)
		all_of "h2load -n 100 -c ${how% *} -m ${how#* } -i $dir/uris >$dir/load"
		grep -q '100 succeeded' "$dir/load"
		spans 'len([c for c in C if c.service == "nginx"]) == 100' \
			'all(parent(c) is None or parent(c).asked == c.asked for c in C if c.service == "nginx")'
		[ "$how" != '1 1' ] ||
			spans 'sum(parent(c) is not None for c in C if c.service == "nginx") >= 90'
	done
}
