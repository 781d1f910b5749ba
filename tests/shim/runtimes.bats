#!/usr/bin/env bats
# SPDX-License-Identifier: Apache-2.0
# runtimes.bats - programs in Java, JavaScript, PHP, Python and Ruby without and with the
# library, as clients and as servers that ask others.
#
#	scripts/setup.sh programs && bats tests/shim/runtimes.bats

load ../bats/shim
setup() {
	live_setup
	shim_setup
	web=$(free_port)
}
teardown() {
	live_teardown
	[ -z "${PG_PID:-}" ] || ended_postgres
}

https() { # an HTTPS server beside the others, whose TLS is not readable
	tls=$(free_port)
	openssl req -x509 -newkey rsa:2048 -nodes -keyout "$dir/key.pem" -out "$dir/cert.pem" \
		-days 2 -subj /CN=localhost 2>/dev/null
	bg https "$PY" "$APPS/httpsd.py" "$tls" "$dir" "$dir/heads"
	up "$tls"
}

postgres() { # for tests that ask it; sets DSN, PG_PORT
	svc_init
	PG_HOST=127.0.0.1 svc_postgres 3>&-
}
ended_postgres() {
	kill "$PG_PID"
	until_true 30 gone "$PG_PID"
	rm -rf "$SVC"
}

# The parent of a server's request is the request that the server answers, or there is none.
children='all(parent(c).kind == "internal" or c.attr["url.full"].endswith(parent(c).path) for c in C if c.parent)'

@test "Java's HttpURLConnection and HttpClient, with 200 threads, work as without the library" {
	relay
	https
	cp "$APPS/Threads.java" "$dir"
	javac -d "$dir" "$dir/Threads.java"
	as_nobody
	both_ways java -Xmx200m -cp "$dir" Threads "$relay" "$tls"
	grep -qx 'right 200' "$dir/out"
	grep -q '^hello /tls2 100000' "$dir/out"
	spans 'len(C) == 206' 'all(c.code == 200 for c in C)'
	# On a busy machine the kernel sometimes still has bytes of the request before: then proof fails.
	alone=$(sed -n 's/^headers .*left alone: \([0-9]*\) not proved.*/\1/p' "$dir/text")
	[ "${alone:-0}" -le 6 ]
	[ "$(headers)" -eq $((206 - ${alone:-0})) ]
	[ "$(grep -ac '^traceparent' "$dir/wire.shim")" -eq "$(headers)" ]
}

@test "in Java's HTTP server the context goes on to the request that it sends" {
	relay
	cp "$APPS/Calls.java" "$dir"
	javac -d "$dir" "$dir/Calls.java"
	as_nobody
	ask() {
		for how in url client async; do
			curl -s "127.0.0.1:$web/$how?id=[1-50]"
		done
	}
	alike() { cmp -s <(census "$1" | no_pool) <(no_pool <"$dir/census.raw"); }
	server_both_ways "$web" TERM java -XX:+UseSerialGC -XX:-UseDynamicNumberOfCompilerThreads \
		-cp "$dir" Calls "$web" "http://127.0.0.1:$relay"
	[ "$(grep -c ok "$dir/answers")" -eq 150 ]
	spans 'len(V) == 150 and len(C) == 200' \
		'all(parent(c).attr["url.query"] == c.attr["url.full"].split("?")[1] for c in C if c.parent)'
	# On a busy machine one of two threads on a connection may be halted while it holds the state: the
	# bytes of the other are not looked at, so the requests after them on this connection are not
	# proved. The two connections of `async` have 100 requests.
	alone=$(sed -n 's/^headers .*left alone: \([0-9]*\) not proved.*/\1/p' "$dir/text")
	[ "${alone:-0}" -le 100 ]
	[ "$(headers)" -eq $((200 - ${alone:-0})) ]
}
# Connections and threads stay in pools for any time.
no_pool() { sed -E 's/threads [0-9]+//; s/socket: *//g; s/ $//'; }

@test "Node with kept connections, direct close calls, streamed bodies and its own TLS works as before" {
	relay
	https
	as_nobody
	both_ways node "$APPS/clients.js" "$relay" "$tls"
	[ "$(grep -c hello "$dir/out")" -eq 46 ]
	[ "$(headers)" -eq 43 ]
	spans 'len(C) == 43' 'all(c.code == 200 for c in C)'
}

@test "in a Node server the context goes on to the request that it sends" {
	relay
	as_nobody
	sed '/setInterval/d' "$APPS/calls.js" >"$dir/calls.js"
	ask() { curl -s "127.0.0.1:$web/call?id=[1-50]"; }
	server_both_ways "$web" TERM node "$dir/calls.js" "$web" "http://127.0.0.1:$relay"
	injected_unordered 50
	spans 'len(V) == 50 and len(C) == 50' \
		'all(parent(c).attr["url.query"] == c.attr["url.full"].split("?")[1] for c in C if c.parent)'
}

@test "php-fpm behind nginx: streams, curl and PostgreSQL work as before, and requests have their parents" {
	relay
	postgres
	mkdir "$dir/doc"
	cat >"$dir/doc/a.php" <<-P
		<?php
		echo file_get_contents("http://127.0.0.1:$relay/stream");
		\$c = curl_init("http://127.0.0.1:$relay/curl");
		curl_setopt(\$c, CURLOPT_RETURNTRANSFER, true);
		echo curl_exec(\$c);
		\$db = new PDO("pgsql:host=127.0.0.1;port=$PG_PORT;user=postgres;dbname=postgres;sslmode=disable");
		echo json_encode(\$db->query("SELECT 6 * 7 AS n")->fetchAll(PDO::FETCH_ASSOC)), "\n";
		echo getenv("LD_PRELOAD"), count(array_filter(array_keys(\$_SERVER), fn(\$k) => str_starts_with(\$k, "OTRACE"))), "\n";
	P
	cat >"$dir/fpm.conf" <<-C
		[global]
		error_log = $dir/fpm.log
		daemonize = no
		[www]
		listen = 127.0.0.1:$web
		pm = static
		pm.max_children = 2
	C
	local front
	front=$(free_port)
	cat >"$dir/nginx.conf" <<-C
		daemon off; pid $dir/nginx.pid; error_log $dir/nginx.log; events {}
		http { access_log off; server { listen 127.0.0.1:$front; location / {
			fastcgi_pass 127.0.0.1:$web; fastcgi_param SCRIPT_FILENAME $dir/doc/a.php;
			fastcgi_param REQUEST_METHOD \$request_method; } } }
	C
	as_nobody
	bg nginx nginx -p "$dir" -c "$dir/nginx.conf"
	up "$front"
	ask() { curl -s "127.0.0.1:$front/[1-20]"; }
	server_both_ways "$web" TERM php-fpm8.2 -n -d extension=curl -d extension=pdo -d extension=pdo_pgsql \
		-y "$dir/fpm.conf"
	[ "$(grep -c '"n":42' "$dir/answers")" -eq 20 ]
	# Before the first answer of a child the library does not know its requests: it speaks FastCGI.
	local n
	n=$(headers)
	echo "$n headers"
	[ "$n" -ge 36 ]
	injected_unordered "$n"
	spans 'len([c for c in C if c.name == "GET /stream"]) == 20' 'not V' \
		'len([c for c in C if c.name == "GET /curl"]) == 20' \
		'len([c for c in C if c.text.startswith("SELECT")]) >= 20'
}

@test "PHP without extensions: a request of its HTTP stream gets one header" {
	relay
	as_nobody
	both_ways php -n -r "echo file_get_contents('http://127.0.0.1:$relay/stream');"
	injected 1
}

wsgi() { # the application of two Python servers
	cat >"$dir/app.py" <<-P
		import urllib.request
		def application(env, start):
		    body = urllib.request.urlopen("http://127.0.0.1:$relay" + env["PATH_INFO"]).read()
		    start("200 OK", [("Content-Length", str(len(body)))])
		    return [body]
	P
	ask() { curl -s "127.0.0.1:$web/[1-60]"; }
}

@test "uwsgi, prefork: each child has a ring of its own" {
	relay
	wsgi
	as_nobody
	server_both_ways "$web" INT uwsgi_python3 --http-socket "127.0.0.1:$web" --master --processes 3 \
		--wsgi-file "$dir/app.py" --need-app --disable-logging
	injected_unordered 60
	spans 'len(V) == 60 and len(C) == 60' "$children" 'sum(bool(parent(c)) for c in C) > 50'
}

@test "puma and webrick: context goes from a server to what it asks, on its thread" {
	relay
	as_nobody
	ask() { curl -s "127.0.0.1:$web/direct?id=[1-40]"; }
	user+=(PRICES="http://127.0.0.1:$relay")
	cp "$APPS/calls.ru" "$dir"
	server_both_ways "$web" INT puma -q -e production -t 1:1 -b "tcp://127.0.0.1:$web" "$dir/calls.ru"
	injected_unordered 40
	spans 'len(V) == 40 and len(C) == 40' \
		'all(parent(c).attr["url.query"] == c.attr["url.full"].split("?")[1] for c in C if c.parent)'
	cat >"$dir/web.rb" <<-R
		require 'webrick'
		require 'net/http'
		server = WEBrick::HTTPServer.new(Port: $web, BindAddress: '127.0.0.1', AccessLog: [],
		                                 Logger: WEBrick::Log.new('/dev/null'))
		server.mount_proc('/') { |q, a| a.body = Net::HTTP.get(URI("http://127.0.0.1:$relay#{q.path}?#{q.query_string}")) }
		trap('INT') { server.shutdown }
		server.start
	R
	server_both_ways "$web" INT ruby "$dir/web.rb"
	injected_unordered 40
	spans 'len(V) == 40 and len(C) == 40' \
		'all(parent(c).attr["url.query"] == c.attr["url.full"].split("?")[1] for c in C if c.parent)'
}
