#!/usr/bin/env bats
# SPDX-License-Identifier: Apache-2.0
# edges.bats - unusual traffic is traced or left alone; its bytes are unchanged, and no span is
# invented.

load helpers
setup() { live_setup; opts=(); port=$(free_port); }

raw() { # SCRIPT-NAME [ARG..]: a client of tests/apps/raw.py against $port, traced with the server
	traced bash -c '
		'"$PY $APPS/httpd.py $port"' & server=$!
		for _ in $(seq 200); do (exec 4<>/dev/tcp/127.0.0.1/'"$port"') 2>/dev/null && break; sleep 0.05; done
		'"$PY $APPS/raw.py $port"' "$@"; rc=$?
		sleep 0.1; kill $server; exit $rc' x "$@"
	cat "$dir/out"
}

joined='all(parent(v) and parent(v).kind == "client" and v.evidence == "wire" for v in V)'

@test "a head that is written byte by byte is one span" {
	raw bytewise
	spans 'len(V) == 1' 'len(C) == 1' 'V[0].code == 200 and V[0].path == "/byte"' "$joined" \
		'V[0].ms > 30' 'C[0].ms > 30'
}

@test "ten pipelined requests in one write are ten spans" {
	raw pipelined
	spans 'len(V) == 10' 'len(C) == 10' 'sorted(v.path for v in V) == ["/pipe/%d" % i for i in range(10)]' \
		"$joined" 'all(parent(v).attr["url.full"].endswith(v.path) for v in V)'
}

@test "chunked answers and chunked uploads are read to their ends" {
	raw chunked
	spans 'len(V) == 2' 'len(C) == 2' 'all(s.code == 200 for s in S)' "$joined" \
		'[v for v in V if v.path == "/chunked/8"][0].ms >= 75'
}

@test "a request with 100-continue is one span with the final status" {
	raw continue
	spans 'len(V) == 1' 'len(C) == 1' 'all(s.code == 200 and s.name == "POST /up" for s in S)' "$joined"
}

@test "HEAD, 204 and 304 have no body, and the next exchange on the connection is understood" {
	raw nobody
	spans 'len(V) == 4' 'len(C) == 4' '[v.code for v in sorted(V, key=lambda v: v.start)] == [200, 204, 304, 200]' \
		"$joined" 'not any(s.error for s in S)'
}

@test "a client that leaves in the middle of the body makes an error with the right duration" {
	raw gone
	spans 'len(V) == 1' 'len(C) == 1' 'V[0].path == "/big/30000000"' 'all(s.ms < 5000 for s in S)' \
		'C[0].code == 200'
}

@test "a server that exits in the middle of its answer makes an error" {
	http "$port"
	traced $PY "$APPS/raw.py" "$port" exit
	spans 'len(C) == 1' 'C[0].code == 200' 'C[0].error'
}

@test "a client that exits in the middle of its request makes an error" {
	raw halfrequest
	spans 'len(V) <= 1' 'all(s.error or s.code == 0 for s in S)'
}

@test "after a refused connect() the program gets the same errno" {
	free=$(free_port)
	run -7 curl -s "127.0.0.1:$free/x"
	run -7 "$OTRACE" run -o "$dir/text" --export "file:$dir/spans" -- curl -s "127.0.0.1:$free/x"
	spans 'len(S) == 0' 'len(F) == 1' "F[0].attr['error.type'] == 'connection_refused'"
}

@test "400, 404 and 500 have the span status of the conventions" {
	raw statuses
	spans 'len(V) == 3' 'sorted(v.code for v in V if v.error) == [500]' \
		'sorted(c.code for c in C if c.error) == [404, 418, 500]'
}

@test "after a fork within an exchange, the child's calls belong to that exchange or to none" {
	back=$(free_port)
	http "$back"
	traced $PY "$APPS/forker.py" "$port" "$back"
	cat "$dir/out"
	spans 'len([v for v in V]) == 1' 'len(C) >= 2' \
		'all(not c.parent or c.trace == V[0].trace for c in C if c.path != "/entry")'
}

@test "10 MB by sendfile arrive unchanged and are not copied" {
	command -v nginx
	head -c 10000000 /dev/urandom >"$dir/big"
	sed -e "s|@DIR@|$dir|g" -e "s|@PORT@|$port|" -e "s|@UPSTREAM@|1|" -e 's|http {|http { sendfile on;|' \
		"$APPS/nginx.conf" >"$dir/nginx.conf"
	opts=(--record "$dir/rec")
	traced bash -c 'nginx -p "$1" -c "$1/nginx.conf" -g "daemon off; master_process off;" 2>"$1/nginx.log" & n=$!
		for _ in $(seq 100); do curl -s -o "$1/got" "127.0.0.1:$2/files/big" && break; sleep 0.05; done
		kill -QUIT $n; wait $n' x "$dir" "$port"
	cmp "$dir/big" "$dir/got"
	spans 'len(V) == 1' 'V[0].code == 200' '[c for c in C if c.code][0].span == V[0].parent'
	size=$(stat -c %s "$dir/rec")
	echo "recording: $size bytes"
	[ "$size" -lt 60000 ]
}

@test "an upload of 10 MB arrives unchanged and is not copied; the server span begins with the first byte" {
	head -c 10000000 /dev/urandom >"$dir/big"
	opts=(--record "$dir/rec")
	traced bash -c "$PY $APPS/httpd.py $port & server=\$!
		for _ in \$(seq 200); do (exec 4<>/dev/tcp/127.0.0.1/$port) 2>/dev/null && break; sleep 0.05; done
		curl -s -H Expect: --limit-rate 20M --data-binary @$dir/big 127.0.0.1:$port/up; sleep 0.1; kill \$server"
	[ "$(cat "$dir/out")" = "10000000 $(sha256sum <"$dir/big" | cut -d ' ' -f 1)" ]
	spans 'len(V) == 1 and len(C) == 1' "$joined" 'C[0].ms > 400' \
		'abs(V[0].start - C[0].start) < C[0].ms / 2000' 'abs(V[0].end - C[0].end) < C[0].ms / 2000'
	size=$(stat -c %s "$dir/rec")
	echo "recording: $size bytes"
	[ "$size" -lt 120000 ]
}

@test "a connection that is not HTTP is muted, works as before, and is named in 'not seen'" {
	export COLUMNS=200
	opts=(--record "$dir/rec")
	raw foreign
	# Both ends, 40 times 9,004 bytes each way.
	grep -q '^not seen .*: 2 connections to .*, 1.4 MB, unknown protocol (first bytes 16 f1 09 44' "$dir/text"
	size=$(stat -c %s "$dir/rec")
	echo "recording: $size bytes"
	[ "$size" -lt 300000 ]
	spans 'all(s.name.startswith("GET /") for s in S)'
}

@test "HTTP that turns into random bytes: the parser gives up, which is reported" {
	raw hostile
	spans 'sum(v.code == 200 for v in V) == 1' 'all(s.name.startswith("GET /good") or s.error for s in S)'
}

no_control() { # FILE..: no byte that a terminal obeys, no bidi control, valid UTF-8
	$PY - "$@" <<-'P'
		import re, sys
		for path in sys.argv[1:]:
		    text = open(path, "rb").read().decode()
		    assert text, path
		    bad = re.findall("[\x00-\x08\x0b-\x1f\x7f-\x9f\u202a-\u202e\u2066-\u2069]", text)
		    assert not bad, (path, bad)
	P
}

@test "control characters and invalid text are escaped in blocks, lines, 'not seen' and errors" {
	evil=$dir/$'e\x1b]52;c;eA==\x07v\xe2\x80\xae\xff.py'
	cp "$APPS/httpd.py" "$evil"
	for format in text line; do
		"$OTRACE" run -o "$dir/$format" --format $format --export "file:$dir/spans" -- \
			$PY "$evil" "$port" 3>&- 2>"$dir/log" &
		pid=$!
		own $pid
		up "$port"
		$PY "$APPS/raw.py" "$port" escape
		kill -TERM $pid
		ended $pid
	done
	no_control "$dir/text" "$dir/line"
	grep -q 'e\\x1b\]52' "$dir/text"
	# JSON may hold bidi controls, escaped or not, but no control bytes.
	run ! grep -qP '[\x00-\x08\x0b-\x1f\x7f]' "$dir/spans"
	spans 'len(V) == 1' '"\x1b" not in V[0].path' 'V[0].path.startswith("/a")'
	run "$OTRACE" attach $'\x1b[31mred'
	[ "$status" -eq 1 ]
	echo "$output" >"$dir/message"
	no_control "$dir/message"
}

@test "IPv6 addresses, and IPv4 addresses mapped into IPv6, are shown as such" {
	traced bash -c "$PY $APPS/httpd.py $port :: & server=\$!
		for _ in \$(seq 200); do (exec 4<>/dev/tcp/127.0.0.1/$port) 2>/dev/null && break; sleep 0.05; done
		curl -s '[::1]:$port/six'; curl -s '127.0.0.1:$port/mapped'; sleep 0.1; kill \$server"
	spans 'len(V) == 2 and len(C) == 2' "$joined" \
		'[v for v in V if v.path == "/six"][0].attr["network.peer.address"] == "::1"' \
		'[v for v in V if v.path == "/mapped"][0].attr["network.peer.address"] == "127.0.0.1"'
}

@test "the two ends of an AF_UNIX connection are joined by wire" {
	traced bash -c "UNIX=$dir/sock $PY $APPS/httpd.py 0 & server=\$!
		for _ in \$(seq 200); do [ -S $dir/sock ] && break; sleep 0.05; done; sleep 0.1
		curl -s --unix-socket $dir/sock http://x/one; curl -s --unix-socket $dir/sock http://x/two; sleep 0.1; kill \$server"
	[ "$(grep -c hello "$dir/out")" -eq 2 ]
	spans 'len(V) == 2 and len(C) == 2' "$joined"
}

@test "a pid that is used again is another process" {
	# In a pid namespace of the test, the next pid can be chosen.
	http "$port"
	cat >"$dir/again" <<-S
		for name in one two three; do
			echo 400 >/proc/sys/kernel/ns_last_pid
			bash -c 'echo pid \$\$; exec $PY $APPS/get.py $port /\$1' x \$name
		done
	S
	unshare --pid --kill-child --fork --mount-proc "$OTRACE" run -o "$dir/text" --export "file:$dir/spans" -- \
		bash "$dir/again" >"$dir/out"
	cat "$dir/out"
	[ "$(grep -c 'pid 401' "$dir/out")" -eq 3 ]
	spans 'len(S) == 3' '{s.name for s in S} == {"GET /one", "GET /two", "GET /three"}' \
		'len({s.resource["service.instance.id"] for s in S}) == 3'
}

# The first requests may come before waits are probed.
looks() { # HOW
	local back=$port
	http "$back"
	port=$(free_port)
	bg looks "$PY" "$APPS/looks.py" "$port" "$back" "$1"
	up "$port"
	attach "$pid"
	curl -s "127.0.0.1:$port/[1-30]" >"$dir/out"
	detach
	[ "$(grep -c ok "$dir/out")" -eq 30 ]
	spans 'len(V) == 30 and len(C) == 30' 'sum(c.evidence == "claim" for c in C) >= 15' \
		'all(c.attr["url.full"].endswith(parent(c).path) for c in C if c.parent)'
}

@test "a thread that polls an idle connection claims its next request (R10)" { looks poll; }

@test "a thread that adds an idle connection to an epoll claims its next request (R10)" { looks epoll; }

kept() { grep -a -o "$1" "$dir/record" | wc -l; }

@test "of HTTP/2 all frames but the payload of DATA are copied, however the calls split them" {
	export COLUMNS=200
	http "$port"
	opts=(--record "$dir/record")
	traced $PY "$APPS/raw.py" "$port" http2
	[ "$(kept heading)" -eq 6 ]
	[ "$(kept settings)" -eq 2 ]
	[ "$(kept answered)" -ge 16 ]
	[ "$(kept payload)" -eq 0 ]
	grep -q '^lost *nothing' "$dir/text"
}

@test "SSH is named, and muted from its second call on" {
	export COLUMNS=200
	http "$port"
	opts=(--record "$dir/record")
	traced $PY "$APPS/raw.py" "$port" ssh
	grep -q '^not seen .*SSH: not readable' "$dir/text"
	[ "$(kept 'SSH-2.0-')" -ge 1 ]
	[ "$(kept secret)" -eq 0 ]
}
