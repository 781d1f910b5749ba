#!/usr/bin/env bats
# SPDX-License-Identifier: Apache-2.0
# shim_switch.bats - switches of the library: hosts and programs that are excluded, only observing,
# only passing the context on, off; and the launcher reports a wrong value, once.

load shim
setup() {
	live_setup
	shim_setup
	PARENT=00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331
}

headers() { grep -aic '^traceparent:' "$dir/wire"; }

# ARG..: run does not start CMD, and exits with 125; its message is in $lines.
refused() {
	run "$OTRACE" run -o "$dir/text" "$@" -- touch "$dir/started"
	echo "$output"
	[ "$status" -eq 125 ]
	[ ! -e "$dir/started" ]
	[ "${#lines[@]}" -le 2 ] # what is wrong, what would be right
}

@test "--no-inject-to: requests to these hosts are unchanged, others get a header" {
	relay
	opts+=(--no-inject-to "127.0.0.1:$relay" --no-inject-to '*.example')
	traced curl -s "127.0.0.1:$relay/a" -H 'Host: a.example' "127.0.0.1:$relay/b"
	settled
	[ "$(headers)" = 0 ]
	grep -q 'left alone: 2 host denied' "$dir/text"
	spans 'len(C) == 2'
	: >"$dir/wire"
	traced curl -s -H 'Host: example' "127.0.0.1:$relay/c"
	settled
	[ "$(headers)" = 1 ]
	: >"$dir/wire"
	opts=(--no-bpf)
	export OTRACE_NO_INJECT_TO="LOCALHOST;other"
	traced curl -s -H 'Host: localhost' "127.0.0.1:$relay/d"
	settled
	[ "$(headers)" = 0 ]
}

@test "--rule exe=..,mode=off: neither library nor probes trace that program" {
	relay
	cat >"$dir/s" <<-S
		curl -s 127.0.0.1:$relay/curl
		$PY -c 'import urllib.request; urllib.request.urlopen("http://127.0.0.1:$relay/python").read()'
	S
	opts+=(--rule 'exe=*/curl,mode=off')
	traced sh "$dir/s"
	settled
	[ "$(headers)" = 1 ]
	spans '[c.path or c.attr["url.full"].rsplit("/", 1)[1] for c in C] == ["python"]'
	opts=(--rule 'exe=*/curl,mode=off')
	traced sh "$dir/s"
	spans '[c.path or c.attr["url.full"].rsplit("/", 1)[1] for c in C] == ["python"]'
	# The last rule that fits decides; rules may name arguments, too.
	opts=(--no-bpf --rule 'exe=*/curl,mode=off' --rule 'cmd=curl*/curl,mode=trace')
	traced sh "$dir/s"
	spans 'len(C) == 2'
}

@test "a rule that only the agent can judge switches a process off while it runs" {
	relay
	cat >"$dir/long.py" <<-P
		import sys, time, urllib.request
		def ask(i):
		    urllib.request.urlopen("http://127.0.0.1:$relay/").read()
		    while True:
		        said = open("$dir/wire").read().split("=====")
		        if len(said) > i + 1:
		            return "traceparent" in said[i]
		        time.sleep(0.01)
		for i in range(200):
		    if not ask(i):
		        sys.exit(any(ask(i + more) for more in range(1, 6)))
		sys.exit("still on")
	P
	opts+=(--rule 'cgroup=*,mode=off')
	traced $PY "$dir/long.py"
	[ ! -s "$dir/spans" ] || spans 'len(C) == 0'
}

@test "--no-observe passes the incoming context on unchanged, and emits nothing" {
	local front back=$port
	relay
	front=$(free_port)
	cat >"$dir/app.py" <<-P
		import http.server, urllib.request
		class H(http.server.BaseHTTPRequestHandler):
		    protocol_version = "HTTP/1.1"
		    def do_GET(self):
		        body = urllib.request.urlopen("http://127.0.0.1:$relay/inner").read()
		        self.send_response(200)
		        self.send_header("Content-Length", str(len(body)))
		        self.end_headers()
		        self.wfile.write(body)
		    def log_message(self, *args): pass
		http.server.HTTPServer(("127.0.0.1", $front), H).serve_forever()
	P
	bg tracer "$OTRACE" run --no-bpf --no-observe -o "$dir/text" --export "file:$dir/spans" -- \
		$PY "$dir/app.py"
	up "$front"
	curl -s -m 10 -H "traceparent: $PARENT-00" "127.0.0.1:$front/outer"
	settled
	grep -aq "^traceparent: $PARENT-00" "$dir/wire"
	: >"$dir/wire"
	curl -s -m 10 "127.0.0.1:$front/outer" # no trace begins at a program that has no spans
	settled
	[ "$(headers)" = 0 ]
	kill -TERM "$pid"
	until_true 10 gone "$pid"
	cat "$dir/text"
	grep -q 'headers   1 put in; left alone: 1 no span to name' "$dir/text"
	[ ! -s "$dir/spans" ]
}

@test "with OTRACE_DISABLED=1 CMD runs with nothing added, and otrace says so" {
	env -u _ printenv | sort >"$dir/env.raw"
	OTRACE_DISABLED=1 "$OTRACE" run -- bash -c 'env -u _ printenv | grep -v ^OTRACE_DISABLED | sort; exit 7' \
		>"$dir/env" 2>"$dir/err" || status=$?
	[ "$status" -eq 7 ]
	cat "$dir/err"
	[ "$(cat "$dir/err")" = 'otrace run: OTRACE_DISABLED=1: bash runs untraced' ]
	diff <(grep -v ^SHLVL "$dir/env.raw") <(grep -v ^SHLVL "$dir/env")
	# Also of one program in a session, by the library or by probes.
	relay
	traced env OTRACE_DISABLED=1 curl -s "127.0.0.1:$relay/a"
	settled
	[ "$(headers)" = 0 ]
	for opts in --no-bpf --no-shim --spans; do
		traced bash -c "OTRACE_DISABLED=1 $PY '$APPS/get.py' $relay /off; curl -s 127.0.0.1:$relay/on"
		grep -q 'hello /off' "$dir/out"
		spans '[c.path or c.attr["url.full"].rsplit("/", 1)[1] for c in C] == ["on"]'
	done
}

@test "the launcher refuses a wrong value and starts nothing" {
	local value
	for value in http://a a/b '*' 'a b' 'a:0' 'a:65536' '[::1' '*.' "$(printf 'a%.0s' $(seq 64))"; do
		refused --no-bpf --no-inject-to "$value"
		[[ ${lines[0]} == "otrace run: --no-inject-to: \"$value\" "* ]]
		[[ ${lines[1]} == *"right: HOST, HOST:PORT, *.SUFFIX"* ]]
	done
	for value in '[::1]:80' '*.a.example:8080' 'a_b-c'; do
		"$OTRACE" run --no-bpf -o "$dir/text" --no-inject-to "$value" -- true
	done
	OTRACE_NO_INJECT_TO='a b' refused --no-bpf
	OTRACE_NO_INJECT_TO="$(seq -s ';' 17)" refused --no-bpf
	[[ ${lines[0]} == *"more than 16"* ]]
	OTRACE_DISABLED=yes refused
	[[ ${lines[0]} == 'otrace run: OTRACE_DISABLED: "yes" is not 1 or 0' ]]
	OTRACE_NO_INJECT=maybe refused
	[[ ${lines[0]} == 'otrace run: OTRACE_NO_INJECT: "maybe" is not on or off' ]]
	OTRACE_RULE='exe=a,mode=of' refused
	[[ ${lines[0]} == *'mode=of: right: trace or off' ]]
	refused --no-bpf --no-inject --no-observe
	refused --no-observe
	[[ ${lines[1]} == *'try  otrace run --no-bpf --no-observe'* ]]
}

@test "off, 0 and an empty value do not disable: a header is injected" {
	relay
	OTRACE_NO_INJECT=off OTRACE_NO_OBSERVE=0 OTRACE_DISABLED='' traced curl -s "127.0.0.1:$relay/a"
	settled
	[ "$(headers)" = 1 ]
	spans 'len(C) == 1'
}

@test "-u USER who cannot read the library is refused before anything starts" {
	chmod 700 "$dir/bin"
	refused --no-bpf -u nobody
	[[ ${lines[0]} == "otrace run: $dir/bin/libotrace.so: user nobody cannot read it; not started: touch" ]]
	chmod 755 "$dir/bin"
	"$OTRACE" run --no-bpf -o "$dir/text" -u nobody -- true
}
