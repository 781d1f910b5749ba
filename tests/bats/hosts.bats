#!/usr/bin/env bats
# SPDX-License-Identifier: Apache-2.0
# hosts.bats - which server a client asks, if a proxy passes on the Host of its own request.

load helpers
setup() { live_setup; shim_setup; back=$(free_port); http "$back"; }

asked() { # HOST: of a proxy under attach
	bg nginx nginx -c "$dir/nginx.conf"
	up "$port"
	attach --no-shim "$pid"
	[ "$(curl -s -m 10 -H "Host: $1" "127.0.0.1:$port/a")" = "hello /a" ]
	detach
}

@test "behind a proxy that keeps Host, the client span names the server that was asked" {
	one_nginx "proxy_pass http://127.0.0.1:$back;" 'proxy_set_header Host $http_host;'
	asked "127.0.0.1:$port"
	spans 'len(C) == 1' "C[0].attr['server.address'] == '127.0.0.1'" \
		"C[0].attr['server.port'] == '$back'" \
		"C[0].attr['url.full'] == 'http://127.0.0.1:$back/a'" \
		"C[0].attr['http.request.header.host'] == ['127.0.0.1:$port']" \
		"V[0].attr['server.port'] == '$port'"
}

@test "a Host with the port of the server is kept as its name, unless the proxy was asked by that name" {
	one_nginx "proxy_pass http://127.0.0.1:$back;" "proxy_set_header Host shop.example:$back;"
	asked "127.0.0.1:$port"
	spans "C[0].attr['url.full'] == 'http://shop.example:$back/a'" \
		"'http.request.header.host' not in C[0].attr"
	kill "$(cat "$dir/nginx.pid")"
	port=$(free_port)
	one_nginx "proxy_pass http://127.0.0.1:$back;" 'proxy_set_header Host $http_host;'
	asked "shop.example:$back"
	spans "C[0].attr['url.full'] == 'http://127.0.0.1:$back/a'" \
		"V[0].attr['server.address'] == 'shop.example'"
}
