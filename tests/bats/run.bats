#!/usr/bin/env bats
# SPDX-License-Identifier: Apache-2.0
# run.bats - `otrace run`: the program's streams, status, signals and terminal are its own.

load helpers
setup() { live_setup; opts=(); }

# The variables that are added to CMD's environment, by which children join the session.
added='(LD_PRELOAD|ASAN_OPTIONS|OTRACE_SESSION|OTRACE_RUN|TRACEPARENT|_)'

same_as_bare() { # CMD..: streams, byte for byte, and status
	local bare=0 traced=0
	"$@" >"$dir/a.out" 2>"$dir/a.err" </dev/null 3>&- || bare=$?
	"$OTRACE" run -o "$dir/text" -- "$@" >"$dir/b.out" 2>"$dir/b.err" </dev/null 3>&- ||
		traced=$?
	echo "$*: bare $bare, traced $traced"
	cmp "$dir/a.out" "$dir/b.out"
	cmp "$dir/a.err" "$dir/b.err"
	[ "$bare" -eq "$traced" ]
}

@test "both streams and the status are the program's own" {
	same_as_bare echo hello
	same_as_bare sh -c 'echo out; echo err >&2; exit 7'
	same_as_bare ls -l /nonexistent /etc/passwd
	same_as_bare seq 1 200000
	same_as_bare sh -c "env | grep -avE '^$added='" # the shell sets _ to the program that it started
	same_as_bare $PY -c 'import sys, os; print(sorted(set(os.environ) - set("'"${added//[|()]/ }"'".split()))); sys.exit("bad")'
	"$OTRACE" run --no-shim -o "$dir/text" -- env -u _ env >"$dir/b.out"
	env -u _ env | cmp - "$dir/b.out" # probes add nothing at all
	same_as_bare perl -e 'print STDERR "e" x 100000; print "o" x 100000; exit 255'
	same_as_bare node -e 'console.log(process.argv.length); console.error("x"); process.exit(3)'
	same_as_bare dd if=/bin/bash bs=4096 status=none
	same_as_bare bash -c 'ulimit -a; umask; trap; kill -l; ls -l /proc/self/fd | wc -l'
}

@test "the program has the signal mask and dispositions of the caller" {
	# Not SigQ, which all processes share, and not signals 32 and 33, which belong to glibc:
	# posix_spawn() (make) leaves them ignored.
	same_as_bare sh -c "grep -E '^(Sig[^Q]|Shd)' /proc/self/status |
		sed 's/^\(SigIgn:.[0-9a-f]\{7\}\)./\1-/'"
}

@test "the program reads stdin" {
	seq 1 50000 | "$OTRACE" run -o "$dir/text" -- sha256sum >"$dir/got"
	[ "$(cat "$dir/got")" = "$(seq 1 50000 | sha256sum)" ]
}

@test "a killing signal ends otrace the same way" {
	for signal in TERM KILL SEGV ABRT USR2 PIPE INT; do
		run bash -c "ulimit -c 0; '$OTRACE' run -o '$dir/text' -- sh -c 'kill -$signal \$\$'"
		want=$((128 + $(kill -l $signal)))
		echo "$signal: $status, right is $want"
		[ "$status" -eq "$want" ]
		grep -q "ended by signal $((want - 128)) " "$dir/text"
	done
	# A shell gives 143 also for exit 143: here the kernel is asked.
	$PY -c 'import subprocess, sys
sys.exit(subprocess.run(sys.argv[1:]).returncode != -15)' \
		"$OTRACE" run -o "$dir/text" -- sh -c 'kill $$'
}

@test "run gives the statuses 125, 126 and 127 as env does" {
	run "$OTRACE" run -o /nonexistent/x -- true
	[ "$status" -eq 125 ]
	[[ ${lines[0]} == "otrace run: -o /nonexistent/x: No such file or directory" ]]
	[[ ${lines[1]} == "    true not started" ]]
	echo "no program" >"$dir/file"
	run "$OTRACE" run -o "$dir/text" -- "$dir/file"
	[ "$status" -eq 126 ]
	chmod +x "$dir/file"
	printf '\x7fELFbroken' >"$dir/file"
	run "$OTRACE" run -o "$dir/text" -- "$dir/file"
	echo "$output"
	[ "$status" -eq 126 ]
	run "$OTRACE" run -o "$dir/text" -- /
	[ "$status" -eq 126 ]
	run -127 "$OTRACE" run -o "$dir/text" -- pyhton3
	[[ $output == "otrace run: pyhton3: not found in PATH ($PATH); did you mean python3?"* ]]
	run -127 "$OTRACE" run -o "$dir/text" -- /nonexistent/program
}

@test "a script without #! runs as a shell would run it" {
	printf 'echo plain $1\n' >"$dir/script"
	chmod +x "$dir/script"
	run "$OTRACE" run -o "$dir/text" -- "$dir/script" x
	echo "$output"
	[ "$status" -eq 126 ] || [ "$output" = "plain x" ]
}

@test "-u sets uid, gid, groups and HOME of the user" {
	chmod 777 "$dir"
	run "$OTRACE" run -o "$dir/text" -u nobody -- sh -c 'id -un; id -Gn; echo $HOME'
	echo "$output"
	[ "$status" -eq 0 ]
	[ "${lines[0]}" = nobody ]
	[ "${lines[1]}" = nogroup ]
	[ "${lines[2]}" = /nonexistent ]
	run "$OTRACE" run -o "$dir/text" -u nosuchuser -- true
	[ "$status" -eq 125 ]
	[ "$output" = "otrace run: --user nosuchuser: no such user" ]
}

@test "Ctrl-C goes to the group: the program's handler runs, its status is kept, the summary is shown" {
	# A program that a shell starts in the background ignores SIGINT, unlike one on a terminal.
	bg run setsid env --default-signal=INT "$OTRACE" run -o "$dir/text" -- \
		sh -c 'trap "echo caught; exit 42" INT; echo ready; while :; do sleep 0.1; done'
	until_true 30 grep -q ready "$dir/run.out"
	[ "$(ps -o pgid= -p "$pid" | tr -d ' ')" -eq "$pid" ]
	kill -INT -- "-$pid"
	ended "$pid"
	[ "$status" -eq 42 ]
	[ "$(cat "$dir/run.out")" = $'ready\ncaught' ]
	grep -q 'sh: status 42 after' "$dir/text"
}

@test "SIGTERM and SIGHUP are passed on" {
	for signal in TERM HUP; do
		bg run "$OTRACE" run -o "$dir/text" -- \
			sh -c "trap 'echo caught; exit 9' $signal; echo ready; while :; do sleep 0.05; done"
		until_true 30 grep -q ready "$dir/run.out"
		kill -$signal "$pid"
		ended "$pid"
		[ "$status" -eq 9 ]
		grep -q caught "$dir/run.out"
	done
}

@test "SIGUSR1 prints the summary so far, the program goes on" {
	port=$(free_port)
	bg run "$OTRACE" run -o "$dir/text" -- $PY "$APPS/httpd.py" "$port"
	up "$port"
	curl -s "127.0.0.1:$port/one" >/dev/null
	until_true 30 grep -q 'GET /one' "$dir/text"
	kill -USR1 "$pid"
	until_true 30 grep -q '^httpd  *1 ' "$dir/text"
	curl -s "127.0.0.1:$port/two" >/dev/null
	kill "$pid"
	ended "$pid"
	[ "$status" -eq 143 ]
	cat "$dir/text"
	[ "$(grep -c '^service ' "$dir/text")" -eq 2 ]
	grep -q '2 traces, 2 spans' "$dir/text"
}

@test "children are followed through forks, execs and daemons; with --no-follow they are not" {
	port=$(free_port)
	http "$port"
	cat >"$dir/chain" <<-'S'
		#!/bin/sh
		# fork, exec, fork, exec; the parent of the last one has ended by then
		sh -c 'exec sh -c "(sleep 0.2; exec curl -s $1/deep -o $2) & " x "$1" "$2"' x "$1" "$2"
		env curl -s "$1/env"
		(curl -s "$1/sub") | cat
		until [ -s "$2" ]; do sleep 0.05; done
		cat "$2"
	S
	chmod +x "$dir/chain"
	traced "$dir/chain" "127.0.0.1:$port" "$dir/deep"
	[ "$(grep -c hello "$dir/out")" -eq 3 ]
	spans 'len(S) == 3' 'all(s.service == "curl" and s.kind == "client" for s in S)' \
		'{s.name for s in S} == {"GET /deep", "GET /env", "GET /sub"}'
	opts=(--no-follow)
	traced "$dir/chain" "127.0.0.1:$port" "$dir/deep"
	[ ! -s "$dir/spans" ]
}

@test "a program that lives for 5 ms is seen whole" {
	port=$(free_port)
	http "$port"
	for i in 1 2 3 4 5; do
		traced curl -s "127.0.0.1:$port/quick/$i"
		spans 'len(S) == 1' 'S[0].service == "curl" and S[0].code == 200'
	done
}

# otrace is stopped meanwhile: when it reads the records, /proc does not have the environment any
# more.
@test "a static program that ends before the agent looks at it is the root of its requests" {
	port=$(free_port)
	http "$port"
	gcc -O2 -static -o "$dir/hop" tests/vm/hop.c
	# shellcheck disable=SC2016
	traced busybox sh -c 'kill -STOP $PPID
		(busybox sleep 0.5; kill -CONT $PPID) &
		exec "$@"' sh "$dir/hop" ask "$port" /late
	spans 'len(P) == 1' 'len(S) == 1' 'S[0].parent == P[0].span and S[0].trace == P[0].trace'
}

@test "after an exec the first process has the new program's name, and its traffic is traced" {
	port=$(free_port)
	http "$port"
	traced sh -c "exec curl -s 127.0.0.1:$port/x"
	spans 'len(S) == 1' 'S[0].service == "curl"'
}

@test "--service names the first process" {
	port=$(free_port)
	http "$port"
	opts=(--service orders)
	traced curl -s "127.0.0.1:$port/x"
	spans 'len(S) == 1' 'S[0].service == "orders"'
}

@test "without a terminal and a destination run refuses before the program starts" {
	run "$OTRACE" run -- touch "$dir/started"
	[ "$status" -eq 125 ]
	[ "${lines[0]}" = "otrace run: nowhere to show traces: neither stdout nor stderr is a terminal; touch not started" ]
	[[ ${lines[1]} == *"try  -o FILE"* ]]
	[ ! -e "$dir/started" ]
}

@test "-o /dev/stderr writes to a stderr that is no terminal" {
	"$OTRACE" run -o /dev/stderr -- echo hello >"$dir/a" 2>"$dir/b"
	[ "$(cat "$dir/a")" = hello ]
	grep -q 'echo: status 0' "$dir/b"
}

@test "a server is not the root of its requests, nor of those that it sends for nobody" {
	port=$(free_port)
	http "$port"
	web=$(free_port)
	cat >"$dir/web.py" <<-'P'
		import http.server, sys, threading, time, urllib.request
		def ask(path): urllib.request.urlopen(sys.argv[2] + path).read()
		class H(http.server.BaseHTTPRequestHandler):
		    def do_GET(self):
		        self.send_response(200); self.end_headers()
		    def log_message(self, *args): pass
		ask("/config")
		srv = http.server.HTTPServer(("127.0.0.1", int(sys.argv[1])), H)
		print("listens", flush=True)
		srv.handle_request()
		ask("/timer")
	P
	bg run "$OTRACE" run -o "$dir/text" --export "file:$dir/spans" -- \
		$PY "$dir/web.py" "$web" "http://127.0.0.1:$port"
	until_true 10 grep -q listens "$dir/run.out"
	curl -s "127.0.0.1:$web/in"
	ended "$pid"
	cat "$dir/text"
	[ "$status" -eq 0 ]
	spans 'not P' 'len(S) == 3' 'len({s.trace for s in S}) == 3' 'not any(s.parent for s in S)'
}

@test "TRACEPARENT of the caller gives the parent of the program's span" {
	port=$(free_port)
	http "$port"
	export TRACEPARENT=00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01
	traced sh -c "curl -s 127.0.0.1:$port/x; true"
	spans 'P[0].trace == "0af7651916cd43dd8448eb211c80319c"' 'P[0].parent == "b7ad6b7169203331"' \
		'S[0].parent == P[0].span and S[0].trace == P[0].trace'
	[ "$(cat "$dir/out")" = "$(curl -s "127.0.0.1:$port/x")" ]
}

@test "secrets of a command line are not in the start line, the summary and doctor" {
	cat >"$dir/idle" <<-'S'
		#!/bin/sh
		read -r line
	S
	chmod +x "$dir/idle"
	export COLUMNS=400
	secret=(-u joe:SECRET1 -H "Authorization: Bearer SECRET2" --password SECRET3 TOKEN=SECRET4
		"http://joe:SECRET5@127.0.0.1:9/?to%6ben=SECRET6")
	"$OTRACE" run --no-bpf -o "$dir/text" -- "$dir/idle" "${secret[@]}" </dev/null || true
	cat "$dir/text"
	grep -q 'idle -u joe:REDACTED -H Authorization: REDACTED --password REDACTED TOKEN=REDACTED' "$dir/text"
	bg idle sleep 600
	"$OTRACE" doctor "$pid" >"$dir/plain" || true
	grep -q 'sleep 600' "$dir/plain"
	bg idle bash -c 'read -r line < <(sleep 600)' bash "${secret[@]}"
	"$OTRACE" doctor "$pid" >"$dir/doctor" || true
	cat "$dir/doctor"
	grep -q REDACTED "$dir/doctor"
	run -1 grep -h SECRET "$dir/text" "$dir/doctor"
}
