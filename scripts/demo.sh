#!/usr/bin/env bash
# SPDX-License-Identifier: Apache-2.0
# demo.sh - the first minute: real, unmodified services on free ports, started by `otrace run`, a few
# requests, and their traces. As root by kernel probes and the library, else by the library alone. On a
# terminal it traces until Ctrl-C; without one it ends by itself, and fails unless a whole tree was seen
# (demo_check.py).
#
# demo.sh --services DIR: runs the services; it ends when DIR/stop is written to.
set -euo pipefail
cd "$(dirname "$0")/.."
. scripts/services.sh

step() { printf '[%s/4] %-10s %s\n' "$@"; }
packages() {
	local output
	output=$(scripts/setup.sh build demo) || { echo "[1/4] $output" && exit 1; }
	echo "[1/4] $output"
}

build() {
	local since=$SECONDS
	make -s -j"$(nproc)" build/otrace build/libotrace.so >build.log 2>&1 || { cat build.log && exit 1; }
	rm -f build.log
	step 2 build "build/otrace, $((SECONDS - since)) s"
}

# The services, which are traced, until the demo ends.
services() { # DIR
	trap 'set +e; svc_stop' EXIT # waits for the processes that it killed
	svc_init
	svc_node ''
	svc_postgres
	svc_gunicorn shop:app 2 2
	svc_nginx "$GUNICORN_PORT"
	printf '%s\n' "NGINX_PORT=$NGINX_PORT GUNICORN_PORT=$GUNICORN_PORT" \
		"NODE_PORT=$NODE_PORT PG_PORT=$PG_PORT SVC=$SVC" >"$1/ports.new"
	mv "$1/ports.new" "$1/ports"
	read -r _ <"$1/stop" || true
}

up() { # waits until the services listen, and are traced from their first byte
	local since=$SECONDS i
	here=$(mktemp -d "${TMPDIR:-/tmp}/otrace-demo.XXXXXX")
	trap stop EXIT
	mkfifo "$here/stop"
	OTEL_BSP_SCHEDULE_DELAY=200 COLUMNS=$columns build/otrace run --color "$color" --print 0 \
		--export "file:$here/spans" -o "$here/seen" -- scripts/demo.sh --services "$here" \
		>"$here/log" 2>&1 </dev/null &
	tracer=$!
	for ((i = 0; i < 1200; i++)); do
		[ ! -e "$here/ports" ] || break
		kill -0 "$tracer" 2>/dev/null || { cat "$here/log" "$here/seen" && return 1; }
		sleep 0.1
	done
	. "$here/ports"
	step 3 services "nginx :$NGINX_PORT -> gunicorn/flask :$GUNICORN_PORT -> node :$NODE_PORT,\
 postgresql :$PG_PORT; in $SVC, $((SECONDS - since)) s"
}

down() {
	echo >"$here/stop"
	wait "$tracer" || { cat "$here/log" "$here/seen" && return 1; }
	tracer=
}

stop() {
	set +e
	[ -z "${tracer:-}" ] || down
	rm -rf "$here"
}

ask() { # PATH
	curl -s -o /dev/null --max-time 20 "http://127.0.0.1:$NGINX_PORT$1"
}

# One trace of each kind, and the summary: 20 blocks would scroll by.
pick() {
	awk '{
		line = $0
		gsub(/\033\[[0-9;]*m/, "", line)
	}
	line ~ /^[0-9][0-9]:[0-9][0-9]:[0-9][0-9] [0-9a-f]+ / {
		match(line, /(GET|POST) [^ ]+/)
		show = !seen[substr(line, RSTART, RLENGTH)]++
	}
	line ~ /^otrace: / { show = 1 }
	show'
}

# Prints the sources, as the start line has them.
source_of() {
	case $(sed -n '1s/.* //p' "$here/seen") in
	bpf+shim*) echo "kernel probes + library" ;;
	shim*) echo "the library alone, no privilege" ;;
	*) echo "kernel probes" ;;
	esac
}

# Spans are in the file soon after they are complete.
check() {
	local i
	for ((i = 0; i < 50; i++)); do
		/usr/bin/python3 scripts/demo_check.py "$here/spans" >"$here/checked" 2>&1 && break
		sleep 0.2
	done
	cat "$here/checked"
	! grep -q NONE "$here/checked"
}

summary() {
	kill -USR1 "$tracer"
	local i
	for ((i = 0; i < 50; i++)); do
		grep -q '^overhead' "$here/seen" && return 0
		sleep 0.1
	done
}

trace() {
	local i
	step 4 tracing "$(source_of); 20 requests, one slow, one failing: a block of each kind"
	echo
	for i in $(seq 18); do ask "/checkout?id=$i"; done
	ask "/slow?id=19"
	ask "/fail?id=20"
	sleep 1.3 # the hold time of traces that are not proved yet
	summary
	pick <"$here/seen"
	echo
	check
}

yours() {
	echo "yours      sudo build/otrace attach :8080      sudo build/otrace run -- CMD"
	echo "           build/otrace doctor: what this machine allows      build/otrace help"
}

stay() {
	echo "now        every request to http://127.0.0.1:$NGINX_PORT/checkout?id=1" \
		"(or /slow, /fail) is shown here, until Ctrl-C"
	echo
	trap : INT
	tail -n 0 -F "$here/seen" 2>/dev/null || true
}

if [ "${1:-}" = --services ]; then
	services "$2"
	exit 0
fi
columns=100 color=never
[ ! -t 1 ] || { columns=$(tput cols 2>/dev/null || echo 100) && color=always; }
[ -z "${NO_COLOR:-}" ] || color=never
packages
build
up
trace
yours
[ ! -t 0 ] || [ ! -t 1 ] || stay
down
