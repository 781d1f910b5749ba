#!/usr/bin/env bats
# SPDX-License-Identifier: Apache-2.0
# shim_progs.bats - programs that every machine has, without and with the library: the same bytes,
# words, threads, descriptors and statuses. More programs: tests/shim.

load shim
setup() {
	live_setup
	shim_setup
	web=$(free_port)
}
teardown() {
	live_teardown
	[ -z "${SVC:-}" ] || rm -rf "$SVC"
}

@test "curl: an upload of unknown length that waits for 100 Continue works as before" {
	relay
	as_nobody
	head -c 300000 /dev/urandom >"$dir/body"
	both_ways sh -c "curl -s -H 'Expect: 100-continue' -T - http://127.0.0.1:$relay/up <$dir/body"
	[ "$(cat "$dir/out")" = "300000 $(sha256sum <"$dir/body" | cut -d ' ' -f 1)" ]
	injected 1
	spans 'len(S) == 1' 'S[0].name == "PUT /up" and S[0].code == 200'
}

@test "the two ends of a Unix socket are joined by wire by the library alone" {
	cp "$APPS/httpd.py" "$dir"
	as_nobody
	cat >"$dir/script" <<-S
		UNIX=$dir/sock $PY $dir/httpd.py 0 & server=\$!
		for _ in \$(seq 200); do [ -S $dir/sock ] && break; sleep 0.05; done
		sleep 0.1
		curl -s --unix-socket $dir/sock http://x/slow/300
		curl -s --unix-socket $dir/sock http://x/slow/301 & curl -s --unix-socket $dir/sock http://x/slow/301
		wait %2
		for i in 1 2 3 4 5; do curl -s --unix-socket $dir/sock http://x/short\$i; done
		sleep 0.1
		kill \$server
	S
	"${user[@]}" "$OTRACE" run --no-bpf -o "$dir/text" --export "file:$dir/spans" -- bash "$dir/script" >"$dir/out"
	cat "$dir/text"
	[ "$(grep -c hello "$dir/out")" -eq 8 ]
	spans 'len(V) == 8 and len(C) == 8' 'all(v.evidence == "wire" for v in V)' \
		'all(parent(v).asked == v.path for v in V)' 'len({v.parent for v in V}) == 8'
}

@test "gunicorn, prefork: each worker's calls belong to the request that it serves" {
	relay
	cat >"$dir/app.py" <<-P
		import urllib.request
		def app(env, start):
		    body = urllib.request.urlopen("http://127.0.0.1:$relay" + env["PATH_INFO"]).read()
		    start("200 OK", [("Content-Length", str(len(body)))])
		    return [body]
	P
	as_nobody
	ask() { curl -s "127.0.0.1:$web/[1-40]"; }
	alike() { cmp -s <(census "$1" | beats) <(beats <"$dir/census.raw"); }
	server_both_ways "$web" TERM /usr/bin/python3 /usr/bin/gunicorn --log-level error -w 3 \
		-b "127.0.0.1:$web" --chdir "$dir" app:app
	injected_unordered 40
	spans 'len(V) == 40 and len(C) == 40' 'sum(bool(parent(c)) for c in C) > 30' \
		'all(c.attr["url.full"].endswith(parent(c).path) for c in C if parent(c))'
}

beats() { sed -E 's/wgunicorn-[a-z0-9_]+/N/g'; } # files by which workers show that they run

@test "nginx with files, a proxy and a reload: each call is in its request's trace" {
	nginx_both_ways /usr/sbin/nginx
}

@test "nginx: a worker that is killed loses no record that it had emitted" {
	cat >"$dir/nginx.conf" <<-N
		daemon off; worker_processes 1; pid $dir/nginx.pid; error_log $dir/nginx.log;
		events {}
		http {
			access_log off; client_body_temp_path $dir/body; proxy_temp_path $dir/proxy;
			fastcgi_temp_path $dir/fastcgi; uwsgi_temp_path $dir/uwsgi; scgi_temp_path $dir/scgi;
			server { listen 127.0.0.1:$web; location / { return 200 ok; } }
		}
	N
	as_nobody
	bg nginx "${user[@]}" "$OTRACE" run --no-bpf -o "$dir/text" --export "file:$dir/spans" -- \
		nginx -p "$dir" -c "$dir/nginx.conf"
	local run=$pid worker
	up "$web"
	worker=$(pgrep -P "$(pgrep -P "$run")")
	curl -s "127.0.0.1:$web/[1-50]" >"$dir/out"
	kill -9 "$worker"
	until_true 10 gone "$worker"
	until_true 10 curl -sf "127.0.0.1:$web/first"
	curl -s "127.0.0.1:$web/[1-9]" >>"$dir/out"
	kill -QUIT "$(pgrep -P "$run")"
	ended "$run"
	cat "$dir/text"
	[ "$(grep -o ok "$dir/out" | wc -l)" -eq 59 ]
	spans 'len(V) == 60' 'len({v.pid for v in V}) == 2'
}

@test "Python's multiprocessing works by fork, by spawn and by forkserver" {
	relay
	cat >"$dir/many.py" <<-P
		import multiprocessing as mp, sys, urllib.request
		def ask(i): return urllib.request.urlopen("http://127.0.0.1:$relay/%d" % i).read()
		if __name__ == "__main__":
		    with mp.get_context(sys.argv[1]).Pool(3) as pool: print(pool.map(ask, range(12)))
	P
	as_nobody
	for how in fork spawn forkserver; do
		both_ways $PY "$dir/many.py" $how
		[ "$(headers)" -eq 12 ]
		spans 'len(C) == 12'
		# A server that forks serves: the requests of its children are their own.
		[ $how = forkserver ] || spans 'len({c.trace for c in C}) == 1'
	done
}

@test "PostgreSQL's server with the library: COPY, async and fifty sessions work as before" {
	local bin
	bin=$(ls -d /usr/lib/postgresql/*/bin | sort -V | tail -n 1)
	user=(setpriv --reuid=postgres --regid=postgres --init-groups env -C /)
	mkdir "$dir/pg"
	chmod 777 "$dir" "$dir/pg"
	"${user[@]}" "$bin/initdb" -D "$dir/pg/data" -A trust -U postgres -N --locale=C >/dev/null 3>&-
	DSN="host=127.0.0.1 port=$web user=postgres dbname=postgres sslmode=disable"
	ask() {
		until_true 30 psql -q "$DSN" -c 'SELECT 1'
		psql -XAtq "$DSN" -c 'CREATE TEMP TABLE t (n int)' -c '\copy t FROM PROGRAM '"'seq 20000'" \
			-c 'SELECT sum(n) FROM t' -c '\copy t TO STDOUT' -c 'SELECT 1/0' | sha256sum
		for _ in $(seq 50); do psql -XAtc 'SELECT 42' "$DSN"; done | uniq -c
		$PY - "$DSN" <<-'P'
			import psycopg2, select, sys
			c = psycopg2.connect(sys.argv[1], async_=1)
			def wait():
			    while (s := c.poll()):
			        select.select([c] if s == 1 else [], [c] if s == 2 else [], [])
			wait()
			for i in range(50):
			    q = c.cursor(); q.execute("SELECT %s, repeat('x', 50000)", (i,)); wait()
			    assert q.fetchone() == (i, "x" * 50000)
			print("async")
		P
	}
	alike() { # the number of its helper processes changes
		census "$1" | sort -u >"$dir/census"
		[ "$(head -n 1 "$dir/census.raw")" = "$(head -n 1 "$dir/census")" ]
	}
	said() { # it is random whether a request comes too early
		grep -hE 'FATAL|PANIC|terminated|rror' "$dir"/server.{out,err} | grep -v 'starting up' |
			sed 's/^.* UTC//' | sort
	}
	server_both_ways "$web" INT "$bin/postgres" -D "$dir/pg/data" -p "$web" -k "$dir/pg" \
		-c listen_addresses=127.0.0.1 -c fsync=off
	grep -q '50 42' "$dir/answers"
	grep -qx async "$dir/answers"
	spans 'not S' # statements are the spans of their clients
}

@test "git clones over HTTP by both of its protocols" {
	git init -q -b main "$dir/repo"
	for i in 1 2 3; do
		head -c 100000 /dev/urandom >"$dir/repo/file$i"
		git -C "$dir/repo" add .
		git -C "$dir/repo" -c user.name=t -c user.email=t@t commit -qm "$i"
	done
	git clone -q --bare "$dir/repo" "$dir/www/repo.git"
	git -C "$dir/www/repo.git" update-server-info
	git -C "$dir/www/repo.git" config http.receivepack false
	mkdir "$dir/www/cgi-bin"
	ln -s "$(git --exec-path)/git-http-backend" "$dir/www/cgi-bin/git"
	export GIT_PROJECT_ROOT=$dir/www GIT_HTTP_EXPORT_ALL=1 HOME=$dir
	export GIT_CONFIG_COUNT=1 GIT_CONFIG_KEY_0=safe.directory GIT_CONFIG_VALUE_0='*'
	as_nobody
	bg www "${user[@]}" $PY -m http.server --cgi -b 127.0.0.1 -d "$dir/www" "$port"
	up "$port"
	for at in repo.git cgi-bin/git/repo.git; do
		rm -rf "$dir"/clone.*
		"${user[@]}" git clone -q "http://127.0.0.1:$port/$at" "$dir/clone.raw" 3>&-
		"${user[@]}" "$OTRACE" run --no-bpf -o "$dir/text" --export "file:$dir/spans" -- \
			git clone -q "http://127.0.0.1:$port/$at" "$dir/clone.shim" >"$dir/out" 2>"$dir/err" 3>&-
		cat "$dir/text" "$dir/err"
		[ ! -s "$dir/out" ]
		[ ! -s "$dir/err" ]
		diff -r -x .git "$dir/clone.raw" "$dir/clone.shim"
		[ "$(git -C "$dir/clone.raw" rev-parse HEAD)" = "$(git -C "$dir/repo" rev-parse HEAD)" ]
		git -C "$dir/clone.shim" fsck
		spans 'len(C) >= 2' 'all(c.service == "git-remote-http" for c in C)' 'len({s.trace for s in S}) == 1'
	done
}

@test "apt-get with its system call filter reads a repository over HTTP" {
	mkdir -p "$dir/pkg/DEBIAN" "$dir/www" "$dir/apt"/{lists/partial,cache/archives/partial,empty}
	printf 'Package: otrace-test\nVersion: 1\nArchitecture: all\nMaintainer: t <t@t>\nDescription: t\n' \
		>"$dir/pkg/DEBIAN/control"
	head -c 200000 /dev/urandom >"$dir/pkg/data"
	dpkg-deb -b "$dir/pkg" "$dir/www/otrace-test_1_all.deb" >/dev/null
	{
		cat "$dir/pkg/DEBIAN/control"
		printf 'Filename: ./otrace-test_1_all.deb\nSize: %s\nSHA256: %s\n' \
			"$(stat -c %s "$dir/www/otrace-test_1_all.deb")" \
			"$(sha256sum <"$dir/www/otrace-test_1_all.deb" | cut -d ' ' -f 1)"
	} >"$dir/www/Packages"
	echo "deb [trusted=yes] http://127.0.0.1:$port ./" >"$dir/apt/list"
	cat >"$dir/apt.conf" <<-C
		Dir::State::lists "$dir/apt/lists";
		Dir::Cache "$dir/apt/cache";
		Dir::Etc::sourcelist "$dir/apt/list";
		Dir::Etc::sourceparts "$dir/apt/empty";
		APT::Sandbox::User "root";
		APT::Sandbox::Seccomp "true";
		Acquire::Languages "none";
	C
	bg www $PY -m http.server -b 127.0.0.1 -d "$dir/www" "$port"
	up "$port"
	cat >"$dir/fetch" <<-S
		cd $dir/apt && rm -rf lists/*_* otrace-test* cache/*.bin
		export APT_CONFIG=$dir/apt.conf
		timeout 60 apt-get -q update && timeout 60 apt-get -q download otrace-test &&
		sha256sum otrace-test*.deb
	S
	sh "$dir/fetch" >"$dir/out.raw" 2>"$dir/err.raw" 3>&-
	"$OTRACE" run --no-bpf -o "$dir/text" --export "file:$dir/spans" -- sh "$dir/fetch" \
		>"$dir/out" 2>"$dir/err" 3>&-
	cat "$dir/text"
	grep -q 'otrace-test_1_all.deb$' "$dir/out"
	diff <(sed 's/in [0-9]*s (.*//' "$dir/out.raw") <(sed 's/in [0-9]*s (.*//' "$dir/out")
	diff "$dir/err.raw" "$dir/err"
}

@test "static programs of Go, busybox and musl work as before" {
	relay
	cp "$APPS/goserver.go" "$dir"
	CGO_ENABLED=0 go build -o "$dir/goserver" "$dir/goserver.go"
	musl-gcc -o "$dir/get" "$APPS/get.c"
	as_nobody
	both_ways bash -c "busybox wget -q -O - http://127.0.0.1:$relay/busy"
	cmp "$dir/wire.raw" "$dir/wire.shim"
	both_ways "$dir/get" "$relay"
	injected 1
	if [ "$(uname -m)" = x86_64 ]; then # a program that is linked with nothing: the loader loads libc
		echo 'void _start(void) { __asm__("syscall" : : "a"(60), "D"(7)); }' >"$dir/free.c"
		cc -nostdlib -pie -fPIE -Wl,--dynamic-linker=/lib64/ld-linux-x86-64.so.2 -o "$dir/free" "$dir/free.c"
		chmod 755 "$dir/free"
		"${user[@]}" "$OTRACE" run --no-bpf -o "$dir/text" -- "$dir/free" 3>&- || [ $? -eq 7 ]
		grep -q 'free: status 7' "$dir/text"
	fi
	ask() { curl -s "127.0.0.1:$web/[1-20]"; }
	cat >"$dir/serve" <<-S
		$dir/goserver $web & trap "kill \$!" TERM; wait \$!; wait \$!
	S
	alike() { true; } # the number of Go's threads varies
	server_both_ways "$web" TERM bash "$dir/serve"
	[ "$(grep -c '^go' "$dir/answers")" -eq 20 ]
	[ ! -s "$dir/spans" ]
}

@test "su, and programs that may not map memory or make a ring: no message, the same result" {
	relay
	cc -O1 -o "$dir/confine" "$APPS/confine.c"
	both_ways su nobody -s /bin/sh -c "curl -s 127.0.0.1:$relay/su; id -u"
	grep -qx 65534 "$dir/out"
	as_nobody
	for how in mdwe filter nnp; do
		both_ways "$dir/confine" $how curl -s "127.0.0.1:$relay/$how"
		injected 1
		spans 'len(C) == 1'
	done
	both_ways "$dir/confine" nothing curl -s "127.0.0.1:$relay/nothing"
	injected 0
}
