#!/usr/bin/env bats
# SPDX-License-Identifier: Apache-2.0
# agent.bats - `otrace agent`: the host by rules; programs that run, are executed, or listen. Other
# tests run at the same time, so the rules name the programs of this test.

load helpers
setup() {
	live_setup
	port=$(free_port)
	mine=mine$RANDOM.py
	cp "$APPS/httpd.py" "$dir/$mine"
}

agent() { # ARG..: starts the agent and waits until it watches; its pid is in $tracer
	local pid
	bg tracer "$OTRACE" agent --export "file:$dir/spans" "$@"
	tracer=$pid
	until_true 30 grep -q 'watching' "$dir/tracer.err" || { cat "$dir/tracer.err"; return 1; }
}

stop() {
	quiet
	kill -TERM "$tracer"
	ended "$tracer"
	cat "$dir/tracer.err"
	[ "$status" -eq 0 ]
	[ ! -s "$dir/tracer.out" ]
}

serve() { # PORT: under a name of this test
	bg "serve$1" $PY "$dir/$mine" "$1"
	up "$1"
}

ask() { curl -s -m 10 "127.0.0.1:$1$2" >/dev/null; }

@test "cmd= matches processes that run, and those that start later" {
	later=$(free_port)
	serve "$port"
	agent --rule "cmd=*$mine*"
	serve "$later"
	ask "$port" /running
	ask "$later" /later
	stop
	spans 'len(S) == 2' '{s.name for s in S} == {"GET /running", "GET /later"}'
}

@test "port= matches processes that listen there, now or later, and no others" {
	other=$(free_port)
	later=$(free_port)
	serve "$port"
	serve "$other"
	agent --rule "port=$port" --rule "port=$later"
	serve "$later"
	ask "$port" /yes
	ask "$other" /no
	ask "$later" /later
	stop
	spans 'len(S) == 2' '{s.name for s in S} == {"GET /yes", "GET /later"}'
}

@test "exe= matches by the executable" {
	cp "$(command -v curl)" "$dir/fetch$RANDOM"
	fetch=$(echo "$dir"/fetch*)
	serve "$port"
	agent --rule "exe=$dir/fetch*"
	"$fetch" -s "127.0.0.1:$port/one" >/dev/null
	"$fetch" -s "127.0.0.1:$port/two" >/dev/null
	ask "$port" /other
	stop
	spans 'len(S) == 2' 'all(s.kind == "client" for s in S)'
}

@test "exe= matches processes that end before the agent looks at them" {
	cp "$(command -v curl)" "$dir/brief$RANDOM"
	brief=$(echo "$dir"/brief*)
	serve "$port"
	agent --rule "exe=$dir/brief*"
	kill -STOP "$tracer"
	for i in one two three; do "$brief" -s "127.0.0.1:$port/$i" >/dev/null; done
	curl -s "127.0.0.1:$port/other" >/dev/null
	kill -CONT "$tracer"
	stop
	spans '{s.name for s in S} == {"GET /one", "GET /two", "GET /three"}' 'all(s.kind == "client" for s in S)'
}

@test "mode=off ends the tracing of a process that matches it later" {
	off=$(free_port)
	agent --rule "cmd=*$mine*" --rule "port=$off,mode=off" --rule "exe=*/curl,mode=off"
	serve "$port"
	ask "$port" /on
	bg both $PY -c "
import runpy, subprocess, sys, threading
sys.argv = ['$mine', '$off']
runpy.run_path('$dir/$mine', run_name='__main__')" "$mine"
	up "$off"
	ask "$off" /off
	bg shell sh -c "sleep 0.2; curl -s 127.0.0.1:$port/child; exit # $mine"
	ended "$pid"
	stop
	spans '{s.path for s in V} == {"/on", "/child"}' 'all(s.kind == "server" for s in S)'
}

@test "mode=off is stronger than the rules before it" {
	other=$(free_port)
	serve "$port"
	serve "$other"
	agent --rule "cmd=*$mine*" --rule "port=$other,mode=off"
	ask "$port" /on
	ask "$other" /off
	stop
	spans 'all(s.name == "GET /on" for s in S)' 'len(S) == 1'
}

@test "cgroup= matches by the control group" {
	group=$(sed -n 's/^0:://p' /proc/self/cgroup)
	serve "$port"
	agent --rule "cmd=*$mine*,cgroup=/nosuchgroup*"
	ask "$port" /not
	stop
	[ ! -s "$dir/spans" ]
	mount=$(findmnt -n -t cgroup2 -o TARGET | head -n 1)
	[ -n "$mount" ]
	mkdir "$mount/otrace-bats-$$"
	echo $$ >"$mount/otrace-bats-$$/cgroup.procs"
	serve2=$(free_port)
	bg grouped $PY "$dir/$mine" "$serve2"
	echo $$ >"$mount$group/cgroup.procs"
	up "$serve2"
	agent --rule "cgroup=/otrace-bats-*"
	ask "$serve2" /grouped
	ask "$port" /not
	kill "$pid"
	stop
	ended "$pid"
	rmdir "$mount/otrace-bats-$$"
	spans 'len(S) == 1' 'S[0].name == "GET /grouped"'
}

@test "without a rule, processes that listen are traced, except those of the deny list" {
	# In a pid namespace of the test, no other process is on the host.
	cp /usr/bin/python3 "$dir/sshd"
	other=$(free_port)
	cat >"$dir/alone" <<-S
		$PY $dir/$mine $port &
		$OTRACE agent --export file:$dir/spans 2>$dir/log & agent=\$!
		until grep -q watching $dir/log; do sleep 0.05; done
		$dir/sshd $dir/$mine $other &
		for p in $port $other; do
			until (exec 4<>/dev/tcp/127.0.0.1/\$p) 2>/dev/null; do sleep 0.05; done
		done
		curl -s 127.0.0.1:$port/served; curl -s 127.0.0.1:$other/denied
		sleep 0.3; kill -TERM \$agent; wait \$agent; echo status \$?
	S
	timeout 60 unshare --pid --kill-child --fork --mount-proc bash "$dir/alone" >"$dir/out" 3>&-
	cat "$dir/out" "$dir/log"
	grep -q 'status 0' "$dir/out"
	[ "$(grep -c hello "$dir/out")" -eq 2 ]
	spans "[s.path for s in V] == ['/served']"
}

@test "processes in a pid namespace are found from outside, and by an agent inside" {
	serve "$port"
	bg others bash -c "while :; do curl -s -o $dir/other 127.0.0.1:$port/others; done"
	others=$pid
	later=$(free_port)
	timeout 60 unshare --pid --kill-child --fork --mount-proc bash -c "
		$PY $dir/$mine $later &
		until curl -s -o $dir/answer 127.0.0.1:$later/before; do sleep 0.05; done
		'$OTRACE' agent --rule 'cmd=*$mine*' --export file:$dir/spans 2>$dir/log & a=\$!
		until grep -q watching $dir/log; do sleep 0.05; done
		curl -s -o $dir/answer 127.0.0.1:$later/inside
		sleep 0.3; kill -TERM \$a; wait \$a"
	cat "$dir/log"
	kill "$others"
	ended "$others"
	spans 'len(S) == 1' 'S[0].name == "GET /inside"' # no process from outside
	agent --rule "cmd=*$mine*"
	later=$(free_port)
	bg inner unshare --pid --kill-child --fork $PY "$dir/$mine" "$later"
	up "$later"
	ask "$later" /outside
	stop
	spans 'any(s.name == "GET /outside" for s in S)'
}

@test "a pid that is used again is another process, with a name of its own" {
	cp "$APPS/httpd.py" "$dir/alpha.py"
	cp "$APPS/httpd.py" "$dir/beta.py"
	later=$(free_port)
	cat >"$dir/twice" <<-S
		'$OTRACE' agent --rule 'cmd=*$dir/*.py*' --export file:$dir/spans 2>$dir/log & agent=\$!
		until grep -q watching $dir/log; do sleep 0.05; done
		for name in alpha beta; do
			echo 4000 >/proc/sys/kernel/ns_last_pid
			$PY $dir/\$name.py $later & echo \$! >>$dir/pids
			pid=\$!
			until curl -s -o $dir/answer 127.0.0.1:$later/\$name; do sleep 0.05; done
			kill \$pid; wait \$pid
		done
		kill -TERM \$agent; wait \$agent
	S
	timeout 60 unshare --pid --kill-child --fork --mount-proc bash "$dir/twice" 3>&-
	cat "$dir/log" "$dir/pids"
	[ "$(sort -u "$dir/pids")" = 4001 ]
	spans '{(s.service, s.pid, s.path) for s in V} == {("alpha", 4001, "/alpha"), ("beta", 4001, "/beta")}' \
		'len({s.resource["service.instance.id"] for s in V}) == 2'
}

@test "more than 64 rules are refused, with what is right" {
	many=()
	for i in {1..65}; do many+=(--rule "port=$i"); done
	run "$OTRACE" agent "${many[@]}"
	echo "$output"
	[ "$status" -eq 2 ]
	[ "${lines[0]}" = 'otrace agent: --rule: the list is too long' ]
	[[ ${lines[1]} == *'right: 64 items at most' ]]
}

@test "rules that select nothing: the agent says that all who listen are traced" {
	serve "$port"
	cat >"$dir/alone" <<-S
		for rule in service=shop service=shop,mode=trace; do
			log=$dir/log.\$rule
			'$OTRACE' agent --rule "port=$port,\$rule" --rule sample=50% \
				--export file:$dir/spans 2>>\$log & agent=\$!
			until grep -q "watching" \$log; do sleep 0.05; done
			kill -TERM \$agent; wait \$agent
		done
	S
	timeout -s KILL 60 unshare --pid --kill-child --fork --mount-proc bash "$dir/alone" 3>&-
	head "$dir"/log.*
	said='no rule selects a process, so all that listen on a port are traced; .*mode=trace'
	grep -q "$said" "$dir/log.service=shop"
	[ "$(grep -c 'no rule selects' "$dir/log.service=shop,mode=trace")" -eq 0 ]
}

@test "a wrong rule is refused with what was read and what is right" {
	for bad in port=x port=99999 mode=on colour=red exe; do
		run "$OTRACE" agent --rule "$bad"
		echo "$output"
		[ "$status" -eq 2 ]
		[[ ${lines[0]} == "otrace agent: --rule $bad: "*"right"* || ${lines[1]} == *right:* ]]
	done
	run "$OTRACE" agent --rule pory=80
	[[ $output == *"pory is no key; did you mean port?"* ]]
	run "$OTRACE" agent 1234
	[ "$status" -eq 2 ]
}

@test "of many processes with a short life every request is recorded once" {
	serve "$port"
	agent --rule "cmd=*$mine*"
	for i in $(seq 6); do
		other=$(free_port)
		bg short $PY "$dir/$mine" "$other"
		up "$other"
		ask "$other" "/life/$i"
		kill "$pid"
		ended "$pid"
	done
	stop
	spans 'len(S) == 6' 'len({s.pid for s in S}) == 6'
}

@test "processes without a rule that start while the agent begins or ends have no spans" {
	other=$(free_port)
	http "$other"
	strangers() { while :; do curl -s -m 10 "127.0.0.1:$other/stranger"; done; }
	bg strangers strangers
	for _ in $(seq 10); do
		agent --rule "cmd=*$mine*"
		kill -TERM "$tracer"
		ended "$tracer"
		[ ! -s "$dir/spans" ] || { cat "$dir/spans"; return 1; }
	done
}
