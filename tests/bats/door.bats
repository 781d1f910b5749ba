#!/usr/bin/env bats
# SPDX-License-Identifier: Apache-2.0
# door.bats - the doors at which rings are offered: programs of a session in other network
# namespaces, under other root directories and as other users reach the agent, and nothing is left
# behind.

load helpers
setup() {
	live_setup
	shim_setup
}

folders() { find /run /tmp -maxdepth 1 -type d -name "otrace-$1-*" 2>/dev/null; }

# A server and its client in a network namespace of their own.
in_a_namespace() {
	cat >"$dir/net.sh" <<-S
		ip link set lo up
		$PY -m http.server 8099 >/dev/null 2>&1 &
		until (exec 3<>/dev/tcp/127.0.0.1/8099) 2>/dev/null; do sleep 0.05; done
		curl -s 127.0.0.1:8099/ >/dev/null
		kill \$!
	S
	traced unshare -n bash "$dir/net.sh"
	spans 'len(C) == 1 and len(P) == 1 and [v.path for v in V] == ["/"]' \
		'len({s.trace for s in C + V + P}) == 1' \
		'V[0].parent == C[0].span and C[0].parent == P[0].span and not P[0].parent'
	grep -q '^headers   1 put in' "$dir/text"
}

@test "the library alone, in another network namespace: one tree of three spans" {
	in_a_namespace
}

@test "library and probes, in another network namespace: one tree of three spans" {
	opts=()
	in_a_namespace
}

@test "from another root directory the abstract sockets are reached" {
	http "$port"
	cat >"$dir/jail.py" <<-P
		import os, socket, sys
		os.chroot(sys.argv[1])
		os.chdir("/")
		with socket.socket() as s:
		    s.connect((b"127.0.0.1", $port))
		    s.sendall(b"GET /jail HTTP/1.0\r\nHost: x\r\n\r\n")
		    while s.recv(4096): pass
	P
	mkdir "$dir/jail"
	traced $PY "$dir/jail.py" "$dir/jail"
	spans 'len(C) == 1 and C[0].asked == "/jail"'
}

@test "a program that becomes another user after it was started reaches root's session" {
	http "$port"
	traced setpriv --reuid=65534 --regid=65534 --clear-groups curl -s "127.0.0.1:$port/other"
	spans 'len(C) == 1 and C[0].asked == "/other"'
}

@test "a session of an ordinary user has doors in a folder that only this user can read" {
	chmod -R a+rwX "$dir"
	cat >"$dir/net.sh" <<-S
		ip link set lo up
		stat -c '%a %u' \${OTRACE_SESSION%%.*}
		$PY -m http.server 8099 >/dev/null 2>&1 &
		until (exec 3<>/dev/tcp/127.0.0.1/8099) 2>/dev/null; do sleep 0.05; done
		curl -s 127.0.0.1:8099/ >/dev/null
		kill \$!
	S
	setpriv --reuid=65534 --regid=65534 --clear-groups env -C / HOME=/tmp "$OTRACE" run -o "$dir/text" \
		--export "file:$dir/spans" -- unshare -rn bash "$dir/net.sh" >"$dir/out" 3>&-
	cat "$dir/text" "$dir/out"
	grep -qx '700 0' "$dir/out" # in its user namespace it is root
	spans 'len(C) == 1 and V[0].parent == C[0].span and C[0].parent == P[0].span'
}

@test "the folder is removed with its session; that of a killed session is removed by the next one" {
	bg run "$OTRACE" run --no-bpf -o "$dir/text" -- sleep 60
	local first=$pid sleeper
	until_true 10 pgrep -P "$first"
	sleeper=$(pgrep -P "$first")
	own "$sleeper"
	[ -n "$(folders "$first")" ]
	kill -9 "$first"
	ended "$first" # its folder stays, until any session begins: that of another test may do so now
	bg run "$OTRACE" run --no-bpf -o "$dir/text" -- sleep 60
	until_true 10 pgrep -P "$pid"
	[ -z "$(folders "$first")" ]
	[ -n "$(folders "$pid")" ]
	kill "$(pgrep -P "$pid")"
	ended "$pid"
	[ -z "$(folders "$pid")" ]
}

# In a network namespace of its own and below another root directory, so that it reaches no door; it
# asks, waits, and asks again.
apart() {
	mkdir "$dir/jail"
	cat >"$dir/apart.py" <<-P
		import ctypes, os, socket, sys, threading, time
		place = socket.create_server(("127.0.0.1", 8077))
		os.chroot(sys.argv[1])
		def ask(path):
		    with socket.socket() as s:
		        s.connect((b"127.0.0.1", 8077))
		        s.sendall(b"GET " + path + b" HTTP/1.0\r\nHost: x\r\n\r\n")
		        s.recv(4096)
		def serve():
		    while True:
		        with place.accept()[0] as s:
		            s.recv(4096)
		            s.sendall(b"HTTP/1.0 200 OK\r\nContent-Length: 2\r\n\r\nok")
		threading.Thread(target=serve, daemon=True).start()
		ask(b"/first")
		time.sleep(4)
		for i in range(3): ask(b"/later")
		time.sleep(0.5)
	P
	# The process changes its root before its first socket, so that no ring is offered before.
	sed -i '/^place = /d; s/^os.chroot.*/&\nplace = socket.socket(); place.bind((b"127.0.0.1", 8077)); place.listen()/' "$dir/apart.py"
}

@test "if no door is reached, root finds the ring by the memory map of the process" {
	apart
	traced unshare -n sh -c "ip link set lo up; $PY $dir/apart.py $dir/jail"
	spans '{c.asked for c in C} >= {"/later"}'
}

@test "if no door is reached and the ring may not be read, the process is named" {
	apart
	chmod -R a+rwX "$dir"
	setpriv --reuid=65534 --regid=65534 --clear-groups env -C / HOME=/tmp "$OTRACE" run -o "$dir/text" \
		--export "file:$dir/spans" -- unshare -rn sh -c "ip link set lo up; $PY $dir/apart.py $dir/jail" \
		>"$dir/out" 2>"$dir/err" 3>&-
	cat "$dir/text" "$dir/err"
	grep -q 'not seen  python3.*: cannot reach the agent: .*run otrace as root' "$dir/text"
}
