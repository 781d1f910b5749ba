#!/usr/bin/env bats
# SPDX-License-Identifier: Apache-2.0
# shim_threads.bats - threads on one connection, and limits that the library takes from the kernel
# alone.

load shim

shim() { "$OTRACE" run --no-bpf -o "$dir/text" --export "file:$dir/spans" -- "$@"; }

@test "two threads send and two receive on one connection, with and without an Upgrade: the same bytes" {
	local i
	cc -O1 -D_GNU_SOURCE -o "$dir/duplex" "$APPS/duplex.c" -lpthread
	"$dir/duplex" 2000 >"$dir/bare"
	for i in 1 2 3 4 5; do
		shim "$dir/duplex" 2000 >"$dir/out"
		cmp "$dir/bare" "$dir/out"
		shim "$dir/duplex" 2000 upgrade >"$dir/out"
		cmp "$dir/bare" "$dir/out"
	done
}

@test "eight threads whose first requests leave at once give eight spans, and nothing is lost" {
	local i
	cc -O1 -D_GNU_SOURCE -o "$dir/starts" "$APPS/starts.c" -lpthread
	http "$port"
	for i in 1 2 3 4 5 6 7 8 9 10; do
		shim "$dir/starts" "$port"
		cat "$dir/text"
		grep -q '^lost  *nothing$' "$dir/text"
		spans 'len(C) == 8' '{c.attr["url.full"][-3:] for c in C} == {f"/t{i}" for i in range(8)}'
	done
}

@test "an answer before the end of the body, and a reset: the request has its answer" {
	local port
	port=$(free_port)
	bg early $PY -c "
import socket, time
door = socket.create_server(('127.0.0.1', $port))
conn = door.accept()[0]
conn.recv(1000)
conn.sendall(b'HTTP/1.1 413 Content Too Large\r\nContent-Length: 3\r\n\r\nbig')
time.sleep(0.2)
conn.close() # what was not read makes it a reset"
	until_true 10 bound "$port"
	shim $PY -c "
import socket
conn = socket.create_connection(('127.0.0.1', $port))
conn.sendall(b'POST /big HTTP/1.1\r\nHost: h\r\nContent-Length: 90000000\r\n\r\n')
try:
    for i in range(1000): conn.sendall(b'x' * 90000)
except OSError as e: print(type(e).__name__)
print(conn.recv(1000)[:12])" >"$dir/out"
	grep -qxE 'ConnectionResetError|BrokenPipeError' "$dir/out"
	grep -qxF "b'HTTP/1.1 413'" "$dir/out"
	spans '[(s.name, s.code) for s in S if s.kind == "client"] == [("POST /big", 413)]'
}

@test "under faketime spans have the real time" {
	http "$port"
	shim faketime -f -3650d curl -s "127.0.0.1:$port/" >/dev/null
	spans 'len(C) == 1'
	$PY - "$dir/spans" <<-'P'
		import json, sys, time
		for line in open(sys.argv[1]):
		    for rs in json.loads(line)["resourceSpans"]:
		        for span in rs["scopeSpans"][0]["spans"]:
		            assert abs(int(span["startTimeUnixNano"]) / 1e9 - time.time()) < 60, span
	P
}

@test "addresses of cloud metadata get no header, straight or through a proxy" {
	relay
	ip netns add "$(basename "$dir")"
	ip -n "$(basename "$dir")" link set lo up
	ip -n "$(basename "$dir")" addr add 169.254.169.254/32 dev lo
	cat >"$dir/ask.py" <<-'P'
		import http.client, socket, threading
		s = socket.socket(); s.bind(("169.254.169.254", 0)); s.listen()
		def serve():
		    c, _ = s.accept()
		    print(b"traceparent" in c.recv(4096))
		    c.sendall(b"HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n")
		t = threading.Thread(target=serve); t.start()
		c = http.client.HTTPConnection(*s.getsockname()); c.request("GET", "/latest/meta-data"); c.getresponse()
		t.join()
	P
	ip netns exec "$(basename "$dir")" "$OTRACE" run --no-bpf -o "$dir/text" -- $PY "$dir/ask.py" >"$dir/out"
	ip netns del "$(basename "$dir")"
	grep -qx False "$dir/out"
	shim curl -s -x "127.0.0.1:$relay" http://169.254.169.254/latest >/dev/null
	settled
	run ! grep -qi traceparent "$dir/wire"
	grep -q 'host denied' "$dir/text"
}

@test "with TCP segments that are lost and sent again each request has its header" {
	local net
	net=$(basename "$dir")
	ip netns add "$net"
	ip -n "$net" link set lo up
	ip netns exec "$net" nft -f - <<-'N'
		table ip drops {
			chain in {
				type filter hook input priority 0;
				tcp dport != 0 numgen random mod 100 < 3 drop
			}
		}
	N
	ip netns exec "$net" timeout 200 "$OTRACE" run --no-bpf -o "$dir/text" -- $PY "$APPS/lossy.py"
	ip netns exec "$net" nstat -az TcpRetransSegs | tail -n 1 | awk '{ exit $2 == 0 }'
	ip netns del "$net"
	grep -qx 'headers   100 put in' "$dir/text"
}
