#!/usr/bin/env bats
# SPDX-License-Identifier: Apache-2.0
# terminal.bats - `otrace run` and a program on one terminal, in tmux.

load helpers
setup() {
	live_setup
	port=$(free_port)
	tmux=(tmux -L "otr$$-$RANDOM" -f /dev/null)
	export -n TMUX
	unset TMUX
}
teardown() {
	"${tmux[@]}" kill-server 2>/dev/null || true
	live_teardown
}

terminal() { # WIDTH: a shell that waits
	"${tmux[@]}" new-session -d -x "$1" -y 60 'PS1="$ " exec bash --norc' 3>&-
	until_true 30 shows '^\$'
}
type_in() { "${tmux[@]}" send-keys "$1" Enter; }
screen() { "${tmux[@]}" capture-pane -p -S -; }
shows() { screen | grep -q -e "$1"; }

@test "traces go to the terminal, the program's streams to their files" {
	http "$port"
	terminal 100
	type_in "$OTRACE run -- curl -s 127.0.0.1:$port/x 2>$dir/err"
	until_true 30 shows 'curl: status 0 after'
	screen
	shows '^curl  curl  .* ms '
	shows 'GET /x  ~  .* 200 '
	shows 'hello /x'
	[ ! -s "$dir/err" ]
}

@test "the settings of the terminal are the same during the run, after it, and after SIGKILL" {
	terminal 100
	type_in "stty -a >$dir/a; $OTRACE run -- stty -a >$dir/b; stty -a >$dir/c; touch $dir/done1"
	until_true 30 test -e "$dir/done1"
	cmp "$dir/a" "$dir/b"
	cmp "$dir/a" "$dir/c"
	type_in "$OTRACE run -- sh -c 'kill -9 \$PPID'; stty -a >$dir/d; touch $dir/done2"
	until_true 30 test -e "$dir/done2"
	cmp "$dir/a" "$dir/d"
}

@test "no block begins within an unfinished line of the program" {
	terminal 80
	cat >"$dir/half.py" <<-'P'
		import http.server, sys, threading, time
		class H(http.server.BaseHTTPRequestHandler):
		    def do_GET(self):
		        self.send_response(200); self.send_header("Content-Length", "0"); self.end_headers()
		    def log_message(self, *args): pass
		web = http.server.HTTPServer(("127.0.0.1", int(sys.argv[1])), H)
		threading.Thread(target=web.serve_forever, daemon=True).start()
		for i in range(150):
		    sys.stdout.write("half-%d..." % i)
		    sys.stdout.flush()
		    time.sleep(0.02)
		    if i % 3 == 2:
		        print()
	P
	type_in "clear; $OTRACE run -- $PY $dir/half.py $port; touch $dir/done"
	up "$port"
	for i in 1 2 3 4 5 6; do
		curl -s "127.0.0.1:$port/h"
		sleep 0.1
	done
	until_true 30 test -e "$dir/done"
	until_true 30 shows '^lost '
	screen >"$dir/screen"
	cat "$dir/screen"
	# A line of otrace has no text of the program before it.
	[ "$(grep -c 'GET /h ' "$dir/screen")" -ge 6 ]
	run ! grep -E 'half-[0-9]+\.\.\..*(GET /h|otrace:|lost  )' "$dir/screen"
}

@test "Ctrl-C on the terminal runs the program's handler; then come its status and the summary" {
	terminal 100
	type_in "$OTRACE run -- sh -c 'trap \"echo caught; exit 42\" INT; echo ready; while :; do sleep 0.1; done'; echo status \$?"
	until_true 30 shows '^ready'
	"${tmux[@]}" send-keys C-c
	until_true 30 shows 'status 42$'
	screen
	shows 'caught'
	shows 'sh: status 42 after'
}

@test "Ctrl-Z and fg work as without otrace" {
	terminal 100
	type_in "$OTRACE run -- $PY -c 'import time; print(\"ready\", flush=True); time.sleep(3); print(\"woken\")'; echo status \$?"
	until_true 30 shows '^ready'
	"${tmux[@]}" send-keys C-z
	until_true 30 shows 'Stopped\|woken'
	type_in fg
	until_true 30 shows 'status 0$\|status 1[0-9][0-9]$'
	until_true 30 shows woken
}

@test "a program that reads the terminal gets what is typed" {
	terminal 100
	type_in "$OTRACE run -- sh -c 'echo ready; read line; echo got:\$line'"
	until_true 30 shows '^ready'
	type_in "some words"
	until_true 30 shows '^got:some words'
}

@test "rows fit the width: 60, 80, 120" {
	http "$port"
	for width in 60 80 120; do
		terminal $width
		type_in "clear; $OTRACE run -- curl -s 127.0.0.1:$port/aaaaaaaaaaaaaaaa/bbbbbbbbbbbbbbbbbbb/cccccccccccccccccc; touch $dir/done$width"
		until_true 30 test -e "$dir/done$width"
		until_true 30 shows '^lost '
		# Lines that tmux had to break are joined by -J.
		"${tmux[@]}" capture-pane -p -J -S - | sed '1,/hello/d' >"$dir/screen"
		cat "$dir/screen"
		[ "$(wc -L <"$dir/screen")" -le $width ]
		"${tmux[@]}" kill-server
		tmux=(tmux -L "otr$$-$RANDOM" -f /dev/null) # one that ends may still answer
	done
}
