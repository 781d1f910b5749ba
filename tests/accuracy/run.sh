#!/usr/bin/env bash
# SPDX-License-Identifier: Apache-2.0
# run.sh [quick | CASE..] - are the parents right? Prints one row per case and number of clients.
#
#	cases      nginx-flask-pg nginx-node-node nginx-node-queue pool-python pool-c
#	           pool-late pool-twice pool-mixed late-node late-flask asyncio go-db go-nested
#	           go-http java-url java-client java-async java-pool java-virtual threads-async node-immediate
#	           node-timeout0 node-two node-twice node-undici own-busy puma puma-thread
#	           gevent uvloop own-flask own-node own-asyncio
#	quick      six of them at 16 clients, 40 s
#	CLIENTS    "1 16 64"            SECONDS_EACH  of load, 3
#	SHIM=1     by the library in the services, no probes in the kernel; any user
#	SHIM=both  by the library in the services, and probes in the kernel
#	KEEP=DIR   keeps what was traced, and --record with RECORD=1
#
# Run as root, from anywhere, after `make`. Exits 1 where a threshold is missed.
set -u
cd "$(dirname "$0")/../.." || exit 1
B=${B:-build}
# shellcheck source=scripts/services.sh
. scripts/services.sh
here=tests/accuracy
LOAD_SECONDS=${SECONDS_EACH:-3}
failed=0

fail() {
	echo "run.sh: $*" >&2
	failed=1
	return 1
}

attach() { # NAME TARGET..: returns once it traces; its pid in AGENT
	local name=$1 i
	shift
	local more=()
	[ -z "${RECORD:-}" ] || more=(--record "$OUT/$name.rec")
	# judge.py needs all spans: no request may be shed, and no queue may be full.
	OTRACE_CPU_BUDGET=0 OTEL_BSP_MAX_QUEUE_SIZE=100000 "$B/otrace" attach --export "file:$OUT/$name.jsonl" -o "$OUT/$name.txt" --no-live \
		"${more[@]}" "$@" >"$OUT/$name.log" 2>&1 </dev/null &
	AGENT=$!
	for ((i = 0; i < 200; i++)); do
		# With -o there is no notice: wait until the probes are attached, and until processes are listed.
		if find "/proc/$AGENT/fd" -lname '*bpf*link*' 2>/dev/null | grep -q .; then
			sleep 0.3
			return 0
		fi
		kill -0 "$AGENT" 2>/dev/null || break
		sleep 0.05
	done
	cat "$OUT/$name.log" >&2
	kill "$AGENT" 2>/dev/null
	return 1
}

load() { # CLIENTS PORT PATH: bounded; sets SENT
	local out
	# shellcheck disable=SC2086
	out=$(timeout $((LOAD_SECONDS + 10)) wrk -t1 -c"$1" -d"${LOAD_SECONDS}s" --timeout 5s \
		-s "$here/ids.lua" "http://127.0.0.1:$2" -- "$3")
	SENT=$(sed -n 's/^ *\([0-9]*\) requests in .*/\1/p' <<<"$out")
	if grep -q 'Non-2xx\|Socket errors' <<<"$out"; then
		fail "errors under load: $(grep 'Non-2xx\|Socket errors' <<<"$out")"
	fi
}

# The load comes from a process that is not traced; measure() asks for it through these pipes.
loads_outside() { # ASK SENT: pipes
	local clients port path
	while read -r clients port path <"$1"; do
		[ "$clients" != over ] || return 0
		load "$clients" "$port" "$path"
		echo "$SENT" >"$2"
	done
}

# Prints one row: traces the targets during a load on PATH of PORT.
measure() { # NAME CLIENTS PORT PATH "TARGET.." [JUDGE ARG..]
	local name=$1 clients=$2 port=$3 path=$4 targets=$5
	local file=$name.$clients loader
	SENT=0
	shift 5
	if [ -n "${INSIDE:-}" ]; then
		echo "$clients $port $path" >"$INSIDE.ask"
		read -r SENT <"$INSIDE.sent"
		sleep 0.3
		echo "$name $clients $SENT $*" >>"$INSIDE"
		return
	fi
	if [ -n "${LATE:-}" ]; then
		# An attach takes longer under such a load.
		LOAD_SECONDS=$((LOAD_SECONDS + 3)) load "$clients" "$port" "$path" &
		loader=$!
		sleep 0.5
	fi
	# shellcheck disable=SC2086
	attach "$file" $targets || { fail "$name: cannot attach"; return; }
	if [ -n "${LATE:-}" ]; then
		wait "$loader"
	else
		load "$clients" "$port" "$path"
	fi
	sleep 0.3
	kill -INT "$AGENT"
	wait "$AGENT" || fail "$name: otrace failed: $(tail -n 3 "$OUT/$file.log")"
	python3 "$here/judge.py" "$OUT/$file.jsonl" --name "$name" --clients "$clients" \
		--requests "$SENT" "$@" || failed=1
	[ -n "${KEEP:-}" ] || rm -f "$OUT/$file".*
}

each() { # NAME PORT PATH TARGETS [JUDGE ARG..]: at all numbers of clients
	local name=$1 clients
	shift
	for clients in $CLIENTS; do
		measure "$name" "$clients" "$@"
	done
}

back() { # sets BACK_PORT
	BACK_PORT=$(svc_port)
	svc_start back node "$SVC/back.js" "$BACK_PORT"
	svc_wait_port "$BACK_PORT"
	export PRICES=http://127.0.0.1:$BACK_PORT
	NODE_PORT=$BACK_PORT
}

app() { # LOG CMD.. with @PORT@: sets APP_PORT
	APP_PORT=$(svc_port)
	svc_start "${@//@PORT@/$APP_PORT}"
	svc_wait_port "$APP_PORT"
}

case_nginx_flask_pg() {
	svc_postgres && svc_gunicorn shop:app 1 16 && svc_nginx "$GUNICORN_PORT" || return 1
	each nginx-flask-pg "$NGINX_PORT" /query ":$NGINX_PORT :$GUNICORN_PORT :$PG_PORT" \
		--entry nginx --from 300 --least 98
}

node_chain() { # sets NGINX_PORT, NODE_PORT, LAST
	svc_node || return 1
	LAST=$NODE_PORT
	svc_node "http://127.0.0.1:$LAST" && svc_nginx "$NODE_PORT"
}

case_nginx_node_node() {
	SOCKETS=128 node_chain || return 1
	each nginx-node-node "$NGINX_PORT" /price ":$NGINX_PORT :$NODE_PORT :$LAST" \
		--entry nginx --from 1000 --least 95
}

# The agent attaches under load, within connections, exchanges and turns.
case_late_node() {
	SOCKETS=128 node_chain || return 1
	LATE=1 each late-node "$NGINX_PORT" /price ":$NGINX_PORT :$NODE_PORT :$LAST" \
		--entry nginx --from 1000
}

case_late_flask() {
	svc_postgres && svc_gunicorn shop:app 1 16 && svc_nginx "$GUNICORN_PORT" || return 1
	LATE=1 each late-flask "$NGINX_PORT" /query ":$NGINX_PORT :$GUNICORN_PORT :$PG_PORT" \
		--entry nginx --from 300
}

# 64 requests wait for 8 connections within the program, so their order is not visible.
case_nginx_node_queue() {
	SOCKETS=8 node_chain || return 1
	each nginx-node-queue "$NGINX_PORT" /price ":$NGINX_PORT :$NODE_PORT :$LAST" \
		--entry nginx --from 1000
}

case_pool_python() {
	back && svc_gunicorn calls:app 1 16 || return 1
	each pool-python "$GUNICORN_PORT" /pooled ":$GUNICORN_PORT" --precision 99.9
}

pool_calls() { # NAME "ARG.." [JUDGE ARG..]: pool.c with these arguments
	local name=$1 args=$2
	shift 2
	mkdir -p "$B/tests/apps"
	# shellcheck disable=SC2086
	${CC:-cc} -O2 -D_GNU_SOURCE -o "$B/tests/apps/pool" tests/apps/pool.c -lpthread &&
		back && app pool "$B/tests/apps/pool" @PORT@ "$BACK_PORT" $args || return 1
	each "$name" "$APP_PORT" /call ":$APP_PORT" "$@"
}

case_pool_c() { pool_calls pool-c ""; }

# Handlers pause before they wait: if their job is done by then, no thread wakes them.
case_pool_late() { pool_calls pool-late "2000 6"; }

# In the first case each job sends two requests, in the second every other job sends none.
case_pool_twice() { pool_calls pool-twice "0 8 2"; }
case_pool_mixed() { pool_calls pool-mixed "0 8 1 2" --precision 99.9; }

case_asyncio() {
	back && app aio /usr/bin/python3 "$SVC/calls_aio.py" @PORT@ "$PRICES" || return 1
	each asyncio "$APP_PORT" /call ":$APP_PORT"
}

go_app() {
	mkdir -p "$B/tests/apps"
	if [ tests/apps/calls.go -nt "$B/tests/apps/calls" ]; then
		go build -o "$B/tests/apps/calls" tests/apps/calls.go || return 1
	fi
	back && app go "$B/tests/apps/calls" @PORT@ "127.0.0.1:$BACK_PORT"
}

case_go_db() { go_app && each go-db "$APP_PORT" /db ":$APP_PORT"; }
case_go_nested() { go_app && each go-nested "$APP_PORT" /nested ":$APP_PORT"; }
case_go_http() { go_app && each go-http "$APP_PORT" /http ":$APP_PORT"; }

java_app() {
	mkdir -p "$B/tests/apps"
	if [ tests/apps/Calls.java -nt "$B/tests/apps/Calls.class" ]; then
		javac -d "$B/tests/apps" tests/apps/Calls.java || return 1
	fi
	back && app java "${JAVA:-java}" -Xmx512m -cp "$B/tests/apps" Calls @PORT@ "$PRICES"
}

case_java_url() { java_app && each java-url "$APP_PORT" /url ":$APP_PORT"; }
case_java_client() { java_app && each java-client "$APP_PORT" /client ":$APP_PORT"; }
case_java_pool() { java_app && each java-pool "$APP_PORT" /pooled ":$APP_PORT" --precision 99.9; }

# A handler runs on a virtual thread, which yields its thread to other handlers when it waits.
java21() { # prints the folder of a JDK that has virtual threads
	local at
	for at in /usr/lib/jvm/*/bin/java; do
		"$at" -version 2>&1 | grep -qE '"(2[1-9]|[3-9][0-9])' && dirname "$at" && return
	done
	echo "no JDK of 21 or later in /usr/lib/jvm" >&2
	return 1
}

case_java_virtual() {
	local bin
	bin=$(java21) || return 1
	export VIRTUAL=1 JAVA=$bin/java
	java_app && each java-virtual "$APP_PORT" /pooled ":$APP_PORT"
	unset VIRTUAL JAVA
}

case_java_async() { java_app && each java-async "$APP_PORT" /async ":$APP_PORT"; }

puma_app() {
	back && app puma puma -e production -t 16:16 -b "tcp://127.0.0.1:@PORT@" "$SVC/calls.ru"
}

case_puma() { puma_app && each puma "$APP_PORT" /direct ":$APP_PORT"; }
case_puma_thread() { puma_app && each puma-thread "$APP_PORT" /pooled ":$APP_PORT"; }

case_gevent() {
	back && app gevent env -C "$SVC" /usr/bin/python3 /usr/bin/gunicorn -k gevent -w 1 \
		-b 127.0.0.1:@PORT@ --keep-alive 60 calls:app || return 1
	each gevent "$APP_PORT" /direct ":$APP_PORT" --from 300
}

case_uvloop() {
	back && app aio env UVLOOP=1 /usr/bin/python3 "$SVC/calls_aio.py" @PORT@ "$PRICES" || return 1
	each uvloop "$APP_PORT" /call ":$APP_PORT"
}

case_own_flask() {
	back && OWN=1 svc_gunicorn calls:app 1 16 || return 1
	each own-flask "$GUNICORN_PORT" /direct ":$GUNICORN_PORT" --own --least 99
}

case_own_node() {
	back && app own env -u UNDICI node "$SVC/calls.js" @PORT@ "$PRICES" || return 1
	each own-node "$APP_PORT" /call ":$APP_PORT" --own
}

node_calls() { # NAME SETTING [JUDGE ARG..]: calls.js with this setting and without its timer
	local name=$1 setting=$2
	shift 2
	back && app own env -u UNDICI OWN=0 SOCKETS=200 "$setting" node "$SVC/calls.js" @PORT@ "$PRICES" ||
		return 1
	each "$name" "$APP_PORT" /call ":$APP_PORT" --from 300 "$@"
}

# Each 50th handler asks after the loop has read all that its turn found.
case_node_immediate() { node_calls node-immediate DEFER=immediate; }
case_node_timeout0() { node_calls node-timeout0 DEFER=timeout0; }
case_node_two() { node_calls node-two TWICE=1; }
case_node_twice() { node_calls node-twice DEFER=twice; }

# UNDICI: the folder of npm's undici, which hands its free connections to waiting requests after each
# turn.
case_node_undici() {
	if [ -z "${UNDICI:-}" ]; then
		echo "node-undici: left out, UNDICI names no folder of npm's undici" >&2
		return 0
	fi
	node_calls node-undici UNDICI="$UNDICI"
}

# Handlers and the timer compute for 20 ms each. The loop reads its clock before it computes, so the
# timer is due long before the loop begins to wait for it.
case_own_busy() {
	back && app own env -u UNDICI BUSY=20 OWN=50 node "$SVC/calls.js" @PORT@ "$PRICES" || return 1
	each own-busy "$APP_PORT" /call ":$APP_PORT" --own
}

case_threads_async() {
	mkdir -p "$B/tests/apps"
	${CXX:-c++} -O2 -o "$B/tests/apps/async" tests/apps/async.cpp -lpthread &&
		back && app async "$B/tests/apps/async" @PORT@ "$BACK_PORT" || return 1
	each threads-async "$APP_PORT" /call ":$APP_PORT"
}

case_own_asyncio() {
	back && OWN=1 app aio /usr/bin/python3 "$SVC/calls_aio.py" @PORT@ "$PRICES" || return 1
	each own-asyncio "$APP_PORT" /call ":$APP_PORT" --own
}

all="nginx-flask-pg nginx-node-node nginx-node-queue pool-python pool-c pool-late
	pool-twice pool-mixed asyncio go-db go-nested go-http
	java-url java-client java-async java-pool java-virtual threads-async node-immediate
	node-timeout0 node-twice node-two node-undici own-busy puma puma-thread gevent uvloop
	own-flask own-node own-asyncio late-node late-flask"
quick="nginx-flask-pg nginx-node-node pool-python own-flask own-node own-asyncio"
OUT=${KEEP:-$(mktemp -d)}
mkdir -p "$OUT"

one() { # CASE
	svc_init
	"case_${1//-/_}" || fail "$1: its services did not start"
	svc_stop
}

# The services of a case are children of `otrace run`; judge.py reads the spans when it has ended.
shim_one() { # CASE
	local clients name requests more source=--no-bpf
	[ "$SHIM" != both ] || source=
	rm -f "$OUT/inside.ask" "$OUT/inside.sent"
	mkfifo "$OUT/inside.ask" "$OUT/inside.sent"
	loads_outside "$OUT/inside.ask" "$OUT/inside.sent" &
	for clients in $CLIENTS; do
		rm -f "$OUT/inside"
		# shellcheck disable=SC2086
		OTRACE_CPU_BUDGET=0 OTEL_BSP_MAX_QUEUE_SIZE=100000 CLIENTS=$clients \
			INSIDE=$OUT/inside "$B/otrace" run $source --export "file:$OUT/$1.jsonl" -o "$OUT/$1.txt" --no-live \
			-- "$here/run.sh" "$1" >"$OUT/$1.log" 2>&1 </dev/null
		[ -s "$OUT/inside" ] || { fail "$1: $(tail -n 3 "$OUT/$1.log")"; return; }
		read -r name clients requests more <"$OUT/inside"
		# shellcheck disable=SC2086
		python3 "$here/judge.py" "$OUT/$1.jsonl" --name "$name" --clients "$clients" \
			--requests "$requests" $more || failed=1
	done
	timeout 5 sh -c "echo over >$OUT/inside.ask"
	wait
}

trap 'kill "${AGENT:-}" 2>/dev/null; svc_stop; [ -n "${KEEP:-}" ] || rm -rf "$OUT"' EXIT
if [ "${1:-}" = quick ]; then
	CLIENTS=${CLIENTS:-16}
	LOAD_SECONDS=${SECONDS_EACH:-2}
	# shellcheck disable=SC2086
	set -- $quick
fi
CLIENTS=${CLIENTS:-1 16 64}
# shellcheck disable=SC2086
[ $# -gt 0 ] || set -- $all
[ -n "${INSIDE:-}" ] || printf '%-26s %3s %7s %7s %6s %7s %5s %5s %8s\n' case c roots right wrong orphan lost own \
	'right %'
for name; do
	if [[ " ${all//[[:space:]]/ } " != *" $name "* ]]; then
		fail "no case $name"
		continue
	fi
	if [ -n "${SHIM:-}" ] && [ -z "${INSIDE:-}" ]; then
		shim_one "$name"
	else
		one "$name"
	fi
done
exit $failed
