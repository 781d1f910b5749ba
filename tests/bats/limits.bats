#!/usr/bin/env bats
# SPDX-License-Identifier: Apache-2.0
# limits.bats - traffic that cannot be seen is reported in time; --strict makes an exit status of
# it.

load helpers
setup() { live_setup; opts=(); port=$(free_port); }

asked_until_seen() {
	ask /mine
	grep -q /mine "$dir/spans"
}
ask() { curl -s -m 10 "127.0.0.1:$port$1" >/dev/null; }

notice() { grep -q -e "$1" "$dir/tracer.err" || { cat "$dir/tracer.err"; return 1; }; }

@test "after 10 s of traffic without a request a notice lists the connections, with the reasons" {
	tls=$(free_port)
	openssl req -x509 -newkey rsa:2048 -nodes -days 2 -subj /CN=x -keyout "$dir/key" -out "$dir/cert" 2>/dev/null
	bg tls openssl s_server -quiet -accept "$tls" -key "$dir/key" -cert "$dir/cert"
	bg ajp "$PY" "$APPS/ajp.py" serve "$port"
	up "$port"
	up "$tls"
	attach ":$port" ":$tls"
	"$PY" "$APPS/ajp.py" ask "$port" 1
	echo "secret words" | openssl s_client -quiet -connect "127.0.0.1:$tls" 2>/dev/null
	until_true 60 notice 'AJP is not parsed yet'
	notice '^otrace: no request was understood in 1[0-9] s$'
	notice "^ *[a-z0-9.-]* (pid [0-9]*): 1 connection to 127.0.0.1:$port, .*AJP is not parsed yet"
	notice "^ *openssl (pid [0-9]*): 1 connection to 127.0.0.1:$tls, .* \(TLS: not readable here\|nothing was read: inside TLS.*\|unknown protocol.*\)"
	detach
}

@test "after 10 s without traffic a notice says so; after one request there is none" {
	other=$(free_port)
	http "$port"
	http "$other"
	attach ":$port"
	idle=$tracer
	bg busy "$OTRACE" attach -o "$dir/other" --export "file:$dir/spans2" ":$other"
	busy=$pid
	seen "$dir/spans2" "$other" /busy
	until_true 60 notice 'no traffic at all: the program is idle, or another process serves; try  otrace attach :PORT'
	[ "$(grep -c 'no request was understood' "$dir/tracer.err")" -eq 1 ]
	run cat "$dir/busy.err"
	echo "it said: $output"
	[ "$output" = "" ]
	kill -INT "$busy" "$idle"
	ended "$busy"
	ended "$idle"
}

@test "--strict gives status 0 if nothing is lost, for run the program's own status" {
	http "$port"
	attach --strict ":$port"
	ask /x
	detach
	run "$OTRACE" run --strict -o "$dir/run" -- curl -s "127.0.0.1:$port/y"
	[ "$status" -eq 0 ]
	[ "$output" = "hello /y" ]
	run "$OTRACE" run --strict -o "$dir/run" -- sh -c 'exit 3'
	[ "$status" -eq 3 ]
}

@test "--strict gives status 5 if spans are lost, for attach, run and replay; without it the status is 0" {
	down=$(free_port)
	http "$port"
	for strict in "" --strict; do
		want=${strict:+5}
		want=${want:-0}
		rm -f "$dir/text" # the output of the run before
		bg tracer "$OTRACE" attach $strict -o "$dir/text" --export "http://127.0.0.1:$down" ":$port"
		tracer=$pid
		seen "$dir/text" "$port" /lost
		kill -INT "$tracer"
		ended "$tracer"
		grep '^lost  *[0-9]* spans\? (export\>' "$dir/text"
		[ "$status" -eq "$want" ]
		run "$OTRACE" run $strict -o "$dir/run" --export "http://127.0.0.1:$down" -- \
			curl -s "127.0.0.1:$port/y"
		[ "$status" -eq "$want" ]
		run "$OTRACE" replay $strict -o "$dir/replay" tests/golden/recordings/lost.otr
		[ "$status" -eq "$want" ]
	done
}

@test "9: io_uring is reported at once and works as before; all other traffic is traced" {
	${CC:-cc} -O2 -Wall -Wextra -Werror -D_GNU_SOURCE -o "$dir/uring" "$APPS/uring.c"
	http "$port"
	bg uring "$dir/uring" "$port" "$dir/go"
	uring=$pid
	until_true 30 grep -q ready "$dir/uring.out"
	attach "$uring" ":$port"
	notice "^otrace: uring .*(pid $uring) uses io_uring: bytes that it moves by io_uring are counted, not read$"
	notice '^ *all other traffic is traced$'
	touch "$dir/go"
	ended "$uring"
	[ "$status" -eq 0 ]
	grep -q 'hello /ring' "$dir/uring.out"
	detach
	spans 'len(V) == 1' 'V[0].path == "/ring" and V[0].code == 200'
}

@test "2: without type information attach is refused, and doctor says that the library alone works" {
	run unshare -m sh -c "mount -t tmpfs none /sys/kernel/btf && exec '$OTRACE' attach 1"
	echo "$output"
	[ "$status" -eq 4 ]
	[[ ${lines[0]} == "otrace attach: no type information for kernel $(uname -r): /sys/kernel/btf/vmlinux: No such file or directory" ]]
	[[ $output == *CONFIG_DEBUG_INFO_BTF=y* ]]
	run unshare -m sh -c "mount -t tmpfs none /sys/kernel/btf && exec '$OTRACE' doctor"
	echo "$output"
	[ "$status" -eq 3 ]
	[[ $output == *"SHIM ALONE"* && $output == *"no BTF"*missing* ]]
}

@test "an agent that was halted shows nothing of processes that came and went meanwhile" {
	http "$port"
	cat >"$dir/strange.py" <<-'P'
		import socket, threading
		door = socket.create_server(("127.0.0.1", 0))
		def serve():
		    while True:
		        conn, _ = door.accept()
		        conn.recv(999)
		        conn.sendall(b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok")
		        conn.close()
		threading.Thread(target=serve, daemon=True).start()
		for _ in range(1500):
		    with socket.create_connection(door.getsockname()) as conn:
		        conn.sendall(b"GET /strange HTTP/1.1\r\nHost: h\r\n\r\n")
		        conn.recv(999)
	P
	attach --no-shim --cpu-budget 0 ":$port"
	kill -STOP "$tracer"
	for _ in 1 2 3 4 5 6; do $PY "$dir/strange.py"; done
	kill -CONT "$tracer"
	until_true 30 asked_until_seen
	detach
	spans '"/mine" in {s.asked for s in V}' '"/strange" not in {s.asked for s in S}'
	# If the announcement of these processes was not lost, the test shows nothing.
	grep -q '^lost .*events (facts)' "$dir/text"
}
