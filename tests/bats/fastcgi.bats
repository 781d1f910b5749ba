#!/usr/bin/env bats
# SPDX-License-Identifier: Apache-2.0
# fastcgi.bats - PHP-FPM behind nginx, and behind a client written for this test: requests of PHP with
# route, status and parents.

bats_require_minimum_version 1.5.0
load helpers

setup() {
	live_setup
	back=$(free_port)
	http "$back"
	port=$(free_port)
}

# on | off: do connections from nginx to PHP stay open? Starts both; their pids in $fpm, $nginx.
php() {
	cat >"$dir/a.php" <<-P
		<?php
		\$path = \$_SERVER["REQUEST_URI"];
		if (\$path == "/missing") { http_response_code(404); echo "none"; exit; }
		if (\$path == "/moved") { header("Location: /else"); exit; }
		if (\$path == "/large") { echo str_repeat("x", 3000000); exit; }
		if (\$path == "/dies") { error_log(str_repeat("words ", 200)); exit; }
		if (\$_SERVER["REQUEST_METHOD"] == "POST") { echo strlen(file_get_contents("php://input")); exit; }
		echo file_get_contents("http://127.0.0.1:$back" . \$path);
	P
	cat >"$dir/fpm.conf" <<-P
		[global]
		error_log = $dir/fpm.log
		[www]
		listen = 127.0.0.1:$1
		user = root
		group = root
		pm = static
		pm.max_children = 3
		catch_workers_output = yes
	P
	cat >"$dir/nginx.conf" <<-N
		user root; daemon off;
		pid $dir/nginx.pid; error_log $dir/nginx.log; worker_processes 1;
		events {}
		http {
			access_log off; client_body_temp_path $dir/b; proxy_temp_path $dir/p;
			fastcgi_temp_path $dir/f; uwsgi_temp_path $dir/u; scgi_temp_path $dir/s;
			client_max_body_size 50m; large_client_header_buffers 4 32k;
			upstream php { server 127.0.0.1:$1; keepalive 4; }
			server {
				listen 127.0.0.1:$port;
				location / {
					fastcgi_pass php; fastcgi_keep_conn $2;
					include /etc/nginx/fastcgi_params;
					fastcgi_param SCRIPT_FILENAME $dir/a.php;
				}
			}
		}
	N
	bg fpm php-fpm8.2 -F -R -y "$dir/fpm.conf"
	fpm=$pid
	up "$1"
	bg nginx nginx -c "$dir/nginx.conf"
	nginx=$pid
	up "$port"
}

ask() { curl -s -m 20 "$@" >>"$dir/answers"; }
ask_all() {
	ask "127.0.0.1:$port/one?secret=word" -H "Cookie: c=$(printf 'x%.0s' $(seq 3000))"
	ask "127.0.0.1:$port/missing"
	ask "127.0.0.1:$port/moved"
	ask "127.0.0.1:$port/large"
	ask "127.0.0.1:$port/dies"
	head -c 2000000 /dev/zero >"$dir/zero"
	ask -X POST --data-binary "@$dir/zero" "127.0.0.1:$port/up"
	ask -H 'traceparent: 00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01' "127.0.0.1:$port/named"
	ask "127.0.0.1:$port/last"
	grep -q 2000000 "$dir/answers"
}

php_spans='[s for s in V if s.service not in ("nginx", "httpd")]'
all_right() {
	spans "sorted((s.attr['http.request.method'], s.path, s.code) for s in $php_spans) == sorted([('GET', '/one', 200), ('GET', '/missing', 404), ('GET', '/moved', 302), ('GET', '/large', 200), ('GET', '/dies', 200), ('POST', '/up', 200), ('GET', '/named', 200), ('GET', '/last', 200)])" \
		"all(s.attr['client.address'] == '127.0.0.1' and s.attr['url.scheme'] == 'http' for s in $php_spans)" \
		"all(parent(s).service == 'nginx' and parent(s).kind == 'client' and parent(s).asked == s.path for s in $php_spans)" \
		"all(parent(parent(s)).service == 'nginx' and parent(parent(s)).kind == 'server' and parent(parent(s)).path == s.path for s in $php_spans)" \
		"all(parent(c) in $php_spans and parent(c).path == c.asked for c in C if c.service != 'nginx')" \
		'len([c for c in C if c.service != "nginx"]) == 3' \
		'{s.trace for s in S if s.path == "/named"} == {"0af7651916cd43dd8448eb211c80319c"}' \
		'not any(s.error for s in V)'
	run -1 grep -a 'secret=word' "$dir/spans"
}

@test "PHP-FPM behind nginx, attached by probes: each request at both ends, its calls below it" {
	for kept in off on; do
		php "$(free_port)" "$kept"
		attach --no-shim --cpu-budget 0 "$nginx" "$fpm" ":$back"
		ask_all
		detach
		all_right
		rm "$dir/spans"
		kill "$nginx" "$fpm"
		ended "$nginx"
		ended "$fpm"
	done
}

# The library does not read a traceparent that comes by FastCGI: then the header that it puts into a
# request of PHP begins a trace.
@test "PHP-FPM behind nginx under run, by both sources: the same, and headers of the right traces" {
	php_port=$(free_port)
	cat >"$dir/start.sh" <<-S
		trap 'kill \$nginx \$fpm; wait' TERM
		php-fpm8.2 -F -R -y $dir/fpm.conf & fpm=\$!
		nginx -c $dir/nginx.conf & nginx=\$!
		wait
	S
	php "$php_port" on
	kill "$nginx" "$fpm"
	ended "$nginx"
	ended "$fpm"
	bg tracer "$OTRACE" run --cpu-budget 0 -o "$dir/text" --export "file:$dir/spans" -- sh "$dir/start.sh"
	tracer=$pid
	up "$php_port"
	up "$port"
	ask_all
	quiet
	kill "$(pgrep -P "$tracer" -f 'start[.]sh')"
	ended "$tracer"
	cat "$dir/text"
	spans "len($php_spans) == 8" \
		"all(parent(parent(s)).path == s.path for s in $php_spans)" \
		"all(parent(c) in $php_spans and parent(c).path == c.asked for c in C if c.service != 'nginx' and c.asked != '/named')" \
		'{s.trace for s in V if s.path == "/named"} == {"0af7651916cd43dd8448eb211c80319c"}'
	run -1 grep 'trace not known' "$dir/text"
}

@test "a client by hand: parameters in several records, an answer that begins with an error text" {
	php_port=$(free_port)
	php "$php_port" off
	cat >"$dir/hand.py" <<-P
		import socket, struct
		def record(kind, data=b"", rid=7):
		    return struct.pack(">BBHHBB", 1, kind, rid, len(data), 0, 0) + data
		def pair(name, value):
		    def size(n):
		        return bytes([n]) if n < 128 else struct.pack(">I", n | 1 << 31)
		    return size(len(name)) + size(len(value)) + name + value
		def ask(path, split, script=b"$dir/a.php"):
		    params = [pair(b"SCRIPT_FILENAME", script), pair(b"REQUEST_METHOD", b"GET"),
		              pair(b"HTTP_X_LONG", b"x" * 5000), pair(b"REQUEST_URI", path), pair(b"HTTP_HOST", b"shop.example"),
		              pair(b"HTTPS", b"on")]
		    out = record(9, pair(b"FCGI_MAX_CONNS", b""), 0) if split else b""
		    out = record(1, struct.pack(">HB5x", 1, 0))
		    out += b"".join(record(4, p) for p in params) if split else record(4, b"".join(params))
		    s = socket.create_connection(("127.0.0.1", $php_port))
		    s.sendall(out + record(4))
		    s.sendall(record(5))
		    got = b""
		    while True:
		        data = s.recv(65536)
		        if not data: return got
		        got += data
		assert b"404" in ask(b"/missing", True)
		assert b"hello /by/hand" in ask(b"/by/hand", False)
		assert b"Primary script unknown" in ask(b"/gone", False, b"$dir/gone.php")
	P
	attach --no-shim --cpu-budget 0 "$fpm"
	$PY "$dir/hand.py"
	detach
	spans 'sorted((s.path, s.code, s.attr.get("error.type")) for s in V) == [("/by/hand", 200, None), ("/gone", 404, None), ("/missing", 404, None)]' \
		'all(s.attr["server.address"] == "shop.example" and s.attr["url.scheme"] == "https" for s in V)'
}
