#!/usr/bin/env bats
# SPDX-License-Identifier: Apache-2.0
# errors.bats - what cannot be done: messages with the input, its place, and what to do.

load helpers
setup() {
	live_setup
	opts=()
	# Other users may not read the folders above the tree: they get a copy.
	install -m 755 "$OTRACE" "$dir/otrace"
}

as_nobody() { setpriv --reuid=65534 --regid=65534 --clear-groups env -C / "$@"; }

is_message() { # COMMAND: one line that is enough alone, then hints of at most three lines
	echo "$output"
	[[ ${lines[0]} == "otrace $1: "* ]]
	[ "${#lines[@]}" -le 4 ]
	for line in "${lines[@]:1}"; do [[ $line == "    "* ]]; done
	[[ $output != *libbpf* && $output != *"errno"* ]]
}

@test "1: without privilege the status is 4, for run 125, and the program is not started" {
	run as_nobody "$dir/otrace" attach 1
	is_message attach
	[ "$status" -eq 4 ]
	[[ ${lines[0]} == "otrace attach: cannot load the kernel probes: uid 65534 lacks "*CAP_BPF*CAP_PERFMON* ]]
	[[ ${lines[1]} == *"try  sudo otrace attach 1"* ]]
	run as_nobody "$dir/otrace" agent
	[ "$status" -eq 4 ]
	[[ $output == *"uid 65534 lacks"* ]]
	chmod 777 "$dir"
	# run needs no privilege, if there is the library.
	run as_nobody "$dir/otrace" run -o "$dir/t" -- touch "$dir/started"
	is_message run
	[ "$status" -eq 125 ]
	[[ ${lines[0]} == *"libotrace.so: No such file or directory" ]]
	[ ! -e "$dir/started" ]
	run as_nobody "$dir/otrace" doctor --quick
	[ "$status" -eq 4 ]
	[[ ${lines[0]} == *NOTHING ]]
	cp "$(dirname "$OTRACE")/libotrace.so" "$dir/"
	run as_nobody "$dir/otrace" doctor --quick
	[ "$status" -eq 3 ]
	[[ ${lines[0]} == *"SHIM ALONE" ]]
	run as_nobody "$dir/otrace" run -o "$dir/t" -- touch "$dir/started"
	[ "$status" -eq 0 ]
	[ -e "$dir/started" ]
}

@test "1: if root lacks capabilities, the message names them" {
	run setpriv --bounding-set=-bpf,-perfmon,-sys_admin --inh-caps=-bpf,-perfmon,-sys_admin "$OTRACE" attach 1
	is_message attach
	[ "$status" -eq 4 ]
	[[ ${lines[0]} == *"lacks CAP_BPF and CAP_PERFMON"* ]]
}

@test "2: a kernel without type information is refused, with the next step" {
	for cmd in "attach 1" agent; do
		run "$OTRACE" ${cmd%% *} --btf /nonexistent ${cmd#* }
		[[ $cmd == agent ]] && run "$OTRACE" agent --btf /nonexistent
		is_message "${cmd%% *}"
		[ "$status" -eq 4 ]
		[[ ${lines[0]} == *"no type information for kernel $(uname -r): /nonexistent: No such file or directory" ]]
		[[ $output == *CONFIG_DEBUG_INFO_BTF=y* ]]
	done
	run "$OTRACE" run --btf /nonexistent -o "$dir/t" -- touch "$dir/started"
	is_message run
	[ "$status" -eq 125 ]
	[ ! -e "$dir/started" ]
	echo "this is no BTF" >"$dir/btf"
	run "$OTRACE" attach --btf "$dir/btf" 1
	is_message attach
	[ "$status" -eq 4 ]
}

@test "3: a PID that does not exist is refused" {
	dead=$(bash -c 'echo $$')
	run "$OTRACE" attach "$dead"
	is_message attach
	[ "$status" -eq 1 ]
	[ "${lines[0]}" = "otrace attach: no process $dead: /proc/$dead is not there" ]
}

@test "5: a backend that is down is reported once; nothing blocks, lost spans are counted, tracing goes on" {
	port=$(free_port)
	down=$(free_port)
	http "$port"
	OTEL_EXPORTER_OTLP_ENDPOINT=http://127.0.0.1:$down bg tracer "$OTRACE" attach -o "$dir/text" --format line ":$port"
	tracer=$pid
	seen "$dir/text" "$port" /begun
	until_true 60 grep -q 'connection refused' "$dir/tracer.err"
	for _ in 1 2 3 4; do curl -s "127.0.0.1:$port/more" >/dev/null; sleep 1; done
	detach
	cp "$dir/tracer.err" "$dir/all"
	[ "$(grep -c "connection refused, [0-9]* times" "$dir/all")" -eq 1 ]
	[ "$(grep -c "^otrace: lost .*connection refused$" "$dir/all")" -eq 1 ]
	grep -q "^otrace: export to http://127.0.0.1:$down/v1/traces (from OTEL_EXPORTER_OTLP_ENDPOINT): connection refused, 3 times in" "$dir/all"
	grep -q "Nothing listens on port $down here." "$dir/all"
	[ "$(grep -c ' trace=.* root="httpd GET /more"' "$dir/text")" -eq 4 ]
	grep -q '^    [0-9]* spans wait, limit 2,048, ' "$dir/all"
}

@test "5: a slow backend slows no request and does not delay the end" {
	$PY tests/backends/otlp_mock.py "$dir" slow:30 3>&- &
	own $!
	until_true 30 test -s "$dir/port"
	port=$(free_port)
	http "$port"
	bg tracer "$OTRACE" attach -o "$dir/text" --export "http://127.0.0.1:$(cat "$dir/port")" ":$port"
	tracer=$pid
	until_true 30 grep -q '^otrace 0' "$dir/text"
	$PY "$APPS/load.py" "$port" /x 4 2 >"$dir/load"
	cat "$dir/load"
	grep -q 'bad 0' "$dir/load"
	before=$(date +%s%N)
	detach
	[ $((($(date +%s%N) - before) / 1000000)) -lt 15000 ] # less than the 30 s of the backend
	good=$(cut -d ' ' -f 2 "$dir/load")
	grep '^lost' "$dir/text"
	grep -q "^lost .*$good" "$dir/text"
}

@test "a backend that answers gets every span" {
	$PY tests/backends/otlp_mock.py "$dir" ok 3>&- &
	own $!
	until_true 30 test -s "$dir/port"
	port=$(free_port)
	http "$port"
	"$OTRACE" run -o "$dir/text" --export "http://127.0.0.1:$(cat "$dir/port")" -- \
		curl -s "127.0.0.1:$port/one" "127.0.0.1:$port/two"
	[ "$(grep -c /v1/traces "$dir/requests")" -ge 1 ]
	cat "$dir"/*.body | grep -a -q 'GET /two'
	grep -q '^lost *nothing' "$dir/text"
}

@test "6, 7: a misspelt option or program is named, with the likely one" {
	run "$OTRACE" run --servce x -- true
	[ "$status" -eq 125 ]
	[ "${lines[0]}" = "otrace run: unknown option --servce; did you mean --service NAME?      all options: otrace run --help=all" ]
	run -127 "$OTRACE" run -o "$dir/t" -- crul
	[[ ${lines[0]} == "otrace run: crul: not found in PATH ($PATH); did you mean "*"?" ]]
}

@test "11: without a terminal and a destination nothing is started" {
	run "$OTRACE" run -- touch "$dir/started"
	is_message run
	[ "$status" -eq 125 ]
	[ ! -e "$dir/started" ]
}

@test "a port or name without a process, a bad port, and otrace itself are refused" {
	run "$OTRACE" attach ":$(free_port)"
	is_message attach
	[ "$status" -eq 1 ]
	run "$OTRACE" attach nosuchname
	is_message attach
	[ "$status" -eq 1 ]
	run "$OTRACE" attach :0
	is_message attach
	[ "$status" -eq 2 ]
}

@test "a file that cannot be written is refused before anything is started" {
	run "$OTRACE" run -o "$dir/t" --record /nonexistent/x -- touch "$dir/started"
	is_message run
	[ "$status" -eq 125 ]
	[[ ${lines[0]} == *"cannot record to /nonexistent/x: No such file or directory"* ]]
	run "$OTRACE" run -o "$dir/t" --export file:/nonexistent/x -- touch "$dir/started"
	is_message run
	[ "$status" -eq 125 ]
	[ ! -e "$dir/started" ]
	run "$OTRACE" attach -o /nonexistent/x 1
	is_message attach
	[ "$status" -eq 1 ]
}

@test "on a full disk the program works as before, and the recording is reported as incomplete" {
	run "$OTRACE" run -o /dev/full --record /dev/full -- sh -c 'echo fine; exit 3'
	echo "$output"
	[ "$status" -eq 3 ]
	[ "${lines[0]}" = fine ]
	[[ $output == *"not whole: /dev/full: No space left on device"* ]]
}
