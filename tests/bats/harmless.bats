#!/usr/bin/env bats
# SPDX-License-Identifier: Apache-2.0
# harmless.bats - whatever happens to otrace, traced programs work as before.

load helpers
setup() { live_setup; opts=(); port=$(free_port); }

# Other tests may trace at the same time: the programs and links of process $1 are known by their
# ids.
held() { cat /proc/"$1"/fdinfo/* 2>/dev/null | sed -n 's/^\(prog\|link\)_id:[ \t]*/\1 /p' | sort -u; }

none_there() { [ "$(still_there "$dir/held")" -eq 0 ]; }

still_there() { # FILE of `held`: how many of them the kernel still has
	local kind id n=0
	while read -r kind id; do
		! bpftool "$kind" show id "$id" >/dev/null 2>&1 || n=$((n + 1))
	done <"$1"
	echo "$n"
}

@test "after 20 times SIGKILL of the agent under load no request has failed, and no probe remains" {
	http "$port"
	bg load $PY "$APPS/load.py" "$port" /x 4 300 # SIGTERM ends it early
	load=$pid
	for i in $(seq 20); do
		bg tracer "$OTRACE" attach -o "$dir/text" ":$port"
		until_true 30 grep -q '^otrace 0' "$dir/text"
		sleep "0.1$((i % 5))"
		held "$pid" >>"$dir/held"
		[ "$i" -gt 1 ] || [ "$(still_there "$dir/held")" -gt 5 ]
		kill -9 "$pid"
		wait "$pid" || true
		rm "$dir/text"
	done
	[ "$(wc -l <"$dir/held")" -gt 200 ]
	until_true 30 none_there
	attach ":$port"
	until_true 30 grep -q 'GET /x' "$dir/spans"
	kill "$load"
	ended "$load"
	detach
	spans 'len(V) > 10' 'all(v.code == 200 for v in V)'
	cat "$dir/load.out" "$dir/load.err"
	[[ $(cat "$dir/load.out") == "good "*" bad 0" ]]
}

@test "after SIGKILL of otrace run the program goes on with its own streams" {
	bg run "$OTRACE" run -o "$dir/text" -- $PY "$APPS/httpd.py" "$port"
	up "$port"
	held "$pid" >"$dir/held"
	[ -s "$dir/held" ]
	kill -9 "$pid"
	wait "$pid" || true
	[ "$(curl -s "127.0.0.1:$port/after")" = "hello /after" ]
	child=$(ss -Hltnp "sport = :$port" | sed 's/.*pid=\([0-9]*\),.*/\1/')
	own "$child"
	until_true 30 none_there
	[ ! -s "$dir/run.out" ]
}

@test "an agent that is stopped for 3 s under load slows no request, and the losses are counted" {
	http "$port"
	room_for_all
	attach ":$port"
	kill -STOP "$tracer"
	$PY "$APPS/load.py" "$port" /x 4 3 >"$dir/load"
	cat "$dir/load"
	kill -CONT "$tracer"
	[[ $(cat "$dir/load") == "good "*" bad 0" ]]
	detach
	good=$(cut -d ' ' -f 2 "$dir/load")
	# Each request is a span, or counted as lost.
	grep -q '^lost  *nothing' "$dir/text" && spans "len(V) == $good"
	grep -q '^lost  *nothing' "$dir/text" || grep -q '^lost  *[0-9]' "$dir/text"
}

@test "random bytes in both directions after HTTP arrive unchanged, and the parser gives up" {
	cat >"$dir/echo.py" <<-'P'
		import socket, sys, threading
		def serve(sock):
		    while data := sock.recv(65536):
		        sock.sendall(data)
		server = socket.socket()
		server.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
		server.bind(("127.0.0.1", int(sys.argv[1])))
		server.listen(64)
		while True:
		    threading.Thread(target=serve, args=(server.accept()[0],), daemon=True).start()
	P
	bg echo $PY "$dir/echo.py" "$port"
	up "$port"
	export COLUMNS=160
	attach ":$port"
	$PY - "$port" <<-'P'
		import os, random, socket, sys
		random.seed(7)
		heads = [b"GET / HTTP/1.1\r\n", b"HTTP/1.1 200 OK\r\nContent-Length: 99999999999999999999\r\n\r\n",
		         b"POST / HTTP/1.1\r\nTransfer-Encoding: chunked\r\n\r\nFFFFFFFFFFFFFFFF\r\n", b"\x00\x00\x00\x08\x04\xd2\x16\x2f",
		         b"Q\xff\xff\xff\xff", b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n", b"\x16\x03\x01\xff\xff", b"", b"\r\n" * 9,
		         b"\x00\x00\x00\x2a\x00\x03\x00\x00user\x00a\x00"]
		for i in range(60):
		    s = socket.create_connection(("127.0.0.1", int(sys.argv[1])))
		    for _ in range(12):
		        data = random.choice(heads) + os.urandom(random.choice((1, 7, 500, 5000, 60000)))
		        s.sendall(data)
		        got = b""
		        while len(got) < len(data):
		            got += s.recv(65536)
		        assert got == data
		    s.close()
	P
	detach
	grep -q '^not seen ' "$dir/text"
	spans 'all(not s.end < s.start for s in S)' 2>/dev/null || [ ! -s "$dir/spans" ]
}

@test "a thousand short connections leave the memory of the agent as it was" {
	http "$port"
	room_for_all
	attach --cpu-budget 0 ":$port" # each is counted
	ask() { $PY - "$port" <<-'P'
		import http.client, sys
		for i in range(1000):
		    c = http.client.HTTPConnection("127.0.0.1", int(sys.argv[1]))
		    c.request("GET", "/c")
		    assert c.getresponse().read()
		    c.close()
	P
	}
	# Memory of late children and spare objects is allocated first.
	for _ in 1 2 3 4 5 6 7 8 9 10; do ask; done
	sleep 0.5
	before=$(awk '/VmRSS/ {print $2}' "/proc/$tracer/status")
	ask; ask; ask
	sleep 0.5
	after=$(awk '/VmRSS/ {print $2}' "/proc/$tracer/status")
	echo "RSS $before kB, then $after kB"
	[ "$after" -lt $((before + 1000)) ]
	detach
	spans 'len(V) == 13000'
}
