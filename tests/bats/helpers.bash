# SPDX-License-Identifier: Apache-2.0
# helpers.bash - shared by the live tests. Sourced by `load helpers`.
#
# A test starts processes with `bg` and ends them by pid in teardown; it works in $dir,
# on ports of its own, so that several files run side by side. It waits for conditions,
# never for a time to pass: bounds are generous, since the machine may be busy.
# shellcheck shell=bash

# shellcheck source=scripts/services.sh
source scripts/services.sh
# shellcheck source=tests/bats/own.bash
source tests/bats/own.bash

bats_require_minimum_version 1.5.0

# Of a file that defines none of its own.
setup() { live_setup; }
teardown() { live_teardown; }

live_setup() {
	[ "$(id -u)" = 0 ] || { echo "these tests need root" >&2; return 1; }
	ROOT=$PWD
	OTRACE=$ROOT/${OTRACE:-build/otrace}
	APPS=$ROOT/tests/apps
	PY=/usr/bin/python3
	dir=$(mktemp -d "${TMPDIR:-/tmp}/otrace-bats.XXXXXX")
	chmod 755 "$dir"
	pids=()
	unset http_proxy HTTP_PROXY https_proxy HTTPS_PROXY all_proxy ALL_PROXY
	unset "${!OTEL_@}" "${!OTRACE_@}"
	export OTRACE_CONFIG=/dev/null # not the file of this machine
}

# For tests of the library: copies otrace and the library to where every user can read them, since
# this folder may not be readable.
shim_setup() {
	local from=$OTRACE
	mkdir "$dir/bin"
	cp "$from" "$(dirname "$from")/libotrace.so" "$dir/bin/"
	OTRACE=$dir/bin/otrace
	opts=(--no-bpf)
	port=$(free_port)
}

# For a whole file: starts a PostgreSQL that can use TLS (`ssl = on`); and ends it.
pg_setup_file() {
	svc_init
	openssl req -x509 -newkey rsa:2048 -nodes -days 2 -subj /CN=localhost \
		-keyout "$SVC/server.key" -out "$SVC/server.crt" 2>/dev/null
	PG_HOST=127.0.0.1 svc_postgres 3>&-
	install -o postgres -g postgres -m 600 "$SVC/server.key" "$SVC/server.crt" "$SVC/pg/data/"
	export DSN SVC PG_PORT PG_PID
}
pg_teardown_file() {
	kill "$PG_PID"
	for _ in $(seq 600); do kill -0 "$PG_PID" 2>/dev/null || break; sleep 0.05; done
	rm -rf "$SVC"
}

live_teardown() {
	end_own
	rm -rf "$dir"
}

bg() { # NAME CMD..: in the background, its streams in $dir/NAME.{out,err}; pid in $pid
	local name=$1
	shift
	rm -f "$dir/$name.out" "$dir/$name.err" # the output of the process of that name before
	"$@" >"$dir/$name.out" 2>"$dir/$name.err" </dev/null 3>&- &
	pid=$!
	own "$pid"
}

free_port() { svc_port; }

one_nginx() { # WORD..: what its one process does with each request; in $dir/nginx.conf
	cat >"$dir/nginx.conf" <<-END
		user root;
		daemon off;
		master_process off;
		pid $dir/nginx.pid;
		error_log $dir/nginx.log;
		events {}
		http { access_log off; server { listen 127.0.0.1:$port; location / { $* } } }
	END
}

up() { # PORT [HOST]: a process listens
	until_true 60 listens "$@" && return 0
	echo "nobody listens on $1"
	tail -n 5 "$dir"/*.err
	return 1
}

listens() { (exec 4<>"/dev/tcp/${2:-127.0.0.1}/$1") 2>/dev/null; }

until_true() { # SECONDS CMD..
	local until=$((SECONDS + $1 + 1))
	shift
	while [ "$SECONDS" -lt "$until" ]; do
		"$@" >/dev/null 2>&1 && return 0
		sleep 0.05
	done
	echo "not within time: $*"
	return 1
}

gone() { ! kill -0 "$1" 2>/dev/null; }

ended() { # PID: its exit status in $status
	until_true 30 gone "$1" || { echo "process $1 does not end"; return 1; }
	status=0
	wait "$1" || status=$?
}

# A process that has answered may still be between sending and the probe that reports it. The
# processes of this test have done their work when all their threads wait.
quiet() { until_true 30 asleep "${pids[@]}" "${SVC_PIDS[@]}"; }
asleep() { # PID..: these and their descendants
	ps -eLo ppid=,pid=,stat= | awk -v roots="$*" '
		BEGIN { split(roots, list); for (i in list) ours[list[i]] }
		{ parent[$2] = $1 }
		$3 ~ /^[RD]/ { busy[$2] }
		END {
			for (pid in busy) {
				while (pid in parent && !(pid in ours)) pid = parent[pid]
				if (pid in ours) exit 1
			}
		}'
}

# Not every output shows that tracing has begun: asks until an answer was traced.
seen() { until_true 30 asked_and_seen "$@"; } # FILE PORT PATH
asked_and_seen() {
	curl -s -m 10 -o "$dir/answer" "127.0.0.1:$2$3"
	grep -q -e "GET $3" "$1" # a path alone may be a part of the path of this folder
}

http() { # PORT: the HTTP server of these tests; its pid in $pid
	bg "http$1" "$PY" "$APPS/httpd.py" "$1"
	up "$1"
}

# Load makes more spans at once than wait for a file by default: tests that count spans call this
# first.
room_for_all() { export OTEL_BSP_MAX_QUEUE_SIZE=100000; }

attach() { # ARG..: `otrace attach` until it has begun; its pid in $tracer
	local pid
	rm -f "$dir/text"
	bg tracer "$OTRACE" attach -o "$dir/text" --export "file:$dir/spans" "$@"
	tracer=$pid
	until_true 30 grep -q '^otrace 0' "$dir/text" || { cat "$dir/tracer.err"; return 1; }
}

detach() { # its summary is in $dir/text, its spans in $dir/spans
	quiet
	kill -INT "$tracer"
	ended "$tracer"
	cat "$dir/text"
	cat "$dir/tracer.err"
	[ "$status" -eq 0 ]
}

traced() { # CMD..: `otrace run`, its own output in $dir/out, $dir/err; must succeed
	"$OTRACE" run -o "$dir/text" --export "file:$dir/spans" "${opts[@]}" -- "$@" \
		>"$dir/out" 2>"$dir/err" 3>&- || { cat "$dir/err" "$dir/text"; return 1; }
	cat "$dir/text"
}

# The standard output of what `traced` ran is that of standard input.
output_is() {
	cmp - "$dir/out" || { tail -n 50 "$dir/out" "$dir/err"; return 1; }
}

# EXPR..: each a Python expression over the spans in $dir/spans; all must be true.
spans() { $PY "$APPS/spans.py" "$dir/spans" "$@"; }
