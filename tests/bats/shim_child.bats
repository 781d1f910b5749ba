#!/usr/bin/env bats
# SPDX-License-Identifier: Apache-2.0
# shim_child.bats - programs that are started: they are in the trace of the program that started
# them, with the environment they would have had, but for the variables of otrace; the same status,
# the same errors.

load helpers
setup_file() { pg_setup_file; }
teardown_file() { pg_teardown_file; }
setup() {
	live_setup
	unset TRACEPARENT TRACESTATE BAGGAGE
	shim_setup
}

# NAME: the environment that was printed, without the variables of otrace.
plain() {
	grep -avE '^(LD_PRELOAD|ASAN_OPTIONS|OTRACE_SESSION|OTRACE_RUN|TRACEPARENT|TRACESTATE|BAGGAGE|_)=' "$dir/$1" |
		sort >"$dir/$1.plain"
}

# CMD..: without, then with the library: the same output and status; in $dir/raw, $dir/out.
both() {
	local a=0 b=0
	"$@" >"$dir/raw" 2>"$dir/raw.err" </dev/null 3>&- || a=$?
	"$OTRACE" run "${opts[@]}" -o "$dir/text" --export "file:$dir/spans" -- "$@" \
		>"$dir/out" 2>"$dir/err" </dev/null 3>&- || b=$?
	cat "$dir/text" "$dir/err"
	[ "$a" = "$b" ]
	cmp "$dir/raw.err" "$dir/err"
}

spawner() { cc -O2 -D_GNU_SOURCE -o "$dir/spawn" "$APPS/spawn.c"; }

# Answers each request with the `body` that `$1`, Python, sets.
server() {
	cat >"$dir/app.py" <<-P
		import http.server, os, socket, subprocess, sys, urllib.request
		class H(http.server.BaseHTTPRequestHandler):
		    protocol_version = "HTTP/1.1"
		    def do_GET(self):
		$(sed 's/^/        /' <<<"$1")
		        self.send_response(200)
		        self.send_header("Content-Length", str(len(body)))
		        self.end_headers()
		        self.wfile.write(body)
		    def log_message(self, *args): pass
		http.server.HTTPServer(("127.0.0.1", $web), H).serve_forever()
	P
	bg run "$OTRACE" run --no-bpf -o "$dir/text" --export "file:$dir/spans" -- $PY "$dir/app.py"
	runs=$pid
	until_true 30 listens "$web"
}

served() { # the server ends, and its spans are in $dir/spans
	local app
	app=$(pgrep -P "$runs")
	kill "$app"
	ended "$runs"
	cat "$dir/text"
}

@test "a script of dash or bash is one trace with its calls below it, and keeps its status" {
	http "$port"
	local shell
	for shell in dash bash; do
		printf '#!/bin/%s\n%s\n' $shell "curl -s 127.0.0.1:$port/one; (curl -s 127.0.0.1:$port/two | cat); exit 3" >"$dir/deploy.sh"
		chmod +x "$dir/deploy.sh"
		both "$dir/deploy.sh"
		cmp "$dir/raw" "$dir/out"
		spans 'len(S) == 2 and len(P) == 1' 'len({s.trace for s in S + P}) == 1' \
			'P[0].name == "deploy.sh" and P[0].attr["process.exit.code"] == "3" and P[0].error and not P[0].parent' \
			'all(s.parent == P[0].span and s.evidence == "exec" for s in S)' \
			'all(P[0].start <= s.start and s.end <= P[0].end for s in S)'
	done
}

@test "a script that calls curl twice and psql has three calls below it" {
	http "$port"
	printf '#!/bin/sh\n%s\n' "curl -s 127.0.0.1:$port/one; curl -s 127.0.0.1:$port/two
		psql -XAtc 'SELECT 42' '$DSN sslmode=disable'" >"$dir/deploy.sh"
	chmod +x "$dir/deploy.sh"
	traced "$dir/deploy.sh"
	grep -qx 42 "$dir/out"
	spans 'len(S) == 3 and len(P) == 1' 'all(s.parent == P[0].span for s in S)' \
		'len({s.trace for s in S + P}) == 1' 'sorted(s.service for s in S) == ["curl", "curl", "psql"]'
}

@test "TRACEPARENT of the caller is the parent of CMD; tracestate and baggage go on the wire" {
	http "$port"
	export TRACEPARENT=00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01
	export TRACESTATE=vendor=1 BAGGAGE=user=7
	relay=$(free_port)
	bg relay $PY "$APPS/relay.py" "$relay" "$port" "$dir/wire"
	until_true 10 listens "$relay"
	traced sh -c "curl -s 127.0.0.1:$relay/x; true"
	spans 'P[0].trace == "0af7651916cd43dd8448eb211c80319c"' 'P[0].parent == "b7ad6b7169203331"' \
		'S[0].parent == P[0].span and S[0].trace == P[0].trace'
	until_true 10 grep -aq '^tracestate: vendor=1' "$dir/wire"
	grep -aq '^baggage: user=7' "$dir/wire"
	grep -aq '^traceparent: 00-0af7651916cd43dd8448eb211c80319c-' "$dir/wire"
}

@test "a process that a server starts for a request is in that request's trace" {
	http "$port"
	web=$(free_port)
	# By vfork, and by fork with calls before the exec.
	server 'how = {"preexec_fn": lambda: None} if self.path == "/other" else {}
body = subprocess.run(["sh", "-c", "env; curl -s 127.0.0.1:'"$port"'/inner"], capture_output=True, **how).stdout'
	curl -s -H 'traceparent: 00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01' \
		-H 'tracestate: vendor=1' -H 'baggage: user=7' "127.0.0.1:$web/outer" >"$dir/env"
	curl -s "127.0.0.1:$web/other" >"$dir/env2"
	served
	grep -q '^TRACEPARENT=00-0af7651916cd43dd8448eb211c80319c-[0-9a-f]\{16\}-01$' "$dir/env"
	grep -q '^TRACESTATE=vendor=1$' "$dir/env"
	grep -q '^BAGGAGE=user=7$' "$dir/env"
	[ "$(grep -c '^TRACEPARENT=' "$dir/env2")" = 1 ]
	run grep -E '^(TRACESTATE|BAGGAGE)=' "$dir/env2"
	[ "$status" -eq 1 ]
	spans 'not P' 'len(V) == 2 and len(C) == 2' \
		'{parent(c).path for c in C} == {"/outer", "/other"}' \
		'all(c.evidence == "exec" and c.trace == parent(c).trace for c in C)' \
		'len({s.trace for s in S}) == 2'
}

@test "a process that a server starts for no request has no parent and no variables of the run" {
	http "$port"
	web=$(free_port)
	cat >"$dir/own.py" <<-P
		import http.server, subprocess
		class H(http.server.BaseHTTPRequestHandler):
		    def do_GET(self):
		        self.send_response(204)
		        self.end_headers()
		    def log_message(self, *args): pass
		srv = http.server.HTTPServer(("127.0.0.1", $web), H)
		srv.handle_request()
		subprocess.run("env >$dir/env; curl -s 127.0.0.1:$port/timer", shell=True)
	P
	bg run "$OTRACE" run --no-bpf -o "$dir/text" --export "file:$dir/spans" -- $PY "$dir/own.py"
	runs=$pid
	until_true 30 listening
	curl -s "127.0.0.1:$web/in"
	ended "$runs"
	cat "$dir/text"
	run grep -E '^TRACEPARENT=' "$dir/env"
	[ "$status" -eq 1 ]
	spans 'not P' 'len(S) == 2' 'len({s.trace for s in S}) == 2' 'not any(s.parent for s in S)'
}
listening() { ss -Hltn "sport = :$web" | grep -q .; }

@test "a call after a fork without exec has weak evidence for what its parent served" {
	http "$port"
	web=$(free_port)
	server 'pid = os.fork()
if not pid:
    urllib.request.urlopen("http://127.0.0.1:'"$port"'/inner").read()
    os._exit(0)
os.waitpid(pid, 0)
body = b"done"'
	[ "$(curl -s "127.0.0.1:$web/outer")" = "done" ]
	served
	spans 'not P' 'len(V) == 1 and len(C) == 1' 'C[0].parent == V[0].span' \
		'C[0].evidence == "clone" and C[0].trace == V[0].trace and C[0].pid != V[0].pid'
}

@test "each function that starts a program passes the same environment, but for the library's variables" {
	spawner
	local how file
	for how in execve execv execvp execvpe execl execlp execle fexecve spawn spawnp; do
		file=/usr/bin/env
		echo "$how"
		[[ $how == *p || $how == execvpe ]] && file=env
		both "$dir/spawn" $how $file A=1
		plain raw
		plain out
		cmp "$dir/raw.plain" "$dir/out.plain"
		[ "$(grep -c '^TRACEPARENT=' "$dir/out")" = 1 ]
	done
	both $PY -c 'import subprocess; subprocess.run(["env"], env={"A": "1"}); subprocess.run(["env"], close_fds=False)'
	plain raw
	plain out
	cmp "$dir/raw.plain" "$dir/out.plain"
}

@test "programs that do not exist or cannot run give the same errors and statuses" {
	spawner
	local how
	for how in execve execv execvp execvpe execl execlp execle spawn spawnp; do
		both "$dir/spawn" $how /no/such/file
		cmp "$dir/raw" "$dir/out"
		both "$dir/spawn" $how /etc/passwd
		cmp "$dir/raw" "$dir/out"
		both "$dir/spawn" $how no-such-program
		cmp "$dir/raw" "$dir/out"
	done
	both bash -c 'no-such-program; echo $?; /etc/passwd; echo $?'
	cmp "$dir/raw" "$dir/out"
}

@test "in another root, or for a user who may not read the library, the loader prints nothing" {
	local lib
	mkdir -p "$dir/root/bin"
	for lib in /bin/echo $(ldd /bin/echo | grep -o '/[^ ]*'); do
		mkdir -p "$dir/root/$(dirname "$lib")"
		cp -L "$lib" "$dir/root/$lib"
	done
	both chroot "$dir/root" /bin/echo rooted
	grep -qx rooted "$dir/out"
	chmod 700 "$dir/bin"
	both setpriv --reuid=65534 --regid=65534 --clear-groups printenv HOME PATH
	cmp "$dir/raw" "$dir/out"
	chmod 755 "$dir/bin"
	both setpriv --reuid=65534 --regid=65534 --clear-groups env
	grep -q '^LD_PRELOAD=' "$dir/out"
}

@test "within a request each function that starts a program passes the trace on; errors are the same" {
	spawner
	web=$(free_port)
	server 'if self.path == "/many":
    env = {**os.environ, **{"MANY_%d" % i: "x" for i in range(10000)}}
    body = subprocess.run(["env"], env=env, capture_output=True).stdout
    assert body.count(b"\nMANY_") == 10000
    body = b"same" if env["TRACEPARENT"].encode() in body else b"changed"
if self.path == "/posix":
    r, w = os.pipe()
    pid = os.posix_spawn("/usr/bin/env", ["env"], os.environ, file_actions=[(os.POSIX_SPAWN_DUP2, w, 1)])
    os.close(w)
    text = open(r, "rb").read().decode()
    os.waitpid(pid, 0)
    body = b"same" if os.environ["TRACEPARENT"] in text or "\nTRACEPARENT=" not in text else b"said"
args = self.path.strip("/").split(",")
r = subprocess.run(["'"$dir"'/spawn", args[0], *[a.replace("|", "/") for a in args[1:]]], capture_output=True)
if self.path not in ("/many", "/posix"): body = r.stdout + b"status %d\n" % r.returncode'
	curl -s "127.0.0.1:$web/spawn,|usr|bin|env" >"$dir/env"
	[ "$(grep -c '^TRACEPARENT=' "$dir/env")" = 1 ]
	[ "$(curl -s "127.0.0.1:$web/execv,|no|such")" = "$(printf '2\nstatus 1')" ]
	[ "$(curl -s "127.0.0.1:$web/spawnp,no-such")" = "$(printf '2\nstatus 1')" ]
	[ "$(curl -s "127.0.0.1:$web/many")" = same ]
	[ "$(curl -s "127.0.0.1:$web/posix")" = said ]
	served
}
