#!/usr/bin/env bats
# SPDX-License-Identifier: Apache-2.0
# headers.bats - --header: request headers that become attributes, opt-in.

load helpers
setup() {
	live_setup
	port=$(free_port)
}

# What both ends of `GET /a` say, and none of `GET /b`, which has no such header.
on_spans() { # ATTRIBUTE VALUE
	spans "sum(s.attr.get('$1') == ['$2'] for s in S) == 2" \
		"{s.kind for s in S if '$1' in s.attr} == {'client', 'server'}" \
		"not any('$1' in s.attr for s in S if s.asked == '/b')" \
		"not any('cookie' in k.lower() or 'blue' in str(v) for s in S for k, v in s.attr.items() if k != '$1')"
}

@test "HTTP/1: the header is an attribute at both ends, by each source" {
	cat >"$dir/all" <<-S
		$PY $APPS/httpd.py $port & server=\$!
		for _ in \$(seq 200); do (exec 4<>/dev/tcp/127.0.0.1/$port) 2>/dev/null && break; sleep 0.05; done
		curl -s -H 'X-Tenant-ID: blue' -H 'Cookie: id=blue' http://127.0.0.1:$port/a
		curl -s -H 'Cookie: id=blue' http://127.0.0.1:$port/b
		sleep 0.1
		kill \$server
		wait
	S
	for source in --no-shim --no-bpf; do
		opts=(--no-live $source --header x-tenant-id)
		traced bash "$dir/all"
		on_spans http.request.header.x-tenant-id blue
		opts=(--no-live $source)
		traced bash "$dir/all"
		spans 'len(S) == 4' 'not any("header" in k for s in S for k in s.attr)'
	done
}

@test "HTTP/2: also where it is compressed, and has a number in the table of names" {
	mkdir "$dir/www"
	echo a >"$dir/www/a"
	cp "$dir/www/a" "$dir/www/b"
	cat >"$dir/all" <<-S
		nghttpd --no-tls -d $dir/www $port & server=\$!
		for _ in \$(seq 200); do (exec 4<>/dev/tcp/127.0.0.1/$port) 2>/dev/null && break; sleep 0.05; done
		curl -s --http2-prior-knowledge -H 'X-Tenant-ID: blue' -H 'Accept-Language: de' http://127.0.0.1:$port/a
		curl -s --http2-prior-knowledge -H 'Cookie: id=blue' http://127.0.0.1:$port/b
		nghttp -n -H 'accept-language: fr' http://127.0.0.1:$port/a http://127.0.0.1:$port/b
		sleep 0.1
		kill \$server
		wait
	S
	for source in --no-shim --no-bpf; do
		opts=(--no-live $source --header X-Tenant-ID --header accept-language)
		traced bash "$dir/all"
		on_spans http.request.header.x-tenant-id blue
		spans \
			'sum(s.attr.get("http.request.header.accept-language") == ["de"] for s in S) == 2' \
			'sum(s.attr.get("http.request.header.accept-language") == ["fr"] for s in S) == 4'
	done
}

@test "gRPC: it is metadata of the call" {
	cat >"$dir/all" <<-S
		$PY $APPS/grpcd.py $port & server=\$!
		for _ in \$(seq 200); do (exec 4<>/dev/tcp/127.0.0.1/$port) 2>/dev/null && break; sleep 0.05; done
		$PY $APPS/grpcc.py $port Buy=ink
		sleep 0.1
		kill \$server
		wait
	S
	opts=(--no-live --header user-agent)
	traced bash "$dir/all"
	spans 'sum(s.name == "test.Shop/Buy" for s in S) == 2' 'all("grpc-python/" in s.attr["rpc.request.metadata.user-agent"][0] for s in S if s.name == "test.Shop/Buy")' \
		'not any("http.request.header.user-agent" in s.attr for s in S)'
}

@test "a header of a credential is refused, by option, variable and file" {
	run -125 "$OTRACE" run --header Authorization -- true
	[[ $output == *"--header Authorization: its value is a secret"*right:* ]]
	OTRACE_HEADER='x-id;cookie' run -125 "$OTRACE" run -- true
	[[ $output == *"OTRACE_HEADER"*"cookie: its value is a secret"* ]]
	printf 'header: [x-id, "a b"]\n' >"$dir/o.yaml"
	run -2 "$OTRACE" config check "$dir/o.yaml"
	[[ $output == *"$dir/o.yaml:1:"*"a b"* ]]
}
