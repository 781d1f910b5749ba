# SPDX-License-Identifier: Apache-2.0
# export.bash - what tests of exporters share: servers that answer as they are told, the driver that
# pushes spans through a queue (tests/backends/export_driver.c), real backends on free ports.

# shellcheck source=tests/bats/own.bash
source tests/bats/own.bash
# shellcheck source=scripts/services.sh
source scripts/services.sh

setup_file() {
	export CACHE=${OTRACE_CACHE:-${HOME:-/var}/.cache/otrace}
	make -s export-driver >&2
}

setup() {
	here=tests/backends
	dir=$(mktemp -d)
	pids=()
	unset http_proxy HTTP_PROXY https_proxy HTTPS_PROXY all_proxy ALL_PROXY
	unset "${!OTEL_@}"
}

teardown() {
	end_own
	rm -rf "$dir"
}

start_mock() { # SCHEME SERVER PLAN..: starts the server, sets $url
	rm -f "$dir"/port "$dir"/requests "$dir"/*.body
	/usr/bin/python3 "$here/$2" "$dir" "${@:3}" 3>&- &
	own $!
	for _ in $(seq 600); do [ -s "$dir/port" ] && break; sleep 0.05; done
	url=$1://127.0.0.1:$(cat "$dir/port")
}

mock() { # PLAN..
	start_mock http otlp_mock.py "$@"
}

grpc_mock() { # PLAN..
	start_mock grpc grpc_mock.py "$@"
}

drive() { # ARG..: runs the driver; its figures in $figures
	run timeout 120 build/tests/backends/export_driver "$@"
	echo "$output"
	[ "$status" -eq 0 ]
	figures=" ${lines[-1]} "
}

figure() { # NAME: of $figures
	sed -n "s/.* $1=\([0-9]*\) .*/\1/p" <<<"$figures"
}

have() { # NAME=N..: among the figures
	for want in "$@"; do
		[[ $figures == *" $want "* ]] || { echo "no $want in $figures"; return 1; }
	done
}

requests() { wc -l <"$dir/requests"; }

header() { # N NAME: of a request
	python3 -c '
import json, sys
print(json.loads(open(sys.argv[1]).readlines()[int(sys.argv[2])])["headers"].get(sys.argv[3], ""))
' "$dir/requests" "$1" "$2"
}

seconds_between() { # N M: two requests, in tenths
	python3 -c '
import json, sys
t = [json.loads(l)["time"] for l in open(sys.argv[1])]
print(round((t[int(sys.argv[3])] - t[int(sys.argv[2])]) * 10))
' "$dir/requests" "$1" "$2"
}

witness() { # FILE..: what the witness prints, in $output
	$here/get-witness.sh "$CACHE" >"$dir/get" 2>&1 ||
		skip "the witness cannot be fetched: $(tail -n 1 "$dir/get")"
	run "$CACHE/venv/bin/python" $here/witness.py "$@"
	echo "$output"
	[ "$status" -eq 0 ]
}

free_port() { svc_port; }

backend() { # NAME: gets it into $CACHE, or skips the test
	# These take minutes of CPU to build, so not every run does: see `make backends`.
	[[ $1 != jaeger && $1 != prometheus ]] || [ -e "$CACHE/.$1" ] ||
		[ -n "${OTRACE_BACKENDS:-}" ] || skip "$1 is not built: make backends"
	# The Go of Debian 12 is too old to build some: the test is skipped if there is no other.
	[ "$1" = zipkin ] || go version | grep -qE 'go1\.(2[4-9]|[3-9][0-9])' ||
		skip "no Go that can build $1"
	nice -n 10 "$here/get-$1.sh" "$CACHE" >"$dir/get" 2>&1 ||
		skip "$1 is not to be had: $(tail -n 1 "$dir/get")"
}

answers() { # PORT..: waits until something listens on each
	local port
	for port in "$@"; do
		for _ in $(seq 1200); do
			(exec 4<>"/dev/tcp/127.0.0.1/$port") 2>/dev/null && break
			sleep 0.1
		done
	done
}

collector() { # starts it; its ports are in $OTELCOL_*, what it takes in $dir/traces.jsonl
	backend otelcol
	tls_files
	export OTELCOL_OUT=$dir OTELCOL_HTTP OTELCOL_GRPC OTELCOL_TLS OTELCOL_ZIPKIN
	OTELCOL_HTTP=$(free_port) OTELCOL_GRPC=$(free_port)
	OTELCOL_TLS=$(free_port) OTELCOL_ZIPKIN=$(free_port)
	"$CACHE/otelcol" --config $here/conf/otelcol.yaml >"$dir/log" 2>&1 3>&- &
	own $!
	answers "$OTELCOL_HTTP" "$OTELCOL_GRPC" "$OTELCOL_TLS" "$OTELCOL_ZIPKIN"
}

jaeger() { # starts it; its ports are in $JAEGER_*
	backend jaeger
	export JAEGER_HTTP JAEGER_GRPC JAEGER_ZIPKIN JAEGER_QUERY JAEGER_QUERY_GRPC
	JAEGER_HTTP=$(free_port) JAEGER_GRPC=$(free_port) JAEGER_ZIPKIN=$(free_port)
	JAEGER_QUERY=$(free_port) JAEGER_QUERY_GRPC=$(free_port)
	"$CACHE/jaeger" --config $here/conf/jaeger.yaml >"$dir/log" 2>&1 3>&- &
	own $!
	answers "$JAEGER_HTTP" "$JAEGER_GRPC" "$JAEGER_ZIPKIN" "$JAEGER_QUERY"
}

zipkin() { # starts it; its port is in $ZIPKIN
	backend zipkin
	command -v java >/dev/null || skip "no java for Zipkin"
	ZIPKIN=$(free_port)
	# One element of the list given here replaces all of it, so the port has all its members.
	java -Xms32m -Xmx256m -jar "$CACHE/zipkin.jar" "--armeria.ports[0].ip=127.0.0.1" \
		"--armeria.ports[0].port=$ZIPKIN" "--armeria.ports[0].protocols[0]=HTTP" \
		>"$dir/log" 2>&1 3>&- &
	own $!
	for _ in $(seq 1200); do
		curl -sf -o "$dir/probe" -m 2 "http://127.0.0.1:$ZIPKIN/health" && return
		sleep 0.1
	done
	tail -n 20 "$dir/log"
	false
}

arrived() { # N: waits until N spans and links are in the Collector's file
	for _ in $(seq 200); do
		[ "$(grep -o '"spanId":"' "$dir/traces.jsonl" | wc -l)" -lt "$1" ] || break
		sleep 0.1
	done
	[ "$(grep -o '"spanId":"' "$dir/traces.jsonl" | wc -l)" -eq "$1" ]
}

tls_files() {
	openssl req -x509 -newkey rsa:2048 -nodes -days 2 -subj /CN=ca \
		-keyout "$dir/ca.key" -out "$dir/ca.pem" 2>/dev/null
	openssl req -newkey rsa:2048 -nodes -subj /CN=localhost \
		-keyout "$dir/s.key" -out "$dir/s.csr" 2>/dev/null
	openssl x509 -req -in "$dir/s.csr" -CA "$dir/ca.pem" -CAkey "$dir/ca.key" \
		-CAcreateserial -days 2 -out "$dir/s.pem" \
		-extfile <(echo subjectAltName=DNS:localhost,IP:127.0.0.1) 2>/dev/null
}

