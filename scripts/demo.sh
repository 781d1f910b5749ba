#!/usr/bin/env bash
# SPDX-License-Identifier: Apache-2.0
# demo.sh - the first minute: real, unmodified services on free ports, a few requests,
# and what otrace saw of them. On a terminal it goes on tracing until Ctrl-C; without one
# it ends by itself, and fails unless a whole tree was seen (demo_check.py).
set -euo pipefail
cd "$(dirname "$0")/.."
. scripts/services.sh

step() { printf '[%s/4] %-10s %s\n' "$@"; }
tool() { # ARG..: becomes otrace, drawn for where we print
	exec env COLUMNS="$columns" build/otrace attach --color "$color" "$@" \
		":$NGINX_PORT" ":$GUNICORN_PORT" ":$NODE_PORT" ":$PG_PORT"
}

packages() {
	local said
	said=$(scripts/setup.sh build demo) || { echo "[1/4] $said" && exit 1; }
	echo "[1/4] $said"
	[ "$(id -u)" = 0 ] || {
		echo "      tracing what runs already needs root:  try  sudo make demo"
		exit 1
	}
}

build() {
	local since=$SECONDS
	make -s -j"$(nproc)" build/otrace >build.log 2>&1 || { cat build.log && exit 1; }
	rm -f build.log
	step 2 build "build/otrace, $((SECONDS - since)) s"
}

services() {
	local since=$SECONDS
	trap stop EXIT
	svc_init
	svc_node ''
	svc_postgres
	svc_gunicorn shop:app 2 2
	svc_nginx "$GUNICORN_PORT"
	step 3 services "nginx :$NGINX_PORT -> gunicorn/flask :$GUNICORN_PORT -> node :$NODE_PORT,\
 postgresql :$PG_PORT; in $SVC, $((SECONDS - since)) s"
}

stop() { # svc_stop waits for what it killed
	set +e
	[ -z "${tracer:-}" ] || kill -KILL "$tracer" 2>/dev/null
	svc_stop
}

ask() { # PATH
	curl -s -o /dev/null --max-time 20 "http://127.0.0.1:$NGINX_PORT$1"
}

started() { # LOG: waits for the start line
	local i
	for ((i = 0; i < 150; i++)); do
		grep -q 'otrace [0-9]' "$1" && return 0
		kill -0 "$tracer" 2>/dev/null || break
		sleep 0.1
	done
	cat "$1" >&2
	return 1
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

trace() {
	local i seen=$SVC/seen.txt spans=$SVC/spans.jsonl
	step 4 tracing "kernel probes; 20 requests, one slow, one failing: a block of each kind"
	echo
	tool --print 0 --export "file:$spans" >"$seen" 2>&1 &
	tracer=$!
	started "$seen"
	for i in $(seq 18); do ask "/checkout?id=$i"; done
	ask "/slow?id=19"
	ask "/fail?id=20"
	sleep 1.3 # the hold time: what is not proved yet
	kill -TERM "$tracer"
	wait "$tracer" || { cat "$seen" && return 1; }
	tracer=
	pick <"$seen"
	echo
	/usr/bin/python3 scripts/demo_check.py "$spans"
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
	(tool) || true
}

columns=100 color=never
[ ! -t 1 ] || { columns=$(tput cols 2>/dev/null || echo 100) && color=always; }
[ -z "${NO_COLOR:-}" ] || color=never
packages
build
services
trace
yours
[ ! -t 0 ] || [ ! -t 1 ] || stay
