#!/usr/bin/env bats
# SPDX-License-Identifier: Apache-2.0
# http.bats - real HTTP programs: nginx, gunicorn/Flask, Node, Python, curl, Go; and one that is not
# HTTP: Redis. Both ends are traced, parents are proved by the wire.

load helpers

setup_file() { # the Go server is built once, as Go has no cache here
	export GOCACHE=${OTRACE_CACHE:-${HOME:-/var}/.cache/otrace}/go
	export GOBIN_=$BATS_FILE_TMPDIR/goserver
	(cd "$PWD/tests/apps" && env GOFLAGS=-mod=mod GO111MODULE=off GOPROXY=off CGO_ENABLED=0 \
		nice -n 5 go build -o "$GOBIN_" goserver.go)
}
setup() {
	live_setup
	opts=()
	svc_init
}
teardown() { svc_stop 3>&-; live_teardown; }

wired='all(parent(v) and parent(v).kind == "client" and v.evidence == "wire" for v in V if not v.service.startswith("nginx") or parent(v))'

ask() { curl -s -m 20 "$@"; }

@test "nginx -> gunicorn/Flask -> Node: one trace, by :PORT alone" {
	svc_node
	DSN='' svc_gunicorn shop:app 1 4
	svc_nginx "$GUNICORN_PORT"
	attach ":$NGINX_PORT" ":$GUNICORN_PORT" ":$NODE_PORT"
	for i in 1 2 3; do ask "127.0.0.1:$NGINX_PORT/none/$i" >/dev/null; done
	detach
	spans 'len(V) == 6' 'all(s.code == 404 for s in S)' \
		'sum(bool(parent(v)) and v.evidence == "wire" for v in V) == 3' \
		'all(parent(parent(v)).service == "nginx" for v in V if parent(v))'
}

@test "Node -> Node: client, keep-alive pool, 20 at once" {
	svc_node
	back=$NODE_PORT
	svc_node "http://127.0.0.1:$back"
	attach ":$NODE_PORT" ":$back"
	$PY - "$NODE_PORT" <<-'P'
		import sys, threading, urllib.request
		def one(i):
		    text = urllib.request.urlopen(f"http://127.0.0.1:{sys.argv[1]}/price/{i}?id={i}").read()
		    assert text == b"price of /price/%d?id=%d: 7\n" % (i, i), text
		ts = [threading.Thread(target=one, args=(i,)) for i in range(20)]
		[t.start() for t in ts]; [t.join() for t in ts]
	P
	detach
	spans 'len(V) == 40' 'len(C) == 20' 'sum(v.evidence == "wire" for v in V) == 20' \
		'all(parent(c) is None or parent(c).attr["url.query"] == c.attr["url.full"].split("?")[1] for c in C)' \
		'all(parent(v).attr["url.full"].split("?")[1] == v.attr["url.query"] for v in V if v.parent)'
}

@test "run traces Python http.server and curl, and the file arrives" {
	port=$(free_port)
	head -c 300000 /dev/urandom >"$dir/file"
	traced bash -c "cd $dir; $PY -m http.server $port --bind 127.0.0.1 >log 2>&1 & s=\$!
		for _ in \$(seq 200); do (exec 4<>/dev/tcp/127.0.0.1/$port) 2>/dev/null && break; sleep 0.05; done
		curl -s 127.0.0.1:$port/file | sha256sum; curl -s 127.0.0.1:$port/nothing >/dev/null; kill \$s"
	[ "$(cat "$dir/out")" = "$(sha256sum <"$dir/file")" ]
	spans 'len(V) == 2 and len(C) == 2' 'all(v.evidence == "wire" for v in V)' \
		'{v.code for v in V} == {200, 404}' 'all(c.error == (c.code == 404) for c in C)'
}

@test "Go net/http: server and client, 20 at once, no wrong parent" {
	port=$(free_port)
	back=$(free_port)
	bg back "$GOBIN_" "$back"
	up "$back"
	bg front "$GOBIN_" "$port" "http://127.0.0.1:$back"
	up "$port"
	# Without the library in the process most of its calls are orphans (docs/ACCURACY.md).
	attach goserver
	$PY - "$port" <<-'P'
		import sys, threading, urllib.request
		def one(i):
		    text = urllib.request.urlopen(f"http://127.0.0.1:{sys.argv[1]}/go?id={i}").read()
		    assert text == b"go /go?id=%d\n" % i, text
		ts = [threading.Thread(target=one, args=(i,)) for i in range(20)]
		[t.start() for t in ts]; [t.join() for t in ts]
	P
	detach
	spans 'len(V) == 40' 'len(C) == 20' 'sum(v.evidence == "wire" for v in V) == 20' \
		'all(parent(c) is None or parent(c).attr["url.query"] == c.attr["url.full"].split("?")[1] for c in C)' \
		'all(s.resource["telemetry.sdk.language"] == "go" for s in S)' \
		'all(s.resource["process.runtime.name"] == "go" for s in S)' \
		'all(s.resource["process.runtime.version"].startswith("go1.") for s in S)'
}

@test "nginx -> gunicorn over a Unix socket: the ends are joined by wire" {
	bg gunicorn env -C "$SVC" $PY /usr/bin/gunicorn -w 1 --threads 2 -b "unix:$dir/app.sock" shop:app
	guni=$pid
	until_true 30 test -S "$dir/app.sock"
	sed -i "s|server 127.0.0.1:@UPSTREAM@;|server unix:$dir/app.sock;|" "$SVC/nginx.conf"
	svc_nginx 1
	attach ":$NGINX_PORT" "$guni"
	for i in 1 2 3; do [[ $(ask "127.0.0.1:$NGINX_PORT/missing/$i") == *"Not Found"* ]]; done
	detach
	spans 'len(V) == 6' 'sum(v.evidence == "wire" for v in V) == 3' \
		'all(parent(v).attr["network.peer.address"].endswith("/app.sock") for v in V if v.parent)'
}

@test "a protocol that is not parsed works as before, is muted, and is named in 'not seen'" {
	port=$(free_port)
	bg ajp "$PY" "$APPS/ajp.py" serve "$port"
	up "$port"
	export COLUMNS=160
	attach --record "$dir/rec" ":$port"
	[ "$("$PY" "$APPS/ajp.py" ask "$port" 8000)" = ok ]
	for i in $(seq 5); do "$PY" "$APPS/ajp.py" ask "$port" 1; done
	detach
	grep -q '^not seen  .* (pid [0-9]*): .* connections\? to 127.0.0.1:'"$port"', .*AJP is not parsed yet' "$dir/text"
	[ ! -s "$dir/spans" ]
	size=$(stat -c %s "$dir/rec")
	echo "recording: $size bytes"
	[ "$size" -lt 2500000 ] # 16,000 runs at one record of their length; no bytes
}

@test "load on nginx while it is traced: every request is answered and counted" {
	svc_nginx 1
	head -c 100 /dev/zero >"$SVC/nginx/small"
	room_for_all
	attach ":$NGINX_PORT"
	$PY "$APPS/load.py" "$NGINX_PORT" /files/small 4 2 >"$dir/load"
	detach
	cat "$dir/load"
	read -r _ good _ bad <"$dir/load"
	[ "$bad" -eq 0 ]
	[ "$good" -gt 50 ]
	if grep -q '^lost  *nothing' "$dir/text"; then
		spans "len(V) == $good" 'all(v.code == 200 for v in V)'
	else # the agent got no CPU time
		grep -q '^lost .*[0-9]' "$dir/text"
		spans "0 < len(V) <= $good" \
			'all(v.code == 200 or v.error or "otrace.cut" in v.attr for v in V)'
	fi
}
