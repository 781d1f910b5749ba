#!/usr/bin/env bats
# SPDX-License-Identifier: Apache-2.0
# servers.bats - a process that accepts connections is a server: the requests of its workers are not
# in the trace of `run`, by whatever protocol it serves.

load helpers
setup() { live_setup; shim_setup; back=$(free_port); http "$back"; }

# Asks five times of a server that PROGRAM.. starts under `run`; then ends it.
five() {
	local i
	bg tracer "$OTRACE" run -o "$dir/text" --export "file:$dir/spans" "${opts[@]}" -- "$@"
	tracer=$pid
	up "$port"
	for i in 1 2 3 4 5; do
		run curl -s -m 10 "127.0.0.1:$port/$i"
		echo "$output"
		[[ $output == *"hello /asked"* ]]
	done
	quiet
	kill "$(pgrep -P "$tracer" -f 'start[.]sh')"
	ended "$tracer"
	cat "$dir/text" "$dir/tracer.err"
}

# Each request of a worker is alone in its trace, or below the span that was proved to be its
# parent.
apart() {
	spans 'sum(s.asked == "/asked" for s in C) == 5' \
		'len({s.trace for s in C if s.asked == "/asked"}) == 5' \
		'not any(p.span == s.parent for p in P for s in C if s.asked == "/asked")'
}
headed() { grep -Eq '^headers +.*put in' "$dir/text"; run ! grep 'trace not known' "$dir/text"; }

uwsgi_script() {
	cat >"$dir/app.py" <<-END
		from urllib.request import urlopen
		def application(env, start):
		    body = urlopen("http://127.0.0.1:$back/asked").read()
		    start("200 OK", [("Content-Length", str(len(body)))])
		    return [body]
	END
	cat >"$dir/start.sh" <<-END
		trap 'kill \$child; wait \$child' TERM
		uwsgi --plugin http,python3 --http 127.0.0.1:$port --socket 127.0.0.1:$(free_port) \
			--master -p 2 --wsgi-file $dir/app.py --die-on-term &
		child=\$!
		wait \$child
	END
}

fpm_script() {
	printf '<?php echo file_get_contents("http://127.0.0.1:%s/asked");' "$back" >"$dir/a.php"
	cat >"$dir/fpm.conf" <<-END
		[global]
		error_log = $dir/fpm.log
		[www]
		listen = $dir/fpm.sock
		user = root
		group = root
		pm = static
		pm.max_children = 2
	END
	cat >"$dir/nginx.conf" <<-END
		user root;
		pid $dir/nginx.pid;
		error_log $dir/nginx.log;
		events {}
		http {
			access_log off;
			server {
				listen 127.0.0.1:$port;
				location / {
					fastcgi_pass unix:$dir/fpm.sock;
					fastcgi_param SCRIPT_FILENAME $dir/a.php;
					fastcgi_param REQUEST_METHOD GET;
				}
			}
		}
	END
	cat >"$dir/start.sh" <<-END
		trap 'kill \$fpm \$nginx; wait' TERM
		php-fpm8.2 -F -R -y $dir/fpm.conf &
		fpm=\$!
		until [ -S $dir/fpm.sock ]; do sleep 0.05; done
		nginx -g 'daemon off;' -c $dir/nginx.conf &
		nginx=\$!
		wait
	END
}

@test "uwsgi with workers: library" { uwsgi_script; five sh "$dir/start.sh"; apart; headed; }
@test "uwsgi with workers: both" { opts=(); uwsgi_script; five sh "$dir/start.sh"; apart; headed; }
@test "php-fpm behind nginx: library" { fpm_script; five sh "$dir/start.sh"; apart; headed; }
@test "php-fpm behind nginx: both" { opts=(); fpm_script; five sh "$dir/start.sh"; apart; headed; }
@test "php-fpm behind nginx: probes" {
	opts=(--no-shim)
	fpm_script
	five sh "$dir/start.sh"
	apart
}

apache_conf() {
	local m=/usr/lib/apache2/modules
	cat >"$dir/apache.conf" <<-END
		ServerRoot $dir
		PidFile $dir/apache.pid
		ErrorLog $dir/apache.log
		Listen 127.0.0.1:$port
		ServerName x
		User www-data
		Group www-data
		LoadModule mpm_prefork_module $m/mod_mpm_prefork.so
		LoadModule authz_core_module $m/mod_authz_core.so
		LoadModule proxy_module $m/mod_proxy.so
		LoadModule proxy_http_module $m/mod_proxy_http.so
		ProxyPass / http://127.0.0.1:$back/
	END
}

# A session of its own: apache ends all of its process group.
@test "a process that has one thread and one request is proved from its first request" {
	local i
	for opts in --no-bpf --no-shim ""; do
		# shellcheck disable=SC2206 # none is no argument
		opts=($opts)
		port=$(free_port)
		apache_conf
		bg tracer setsid "$OTRACE" run -o "$dir/text" --export "file:$dir/spans" \
			"${opts[@]}" -- apache2 -f "$dir/apache.conf" -DFOREGROUND
		tracer=$pid
		up "$port"
		for i in 1 2 3 4 5; do
			[ "$(curl -s -m 10 "127.0.0.1:$port/first$i")" = "hello /first$i" ]
		done
		quiet
		kill "$(cat "$dir/apache.pid")"
		ended "$tracer"
		spans 'len(C) == 5' 'len(V) == 5' 'all(parent(c).asked == c.asked for c in C)'
		rm -f "$dir/spans"
	done
}
