#!/bin/bash
# SPDX-License-Identifier: Apache-2.0
# bench.sh [ROW..] - what otrace costs on this machine, as a table (the rows are explained in
# docs/OVERHEAD.md).
#
# Bare and traced runs alternate; of times the least counts, of ratios the median. Figures of a busy
# machine are noise: only the difference or the ratio within one run means something. Needs root, nginx,
# wrk, gunicorn, PostgreSQL, Node. Without arguments: every row below, in a quarter of an hour. Exit
# status 1: a budget is missed.
#
# OTRACE=FILE measures another build; PAIRS=N compares the service N times (20, 10 s each). The rows of
# programs that carry the library (shim..) are in bench_shim.sh. CPU is not limited unless a row
# says otherwise, so that the whole cost is measured.
set -u
cd "$(dirname "${BASH_SOURCE[0]}")/.." || exit 1
. scripts/services.sh
. scripts/bench_shim.sh

ROWS="start tcp unix tcp61 unix61 tls untraced waits cpu memory loss nginx budget service
	shimidle shimtcp shimunix shimthreads shiminject bothtcp shimnginx shimbudget shimproxy shimservice
	shimnode shimmem"
OTRACE=${OTRACE:-build/otrace}
B=build/bench
RING_MIB=5 # both rings; each is mapped twice in a row
AGENT='' SINK_PORT='' FILE_PORT='' MISSED=0
PAIRS_SHIM=${PAIRS:-10} PAIRS=${PAIRS:-20}
export OTRACE_CPU_BUDGET=0

build() {
	local f
	[ -x "$OTRACE" ] || { echo "bench: no $OTRACE: run  make" >&2; exit 1; }
	mkdir -p "$B"
	for f in pingpong sink openloop tlspong; do
		[ "$B/$f" -nt "tests/bench/$f.c" ] ||
			gcc -O2 -Wall -D_GNU_SOURCE -o "$B/$f" "tests/bench/$f.c" -lpthread -lssl -lcrypto || exit 1
	done
}

row() { printf '%-42s %9s %9s %12s %9s  %s\n' "$@"; }
# WHAT BARE TRACED FIGURE BUDGET CONDITION: prints one row of the table
say() {
	local verdict=ok
	[ "$(calc "($6) ? 1 : 0" 0)" = 1 ] || verdict=MISSED MISSED=1
	row "$1" "$2" "$3" "$4" "$5" "$verdict"
}
# WHAT BARE TRACED BUDGET FILE: prints `ratio FILE` in percent, with the range that holds the true
# median in 95 of 100 cases. "open": neither within the budget for certain, nor beyond it.
say_range() {
	local n lower mid upper verdict=open
	n=$(ratios "$5" | wc -l)
	lower=$(calc "int(($n + 1) / 2 - 0.98 * sqrt($n))" 0)
	[ "$lower" -ge 1 ] || lower=1
	read -r lower mid upper < <(ratios "$5" | sort -g |
		awk -v l="$lower" '{ a[NR] = ($1 - 1) * 100 } END {
			printf "%+.1f %+.1f %+.1f", a[l], a[int((NR + 1) / 2)], a[NR + 1 - l] }')
	[ "$(calc "($upper <= $4) ? 1 : 0" 0)" = 0 ] || verdict=ok
	[ "$(calc "($lower > $4) ? 1 : 0" 0)" = 0 ] || verdict=MISSED MISSED=1
	row "$1" "$2" "$3" "$mid %" "$4 %" "$verdict: $lower to $upper %, $n pairs"
}
calc() { awk "BEGIN { printf \"%.${2:-2}f\", $1 }"; }
least() { sort -g "$@" | head -n 1; }
median() { sort -g "$@" | awk '{ a[NR] = $1 } END { print a[int((NR + 1) / 2)] }'; }
cpu_us() { # PID..: CPU time of all their threads, by the scheduler
	local pid
	for pid; do cat /proc/"$pid"/task/*/schedstat; done 2>/dev/null |
		awk '{ t += $1 } END { printf "%.0f", t / 1000 }'
}
family() { # PID..: these and all their descendants
	local pid
	for pid; do
		echo "$pid"
		# shellcheck disable=SC2046
		family $(cat /proc/"$pid"/task/*/children 2>/dev/null)
	done
}

agent() { # ARG..: `otrace attach`; its pid is in $AGENT
	"$OTRACE" attach -o "$SVC/agent.txt" --no-live "$@" 2>"$SVC/agent.err" &
	AGENT=$!
	sleep 1
	kill -0 "$AGENT" 2>/dev/null && return
	cat "$SVC/agent.err" >&2
	exit 1
}
agent_end() {
	[ -n "$AGENT" ] || return 0
	kill -INT "$AGENT" 2>/dev/null
	wait "$AGENT" 2>/dev/null
	AGENT=
}

sink() {
	[ -z "$SINK_PORT" ] || return 0
	SINK_PORT=$(svc_port)
	svc_start sink "$B/sink" "$SINK_PORT"
	svc_wait_port "$SINK_PORT"
}
file_server() { # nginx with a file of 1 KiB, /files/small
	[ -z "$FILE_PORT" ] || return 0
	svc_nginx 1
	FILE_PORT=$NGINX_PORT FILE_PID=$NGINX_PID
	chmod 755 "$SVC/nginx"
	head -c 1024 /dev/zero | tr '\0' x >"$SVC/nginx/small"
}

row_start() { # until the probes are attached: the start line is written
	local i from best=999999 took cpu=999999 used
	sleep 60 &
	local pid=$!
	for ((i = 0; i < 5; i++)); do
		rm -f "$SVC/start.txt"
		from=$(date +%s%N)
		"$OTRACE" attach -o "$SVC/start.txt" "$pid" 2>/dev/null &
		AGENT=$!
		while [ ! -s "$SVC/start.txt" ] && kill -0 $AGENT 2>/dev/null; do sleep 0.002; done
		took=$((($(date +%s%N) - from) / 1000000))
		used=$(cat /proc/$AGENT/task/*/schedstat | awk '{ n += $1 } END { print int(n / 1e6) }')
		[ $took -lt $best ] && best=$took
		[ "$used" -lt $cpu ] && cpu=$used
		agent_end
	done
	kill $pid
	wait $pid 2>/dev/null
	say "start to probes attached" - "$best ms" "$best ms" "150 ms" "$best <= 150"
	say "  CPU of the agent until then" - "$cpu ms" "$cpu ms" "100 ms" "$cpu <= 100"
}

# NAME KIND: a ping-pong that waits for its start; its pid in $!. Under `run` if $SHIM is set. A
# ring of the library holds two rounds: records that find the ring full would cost less.
pingpong_start() {
	local cmd=(env OTRACE_NO_INJECT=1) rounds=10 calls=400
	rm -f "$SVC/$1.in" "$SVC/$1.ns"
	mkfifo "$SVC/$1.in"
	[ "$1" != injected ] || cmd=(env OTRACE_NO_INJECT=0)
	[ -z "${SHIM+is set}" ] || rounds=2
	[ "$2" != request ] || calls=100
	# shellcheck disable=SC2206 # words
	[ -z "${SHIM+is set}" ] || [ "$1" = bare ] ||
		cmd+=("$OTRACE" run $SHIM --no-live -o "$SVC/agent.txt" --)
	"${cmd[@]}" "$B/${PONG:-pingpong}" "$2" $rounds $calls <"$SVC/$1.in" >"$SVC/$1.ns" 2>"$SVC/$1.err" &
}
# KIND [NAME]: two ping-pongs alternate, the second one traced (or NAME). Sets BARE and TRACED, in
# ns.
pingpong() {
	local i n=25 who two=${2:-traced} pids=()
	[ -z "${SHIM+is set}" ] || n=75
	pingpong_start bare "$1"
	pids+=($!)
	exec 8>"$SVC/bare.in"
	pingpong_start "$two" "$1"
	pids+=($!)
	exec 9>"$SVC/$two.in"
	[ -n "${SHIM+is set}" ] || agent $!
	for ((i = 1; i <= n; i++)); do
		echo go >&8
		while [ "$(wc -l <"$SVC/bare.ns")" -lt $i ]; do sleep 0.002; done
		echo go >&9
		while [ "$(wc -l <"$SVC/$two.ns")" -lt $i ]; do sleep 0.002; done
		sleep 0.03 # the agent empties the ring
	done
	agent_end
	exec 8>&- 9>&-
	wait "${pids[@]}"
	# Without the first ten: on a busy machine the agent may have begun late.
	BARE=$(tail -n +11 "$SVC/bare.ns" | least) TRACED=$(tail -n +11 "$SVC/$two.ns" | least)
}
call() { # WHAT KIND BUDGET
	pingpong "$2"
	say "$1" "$BARE ns" "$TRACED ns" "+$(calc "$TRACED - $BARE" 0) ns" "$3 ns" \
		"$TRACED - $BARE <= $3"
}
row_tcp() { call "socket call, TCP loopback" tcp 350; }
row_unix() { call "socket call, AF_UNIX" unix 350; }
row_tcp61() { OTRACE_PROBES="socket lengths" call "  the same by exits (6.1), TCP" tcp 500; }
row_unix61() { OTRACE_PROBES="socket lengths" call "  the same by exits (6.1), AF_UNIX" unix 500; }
row_tls() { PONG=tlspong call "TLS call (OpenSSL), by probes in it" tls 3000; }

other() { # WHAT BUDGET TARGET: getppid() of a process that is not traced
	local i
	: >"$SVC/bare.ns" && : >"$SVC/traced.ns"
	for ((i = 0; i < 5; i++)); do
		echo go | "$B/pingpong" getppid 10 100000 >>"$SVC/bare.ns"
		agent "$3"
		[ "$3" != ":$FILE_PORT" ] || "$B/openloop" "$FILE_PORT" /files/small 4 100 0.3 >/dev/null
		sleep 0.2 # armed
		echo go | "$B/pingpong" getppid 10 100000 >>"$SVC/traced.ns"
		agent_end
	done
	BARE=$(least "$SVC/bare.ns") TRACED=$(least "$SVC/traced.ns")
	say "$1" "$BARE ns" "$TRACED ns" "+$(calc "$TRACED - $BARE" 0) ns" "$2 ns" \
		"$TRACED - $BARE <= $2"
}
row_untraced() {
	sleep 60 &
	local pid=$!
	other "any system call, not traced" 10 $pid
	kill $pid
	wait $pid 2>/dev/null
}
row_waits() { file_server && other "  the same while waits are seen" 50 ":$FILE_PORT"; }

# The load before the measured one lasts until the tables of the agent have grown.
row_cpu() {
	local from took n
	sink && file_server
	agent --export "http://127.0.0.1:$SINK_PORT" ":$FILE_PORT"
	"$B/openloop" "$FILE_PORT" /files/small 100 5000 6 >/dev/null
	from=$(cpu_us $AGENT)
	n=$("$B/openloop" "$FILE_PORT" /files/small 100 5000 5 | cut -d' ' -f2)
	sleep 0.5
	took=$(calc "($(cpu_us $AGENT) - $from) / $n")
	agent_end
	say "agent CPU per span to OTLP, 5,000/s" - "$took us" "$took us" "6 us" "$took <= 6"
}

rss_mib() { awk -v r=$RING_MIB '/^VmRSS/ { printf "%.1f", $2 / 1024 - 2 * r }' "/proc/$AGENT/status"; }
row_memory() {
	local half whole load
	ulimit -n 8192
	sink && file_server
	agent --export "http://127.0.0.1:$SINK_PORT" ":$FILE_PORT"
	"$B/openloop" "$FILE_PORT" /files/small 1000 5000 10 >"$SVC/load" &
	load=$!
	sleep 5
	half=$(rss_mib)
	sleep 4.5
	whole=$(rss_mib)
	wait $load
	agent_end
	say "RSS less twice its rings, 1,000 conns," - "$half MiB" "after 5 s" - 1
	say "  5,000/s, to OTLP" - "$whole MiB" "$whole MiB" "24 MiB" "$whole <= 24"
}

row_loss() {
	local rate n lost
	sink && file_server
	for rate in 10000 20000; do
		agent --export "http://127.0.0.1:$SINK_PORT" ":$FILE_PORT"
		n=$("$B/openloop" "$FILE_PORT" /files/small 64 $rate 4 | cut -d' ' -f2)
		sleep 0.3
		agent_end
		lost=$(sed -n 's/^lost *//p' "$SVC/agent.txt" | cut -c1-24)
		say "lost at $rate/s" - "$((n / 4))/s" "${lost:-?}" nothing "\"$lost\" == \"nothing\""
	done
}

# NAME: one run; appends rate and CPU per request. $ASK_PORT, $ASK_PATH (%d in it becomes a number):
# the server; $ASK_PIDS: the processes whose CPU counts.
flood() {
	local from got
	# shellcheck disable=SC2046
	from=$(cpu_us $(family $ASK_PIDS))
	got=$(taskset -c "${FLOOD_CPU:-1}" wrk -t1 -c"${FLOOD_CONNS:-32}" -d"${FLOOD_S:-2}" \
		"http://127.0.0.1:$ASK_PORT${ASK_PATH/\%d/1}" |
		awk '/requests in/ { n = $1 } /^Requests\/sec/ { print n, $2 }')
	# shellcheck disable=SC2046
	calc "($(cpu_us $(family $ASK_PIDS)) - $from) / ${got% *}" >>"$SVC/$1.cpu"
	echo >>"$SVC/$1.cpu"
	echo "${got#* }" >>"$SVC/$1.rate"
}
ratios() { paste "$SVC/traced.$1" "$SVC/bare.$1" | awk '{ print $1 / $2 }'; } # FILE: traced divided by bare, of each pair
ratio() { calc "$(ratios "$1" | median)" 3; } # FILE: the median of these
# Pairs of runs in alternating order: BARE TRACED, TRACED BARE, .. so that a drift is no difference.
pairs() { # N RUN TARGET..
	local i n=$1 run=$2
	shift 2
	rm -f "$SVC"/{bare,traced}.{cpu,rate,p99,half}
	for ((i = 0; i < n; i++)); do
		[ $((i % 2)) = 1 ] || $run bare
		agent "$@"
		${WARM:-true}
		$run traced
		agent_end
		[ $((i % 2)) = 0 ] || $run bare
	done
}
saturated() { # PAIRS: nginx has core 0, wrk core 1; the agent runs on either
	local i
	file_server
	ASK_PORT=$FILE_PORT ASK_PATH=/files/small ASK_PIDS=$FILE_PID
	for i in $(family "$FILE_PID"); do taskset -cp 0 "$i" >/dev/null; done
	pairs "$1" flood ":$FILE_PORT"
	for i in $(family "$FILE_PID"); do taskset -cp 0-$(($(nproc) - 1)) "$i" >/dev/null; done
}
say_saturated() { # WHAT BUDGET CONDITION [WHO]
	say "$1" "$(calc "$(median "$SVC/bare.rate")" 0)/s" \
		"$(calc "$(median "$SVC/traced.rate")" 0)/s" "x$(ratio rate)" "$2" "$3"
	say "  CPU of ${4:-nginx} per request" "$(median "$SVC/bare.cpu") us" \
		"$(median "$SVC/traced.cpu") us" "x$(ratio cpu)" - 1
}
row_nginx() {
	saturated 6
	say_saturated "nginx, 1 KiB file, saturated, no budget" - 1
}
warm() { # until the governor has found its level
	taskset -c 1 wrk -t1 -c32 -d11 "http://127.0.0.1:$ASK_PORT$ASK_PATH" >/dev/null
}
row_budget() { # four seconds: two periods of the governor
	OTRACE_CPU_BUDGET=auto WARM=warm FLOOD_S=4 saturated 4
	say_saturated "  the same with default budget" x0.85 "$(ratio rate) >= 0.85"
	sed -n 's/^budget */    /p; s/^lost */    lost /p' "$SVC/agent.txt"
}

load() { # NAME: one run at half of the highest rate; appends p99 and CPU
	local from got
	# shellcheck disable=SC2046
	from=$(cpu_us $(family $ASK_PIDS))
	got=$("$B/openloop" "$ASK_PORT" "$ASK_PATH" 16 "$RATE" 4)
	# shellcheck disable=SC2046
	calc "($(cpu_us $(family $ASK_PIDS)) - $from) / $(cut -d' ' -f2 <<<"$got")" 1 >>"$SVC/$1.half"
	echo >>"$SVC/$1.half"
	cut -d' ' -f4 <<<"$got" >>"$SVC/$1.p99"
}
half_rate() { # half of the rate of the server; sets RATE
	RATE=$(wrk -t1 -c16 -d3 "http://127.0.0.1:$ASK_PORT${ASK_PATH/\%d/1}" |
		awk '/^Requests\/sec/ { printf "%d", $2 / 2 }')
}
say_half() { # WHAT WHO
	say_range "$1 at $RATE/s: p99" "$(median "$SVC/bare.p99") us" \
		"$(median "$SVC/traced.p99") us" 5 p99
	say_range "  CPU of $2 per request" "$(median "$SVC/bare.half") us" \
		"$(median "$SVC/traced.half") us" 3 half
}
flask() { # one more gunicorn: $GUNICORN_PORT, $GUNICORN_PID
	[ -n "${PG_PORT:-}" ] || svc_postgres || return
	svc_gunicorn shop:app 2 8
}
row_service() {
	flask || return
	ASK_PORT=$GUNICORN_PORT ASK_PATH='/query?id=%d' ASK_PIDS="$GUNICORN_PID $PG_PID"
	half_rate
	pairs "$PAIRS" load ":$GUNICORN_PORT" ":$PG_PORT"
	say_half "Flask + PostgreSQL" "the service"
}

build
svc_init
trap 'agent_end; svc_stop' EXIT
echo "$(date -u '+%Y-%m-%d %H:%M') UTC, Linux $(uname -r), $(nproc) cores, otrace $(git describe --always --dirty)"
row what bare traced difference budget verdict
for r in ${*:-$ROWS}; do row_"$r"; done
exit $MISSED
