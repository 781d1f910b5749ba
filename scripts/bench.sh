#!/bin/bash
# bench.sh [ROW..] - what otrace costs here, as ratios in one run (DESIGN section 6).
#
# Prints a table: row, bare, traced, difference or ratio, budget, verdict. Bare and traced
# runs take turns, and the least (of times) or the median (of ratios) counts. Needs root,
# nginx, wrk, gunicorn, PostgreSQL. Rows: see `rows` below; none: all. Absolute figures
# are this machine's. Result of a missed budget: 1.
set -u
cd "$(dirname "${BASH_SOURCE[0]}")/.." || exit 1
. scripts/services.sh

rows="start tcp unix tcp61 unix61 untraced untraced_waits cpu nginx memory loss service"
OTRACE=${OTRACE:-build/otrace}
B=${OTRACE%/*}/bench
SECONDS_=${BENCH_SECONDS:-3}
AGENT='' SINK_PORT='' MISSED=0

build() {
	local f
	mkdir -p "$B"
	for f in pingpong sink openloop; do
		[ "$B/$f" -nt "tests/bench/$f.c" ] ||
			gcc -O2 -Wall -D_GNU_SOURCE -o "$B/$f" "tests/bench/$f.c" -lpthread || exit 1
	done
	[ -x "$OTRACE" ] || { echo "bench: no $OTRACE: run  make" >&2; exit 1; }
}

say() { # ROW BARE TRACED FIGURE BUDGET OK
	local verdict=ok
	case $6 in 0) verdict=MISSED MISSED=1 ;; esac
	printf '%-38s %10s %10s %12s %12s  %s\n' "$1" "$2" "$3" "$4" "$5" "$verdict"
}

calc() { awk "BEGIN { printf \"%.${2:-2}f\", $1 }"; }
holds() { awk "BEGIN { print (($1) ? 1 : 0) }"; }
least() { sort -g | head -n 1; }
median() { sort -g | awk '{ a[NR] = $1 } END { print a[int((NR + 1) / 2)] }'; }

# CPU seconds of processes and of what they have waited for.
cpu_of() {
	local pid
	for pid; do sed 's/^.*) //' "/proc/$pid/stat" 2>/dev/null; done |
		awk -v hz="$(getconf CLK_TCK)" '{ t += $12 + $13 } END { printf "%.2f", t / hz }'
}
# The same to the microsecond, from the scheduler, over all threads.
sched_of() { # PID
	cat /proc/"$1"/task/*/schedstat 2>/dev/null | awk '{ t += $1 } END { printf "%.0f", t / 1000 }'
}
family() { # PID: it and its children, of all ages
	local kid
	echo "$1"
	for kid in $(cat /proc/"$1"/task/*/children 2>/dev/null); do family "$kid"; done
}

agent_start() { # OPTIONS.. TARGET..: until its probes are attached
	: >"$SVC/agent.txt"
	$OTRACE attach -o "$SVC/agent.txt" --no-live "$@" 2>"$SVC/agent.err" &
	AGENT=$!
	for ((i = 0; i < 100; i++)); do
		grep -q . "$SVC/agent.txt" "$SVC/agent.err" 2>/dev/null && return
		kill -0 "$AGENT" 2>/dev/null || break
		sleep 0.02
	done
	cat "$SVC/agent.err" >&2
}
agent_stop() {
	[ -n "$AGENT" ] || return 0
	kill -INT "$AGENT" 2>/dev/null
	wait "$AGENT" 2>/dev/null
	AGENT=
}
# As many as the sink took, of what was sent: the agent's own count.
spans() { sed -n 's/^.*[^0-9]\([0-9,]*\) spans.*/\1/p' "$SVC/agent.txt" | tail -n 1 | tr -d ,; }

sink() { # sets SINK_PORT
	[ -z "$SINK_PORT" ] || return 0
	SINK_PORT=$(svc_port)
	svc_start sink "$B/sink" "$SINK_PORT"
	svc_wait_port "$SINK_PORT"
}

file_server() { # nginx with one small file, /files/small
	[ -n "${FILE_PORT:-}" ] && return
	svc_nginx 1
	FILE_PORT=$NGINX_PORT FILE_PID=$NGINX_PID
	head -c 1024 /dev/zero | tr '\0' x >"$SVC/nginx/small"
	chmod 755 "$SVC/nginx" && chmod a+r "$SVC/nginx/small"
}
