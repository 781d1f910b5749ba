#!/usr/bin/env bats
# SPDX-License-Identifier: Apache-2.0
# servers.bats - servers without and with the library: the same answers, threads, descriptors and
# messages; the expected spans; one header per request.
#
#	scripts/setup.sh programs && bats tests/shim/servers.bats

load ../bats/shim
setup() {
	live_setup
	shim_setup
	web=$(free_port)
}

# The parent of a server's request is the request that the server answers, or there is none.
children='all(parent(c).kind == "internal" or c.attr["url.full"].endswith(parent(c).path) for c in C if c.parent)'

# A thousand requests on twenty connections: the counts of answers, by ab.
ab_thousand() {
	ab -q -k -c 20 -n 1000 "http://127.0.0.1:$web/$1" |
		grep -E '^(Document Length|Complete|Failed|Non-2xx|Keep-Alive req|HTML transf)'
}

apache() { # MPM
	local at=/usr/lib/apache2/modules
	relay
	as_nobody
	cat >"$dir/apache.conf" <<-C
		ServerRoot $dir
		ServerName localhost
		Listen 127.0.0.1:$web
		PidFile $dir/apache.pid
		ErrorLog $dir/apache.log
		LoadModule mpm_$1_module $at/mod_mpm_$1.so
		LoadModule authz_core_module $at/mod_authz_core.so
		LoadModule proxy_module $at/mod_proxy.so
		LoadModule proxy_http_module $at/mod_proxy_http.so
		MaxKeepAliveRequests 0
		StartServers 4
		DocumentRoot $dir/doc
		ProxyPass /back http://127.0.0.1:$relay/back
	C
	mkdir "$dir/doc"
	head -c 300000 /dev/urandom >"$dir/doc/big"
	ask() {
		ab_thousand back
		curl -s "127.0.0.1:$web/big" | sha256sum
		curl -s --data-binary "@$dir/doc/big" "127.0.0.1:$web/back"
	}
	# The number of connections that a pool keeps is random.
	alike() { cmp -s <(census "$1" | no_sockets) <(no_sockets <"$dir/census.raw"); }
	server_both_ways "$web" TERM /usr/sbin/apache2 -f "$dir/apache.conf" -DFOREGROUND
	grep -qx 'Complete requests: *1000' "$dir/answers"
	grep -qx 'Failed requests: *0' "$dir/answers"
	# When apache ends, it wakes its children by a request to itself.
	spans 'len([v for v in V if v.name != "OPTIONS"]) == 1002' \
		'len([c for c in C if c.name != "OPTIONS"]) == 1001' "$children" \
		'sum(bool(parent(c)) for c in C) > 900'
	injected_unordered 1001
}
no_sockets() { sed 's/socket: *//g; s/ $//'; }

@test "apache2, prefork: a thousand requests through mod_proxy are answered, with their headers" { apache prefork; }
@test "apache2, event: a thousand requests through mod_proxy are answered, with their headers" { apache event; }

@test "haproxy: bytes that go through a pipe (splice) are the same" {
	relay
	as_nobody
	cat >"$dir/haproxy.cfg" <<-C
		defaults
		    mode http
		    option splice-auto
		    option splice-request
		    option splice-response
		    timeout connect 5s
		    timeout client 20s
		    timeout server 20s
		frontend web
		    bind 127.0.0.1:$web
		    default_backend back
		backend back
		    server one 127.0.0.1:$relay
	C
	head -c 2000000 /dev/urandom >"$dir/body"
	ask() {
		curl -s "127.0.0.1:$web/one" "127.0.0.1:$web/two"
		curl -s "127.0.0.1:$web/big/3000000" | sha256sum
		curl -s -H Expect: --data-binary "@$dir/body" "127.0.0.1:$web/up"
		curl -s "127.0.0.1:$web/chunked/20"
	}
	server_both_ways "$web" TERM haproxy -db -f "$dir/haproxy.cfg"
	injected_unordered 5
	spans 'len(V) == 5 and len(C) == 5' "$children"
}

@test "lighttpd serves a file by sendfile and is a proxy, as without the library" {
	relay
	as_nobody
	mkdir "$dir/doc"
	head -c 3000000 /dev/urandom >"$dir/doc/big"
	cat >"$dir/lighttpd.conf" <<-C
		server.modules = ("mod_proxy")
		server.document-root = "$dir/doc"
		server.bind = "127.0.0.1"
		server.port = $web
		server.network-backend = "sendfile"
		\$HTTP["url"] =~ "^/(back|big/)" {
		    proxy.server = ("" => (("host" => "127.0.0.1", "port" => $relay)))
		}
	C
	ask() {
		curl -s "127.0.0.1:$web/big" "127.0.0.1:$web/big" | sha256sum
		curl -s "127.0.0.1:$web/back" "127.0.0.1:$web/back2"
		curl -s "127.0.0.1:$web/big/3000000" | sha256sum
		curl -s -H Expect: --data-binary "@$dir/doc/big" "127.0.0.1:$web/back"
	}
	server_both_ways "$web" TERM lighttpd -D -f "$dir/lighttpd.conf"
	injected_unordered 4
	spans 'len(V) == 6 and len(C) == 4' "$children"
}

@test "caddy, in Go, is not seen by the library and works as before" {
	relay
	as_nobody
	user+=(HOME="$dir")
	printf '{\nadmin off\nauto_https off\n}\nhttp://127.0.0.1:%s {\nreverse_proxy 127.0.0.1:%s\n}\n' \
		"$web" "$relay" >"$dir/Caddyfile"
	ask() {
		ab_thousand back
		curl -s "127.0.0.1:$web/big/3000000" | sha256sum
	}
	alike() { census "$1" | sed 's/threads.*//' >"$dir/census"; cmp -s <(sed 's/threads.*//' "$dir/census.raw") "$dir/census"; }
	said() { grep -i error "$dir/server.err" || true; }
	server_both_ways "$web" TERM caddy run --config "$dir/Caddyfile" --adapter caddyfile
	grep -qx 'Failed requests: *0' "$dir/answers"
	cmp "$dir/wire.raw" "$dir/wire.shim" || injected_unordered 0
	[ ! -s "$dir/spans" ]
}
