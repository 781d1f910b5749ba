#!/usr/bin/env bats
# SPDX-License-Identifier: Apache-2.0
# config.bats - the file of configuration: `otrace config`, and an agent that reads it at its start
# and at SIGHUP.

load helpers
setup() {
	live_setup
	port=$(free_port)
	mine=mine$RANDOM.py
	cp "$APPS/httpd.py" "$dir/$mine"
	file=$dir/otrace.yaml
}

agent() { # ARG..: starts the agent with $file and waits until it watches; its pid is in $tracer
	local pid
	bg tracer "$OTRACE" agent --config "$file" "$@"
	tracer=$pid
	until_true 30 grep -q 'watching' "$dir/tracer.err" || { cat "$dir/tracer.err"; return 1; }
}

reload() { # WORD..: sends SIGHUP and waits for a line that holds the words
	kill -HUP "$tracer"
	until_true 30 grep -q -e "$*" "$dir/tracer.err" || { cat "$dir/tracer.err"; return 1; }
}

stop() {
	quiet
	kill -TERM "$tracer"
	ended "$tracer"
	cat "$dir/tracer.err"
	[ "$status" -eq 0 ]
}

serve() { # PORT: under a name of this test
	bg "serve$1" $PY "$dir/$mine" "$1"
	up "$1"
}

ask() { curl -s -m 10 "127.0.0.1:$1$2" >/dev/null; }

@test "an agent takes rules, exporters and routes from the file" {
	other=$(free_port)
	serve "$port"
	serve "$other"
	cat >"$file" <<-END
		rules:
		  - cmd: "*$mine*"
		    port: $port
		export:
		  - url: file:$dir/spans
		ignore: [GET /health]
	END
	agent
	ask "$port" /health
	ask "$port" /yes
	ask "$other" /no
	stop
	spans 'len(S) == 1' 'S[0].name == "GET /yes"'
}

@test "an option is stronger than a variable, a variable than the file" {
	serve "$port"
	cat >"$file" <<-END
		rules: [{port: 1}]
		export: [file:$dir/not]
		sample: 0%
	END
	OTRACE_SAMPLE=100% OTRACE_RULE="port=2" agent --rule "port=$port" --export "file:$dir/spans"
	ask "$port" /yes
	stop
	spans 'len(S) == 1'
	[ ! -e "$dir/not" ]
}

@test "OTRACE_CONFIG names the file" {
	printf 'log_level: nonsense\n' >"$file"
	OTRACE_CONFIG=$file run "$OTRACE" agent
	[ "$status" -eq 2 ]
	[ "${lines[0]}" = "otrace agent: $file:1:12: log_level: \"nonsense\" is not error, warn, info or debug" ]
	OTRACE_CONFIG=$file run "$OTRACE" config check
	[ "$status" -eq 2 ]
	OTRACE_CONFIG=$dir/none run "$OTRACE" agent
	[ "$status" -eq 2 ]
	[ "${lines[0]}" = "otrace agent: $dir/none: No such file or directory" ]
}

@test "an error says file, line, column, what was read and what is right" {
	printf '# one\nsample: 10%%\n\ncpu_buget: 5%%\n' >"$file"
	run "$OTRACE" agent --config "$file"
	echo "$output"
	[ "$status" -eq 2 ]
	[ "${lines[0]}" = "otrace agent: $file:4:1: cpu_buget is no key; did you mean cpu_budget?" ]
	printf 'rules:\n  - exe: /usr/bin/node\n    port: 70000\n' >"$file"
	run "$OTRACE" config check "$file"
	echo "$output"
	[ "${lines[0]}" = "otrace config: $file:3:11: rules port=70000: port=70000: not a port; right: 1 to 65535" ]
	[[ $output == *'3 |     port: >70000<'* ]]
	printf 'export:\n  - url: gopher://user:hush@host\n' >"$file"
	run "$OTRACE" config check "$file"
	echo "$output"
	[ "$status" -eq 2 ]
	[[ ${lines[0]} == *"from $file:2:5: export"* && $output != *hush* ]]
}

@test "as root, a file that others can write, or that is theirs, is refused" {
	cp "$OTRACE" "$dir/otrace"
	echo 'sample: 10%' >"$file"
	chmod 666 "$file"
	run "$OTRACE" config check "$file"
	echo "$output"
	[ "$status" -eq 2 ]
	[[ $output == *"every user can write it (mode 0666)"*"chmod go-w $file"* ]]
	chmod 644 "$file"
	chown nobody "$file"
	run "$OTRACE" agent --config "$file"
	[ "$status" -eq 2 ]
	[[ $output == *"it belongs to uid "*", not to root"*"chown root:root $file"* ]]
	chown root:nogroup "$file"
	chmod 664 "$file"
	run "$OTRACE" config check "$file"
	[[ $output == *"users of its group can write it"* ]]
	chown root:root "$file"
	run "$OTRACE" config check "$file"
	[ "$output" = "$file: ok, 1 key" ]
	# A user with a capability is as strict; one without decides for himself.
	chown 4242 "$file"
	run setpriv --reuid 65534 --clear-groups --inh-caps +sys_ptrace --ambient-caps +sys_ptrace \
		"$dir/otrace" config check "$file"
	echo "$output"
	[[ $output == *"it belongs to uid 4242, not to root"* ]]
	run setpriv --reuid 4242 --clear-groups --inh-caps +sys_ptrace --ambient-caps +sys_ptrace \
		"$dir/otrace" config check "$file"
	[ "$output" = "$file: ok, 1 key" ]
	run setpriv --reuid 65534 --clear-groups "$dir/otrace" config check "$file"
	[ "$output" = "$file: ok, 1 key" ]
	run "$OTRACE" config check /dev/null
	[ "$output" = "/dev/null: ok, 0 keys" ]
	rm "$file"
	mkfifo "$file"
	run timeout 10 "$OTRACE" config check "$file"
	[[ $output == *"no regular file"* ]]
	rm "$file"
	head -c 300000 /dev/zero | tr '\0' '#' >"$file"
	run "$OTRACE" config check "$file"
	[[ $output == *"longer than 262144 bytes"*"right: fewer items"* ]]
}

@test "the example is right as it is, and with every key in force" {
	"$OTRACE" config example >"$file"
	run "$OTRACE" config check "$file"
	[ "$output" = "$file: ok, 0 keys" ]
	sed -i -E 's/^#([a-z_]+:|  - )/\1/' "$file"
	run "$OTRACE" config check "$file"
	echo "$output"
	[ "$output" = "$file: ok, $(grep -cE '^[a-z_]+:' "$file") keys" ]
	[ "$(grep -cE '^[a-z_]+:' "$file")" -ge 15 ]
}

@test "config show prints each value and its origin, and what it prints can be read" {
	cat >"$file" <<-END
		hold: 1500ms
		ignore: ["GET /a: b", 'x"y\\']
		rules: [{exe: "/a,b", mode: off}]
		export:
		  - url: http://user:hush@127.0.0.1:4318
		    header: ["Authorization: Bearer hush"]
	END
	OTRACE_SAMPLE=25% OTEL_PROPAGATORS=none run "$OTRACE" config show "$file"
	echo "$output"
	[ "$status" -eq 0 ]
	grep -Eq "^hold: 1500ms +# $file:1$" <<<"$output"
	grep -Eq '^sample: 25% +# OTRACE_SAMPLE$' <<<"$output"
	grep -Eq '^propagators: none +# OTEL_PROPAGATORS$' <<<"$output"
	grep -Eq '^log_level: info +# default$' <<<"$output"
	grep -Eq '^#keep: +# not set$' <<<"$output"
	[[ $output != *hush* ]]
	echo "$output" >"$dir/shown.yaml"
	"$OTRACE" config check "$dir/shown.yaml"
	run "$OTRACE" config show "$dir/shown.yaml"
	grep -qxF '  - "GET /a: b"' <<<"$output"
	grep -qxF '  - "x\"y\\"' <<<"$output"
	grep -qxF '  - exe=/a%2Cb,mode=off' <<<"$output"
}

@test "config answers wrong words" {
	run "$OTRACE" config
	[ "$status" -eq 2 ]
	run "$OTRACE" config chek
	[ "$output" = 'otrace config: "chek" is not check, show or example; did you mean check?' ]
	run "$OTRACE" config check a b
	[ "$status" -eq 2 ]
}

@test "SIGHUP: new rules trace other processes, and end the tracing of those of before" {
	other=$(free_port)
	serve "$port"
	serve "$other"
	printf 'rules: [{port: %s}]\nexport: [file:%s/spans]\n' "$port" "$dir" >"$file"
	agent
	ask "$port" /first
	ask "$other" /not
	printf 'rules: [{port: %s}]\nexport: [file:%s/spans]\n' "$other" "$dir" >"$file"
	quiet
	reload 'configuration read again: rules changed'
	until_true 30 grep -q 'watching 1 processes' "$dir/tracer.err"
	ask "$port" /no-more
	ask "$other" /second
	stop
	spans '{s.name for s in S} == {"GET /first", "GET /second"}' 'len(S) == 2'
}

@test "SIGHUP: a process that is wanted again is traced again, with the library and without" {
	other=$(free_port)
	serve "$port"
	bg lib env LD_PRELOAD="$(dirname "$OTRACE")/libotrace.so" OTRACE_WAIT=1 $PY "$dir/$mine" "$other"
	rules() { printf 'rules: [{cmd: "%s", service: "%s", mode: trace}]\nexport: [file:%s/spans]\n' "$1" "$2" "$dir" >"$file"; }
	rules "*$mine*" one
	agent
	up "$other"
	ask "$port" /a
	ask "$other" /a
	quiet
	rules "nobody" two
	reload 'watching 0 processes'
	ask "$port" /b
	ask "$other" /b
	quiet
	rules "*$mine*" three
	kill -HUP "$tracer"
	until_true 30 sh -c "[ \$(grep -c 'watching 2 processes' '$dir/tracer.err') -ge 3 ]"
	ask "$port" /c
	ask "$other" /c
	stop
	spans 'sorted((s.service, s.name) for s in S) == [("one", "GET /a")] * 2 + [("three", "GET /c")] * 2'
}

@test "SIGHUP: a rule by executable finds processes that start after it" {
	printf 'rules: [{port: 1}]\nexport: [file:%s/spans]\n' "$dir" >"$file"
	agent
	printf 'rules: [{cmd: "*%s*"}]\nexport: [file:%s/spans]\n' "$mine" "$dir" >"$file"
	reload 'rules changed'
	serve "$port"
	ask "$port" /started
	stop
	spans 'len(S) == 1' 'S[0].name == "GET /started"'
}

@test "SIGHUP: a wrong file changes nothing, and is reported" {
	serve "$port"
	printf 'rules: [{port: %s}]\nexport: [file:%s/spans]\n' "$port" "$dir" >"$file"
	agent
	printf 'ignore: [GET /kept]\nrules: [{port: 1}]\nsampel: 0%%\n' >"$file"
	reload "that of before holds: $file:3:1: sampel is no key; did you mean sample?"
	ask "$port" /kept
	rm "$file"
	reload "that of before holds: $file: No such file"
	ask "$port" /kept/too
	stop
	spans '{s.name for s in S} == {"GET /kept", "GET /kept/too"}'
}

@test "SIGHUP: the default file may be missing at the start, but not once it was read" {
	serve "$port"
	mkdir -p "$dir/etc/otrace"
	bg tracer unshare -m sh -c "mount --bind '$dir/etc' /etc &&
		exec env -u OTRACE_CONFIG '$OTRACE' agent --rule port=$port --export 'file:$dir/spans'"
	tracer=$pid
	until_true 30 grep -q 'watching' "$dir/tracer.err"
	file=$dir/etc/otrace/otrace.yaml
	reload 'read again: nothing changed'
	printf 'ignore: [GET /ig*]\n' >"$file"
	reload 'read again: ignore changed'
	for i in 1 2; do # the error does not make it forget that there was a file
		rm -f "$file"
		kill -HUP "$tracer"
		until_true 30 sh -c "[ \$(grep -c 'before holds: /etc/otrace/otrace.yaml: No such file' '$dir/tracer.err') -eq $i ]"
		ask "$port" /ignored
	done
	ask "$port" /kept
	stop
	spans '[s.name for s in S] == ["GET /kept"]'
}

@test "SIGHUP: sample, keep, ignore and log_level hold at once; export needs a restart" {
	serve "$port"
	printf 'rules: [{port: %s}]\nexport: [file:%s/spans]\nsample: 0%%\n' "$port" "$dir" >"$file"
	agent
	printf 'rules: [{port: %s}]\nexport: [file:%s/others]\nsample: 100%%\nignore: [GET /ig*]\nkeep: error\nlog_level: debug\n' \
		"$port" "$dir" >"$file"
	reload 'read again: ignore, sample, keep, log_level changed; needs a restart: export'
	ask "$port" /all
	ask "$port" /ignored
	stop
	spans '[s.name for s in S] == ["GET /all"]'
	[ ! -e "$dir/others" ]
}

@test "SIGHUP: a list that has not changed stays in force" {
	serve "$port"
	for sample in 100% 99.99999%; do
		printf 'rules: [{port: %s}]\nexport: [file:%s/spans]\nignore: [GET /ig*]\nsample: %s\n' \
			"$port" "$dir" "$sample" >"$file"
		[ -n "${tracer:-}" ] || agent
	done
	for _ in 1 2 3; do
		kill -HUP "$tracer"
		until_true 30 grep -q 'read again' "$dir/tracer.err"
		ask "$port" /ignored
		ask "$port" /kept
	done
	stop
	spans '[s.name for s in S] == ["GET /kept"] * 3'
}

@test "SIGHUP: a process that stays wanted loses no request of a connection, however often the file is read" {
	room_for_all
	one_nginx 'return 200 ok;'
	bg nginx nginx -c "$dir/nginx.conf"
	up "$port"
	printf 'rules: [{port: %s}]\nexport: [file:%s/spans]\n' "$port" "$dir" >"$file"
	agent --cpu-budget 0
	bg load $PY -c "
import http.client
c = http.client.HTTPConnection('127.0.0.1', $port)
for i in range(1000):
    c.request('GET', '/n/%d' % i)
    c.getresponse().read()"
	load=$pid
	while kill -0 "$load" 2>/dev/null; do
		kill -HUP "$tracer"
		printf 'rules: [{port: %s, service: s%s, mode: trace}]\nexport: [file:%s/spans]\n' \
			"$port" $RANDOM "$dir" >"$file.new"
		mv "$file.new" "$file"
		sleep 0.02
	done
	ended "$load"
	stop
	grep -q 'rules changed' "$dir/tracer.err"
	spans 'len(S) == 1000' 'len({s.path for s in V}) == 1000'
	run grep -c otrace.cut "$dir/spans"
	[ "$output" = 0 ]
}

@test "SIGHUP: another CPU budget holds at once" {
	room_for_all
	one_nginx 'return 200 ok;'
	bg nginx nginx -c "$dir/nginx.conf"
	up "$port"
	budget() { printf 'rules: [{port: %s}]\nexport: [file:%s/spans]\ncpu_budget: %s\n' "$port" "$dir" "$1" >"$file"; }
	budget 0
	agent
	load() { while :; do curl -s "127.0.0.1:$port/load[1-100]" >/dev/null; done; }
	bg load load
	load=$pid
	budget 0.1%
	reload 'read again: cpu_budget changed'
	until_true 60 grep -q 'CPU budget: .* 0.1% allowed (--cpu-budget 0.1%): traced for' "$dir/tracer.err"
	budget 0
	kill -HUP "$tracer"
	until_true 30 sh -c "[ \$(grep -c 'cpu_budget changed' '$dir/tracer.err') -eq 2 ]"
	kill "$load"
	ended "$load"
	for i in 1 2 3 4 5; do ask "$port" "/after/$i"; done
	stop
	spans '{s.path for s in V if s.path.startswith("/after")} == {f"/after/{i}" for i in range(1, 6)}'
}

@test "SIGHUP: an option of the command line stays in force" {
	serve "$port"
	printf 'sample: 0%%\n' >"$file"
	agent --rule "port=$port" --export "file:$dir/spans"
	printf 'rules: [{port: 1}]\n' >"$file"
	reload 'read again: sample changed'
	ask "$port" /yes
	stop
	spans 'len(S) == 1'
}
