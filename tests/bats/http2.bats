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
		printf 'hello /tls\nhello /clear\n' | cmp - "$dir/out"
		spans 'len(P) == 1' 'len(S) == 4' 'len({s.trace for s in S + P}) == 1' \
			'all(parent(s) for s in S)' 'all(parent(c) is P[0] for c in C)' \
			'all(parent(v).name == v.name for v in V)'
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
		printf 'hello /%s\n' a b c | cmp - "$dir/out"
		spans 'len(S) == 12' 'all(parent(s) for s in S)' \
			'all(parent(s).name == s.name for s in S if parent(s) is not P[0])' \
			'[parent(s).service for s in C if s.service == "nginx"] == ["h2midway"] * 3'
	done
}

@test "a request to a server that is not traced names the span of the program" {
	in_front
	both_ways curl -s --http2 --cacert "$dir/cert.pem" "https://localhost:$front/a"
	id=$(sed -n 's/^traceparent: 00-[0-9a-f]*-\([0-9a-f]*\)-01$/\1/p' "$dir/heads")
	spans 'S == []' "[(p.service, p.span) for p in P] == [('curl', '$id')]"
}
