#!/usr/bin/env bats
# SPDX-License-Identifier: Apache-2.0
# adopt.bats - an agent that starts later reads the rings of programs that carry the library
# already: of those whose agent was killed or has ended, and of those that wait for one; nothing is
# emitted twice. CPU is not limited, so that all is emitted, however busy the machine is.

load https
setup() {
	live_setup
	shim_setup
	opts=()
	lib=$dir/bin/libotrace.so
	export COLUMNS=200
}

# ENV.. CMD..: nginx at $front, in front of a relay that writes what it received to $dir/wire.
proxy() {
	proxy_conf off
	bg nginx env "$@" nginx -c "$dir/ng.conf"
	up "$front"
	until_true 10 test -s "$dir/pid"
	main=$(cat "$dir/pid")
	own "$main"
}
proxy_conf() { # on, off: a daemon?
	front=$(free_port)
	cat >"$dir/ng.conf" <<-C
		pid $dir/pid; error_log $dir/nginx.log; daemon $1; worker_processes 2;
		events { }
		http {
			access_log off;
			client_body_temp_path $dir/b; proxy_temp_path $dir/p;
			fastcgi_temp_path $dir/f; uwsgi_temp_path $dir/u; scgi_temp_path $dir/s;
			server { listen 127.0.0.1:$front; location / { proxy_pass http://127.0.0.1:$relay; } }
		}
	C
}

get() { [ "$(curl -s -m 10 "127.0.0.1:$front$1")" = "hello $1" ]; }
# PATH: did it reach the relay with an injected header, or without? The relay writes a connection
# some time after its end: both wait for it.
headed() { written "$1" && has_header "$1"; }
unheaded() { written "$1" && ! has_header "$1"; }
written() { until_true 10 grep -aq "^GET $1 " "$dir/wire"; }
has_header() { grep -a -A 1 "^GET $1 " "$dir/wire" | grep -aq '^traceparent: 00-'; }
asked_with_header() {
	count=$((${count:-0} + 1))
	get "/try$count" && headed "/try$count"
}
# Waits until the agent reads the ring: it says that a header was injected.
adopted() { until_true 30 counted; }
counted() {
	asked_with_header || return 1
	kill -USR1 "$tracer"
	until_true 1 grep -q '^headers' "$dir/text"
}
rings() { grep -c 'rw-s 00000000 .*/memfd:otrace-ring' "/proc/$1/maps"; }
# Each request gives one span at each end: client and server of nginx.
once() {
	spans 'len({(s.kind, s.asked) for s in S}) == len(S)' \
		'{s.asked for s in V} == {s.asked for s in C}' \
		'all(parent(s) in V and parent(s).asked == s.asked for s in C)'
}

@test "after SIGKILL of an agent the program goes on, and the next agent reads its library" {
	relay
	proxy "$OTRACE" run -o "$dir/first" --export "file:$dir/gone" --
	get /seen
	kill -9 "$pid"
	ended "$pid"
	for i in $(seq 200); do get "/dead$i"; done
	attach --cpu-budget 0 ":$front"
	adopted
	for i in $(seq 20); do get "/again$i"; done
	detach
	headed /again1
	headed /again20
	once
	spans '{f"/again{i}" for i in range(1, 21)} <= {s.asked for s in V}' \
		'not any("dead" in s.asked for s in S)'
	grep -q '^lost *nothing' "$dir/text"
	grep -Eq '^headers *[0-9]+ put in' "$dir/text"
	[ "$(cat "$dir/nginx.log")" = "" ]
}

@test "when no agent reads the ring for some seconds, no header names a span that nobody records" {
	relay
	proxy "$OTRACE" run -o "$dir/first" --export "file:$dir/gone" --
	adopted_by_run
	kill -9 "$pid"
	ended "$pid"
	until_true 40 left_alone
	# The exit status is that of the machine, which may lack something else.
	said=$(for pid in $(pgrep -P "$main"); do "$OTRACE" doctor --quick "$pid"; done) || true
	grep -q 'libotrace.so waits for an agent: attach uses it' <<<"$said"
	attach --cpu-budget 0 ":$front"
	adopted
	detach
	once
}
left_alone() {
	count=$((${count:-0} + 1))
	get "/try$count" && unheaded "/try$count"
}
adopted_by_run() { until_true 10 asked_with_header; }

# How long a loop had waited when it was switched on is not known: its next request may be a
# timer's, so it gets no parent. A request that was read before has no server span, its call may.
once_but_first() {
	spans 'len({(s.kind, s.asked) for s in S}) == len(S)' \
		'{s.asked for s in V} <= {s.asked for s in C}' \
		'len(C) - len(V) <= 1' \
		'sum(parent(s) is None for s in C) <= 1' \
		'all(parent(s).asked == s.asked for s in C if parent(s))'
}

# Requests on one connection: $1 FIRST, $2 LAST, $3 seconds between.
hold_open() {
	cat >"$dir/client.py" <<-P
		import http.client, sys, time
		c = http.client.HTTPConnection("127.0.0.1", $front)
		for i in range($1, $2 + 1):
		    c.request("GET", f"/on{i}")
		    assert c.getresponse().read() == f"hello /on{i}\\n".encode()
		    print(i, flush=True)
		    time.sleep($3)
	P
	bg client $PY "$dir/client.py"
	client=$pid
	until_true 10 test -s "$dir/client.out"
}

@test "requests of a connection that was open before are reported once, from the next one on" {
	relay
	proxy OTRACE_WAIT=1 "LD_PRELOAD=$lib"
	hold_open 1 40 0.1
	attach --cpu-budget 0 ":$front"
	grep -q '^otrace .* bpf+shim$' "$dir/text"
	until_true 30 gone "$client"
	detach
	wait "$client"
	once_but_first
	# All of them but the first ones, consecutive to the last.
	spans 'len(V) > 5' \
		'sorted(int(s.asked[3:]) for s in V) == list(range(41 - len(V), 41))'
	grep -q '^lost *nothing' "$dir/text"
}

@test "a process is adopted while the probes report its bytes: none is missing, none is reported twice" {
	relay
	proxy "$OTRACE" run -o "$dir/first" --export "file:$dir/gone" --
	get /seen
	kill -9 "$pid"
	ended "$pid"
	attach --cpu-budget 0 ":$front"
	grep -q '^otrace .* bpf$' "$dir/text"
	hold_open 1 80 0.1
	until_true 30 gone "$client"
	kill -USR1 "$tracer"
	until_true 5 grep -q '^headers' "$dir/text"
	detach
	wait "$client"
	once_but_first
	spans 'sorted(int(s.asked[3:]) for s in V) == list(range(1, 81))'
}

@test "after an agent has ended, another one adopts the program at once, any number of times" {
	relay
	proxy_conf on
	traced nginx -c "$dir/ng.conf"
	up "$front"
	until_true 10 test -s "$dir/pid"
	main=$(cat "$dir/pid")
	own "$main"
	get /alone
	for turn in 1 2; do
		attach --cpu-budget 0 ":$front"
		grep -q '^otrace .* bpf+shim$' "$dir/text"
		get "/turn$turn"
		detach
		headed "/turn$turn"
		once
		spans "[s.asked for s in V] == ['/turn$turn']"
		get /between
	done
	unheaded /between
}

@test "with OTRACE_WAIT=1 the library sleeps until attach, also in workers that begin later" {
	relay
	proxy OTRACE_WAIT=1 "LD_PRELOAD=$lib"
	[ "$(rings "$main")" -eq 1 ]
	get /asleep
	unheaded /asleep
	run "$OTRACE" doctor --quick "$main"
	[[ "$output" == *"libotrace.so waits for an agent"* ]]
	attach --cpu-budget 0 ":$front"
	grep -q '^otrace .* bpf+shim$' "$dir/text"
	for i in $(seq 10); do get "/awake$i"; done
	detach
	for i in $(seq 10); do headed "/awake$i"; done
	once
	spans 'len(V) == 10' 'len(C) == 10'
	grep -q '^headers *10 put in$' "$dir/text"
	get /after
	unheaded /after
}

@test "otrace agent wakes a library of OTRACE_WAIT=1; with --no-shim it sleeps on" {
	relay
	proxy OTRACE_WAIT=1 "LD_PRELOAD=$lib"
	bg agent "$OTRACE" agent --rule "port=$front" --export "file:$dir/spans"
	agent=$pid
	until_true 30 grep -q watching "$dir/agent.err"
	until_true 30 asked_with_header
	kill "$agent"
	ended "$agent"
	once
	attach --cpu-budget 0 --no-shim ":$front"
	grep -q '^otrace .* bpf$' "$dir/text"
	get /probes
	detach
	unheaded /probes
	spans '[s.asked for s in V] == ["/probes"]'
}

@test "without OTRACE_WAIT and a session the library does nothing" {
	relay
	proxy "LD_PRELOAD=$lib"
	run ! grep otrace-ring "/proc/$main/maps"
	attach --cpu-budget 0 ":$front"
	grep -q '^otrace .* bpf$' "$dir/text"
	get /probes
	detach
	unheaded /probes
	spans '[s.asked for s in V] == ["/probes"]'
	run "$OTRACE" doctor --quick "$main"
	[[ "$output" == *"libotrace.so, idle or before its first byte"* ]]
}

@test "an adopted Python server inside TLS: its plaintext is read, and its request gets a header" {
	https_setup
	https
	front=$(free_port)
	cat >"$dir/front.py" <<-P
		import http.server, ssl, urllib.request
		trust = ssl.create_default_context(cafile="$dir/cert.pem")
		class Handler(http.server.BaseHTTPRequestHandler):
		    def do_GET(self):
		        body = urllib.request.urlopen(f"https://localhost:$port{self.path}", context=trust).read()
		        self.send_response(200)
		        self.send_header("Content-Length", str(len(body)))
		        self.end_headers()
		        self.wfile.write(body)
		server = http.server.HTTPServer(("127.0.0.1", $front), Handler)
		mine = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
		mine.load_cert_chain("$dir/cert.pem", "$dir/key.pem")
		server.socket = mine.wrap_socket(server.socket, server_side=True)
		server.serve_forever()
	P
	bg front env OTRACE_WAIT=1 "LD_PRELOAD=$lib" $PY "$dir/front.py"
	main=$pid
	up "$front"
	curl -s --cacert "$dir/cert.pem" "https://localhost:$front/asleep"
	attach --cpu-budget 0 "$main"
	for i in 1 2 3; do
		[[ "$(curl -s --cacert "$dir/cert.pem" "https://localhost:$front/in$i")" == "hello /in$i "* ]]
	done
	detach
	spans 'sorted(s.asked for s in V) == ["/in1", "/in2", "/in3"]' 'len(C) == 3' \
		'all(parent(s).asked == s.asked for s in C)'
	run ! grep -A 1 /asleep "$dir/heads.raw" "$dir/heads"
	[ "$(grep -c '^traceparent: 00-' "$dir/heads")" -eq 3 ]
}

@test "a child that is attached to without its parent has a ring of its own" {
	front=$(free_port)
	relay
	cat >"$dir/fork.py" <<-P
		import http.server, os, socket, urllib.request
		class Handler(http.server.BaseHTTPRequestHandler):
		    def do_GET(self):
		        body = urllib.request.urlopen(f"http://127.0.0.1:$relay{self.path}").read()
		        self.send_response(200)
		        self.send_header("Content-Length", str(len(body)))
		        self.end_headers()
		        self.wfile.write(body)
		server = http.server.HTTPServer(("127.0.0.1", $front), Handler)
		child = os.fork()
		if not child:
		    server.serve_forever()
		print(child, flush=True)
		os.wait()
	P
	bg fork env OTRACE_WAIT=1 "LD_PRELOAD=$lib" $PY "$dir/fork.py"
	up "$front"
	until_true 10 test -s "$dir/fork.out"
	child=$(cat "$dir/fork.out")
	attach --cpu-budget 0 "$child"
	adopted
	get /child
	detach
	kill "$child"
	headed /child
	once
}

@test "of two agents the first reads the ring; the second uses probes, says why, and reads the ring next" {
	relay
	proxy OTRACE_WAIT=1 "LD_PRELOAD=$lib"
	attach --cpu-budget 0 ":$front"
	first=$tracer
	mv "$dir/text" "$dir/text1"
	bg second "$OTRACE" attach --cpu-budget 0 -v -o "$dir/text2" --export "file:$dir/spans2" ":$front"
	second=$pid
	until_true 30 grep -q '^otrace .* bpf$' "$dir/text2"
	grep -q 'is traced by kernel probes alone: another agent reads its library' "$dir/second.err"
	run "$OTRACE" doctor --quick "$main"
	[[ "$output" == *"read by another agent"* ]]
	for i in 1 2 3; do get "/both$i"; done
	for i in 1 2 3; do headed "/both$i"; done
	quiet
	kill -INT "$first"
	ended "$first"
	spans 'sorted(s.asked for s in V) == ["/both1", "/both2", "/both3"]'
	once
	tracer=$second
	mv "$dir/text2" "$dir/text"
	adopted
	quiet
	kill -INT "$second"
	ended "$second"
	cp "$dir/spans2" "$dir/spans"
	once
	spans '{"/both1", "/both2", "/both3"} <= {s.asked for s in V}'
	grep -Eq '^headers *[0-9]+ put in' "$dir/text"
}

@test "an agent that was halted for long finds that another agent reads the ring, and stops reading" {
	relay
	proxy OTRACE_WAIT=1 "LD_PRELOAD=$lib"
	attach --cpu-budget 0 ":$front"
	first=$tracer
	get /one
	until_true 30 grep -q 'GET /one' "$dir/text"
	kill -STOP "$first"
	mv "$dir/text" "$dir/text1"
	bg second "$OTRACE" attach --cpu-budget 0 -o "$dir/text" --export "file:$dir/spans2" ":$front"
	tracer=$pid
	until_true 30 grep -q '^otrace ' "$dir/text"
	adopted
	get /two
	kill -CONT "$first"
	for i in 1 2 3 4 5; do get "/three$i"; done
	headed /three5
	quiet
	kill -INT "$tracer"
	ended "$tracer"
	kill -INT "$first"
	ended "$first"
	spans '"/one" in {s.asked for s in V}' 'len({(s.kind, s.asked) for s in S}) == len(S)'
	cp "$dir/spans2" "$dir/spans"
	once
	spans '{"/two"} | {f"/three{i}" for i in range(1, 6)} <= {s.asked for s in V}'
}

@test "memory that has a ring's name and is no ring is refused, and the agent goes on" {
	http "$port"
	cat >"$dir/forge.py" <<-'P'
		import ctypes, fcntl, http.server, mmap, os, struct, sys
		HEAD, SLOTS = 8192, 512 << 10
		SEALS = 0x2 | 0x4
		def memory(size, seals, head):
		    fd = os.memfd_create("otrace-ring", os.MFD_ALLOW_SEALING)
		    os.ftruncate(fd, size)
		    if seals:
		        fcntl.fcntl(fd, 1033, seals)
		    at = mmap.mmap(fd, min(size, HEAD + SLOTS))
		    at[:len(head)] = head
		    return at
		def head(magic, abi, size, pid, crooked=0):
		    return struct.pack("IIII48xQ", magic, abi, size, pid, crooked)
		ABI, MAGIC, me = int(sys.argv[2]), int(sys.argv[3], 16), os.getpid()
		kept = [memory(4096, SEALS, b""), memory(HEAD + SLOTS, 0, head(MAGIC, ABI, SLOTS, me)),
		        memory(HEAD + SLOTS, SEALS, head(MAGIC - 1, ABI, SLOTS, me)),
		        memory(HEAD + SLOTS, SEALS, head(MAGIC, ABI, SLOTS, me, 7 if len(sys.argv) > 4 else 0))]
		class Handler(http.server.BaseHTTPRequestHandler):
		    def do_GET(self):
		        self.send_response(200)
		        self.end_headers()
		http.server.HTTPServer(("127.0.0.1", int(sys.argv[1])), Handler).serve_forever()
	P
	abi=$(sed -n 's/^#define OTR_ABI[[:space:]]*\([0-9]*\).*/\1/p' bpf/event.h)
	magic=$(sed -n 's/^#define OTR_RING_MAGIC[[:space:]]*\(0x[0-9a-f]*\)u.*/\1/p' bpf/ring.h)
	liar=$(free_port)
	# The last one has the form of a ring: its process writes nothing to it, and so is not seen.
	for more in "" crooked; do
		bg forge $PY "$dir/forge.py" "$liar" "$abi" "$magic" $more
		forge=$pid
		up "$liar"
		rm -f "$dir/text"
		attach --cpu-budget 0 "$forge" ":$port"
		curl -s "127.0.0.1:$liar/liar"
		curl -s "127.0.0.1:$port/honest"
		detach
		spans '"/honest" in [s.asked for s in V]'
		if [ -n "$more" ]; then
			spans '"/liar" in [s.asked for s in V]'
		else
			spans '"/liar" not in [s.asked for s in V]'
		fi
		kill "$forge"
		ended "$forge"
	done
}

@test "attach as an ordinary user says which privilege it needs, and changes nothing" {
	relay
	proxy OTRACE_WAIT=1 "LD_PRELOAD=$lib"
	as_nobody
	run "${user[@]}" "$OTRACE" attach "$main"
	[ "$status" -eq 4 ]
	[[ "$output" == *"sudo otrace"* ]]
	get /still
	unheaded /still
}
