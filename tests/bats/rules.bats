#!/usr/bin/env bats
# SPDX-License-Identifier: Apache-2.0
# rules.bats - rules by container, user, environment and language, and the name that a rule gives;
# agent.bats has the others. Two servers run in each test: one that fits the rule, one that does
# not.

load helpers
setup() {
	live_setup
	port=$(free_port)
	other=$(free_port)
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
}

ask() { curl -s -m 10 "127.0.0.1:$1$2" >/dev/null; }

@test "env= fits processes that run, and those that start later" {
	bg one env DEPLOY=blue-1 $PY "$dir/$mine" "$port"
	up "$port"
	agent --rule "cmd=*$mine*,env=DEPLOY=blue-*"
	later=$(free_port)
	bg two env DEPLOY=green-1 $PY "$dir/$mine" "$other"
	bg three env DEPLOY=blue-2 $PY "$dir/$mine" "$later"
	up "$other"
	up "$later"
	ask "$port" /running
	ask "$other" /no
	ask "$later" /later
	stop
	spans '{s.name for s in S} == {"GET /running", "GET /later"}' 'len(S) == 2'
}

@test "user= fits by the effective user" {
	bg one setpriv --reuid 65534 --clear-groups $PY "$dir/$mine" "$port"
	bg two $PY "$dir/$mine" "$other"
	up "$port"
	up "$other"
	agent --rule "cmd=*$mine*,user=nobody"
	ask "$port" /yes
	ask "$other" /no
	stop
	spans '[s.name for s in S] == ["GET /yes"]'
	run "$OTRACE" agent --rule user=no-such-user
	[ "$status" -eq 2 ]
	[[ ${lines[0]} == *"user=no-such-user: no such user" ]]
}

@test "language= fits by the program" {
	bg one $PY "$dir/$mine" "$port"
	up "$port"
	agent --rule "port=$port,language=python"
	ask "$port" /yes
	stop
	spans '[s.name for s in S] == ["GET /yes"]'
	rm "$dir/spans"
	agent --rule "port=$port,language=nodejs"
	ask "$port" /no
	stop
	[ ! -s "$dir/spans" ]
}

@test "container= fits by the id in the cgroup" {
	id=$(head -c 32 /dev/urandom | od -An -tx1 | tr -d ' \n')
	group=$(sed -n 's/^0:://p' /proc/self/cgroup)
	mount=$(findmnt -n -t cgroup2 -o TARGET | head -n 1)
	mkdir "$mount/docker-$id.scope"
	echo $BASHPID >"$mount/docker-$id.scope/cgroup.procs"
	bg one $PY "$dir/$mine" "$port"
	echo $BASHPID >"$mount$group/cgroup.procs"
	contained=$pid
	bg two $PY "$dir/$mine" "$other"
	up "$port"
	up "$other"
	agent --rule "cmd=*$mine*,container=${id:0:12}"
	ask "$port" /in
	ask "$other" /out
	stop
	kill "$contained"
	ended "$contained"
	rmdir "$mount/docker-$id.scope"
	spans '[s.name for s in S] == ["GET /in"]' "S[0].resource['container.id'] == '$id'"
}

@test "service= names a process, also one that names itself, and only while the rule fits" {
	bg one env OTEL_SERVICE_NAME=own $PY "$dir/$mine" "$port"
	up "$port"
	agent --rule "cmd=*$mine*" --rule "port=$port,service=shop"
	bg two env OTEL_SERVICE_NAME=own $PY "$dir/$mine" "$other"
	up "$other"
	ask "$port" /named
	ask "$other" /own
	stop
	spans '{(s.service, s.name) for s in S} == {("shop", "GET /named"), ("own", "GET /own")}'
}

@test "service= of a rule is the name of a process that starts later" {
	agent --rule "cmd=*$mine*,mode=trace" --rule "cmd=*$mine*,service=late"
	bg one $PY "$dir/$mine" "$port"
	up "$port"
	ask "$port" /x
	stop
	spans '[s.service for s in S] == ["late"]'
}
