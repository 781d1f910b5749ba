#!/usr/bin/env bats
# SPDX-License-Identifier: Apache-2.0
# shim_harm.bats - the library does no harm: odd calls, sandboxes, debuggers, other libcs,
# servers that are reloaded, and otrace killed, all under load.

load shim

shim() { "$OTRACE" run --no-bpf -o "$dir/text" --export "file:$dir/spans" -- "$@"; }

# CMD..: the same status, output and errors with the library as without.
same() {
	local a=0 b=0
	"$@" >"$dir/out.raw" 2>"$dir/err.raw" </dev/null 3>&- || a=$?
	shim "$@" >"$dir/out" 2>"$dir/err" </dev/null 3>&- || b=$?
	echo "$* : $a $b"
	diff "$dir/out.raw" "$dir/out"
	diff "$dir/err.raw" "$dir/err"
	[ "$a" = "$b" ]
}

edges() { cc -O1 -w -D_GNU_SOURCE -o "$dir/edges" "$APPS/edges.c" -lpthread; }

@test "unusual calls, bad pointers and absurd sizes give the same values and errno" {
	edges
	same "$dir/edges" calls
	[ "$(wc -l <"$dir/out")" -gt 50 ]
	run ! grep -q 'errno != 77 1' "$dir/out"
}

@test "flags, 1,024 segments, read-only memory and other symbol scopes give the same values and errno" {
	local lib=$dir/corners.so
	cc -O1 -D_GNU_SOURCE -o "$dir/corners" "$APPS/corners.c"
	cc -O1 -fPIC -shared -D_GNU_SOURCE -o "$lib" "$APPS/corners.c"
	same "$dir/corners" flags
	[ "$(grep -c ' 38, 1$' "$dir/out")" -eq 5 ]
	same "$dir/corners" messages
	grep -qx 'writev 1024 38 -: 38, 1' "$dir/out"
	grep -qx 'passed 38, 38 with a descriptor' "$dir/out"
	same "$dir/corners" scopes "$lib"
	[ "$(grep -c ' 38, 1$' "$dir/out")" -eq 2 ]
	same "$dir/corners" birth
	grep -q '^errno 0 ' "$dir/out"
}

@test "sockets with two numbers, in messages, closed by direct system calls, in children: the same bytes" {
	edges
	same "$dir/edges" sockets
	# One more is sent by stdio, which bypasses the library.
	spans 'all(s.name == "GET /edges" for s in S)' 'len(C) == 8' \
		'{s.parent for s in V if s.parent} == {s.span for s in C}'
	same "$dir/edges" thread
	spans 'len(C) == 8'
	# The same with numbers from 253 on: their state lies in pages of 256.
	same $PY -c 'import os, sys
while os.open("/dev/null", os.O_RDONLY) < 252: pass
for fd in range(3, 253): os.set_inheritable(fd, True)
os.execv(sys.argv[1], sys.argv[1:])' "$dir/edges" sockets
	spans 'len(C) == 8' '{s.parent for s in V if s.parent} == {s.span for s in C}'
}

@test "threads that write to one connection without a lock: the same bytes" {
	edges
	same "$dir/edges" crowd
	grep -qx 'requests 4000 wrong 0' "$dir/out"
}

@test "calls that are cancelled, left by siglongjmp, on 2 KB of stack or first in a child work as before" {
	local n=$((${TORTURE:-3000} / 10)) mode
	cc -O1 -fexceptions -Wl,-z,now -D_GNU_SOURCE -o "$dir/interrupted" "$APPS/interrupted.c" -lpthread
	for mode in cancel jump stack; do
		same "$dir/interrupted" $mode "$n"
		grep -qx 'one more, whole: 1' "$dir/out"
		grep -q '^headers .*put in' "$dir/text"
	done
	grep -qx "handled $n wrong 0" "$dir/out"
	same "$dir/interrupted" fork $((n * 4))
	grep -qx "children $((n * 4)) bad 0" "$dir/out"
}

@test "calls of handlers with 2 KB of stack work, also as the first of a process" {
	local threads
	cc -O1 -Wl,-z,now -D_GNU_SOURCE -o "$dir/handler" "$APPS/handler.c" -lpthread
	for threads in one many; do
		set -- "$dir/handler" "$dir/took"
		[ $threads = one ] || set -- "$@" many
		same "$@"
		[ "$(wc -l <"$dir/took")" -eq 24 ]
		grep -q '^headers   [1-9].* put in' "$dir/text"
		sort -n -k 2 "$dir/took" | tail -n 3
		# The address and the frame of the caller lie above.
		awk '$2 > 2048 - 16 { exit 1 }' "$dir/took"
	done
}

@test "memory may be freed by the receiver of what was sent before the call has returned" {
	cc -O1 -D_GNU_SOURCE -o "$dir/interrupted" "$APPS/interrupted.c" -lpthread
	for _ in 1 2 3 4 5; do same "$dir/interrupted" give 50000; done
}

@test "the iovec list and the msghdr may be freed before the call has returned" {
	local mode
	cc -O1 -D_GNU_SOURCE -o "$dir/interrupted" "$APPS/interrupted.c" -lpthread
	for mode in pieces message many; do
		same "$dir/interrupted" $mode 30000
		grep -qx 'given 30000' "$dir/out"
	done
}

@test "a program that filters its system calls gets none of the library's" {
	edges
	same "$dir/edges" strict
	same "$dir/edges" filter
	grep -q '^before' "$dir/out"
}

@test "a body that looks like a request, sent after 100 Continue, stays as it is" {
	http "$port"
	relay=$(free_port)
	bg relay $PY "$APPS/relay.py" "$relay" "$port" "$dir/wire"
	up "$relay"
	: >"$dir/wire"
	printf 'GET /evil HTTP/1.1\r\nHost: x\r\n\r\n' >"$dir/body"
	shim curl -s -H 'Expect: 100-continue' --data-binary "@$dir/body" "127.0.0.1:$relay/p" \
		>"$dir/out" 3>&-
	until_true 10 grep -q evil "$dir/wire"
	cat -A "$dir/wire"
	[ "$(grep -c ^traceparent "$dir/wire")" -eq 1 ]
	[[ $(cat "$dir/out") == "31 "* ]]
	tail -c 38 "$dir/wire" | head -c 31 | cmp - "$dir/body"
}

@test "address sanitizer, valgrind and gdb work as without the library" {
	cat >"$dir/a.c" <<-'C'
		#include <stdio.h>
		#include <stdlib.h>
		int main(int n, char **v) { char *p = malloc(3); p[2] = (char)n; puts(v[0] ? "ran" : ""); n = p[n + 1] + 3; free(p); return n; }
	C
	cc -fsanitize=address -o "$dir/asan" "$dir/a.c"
	same "$dir/asan"
	grep -q ran "$dir/out"
	run shim "$dir/asan" one
	[[ $output == *heap-buffer-overflow* ]]
	same valgrind -q --error-exitcode=9 /bin/true
	http "$port"
	same valgrind -q --error-exitcode=9 curl -s "127.0.0.1:$port/v"
	shim gdb -nx -q -batch -ex run -ex 'print $_exitcode' /bin/false >"$dir/out" 2>"$dir/err" 3>&-
	grep -q '= 1' "$dir/out"
}

@test "musl: sockets, threads, forks, interrupted calls and a constructor's arguments work as before" {
	local headers=(-idirafter /usr/include -idirafter "/usr/include/$(gcc -dumpmachine)") mode
	for name in edges interrupted get; do
		musl-gcc "${headers[@]}" -O1 -w -D_GNU_SOURCE -o "$dir/$name" "$APPS/$name.c"
	done
	for mode in sockets thread; do
		same "$dir/edges" $mode
		spans 'len(C) == 8' '{s.parent for s in V if s.parent} == {s.span for s in C}'
	done
	same "$dir/edges" crowd
	same "$dir/edges" strict
	for mode in 'cancel 100' 'jump 100' 'fork 300' 'give 20000' 'message 10000'; do
		# shellcheck disable=SC2086 # a mode and how often
		same "$dir/interrupted" $mode
		grep -q '^headers .*put in' "$dir/text"
	done
	# musl gives constructors no arguments: here an earlier one leaves what looks like
	# arguments.
	echo '__attribute__((constructor)) void first(void) { __asm__ volatile(
		#if __x86_64__
		"mov $3, %edi; mov $0x1234, %esi"
		#else
		"mov x0, 3; mov x1, 0x1234"
		#endif
		); }' | cc -O2 -fPIC -c -x c -o "$dir/first.o" -
	cc -shared -Wl,-z,now,--version-script=preload/hooks/exports.map -o "$dir/bin/libotrace.so" \
		"$dir/first.o" "$ROOT"/build/preload/*/*.o
	http "$port"
	same "$dir/get" "$port"
	grep -q '^headers   1 put in' "$dir/text"
}

@test "static, musl and setuid programs, in a user namespace or with little memory: no message, the same status" {
	printf '#include <unistd.h>\nint main(void) { return write(1, "hello", 5) + (getuid() != geteuid()); }\n' >"$dir/h.c"
	cc -static -o "$dir/static" "$dir/h.c"
	musl-gcc -o "$dir/musl" "$dir/h.c"
	cc -o "$dir/suid" "$dir/h.c"
	chmod 4755 "$dir/suid"
	same bash -c "$dir/static; [ \$? = 5 ]"
	same "$dir/musl"
	[ "$(cat "$dir/out")" = hello ]
	chmod 777 "$dir"
	chmod a+rw "$dir"/*
	same setpriv --reuid=65534 --regid=65534 --clear-groups bash -c "$dir/suid; [ \$? = 6 ]"
	same unshare -U true
	same bash -c 'ulimit -v 60000; exec cat /dev/null'
}

@test "limits on the size of files and of memory hold for the program alone" {
	http "$port"
	same bash -c "ulimit -f 100; exec curl -s 127.0.0.1:$port/small"
	same bash -c "ulimit -d 65536; exec $PY -c 'len(bytes(50 << 20))'"
	same bash -c "ulimit -v 98304; exec $PY -c 'len(bytes(60 << 20))'"
	same bash -c "ulimit -v 1048576; exec curl -s 127.0.0.1:$port/roomy"
	spans '[s.name for s in S] == ["GET /roomy"]'
}

@test "a program may lock its memory, and the library adds little to it" {
	local nobody=(setpriv --reuid=65534 --regid=65534 --clear-groups)
	cc -O1 -D_GNU_SOURCE -o "$dir/locked" "$APPS/locked.c"
	chmod 777 "$dir"
	same "${nobody[@]}" prlimit --memlock=8388608 "$dir/locked" "$dir/kb.nobody"
	grep -qx 'mlockall 0 -' "$dir/out"
	"$dir/locked" "$dir/kb.raw" >/dev/null
	shim "$dir/locked" "$dir/kb" >"$dir/out" 3>&-
	spans 'len(S) == 2'
	read -r data locked _ <"$dir/kb.raw"
	read -r data2 locked2 _ <"$dir/kb"
	echo "promised at main: $data, $data2 kB; locked: $locked, $locked2 kB"
	# Reserved memory counts where memory is not overcommitted, in each child again.
	[ $((data2 - data)) -lt 4096 ]
	[ $((locked2 - locked)) -lt 10240 ]
}

# URL: asks again and again until $dir/stop is there; prints how often, and how often without an
# answer.
ask_always() {
	$PY - "$1" "$dir/stop" <<-'P' 3>&-
		import http.client, os, sys, urllib.parse
		at, good, bad = urllib.parse.urlsplit(sys.argv[1]), 0, 0
		while not os.path.exists(sys.argv[2]) or good < 50:
		    try:
		        c = http.client.HTTPConnection(at.netloc, timeout=20)
		        c.request("GET", at.path)
		        assert c.getresponse().status == 200
		        good += 1
		    except Exception as e:
		        bad += 1
		        print(repr(e))
		        if bad > 20: break
		print("good", good, "bad", bad)
	P
}

@test "gunicorn and nginx reloaded under load: no request fails" {
	cat >"$dir/app.py" <<-'P'
		def app(env, start):
		    start("200 OK", [("Content-Length", "2")])
		    return [b"ok"]
	P
	local front reload=()
	front=$(free_port)
	cat >"$dir/nginx.conf" <<-N
		daemon off; worker_processes 2; pid $dir/nginx.pid; error_log $dir/nginx.log;
		events {}
		http { access_log off; server { listen 127.0.0.1:$front; location / { return 200 ok; } } }
	N
	bg gunicorn "$OTRACE" run --no-bpf -o "$dir/gtext" -- gunicorn -w 2 -b "127.0.0.1:$port" \
		--chdir "$dir" -p "$dir/gunicorn.pid" app:app
	bg nginx "$OTRACE" run --no-bpf -o "$dir/ntext" -- nginx -p "$dir" -c "$dir/nginx.conf"
	up "$port"
	up "$front"
	ask_always "http://127.0.0.1:$port/" >"$dir/asked.g" &
	reload+=($!)
	ask_always "http://127.0.0.1:$front/" >"$dir/asked.n" &
	reload+=($!)
	for _ in 1 2 3; do
		sleep 0.5
		kill -HUP "$(cat "$dir/nginx.pid")" "$(cat "$dir/gunicorn.pid")"
	done
	touch "$dir/stop"
	wait "${reload[@]}"
	cat "$dir/asked.g" "$dir/asked.n"
	grep -q 'bad 0' "$dir/asked.g"
	grep -q 'bad 0' "$dir/asked.n"
}

@test "after five times SIGKILL of otrace under load no request has failed, and the server lives" {
	cat >"$dir/serve" <<-S
		exec $PY $APPS/httpd.py $port
	S
	for i in 1 2 3 4 5; do
		bg "tracer$i" "$OTRACE" run --no-bpf -o "$dir/text" -- bash "$dir/serve"
		tracer=$pid
		up "$port"
		rm -f "$dir/stop"
		ask_always "http://127.0.0.1:$port/k" >"$dir/asked" &
		asking=$!
		sleep 0.3
		server=$(pgrep -P "$tracer")
		kill -9 "$tracer"
		sleep 0.3
		touch "$dir/stop"
		wait "$asking"
		cat "$dir/asked"
		grep -q 'bad 0' "$dir/asked"
		kill -0 "$server"
		kill "$server"
		until_true 10 gone "$server"
	done
}

@test "while otrace is stopped the program goes on, half the ring fills, and shed requests are counted" {
	cat >"$dir/serve.py" <<-P
		import socket
		c = socket.create_server(("127.0.0.1", $port)).accept()[0]
		while c.recv(4096): c.sendall(b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok")
	P
	cat >"$dir/ask.py" <<-P
		import http.client, os, time
		def wait(name):
		    while not os.path.exists("$dir/" + name): time.sleep(0.02)
		c = http.client.HTTPConnection("127.0.0.1", $port)
		for i in range(5000):
		    c.request("GET", "/stopped")
		    assert c.getresponse().read() == b"ok"
		    if not i:
		        open("$dir/begun", "w").close()
		        wait("go")
		open("$dir/done", "w").close()
		wait("end")
	P
	bg server $PY "$dir/serve.py"
	until_true 20 bound "$port"
	bg tracer "$OTRACE" run --no-bpf -o "$dir/text" -- $PY "$dir/ask.py"
	tracer=$pid
	until_true 20 test -e "$dir/begun"
	kill -STOP "$tracer"
	touch "$dir/go"
	until_true 60 test -e "$dir/done"
	kill -CONT "$tracer"
	until_true 20 grep -q 'LOST .* requests (behind)' "$dir/text"
	touch "$dir/end"
	ended "$tracer"
	cat "$dir/text" "$dir/tracer.err"
	[ "$status" -eq 0 ]
	[ "$(lost)" -gt 1000 ]
}

lost() { # events, or requests, that the summary counts as lost
	local n
	n=$(sed -nE 's/^lost +([0-9,]+) (events|requests).*/\1/p' "$dir/text")
	n=${n//,/}
	echo "${n:-0}"
}

@test "a hundred processes that begin at once while others fill the doors are all seen" {
	http "$port"
	cat >"$dir/all" <<-S
		name=\${OTRACE_SESSION%%.*}
		setpriv --reuid=65534 --regid=65534 --clear-groups $PY -c '
		import socket, sys
		s = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM | socket.SOCK_NONBLOCK)
		for i in range(2000):
		    try: s.sendto(b"x" * 80, "\0" + sys.argv[1] + "%x" % (i % 16))
		    except OSError: pass' "\$name"
		for i in \$(seq 100); do curl -s -o /dev/null http://127.0.0.1:$port/\$i http://127.0.0.1:$port/\$i & done
		wait
	S
	traced bash "$dir/all"
	# The queue of offers is short (10, mostly): an offer that found it full is counted.
	spans 'len({s.pid for s in C}) == 100' "len(C) + $(lost) >= 200"
}

@test "an offered descriptor that lingers when it is closed does not delay the agent" {
	http "$port"
	bg tracer "$OTRACE" run --no-bpf -o "$dir/text" -- \
		$PY "$APPS/lingers.py" 40 "http://127.0.0.1:$port" "$dir"
	until_true 60 test -e "$dir/asked"
	kill -USR1 "$pid"
	until_true 60 grep -q '^lost .*(record)' "$dir/text"
	touch "$dir/end"
	ended "$pid"
	cat "$dir/text"
	[ "$status" -eq 0 ]
}

@test "a daemon whose parent ends at once is traced" {
	cat >"$dir/daemon.py" <<-P
		import os, socket, time, urllib.request
		urllib.request.urlopen("http://127.0.0.1:$port/parent").read()
		if os.fork(): os._exit(0)
		os.setsid()
		time.sleep(1)
		urllib.request.urlopen("http://127.0.0.1:$port/child").read()
		open("$dir/done", "w").write("x")
	P
	http "$port"
	traced bash -c "$PY $dir/daemon.py; while [ ! -s $dir/done ]; do sleep 0.1; done"
	spans '{s.name for s in S} == {"GET /parent", "GET /child"}'
}
