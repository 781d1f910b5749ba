#!/usr/bin/env bats
# SPDX-License-Identifier: Apache-2.0
# capture.bats - captures of real traffic by tcpdump: their spans are those that were traced while
# they were taken, and those that tshark counts.

bats_require_minimum_version 1.5.0
load helpers

setup_file() { pg_setup_file; }
teardown_file() { pg_teardown_file; }
setup() {
	live_setup
	opts=()
	port=$(free_port)
	http "$port"
}

# FILTER..: writes $dir/cap until caught().
catch() {
	bg tcpdump tcpdump -i "${link:-lo}" -Z root -U --immediate-mode -s 70000 -B 65536 -w "$dir/cap" "$@"
	tcpdump=$pid
	until_true 10 grep -q 'listening on' "$dir/tcpdump.err"
}
caught() {
	sleep 0.3 # packets reach tcpdump after the programs that sent them
	kill -INT "$tcpdump"
	ended "$tcpdump"
	cat "$dir/tcpdump.err"
	grep -q "^0 packets dropped by kernel" "$dir/tcpdump.err"
}
replay() { # FILE: its spans in $dir/again, its text in $dir/text2
	rm -f "$dir/again"
	"$OTRACE" replay -o "$dir/text2" --export "file:$dir/again" "$1"
	cat "$dir/text2"
}
again() { $PY "$APPS/spans.py" "$dir/again" "$@"; }

listens() { ss -Hltn "sport = :$1" | grep -q .; }

# FILE EXPR: what of each span is compared.
listed() {
	$PY - "$1" "$2" <<-P
		import sys; sys.path.insert(0, "$APPS")
		import spans
		for s in sorted(spans.read(sys.argv[1]), key=lambda s: s.start):
		    if s.scope != "otrace/process" and s.scope != "otrace/connect":
		        line = eval(sys.argv[2])
		        if line: print(line)
	P
}
requests='(s.kind == "server" or None) and (s.name, s.asked, s.code, s.error)'

asks() { # a client with one connection, one with many, bodies with and without lengths
	cat >"$dir/asks.py" <<-P
		import http.client
		c = http.client.HTTPConnection("127.0.0.1", $port)
		for i in range(20):
		    c.request("POST" if i % 3 == 0 else "GET", f"/kept/{i}", body="x" * 3000 if i % 3 == 0 else None)
		    c.getresponse().read()
		c.request("GET", "/big/300000"); c.getresponse().read()
		c.request("GET", "/kept/last"); c.getresponse().read()
	P
	cat >"$dir/asks" <<-S
		$PY "$dir/asks.py"
		for i in 1 2 3; do curl -s "127.0.0.1:$port/own/\$i" >"$dir/answer"; done
	S
}
http_capture() {
	asks
	catch tcp port "$port"
	attach --no-shim --cpu-budget 0 ":$port"
	sh "$dir/asks"
	detach
	caught
	spans 'len(V) == 25'
	listed "$dir/spans" "$requests" >"$dir/live"
}

@test "HTTP: the requests, statuses and paths that were traced live, once at each end, in one trace" {
	http_capture
	replay "$dir/cap"
	listed "$dir/again" "$requests" | cmp - "$dir/live"
	again 'len(V) == 25' 'len(C) == 25' 'all(parent(v) in C and parent(v).asked == v.asked for v in V)' \
		'all(v.evidence == "wire" for v in V)' \
		"{v.service for v in V} == {'127.0.0.1:$port'}" '{c.service for c in C} == {"127.0.0.1"}' \
		'not any("process.pid" in s.resource or "host.name" in s.resource for s in S)' \
		'all(0 <= v.start - parent(v).start < 0.001 for v in V)'
	grep -q '^lost *nothing' "$dir/text2"
	# The witness.
	[ "$(tshark -r "$dir/cap" -d "tcp.port==$port,http" -Y http.request 2>/dev/null | wc -l)" -eq 25 ]
	[ "$(tshark -r "$dir/cap" -d "tcp.port==$port,http" -Y http.response 2>/dev/null | wc -l)" -eq 25 ]
	# Twice the same bytes.
	cp "$dir/again" "$dir/first"
	replay "$dir/cap"
	cmp "$dir/again" "$dir/first"
}

@test "packets twice, late, split, behind VLAN tags, without a link layer, in pcapng: the same spans" {
	http_capture
	for change in twice late split vlan raw back; do
		echo "# $change"
		$PY "$APPS/recap.py" "$change" "$dir/cap" "$dir/$change"
		replay "$dir/$change"
		listed "$dir/again" "$requests" | cmp - "$dir/live"
		again 'len(C) == 25' 'all(parent(v) in C for v in V)'
		grep -q '^lost *nothing' "$dir/text2"
	done
	editcap -F pcapng "$dir/cap" "$dir/ng"
	replay "$dir/ng"
	listed "$dir/again" "$requests" | cmp - "$dir/live"
	editcap -F nsecpcap "$dir/cap" "$dir/ns"
	replay "$dir/ns"
	listed "$dir/again" "$requests" | cmp - "$dir/live"
}

@test "a capture that misses a packet: no span is wrong, and what is missing is counted" {
	http_capture
	for n in 0 1 2 5 9 20 40 44 45 46; do
		echo "# without packet $n"
		$PY "$APPS/recap.py" "lose=$n" "$dir/cap" "$dir/less"
		replay "$dir/less"
		listed "$dir/again" '(s.kind == "server" and s.code or None) and (s.name, s.asked, s.code, s.error)' >"$dir/found"
		# Each span with an answer is one of those that were traced, in the same order.
		$PY - "$dir/found" "$dir/live" <<-'P'
			import sys
			found, live = (open(p).read().splitlines() for p in sys.argv[1:])
			rest = iter(live)
			assert all(f in rest for f in found), (found, live)
			assert len(found) >= len(live) - 3, (len(found), len(live))
		P
	done
}

@test "packets of which the first 160 bytes were captured: methods, paths, statuses and ends" {
	http_capture
	$PY "$APPS/recap.py" snap=160 "$dir/cap" "$dir/short"
	replay "$dir/short"
	again 'len(V) == 25' 'all(v.code == 200 for v in V)' \
		'{v.path for v in V} >= {"/kept/last", "/own/1", "/own/3", "/kept/0"}'
	$PY "$APPS/recap.py" snap=40 "$dir/cap" "$dir/none"
	packets=$(tcpdump -r "$dir/none" 2>"$dir/log" | wc -l)
	run "$OTRACE" replay --strict "$dir/none"
	echo "$output"
	[ "$status" -eq 5 ]
	[[ $output == *"$packets packets (packet)"*"packet: captured in part, fragmented or damaged"* ]]
}

@test "packets that claim more bytes than any has: refused and counted; up to 1 MiB, a hole" {
	http_capture
	packets=$(tcpdump -r "$dir/cap" 2>"$dir/log" | wc -l)
	for n in 2147483647 1048700; do
		$PY "$APPS/recap.py" "huge=$n" "$dir/cap" "$dir/huge"
		run "$OTRACE" replay --strict "$dir/huge"
		echo "$output"
		[ "$status" -eq 5 ]
		[[ $output == *"$packets packets (packet)"* ]]
	done
	$PY "$APPS/recap.py" huge=1048576 "$dir/cap" "$dir/large"
	replay "$dir/large"
	run -1 grep -F '(packet)' "$dir/text2"
}

@test "a capture that begins in the middle of connections: who asks is seen from what they say" {
	http_capture
	$PY "$APPS/recap.py" joined "$dir/cap" "$dir/open"
	replay "$dir/open"
	listed "$dir/again" "$requests" | cmp - "$dir/live"
	again "{v.service for v in V} == {'127.0.0.1:$port'}" 'all(parent(v) in C for v in V)'
}

@test "IPv6, a traceparent in a header, a refused connection, an answer that is cut by a reset" {
	six=$(free_port)
	cat >"$dir/six.py" <<-P
		import http.server, socket, struct
		class S(http.server.HTTPServer):
		    address_family = socket.AF_INET6
		class H(http.server.BaseHTTPRequestHandler):
		    def do_GET(self):
		        self.send_response(200)
		        self.send_header("Content-Length", "10")
		        self.end_headers()
		        if self.path == "/cut":
		            self.wfile.write(b"12345")
		            self.wfile.flush()
		            self.connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
		            self.connection.close()
		            return
		        self.wfile.write(b"1234567890")
		S(("::1", $six), H).serve_forever()
	P
	bg six "$PY" "$dir/six.py"
	until_true 10 listens "$six"
	closed=$(free_port)
	link=any
	catch tcp port "$six" or tcp port "$closed"
	curl -s -g -H 'traceparent: 00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01' "[::1]:$six/named" >"$dir/answer"
	curl -s -g "[::1]:$six/cut" >"$dir/answer" || true
	curl -s "127.0.0.1:$closed/" || true
	caught
	replay "$dir/cap"
	again "{v.service for v in V} == {'[::1]:$six'}" \
		'[v.trace for v in V if v.path == "/named"] == ["0af7651916cd43dd8448eb211c80319c"]' \
		'all(v.code == 200 for v in V)' '[v.path for v in V if v.error] == ["/cut"]' \
		"[f.attr['server.port'] for f in F] == ['$closed']" \
		"all(f.error and f.attr['error.type'] == 'connection_refused' for f in F)"
}

@test "Redis, pipelined: a client span for each command that the server counted" {
	kv=$(free_port)
	bg redis redis-server --port "$kv" --bind 127.0.0.1 --save '' --dir "$dir"
	up "$kv"
	catch tcp port "$kv"
	redis-cli -p "$kv" set user:1 secret >"$dir/answer"
	redis-benchmark -p "$kv" -t get -n 500 -P 50 -c 2 -q >"$dir/answer"
	caught
	replay "$dir/cap"
	asked=$(redis-cli -p "$kv" info commandstats | sed 's/.*:calls=\([0-9]*\),.*/\1/' | awk '/^[0-9]+$/ { n += $1 } END { print n }')
	again "len(C) == $asked" 'len(V) == 0' 'len([c for c in C if c.name == "GET"]) == 500' \
		'{c.text for c in C if c.name == "set"} == {"set user:1 ?"}' \
		"{c.attr['server.port'] for c in C} == {'$kv'}"
	run -1 grep -ai secret "$dir/again" "$dir/text2"
	run -1 grep 'not seen' "$dir/text2"
}

@test "PostgreSQL: the statements that were traced live, with their errors" {
	SVC_PIDS=("$PG_PID")
	catch tcp port "$PG_PORT"
	opts=(--no-shim)
	traced psql -X -q "$DSN sslmode=disable" -c 'SELECT 1' -c 'SELECT nothing' \
		-c "SELECT name FROM items WHERE tag = 'secret'" -c 'SELECT count(*) FROM items JOIN orders ON item = id' || true
	caught
	replay "$dir/cap"
	listed "$dir/spans" '(s.name, s.text, s.error)' >"$dir/live"
	[ "$(grep -c . "$dir/live")" -ge 4 ]
	listed "$dir/again" '(s.name, s.text, s.error)' | cmp - "$dir/live"
}

@test "what is no capture that can be read is named, with what would be right" {
	http_capture
	$PY "$APPS/recap.py" link=127 "$dir/cap" "$dir/wifi"
	run "$OTRACE" replay "$dir/wifi"
	[ "$status" -eq 1 ]
	echo "$output"
	[[ ${lines[0]} == *"was captured on a link of type IEEE802_11_RADIO (127), which otrace does not read" ]]
	[[ ${lines[1]} == *"tcpdump -i any -w FILE tcp"* ]]
	head -c "$(($(stat -c %s "$dir/cap") - 5))" "$dir/cap" >"$dir/half"
	run "$OTRACE" replay --format jsonl --no-summary "$dir/half"
	[ "$status" -eq 1 ]
	[[ $output == *"truncated dump file"* ]]
	[ "$(grep -o '"spanId"' <<<"$output" | wc -l)" -ge 40 ]
	run "$OTRACE" replay "$dir/asks.py"
	[ "$status" -eq 1 ]
	[[ $output == *"is not a recording of otrace, and no capture"* ]]
	[[ $output == *"a capture (pcap, pcapng) with  tcpdump -i any -w FILE tcp"* ]]
	# No privilege is needed.
	install -m 755 "$OTRACE" "$dir/otrace"
	install -m 644 "$dir/cap" "$dir/readable"
	setpriv --reuid=65534 --regid=65534 --clear-groups env -C / "$dir/otrace" replay "$dir/readable" | grep -q '25 traces'
}
