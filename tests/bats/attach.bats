#!/usr/bin/env bats
# SPDX-License-Identifier: Apache-2.0
# attach.bats - `otrace attach`: programs that run already, with connections that were open before.

load helpers
setup() { live_setup; port=$(free_port); }

ask() { curl -s -m 10 "127.0.0.1:$port$1" >/dev/null; }

@test "attach PID: Ctrl-C shows the summary, and the target goes on" {
	http "$port"
	target=$pid
	attach "$target"
	ask /a
	detach
	grep -q "($target): detached after" "$dir/text"
	spans 'len(S) == 1' 'S[0].name == "GET /a" and S[0].kind == "server"' "S[0].pid == $target"
	kill -0 "$target"
	[ "$(curl -s "127.0.0.1:$port/b")" = "hello /b" ]
}

@test "attach NAME traces each process of that name, also one that starts later" {
	name=shop$RANDOM.py
	cp "$APPS/httpd.py" "$dir/$name"
	later=$(free_port)
	bg one $PY "$dir/$name" "$port"
	up "$port"
	attach "$name"
	ask /first
	bg two $PY "$dir/$name" "$later"
	up "$later"
	curl -s "127.0.0.1:$later/second" >/dev/null
	detach
	spans 'len(S) == 2' '{s.name for s in S} == {"GET /first", "GET /second"}' \
		'len({s.pid for s in S}) == 2'
}

@test "attach :PORT traces a process that listens there later, and its children" {
	http "$port"
	first=$pid
	attach ":$port"
	ask /old
	kill "$first"
	ended "$first"
	http "$port"
	ask /new
	detach
	spans '{s.name for s in S} == {"GET /old", "GET /new"}' 'len(S) == 2' \
		'len({s.pid for s in S}) == 2'
}

@test "attach :PORT follows another program that takes the port after an exec" {
	http "$port"
	first=$pid
	attach ":$port"
	kill "$first"
	ended "$first"
	bg again sh -c "exec $PY $APPS/httpd.py $port"
	up "$port"
	ask /exec
	detach
	spans 'any(s.name == "GET /exec" for s in S)'
}

@test "attach takes two targets" {
	other=$(free_port)
	http "$port"
	http "$other"
	attach ":$port" "$pid"
	ask /one
	curl -s "127.0.0.1:$other/two" >/dev/null
	detach
	spans 'len(S) == 2' '{s.name for s in S} == {"GET /one", "GET /two"}'
}

@test "the end of the target ends attach PID" {
	http "$port"
	target=$pid
	attach "$target"
	ask /last
	kill "$target"
	ended "$tracer"
	[ "$status" -eq 0 ]
	spans 'len(S) == 1'
	grep -q ': detached' "$dir/text"
}

@test "SIGTERM ends attach as Ctrl-C does; SIGUSR1 shows the summary so far" {
	http "$port"
	attach ":$port"
	seen "$dir/text" "$port" /x
	kill -USR1 "$tracer"
	until_true 30 grep -q '^httpd  *[1-9]' "$dir/text"
	kill -TERM "$tracer"
	ended "$tracer"
	[ "$status" -eq 0 ]
	[ "$(grep -c '^lost  *nothing' "$dir/text")" -eq 2 ]
}

@test "on keep-alive connections that were open before, the next request is a span" {
	http "$port"
	bg client $PY "$APPS/pool.py" "$port" 4 "$dir/go"
	until_true 30 grep -q ready "$dir/client.out"
	attach ":$port"
	touch "$dir/go"
	ended "$pid"
	cat "$dir/client.out"
	grep -q 'ok 12' "$dir/client.out"
	detach
	spans 'len(V) == 12' 'all(s.code == 200 and s.name == "GET /after/{id}" for s in V)'
}

@test "pooled connections of a client that is attached to are traced from the next request on" {
	http "$port"
	bg client $PY "$APPS/pool.py" "$port" 3 "$dir/go"
	client=$pid
	until_true 30 grep -q ready "$dir/client.out"
	attach "$client"
	touch "$dir/go"
	ended "$tracer"
	[ "$status" -eq 0 ]
	spans 'len(C) == 9' 'all(s.code == 200 for s in C)'
}

@test "attached in the middle of a request or an answer: the next ones are whole, and no span is invented" {
	http "$port"
	bg client $PY "$APPS/midway.py" "$port" "$dir/go"
	until_true 30 grep -q ready "$dir/client.out"
	attach ":$port"
	touch "$dir/go"
	ended "$pid"
	cat "$dir/client.out" "$dir/client.err"
	grep -q '^ok$' "$dir/client.out"
	detach
	spans 'sum(s.name == "GET /whole" for s in V) == 2' 'len(V) <= 4' \
		'all(s.name in ("GET /whole", "GET", "GET /slow/{id}", "HTTP", "GET /begun") for s in V)' \
		'all(s.ms < 5000 for s in V)'
}

@test "an unknown port, name or PID is refused; for a port, those that exist are listed" {
	http "$port"
	dead=$(bash -c 'echo $$')
	free=$(free_port)
	run "$OTRACE" attach ":$free"
	echo "$output"
	[ "$status" -eq 1 ]
	[ "${lines[0]}" = "otrace attach: no process listens on port $free, in any network namespace" ]
	[[ ${lines[1]} == *"listened on:"*" :$port "* ]]
	run "$OTRACE" attach nosuchprogram
	[ "$status" -eq 1 ]
	[[ ${lines[0]} == "otrace attach: no process is called nosuchprogram:"* ]]
	run "$OTRACE" attach "$dead"
	[ "$status" -eq 1 ]
	[ "${lines[0]}" = "otrace attach: no process $dead: /proc/$dead is not there" ]
	[[ ${lines[1]} == *"try  otrace attach"* ]]
	run "$OTRACE" attach :99999
	[ "$status" -eq 2 ]
	[[ ${lines[0]} == *":99999: not a port; right: :1 to :65535" ]]
	run "$OTRACE" attach
	[ "$status" -eq 2 ]
}

@test "--format line and jsonl write to stdout, notices go to stderr" {
	http "$port"
	bg tracer "$OTRACE" attach --format line ":$port"
	seen "$dir/tracer.out" "$port" /x
	kill -INT "$pid"
	ended "$pid"
	run grep -v '^ts=.* trace=[0-9a-f]* dur=.* root="httpd GET /x" spans=1 ' "$dir/tracer.out"
	[ "$output" = "" ]
	bg tracer "$OTRACE" attach --format jsonl ":$port"
	seen "$dir/tracer.out" "$port" /y
	kill -INT "$pid"
	ended "$pid"
	$PY "$APPS/spans.py" "$dir/tracer.out" 'len(S) >= 1' 'all(s.name == "GET /y" for s in S)'
}

@test "--ignore: ignored traces are counted and not exported, the others are exported" {
	http "$port"
	export COLUMNS=140
	attach --ignore 'GET /health*' ":$port"
	for i in 1 2 3; do ask "/health"; done
	ask /page
	sleep 0.3
	detach
	spans '[s.name for s in S] == ["GET /page"]'
	grep -q '^ignored   3 traces: counted, not kept (--ignore)$' "$dir/text"
	grep -q 'detached after .*, 4 traces, 4 spans$' "$dir/text"
	grep -q '^most      GET /health 3 ' "$dir/text"
	run ! grep -Eq '200 GET /health' "$dir/text"
}

@test "what an export queue drops is reported while it happens, with the service" {
	http "$port"
	nobody=$(free_port)
	export COLUMNS=160 OTEL_BSP_MAX_QUEUE_SIZE=4 OTEL_BSP_MAX_EXPORT_BATCH_SIZE=2
	bg tracer "$OTRACE" attach -o "$dir/text" --export "http://127.0.0.1:$nobody" ":$port"
	tracer=$pid
	until_true 10 grep -q '^otrace 0' "$dir/text"
	for i in $(seq 12); do ask "/$i"; done
	until_true 5 grep -Eq '^[0-9:]{8} LOST     [0-9]+ spans \(queue: httpd [0-9]+\); no backend has them$' "$dir/text"
	kill -INT "$tracer"
	ended "$tracer"
	cat "$dir/text"
	grep -Eq '^lost      [0-9]+ spans \(queue: httpd [0-9]+\), [0-9]+ spans \(export: httpd [0-9]+\)$' "$dir/text"
}

@test "a process that listens beside a target is on trial for a second; its later children are not traced" {
	http "$port"
	attach ":$port"
	other=$(free_port)
	cat >"$dir/foreign.py" <<-'P'
		import os, socket, sys, time
		first = socket.create_server(("127.0.0.1", 0))
		time.sleep(3)
		if os.fork() == 0:
		    serve = socket.create_server(("127.0.0.1", int(sys.argv[1])))
		    while True:
		        conn, _ = serve.accept()
		        conn.recv(4096)
		        conn.sendall(b"HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n")
		        conn.close()
		os.wait()
	P
	bg foreign $PY "$dir/foreign.py" "$other"
	up "$other"
	own "$(pgrep -P "$pid")"
	for _ in 1 2 3; do curl -s "127.0.0.1:$other/foreign"; done
	ask /mine
	detach
	spans '{s.name for s in S} == {"GET /mine"}'
}
