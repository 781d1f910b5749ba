# SPDX-License-Identifier: Apache-2.0
# bench_shim.sh - the rows of bench.sh about programs that carry libotrace.so. To be sourced.
#
# A program keeps the library until its end, so bare and traced are two processes, which alternate.
# shellcheck shell=bash

lost() { grep -E '^lost' "$SVC/agent.txt" | grep -v nothing | sed 's/^lost */    lost /'; }
shim_call() { # WHAT KIND BUDGET
	SHIM=--no-bpf call "$@"
	lost
}
row_shimtcp() { shim_call "library: socket call, TCP loopback" tcp 300; }
row_shimunix() { shim_call "library: socket call, AF_UNIX" unix 300; }
row_shimthreads() { shim_call "  the same in a program with threads" threads 300; }
row_shimidle() {
	shim_call "library: write() to /dev/null" write 20
	shim_call "  read() of /dev/zero" read 20
	shim_call "  socket call, AF_UNIX, never captured" mute 300
}
row_bothtcp() { # the sum of both budgets, less what the probes leave to the library
	SHIM='' call "probes and library: socket call, TCP" tcp 500
	lost
}
row_shiminject() {
	local cost grown
	SHIM=--no-bpf pingpong request
	cost=$(calc "$TRACED - $BARE" 0)
	say "library: request of 4 calls, TCP" "$BARE ns" "$TRACED ns" "+$cost ns" "1200 ns" "$cost <= 1200"
	SHIM=--no-bpf pingpong request injected
	grown=$(awk '/had grown/ { printf "%d", 100 * $1 / $3 }' "$SVC/injected.err")
	say "  the same with a header put in" "$BARE ns" "$TRACED ns" \
		"+$(calc "$TRACED - $BARE" 0) ns" "+600 ns" \
		"$TRACED - $BARE - $cost <= 600 && ${grown:-0} >= 90"
	lost
}

# CMD..: with the library in it; sets $AGENT, $TRACED_PID
traced() {
	"$OTRACE" run --no-bpf --no-live -o "$SVC/agent.txt" -- "$@" >"$SVC/traced.log" 2>&1 &
	AGENT=$!
}
traced_pid() { tr -d ' ' <"/proc/$AGENT/task/$AGENT/children"; }
traced_end() {
	# shellcheck disable=SC2046
	kill $(family "$(traced_pid)") 2>/dev/null # a worker may end with its master
	wait "$AGENT"
	AGENT=
}
# Two servers: BARE_PORT, BARE_PIDS and TRACED_PORT, TRACED_PIDS. Sets the one to ask.
ask() { # NAME
	case $1 in
	bare) ASK_PORT=$BARE_PORT ASK_PIDS=$BARE_PIDS ;;
	traced) ASK_PORT=$TRACED_PORT ASK_PIDS=$TRACED_PIDS ;;
	esac
}
turns() { # N RUN..: pairs of runs; BARE TRACED, TRACED BARE, .. so that a drift is no difference
	local i n=$1 name run
	shift
	for ((i = 0; i < n; i++)); do
		for name in $([ $((i % 2)) = 0 ] && echo bare traced || echo traced bare); do
			ask $name
			for run; do $run $name; done
		done
	done
}
forget_turns() { rm -f "$SVC"/{bare,traced}.{cpu,rate,p99,half}; }

# DIR PORT [UPSTREAM]: writes nginx.conf, and /files/small: its own file, or that of an upstream
nginx_at() {
	mkdir -p "$1"
	chmod 755 "$1"
	head -c 1024 /dev/zero | tr '\0' x >"$1/small"
	sed -e "s|@DIR@|$1|g" -e "s|@PORT@|$2|" -e "s|@UPSTREAM@|${3:-1}|" \
		-e "s|worker_processes.*|worker_processes ${WORKERS:-2};|" \
		${3:+-e /files/d} "$SVC/nginx.conf" >"$1/nginx.conf"
}
# One shell for all of them: it ends after them.
nginx_all="trap : TERM; for dir; do nginx -p \$dir -c \$dir/nginx.conf -g 'daemon off;' & done; wait; wait"
# FRONT.. of two nginx, one of them with the library: sets both ports and pids. KIND: static or
# proxy, of an nginx of its own, with the library as well.
two_nginx() { # KIND
	local name dirs port back
	for name in bare traced; do
		port=$(svc_port) back=$(svc_port) dirs="$SVC/$name.front"
		rm -rf "$SVC/$name.front" "$SVC/$name.back"
		[ "$1" = static ] && nginx_at "$SVC/$name.front" "$port"
		[ "$1" = proxy ] && nginx_at "$SVC/$name.front" "$port" "$back" &&
			nginx_at "$SVC/$name.back" "$back" && dirs+=" $SVC/$name.back"
		# shellcheck disable=SC2086
		if [ $name = bare ]; then
			svc_start bare sh -c "$nginx_all" sh $dirs
			BARE_PORT=$port BARE_PIDS=$!
		else
			traced sh -c "$nginx_all" sh $dirs
			TRACED_PORT=$port
		fi
		svc_wait_port "$port"
		[ "$1" = static ] || svc_wait_port "$back"
	done
	TRACED_PIDS=$(traced_pid)
}
two_nginx_end() {
	traced_end
	# shellcheck disable=SC2046
	kill $(family "$BARE_PIDS") 2>/dev/null
}
on_core() { # CORES PID..
	local core=$1 pid
	shift
	for pid in $(family "$@"); do taskset -cp "$core" "$pid" >/dev/null; done
}
shim_saturated() { # KIND PAIRS; the agent runs on either core
	WORKERS=1 two_nginx "$1" # with two workers on one core, the rate would depend on how they share connections
	on_core 0 $BARE_PIDS $TRACED_PIDS
	ASK_PATH=/files/small
	forget_turns
	ask traced
	${WARM:-true}
	turns "$2" flood
	two_nginx_end
}
row_shimnginx() {
	shim_saturated static 6
	say_saturated "library: nginx, saturated, no budget" - 1
	lost
}
shim_budget() { # KIND WHAT
	OTRACE_CPU_BUDGET=auto WARM=warm FLOOD_S=4 shim_saturated "$1" 8
	say_saturated "$2" x0.90 "$(ratio rate) >= 0.9"
	sed -n 's/^budget */    /p' "$SVC/agent.txt"
	lost
}
row_shimbudget() { shim_budget static "  the same with default budget"; }
row_shimproxy() { shim_budget proxy "library: nginx to nginx, default budget"; }

# WHAT WHO: asked at half of the highest rate, and saturated; see $BARE_.., $TRACED_..
shim_service() {
	forget_turns
	ask bare
	half_rate
	ask traced
	FLOOD_S=1 flood warm # both have been asked before the first turn
	FLOOD_CONNS=16 turns "$PAIRS_SHIM" load flood
	traced_end
	say_half "$1" "$2"
	say_saturated "  saturated" - 1 "$2"
	lost
}
row_shimservice() {
	local bare_pid
	flask || return
	bare_pid=$GUNICORN_PID BARE_PORT=$GUNICORN_PORT TRACED_PORT=$(svc_port)
	traced env -C "$SVC" DSN="$DSN" /usr/bin/python3 /usr/bin/gunicorn -w 2 --threads 8 \
		-b "127.0.0.1:$TRACED_PORT" --keep-alive 60 shop:app
	svc_wait_port "$TRACED_PORT"
	BARE_PIDS="$bare_pid $PG_PID" TRACED_PIDS="$(traced_pid) $PG_PID"
	ASK_PATH='/query?id=%d' FLOOD_CPU=0-$(($(nproc) - 1)) \
		shim_service "library: Flask" "the service"
	kill "$bare_pid"
}
row_shimnode() { # node has core 0; its client and its upstream, core 1
	local front="tests/bench/front.js" back
	export NODE_PATH=/usr/share/nodejs
	node -e 'require("express")' 2>/dev/null ||
		{ echo "no Express: run  sudo scripts/setup.sh bench" >&2 && MISSED=1 && return; }
	file_server
	back=http://127.0.0.1:$FILE_PORT
	on_core 1 "$FILE_PID"
	BARE_PORT=$(svc_port) TRACED_PORT=$(svc_port)
	svc_start node node $front "$BARE_PORT" "$back"
	BARE_PIDS=$!
	traced node $front "$TRACED_PORT" "$back"
	svc_wait_port "$BARE_PORT" && svc_wait_port "$TRACED_PORT" || return
	TRACED_PIDS=$(traced_pid)
	on_core 0 $BARE_PIDS $TRACED_PIDS
	ASK_PATH='/item/small?id=%d' shim_service "library: Express" node
	kill "$BARE_PIDS"
	on_core 0-$(($(nproc) - 1)) "$FILE_PID"
}

kib() { # PATTERN FILE: of /proc/PID/smaps or smaps_rollup
	awk -v what="$1" '$1 == what { n += $2 } END { print n + 0 }' "$2"
}
ring_kib() { awk '/^[0-9a-f]+-/ { ours = /otrace-ring/ } ours && /^Rss/ { n += $2 } END { print n + 0 }' "$1"; }
row_shimmem() { # nginx, one worker, fresh each time
	local i name pid
	rm -f "$SVC"/{bare,traced}.{rss,own,ring}
	for i in 1 2 3; do
		WORKERS=1 two_nginx static
		for name in bare traced; do
			ask $name
			"$B/openloop" "$ASK_PORT" /files/small 10 500 2 >/dev/null
			pid=$(family "$ASK_PIDS" | tail -n 1)
			kib Rss: "/proc/$pid/smaps_rollup" >>"$SVC/$name.rss"
			kib Private_Dirty: "/proc/$pid/smaps_rollup" >>"$SVC/$name.own"
			ring_kib "/proc/$pid/smaps" >>"$SVC/$name.ring"
		done
		two_nginx_end
	done
	say_kib "library: Rss after 1,000 requests, nginx" rss
	say_kib "  of it written by the process alone" own
	say_kib "  of it its ring, which the agent has, too" ring
}
say_kib() { # WHAT FILE
	local bare traced
	bare=$(median "$SVC/bare.$2") traced=$(median "$SVC/traced.$2")
	say "$1" "$bare KiB" "$traced KiB" "+$((traced - bare)) KiB" - 1
}
