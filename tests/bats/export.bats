#!/usr/bin/env bats
# SPDX-License-Identifier: Apache-2.0
# export.bats - exports to backends that work, that fail, and that do not exist. Run from the root
# of the repository after `make`; the Collector and the witness are built once into $OTRACE_CACHE
# (~/.cache/otrace), and skipped if they cannot be built.

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
	for pid in "${pids[@]}"; do kill "$pid" 2>/dev/null || true; done
	rm -rf "$dir"
}

mock() { # PLAN..: starts the server, sets $url
	python3 $here/otlp_mock.py "$dir" "$@" 3>&- &
	pids+=($!)
	for _ in $(seq 600); do [ -s "$dir/port" ] && break; sleep 0.05; done
	url=http://127.0.0.1:$(cat "$dir/port")
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

@test "all spans arrive at a backend in batches, on one connection" {
	mock ok
	drive "$url" spans=1100
	have delivered=1100 queue=0 refused=0 export=0 accepted=1100 waiting=0
	[ "$(requests)" -eq 3 ]
	[ "$(grep -o '"peer": [0-9]*' "$dir/requests" | sort -u | wc -l)" -eq 1 ]
	grep -q '"path": "/v1/traces"' "$dir/requests"
}

@test "requests have the headers for type, gzip and agent, and those of the user" {
	mock ok
	# To a backend on this host nothing is compressed unless an option asks for it.
	OTEL_EXPORTER_OTLP_COMPRESSION=gzip \
		OTEL_EXPORTER_OTLP_HEADERS='api-key=s%20cret, x=y' drive "$url"
	[ "$(header 0 content-type)" = application/x-protobuf ]
	[ "$(header 0 content-encoding)" = gzip ]
	[[ "$(header 0 user-agent)" =~ ^otrace/[0-9.]+\ OTel-OTLP-Exporter-C/ ]]
	[ "$(header 0 api-key)" = 's cret' ]
	[ "$(header 0 x)" = y ]
	gunzip -c <"$dir/0.body" >/dev/null
}

@test "options behind the URL are stronger than the variables, and hold for that URL alone" {
	mock slow:2 ok
	OTEL_EXPORTER_OTLP_HEADERS=api-key=env OTEL_EXPORTER_OTLP_COMPRESSION=none \
		drive "$url,compression=gzip,timeout=300ms,header=x-a:1,header=x-b:s%20c%2Cret"
	have delivered=100
	[ "$(requests)" -ge 2 ] # the first one took longer than 300 ms
	[ "$(header 1 content-encoding)" = gzip ]
	[ "$(header 1 x-a)" = 1 ]
	[ "$(header 1 x-b)" = 's c,ret' ]
	[ "$(header 1 api-key)" = "" ]
}

@test "a comma in the name of a file is written %2C" {
	drive "file:$dir/a%2Cb.jsonl"
	have delivered=100
	[ -s "$dir/a,b.jsonl" ]
}

@test "loopback gets no compression, and JSON if it is asked for" {
	mock ok
	OTEL_EXPORTER_OTLP_PROTOCOL=http/json drive "$url"
	[ "$(header 0 content-encoding)" = "" ]
	[ "$(header 0 content-type)" = application/json ]
	python3 -m json.tool <"$dir/0.body" >/dev/null
}

@test "after 429 with Retry-After the same batch is sent again at that time" {
	mock retry:2 ok
	drive "$url"
	have delivered=100 export=0 refused=0 accepted=100
	[ "$(requests)" -eq 2 ]
	[ "$(seconds_between 0 1)" -ge 19 ]
}

@test "with a very long Retry-After the batch waits, and is sent once more at the end" {
	local asked
	for asked in retry:18446744073709 retry:1000000000 date:9000000000; do
		rm -f "$dir"/port "$dir"/requests "$dir"/*.body
		mock "$asked" ok
		drive "$url" until=2500
		have waiting=100 delivered=100 refused=0 export=0
		[ "$(requests)" -eq 2 ]
	done
}

@test "with a Retry-After that is 0, over, or no number, the exporter's own pauses are used, which grow" {
	local asked
	for asked in retry:0 retry:-5 date:-1000 retry:99999999999999999999999; do
		rm -f "$dir"/port "$dir"/requests "$dir"/*.body
		mock "$asked" "$asked" "$asked" ok
		drive "$url"
		have delivered=100
		[ "$(requests)" -eq 4 ]
		[ "$(seconds_between 0 3)" -ge 35 ] # 0.5 + 1 + 2 at least
	done
}

@test "a date as Retry-After is respected" {
	mock date:3 ok
	drive "$url"
	have delivered=100
	[ "$(seconds_between 0 1)" -ge 15 ]
}

@test "a cut connection, 503 and 502 are retried, and reported only after three failures" {
	mock close 503 502 ok
	drive "$url"
	have delivered=100 refused=0 export=0
	[ "$(requests)" -eq 4 ]
	[[ $output == *"otrace: export to $url/v1/traces (from --export): HTTP 502: not today, 3 times in "* ]]
	[[ $output == *"reached again after "* ]]
}

@test "after 400 the batch is dropped, counted, reported, and never sent again" {
	mock 400
	drive "$url" linger=2500
	have delivered=0 refused=100 export=0
	[ "$(requests)" -eq 1 ]
	[[ $output == *"HTTP 400: not today"*"100 spans of 100 are lost, not sent again"* ]]
}

@test "spans that a partial success rejects are counted and never sent again" {
	mock partial:7
	drive "$url" linger=2500
	have delivered=93 refused=7
	[ "$(requests)" -eq 1 ]
	[[ $output == *"no room for all"* ]]
}

@test "a partial success in JSON is read" {
	mock jpartial:7
	OTEL_EXPORTER_OTLP_PROTOCOL=http/json drive "$url" linger=2500
	have delivered=93 refused=7
}

@test "without a backend nothing blocks, all spans are counted, and the port is named" {
	mock ok
	kill "${pids[0]}"; wait "${pids[0]}" || true
	OTEL_BSP_MAX_QUEUE_SIZE=200 drive "$url" spans=1000 reported=2 linger=3000 close=700 \
		origin=OTEL_EXPORTER_OTLP_ENDPOINT
	have delivered=0 queue=800 export=200
	[ "$(figure slowest_us)" -lt 500000 ]
	[ "$(figure close_ms)" -lt 10000 ]
	[[ $output == *"export to $url/v1/traces (from OTEL_EXPORTER_OTLP_ENDPOINT): connection refused, 3 times in "* ]]
	[[ $output == *"200 spans wait, limit 200, next try in "*" s; tracing goes on. Nothing listens on port "*" here."* ]]
	[ "$(grep -c 'connection refused' <<<"$output")" -eq 1 ]
}

@test "a slow backend does not extend the deadline of closing" {
	mock slow:30
	drive "$url" spans=600 until=0 close=700
	have delivered=0 export=600
	[ "$(figure slowest_us)" -lt 500000 ]
	[ "$(figure close_ms)" -lt 15000 ] # less than the 30 s of the backend
}

@test "OTEL_EXPORTER_OTLP_TIMEOUT ends a request to a slow backend" {
	mock slow:5 ok
	OTEL_EXPORTER_OTLP_TIMEOUT=300 drive "$url"
	have delivered=100
	[ "$(seconds_between 0 1)" -lt 50 ]
}

@test "an endless answer is cut off" {
	mock huge
	drive "$url" linger=2500
	have delivered=100
	[ "$(requests)" -eq 1 ]
}

@test "TLS with a private CA works if it is trusted, and fails if not" {
	tls_files
	MOCK_CERT=$dir/s.pem MOCK_KEY=$dir/s.key mock ok
	OTEL_EXPORTER_OTLP_CERTIFICATE=$dir/ca.pem \
		drive "https://localhost:${url##*:}"
	have delivered=100
	drive "https://localhost:${url##*:}" until=500 close=1000
	have delivered=0 export=100
}

@test "TLS with a client certificate works" {
	tls_files
	MOCK_CERT=$dir/s.pem MOCK_KEY=$dir/s.key MOCK_CA=$dir/ca.pem mock ok
	export OTEL_EXPORTER_OTLP_CERTIFICATE=$dir/ca.pem
	drive "https://localhost:${url##*:}" until=500 close=1500
	have delivered=0
	OTEL_EXPORTER_OTLP_CLIENT_CERTIFICATE=$dir/s.pem \
		OTEL_EXPORTER_OTLP_TRACES_CLIENT_KEY=$dir/s.key \
		drive "https://localhost:${url##*:}"
	have delivered=100
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

@test "passwords in a URL are sent, and are in no message" {
	mock 400
	drive "http://me:pa55@127.0.0.1:${url##*:}" linger=2000
	[[ $output != *pa55* ]]
	[[ $output == *"http://REDACTED:REDACTED@127.0.0.1:"* ]]
	[ "$(header 0 authorization)" = "Basic $(printf me:pa55 | base64)" ]
}

@test "a destination that is not valid is refused at once, with the right form" {
	for bad in grpc://c:4317 http://c:4317 c:4318 http:// file: "file:$dir/no/x" \
		http://c,timeout=soon http://c,tiemout=1s file:a,b; do
		run build/tests/backends/export_driver "$bad"
		echo "$output"
		[ "$status" -eq 1 ]
		[[ ${lines[0]} == "otrace run: export to "* ]]
	done
}

@test "the file of file: has whole lines and mode 0600, and is truncated at the start" {
	echo old >"$dir/x.jsonl"
	(umask 022; rm "$dir/x.jsonl"; drive "file:$dir/x.jsonl" spans=600)
	drive "file:$dir/x.jsonl" spans=600
	have delivered=600
	[ "$(wc -l <"$dir/x.jsonl")" -eq 2 ]
	[ "$(stat -c %a "$dir/x.jsonl")" = 600 ]
	[ "$(grep -o '"traceId":"abab' "$dir/x.jsonl" | wc -l)" -eq 600 ]
}

@test "on a full disk the file has no incomplete line, and the lost spans are counted" {
	drive file:/dev/full until=500 close=700
	have delivered=0 export=100
}

@test "the witness knows every field, of protobuf, JSON and the file alike" {
	mock ok
	drive "$url" spans=70
	witness "$dir"/*.body
	[[ $output == "spans=70 links=10 errors=14 services=export_driver,orders scopes=otrace/http,otrace/pgsql,otrace/redis unknown=[]" ]]
	local protobuf=$output
	drive "file:$dir/x.jsonl" spans=70
	witness "$dir/x.jsonl"
	[ "$output" = "$protobuf" ]
}

@test "a real Collector takes protobuf, JSON and the lines of the file" {
	# The Go of Debian 12 is too old to build it: the test is skipped if there is no other.
	go version | grep -qE 'go1\.(2[4-9]|[3-9][0-9])' || skip "no Go that can build the Collector"
	nice -n 10 $here/get-otelcol.sh "$CACHE" >"$dir/get" 2>&1 ||
		skip "the Collector cannot be built: $(tail -n 1 "$dir/get")"
	OTELCOL_HTTP=$(python3 -c 'import socket
s = socket.socket(); s.bind(("127.0.0.1", 0)); print(s.getsockname()[1])')
	OTELCOL_OUT=$dir OTELCOL_HTTP=$OTELCOL_HTTP \
		"$CACHE/otelcol" --config $here/conf/otelcol.yaml >"$dir/log" 2>&1 3>&- &
	pids+=($!)
	url=http://127.0.0.1:$OTELCOL_HTTP
	for _ in $(seq 600); do
		curl -s -o "$dir/probe" "$url/" && break
		sleep 0.1
	done
	drive "$url" spans=700
	have delivered=700
	OTEL_EXPORTER_OTLP_PROTOCOL=http/json drive "$url" spans=30
	have delivered=30
	drive "file:$dir/x.line" spans=20
	curl -sf -H 'Content-Type: application/json' --data-binary "@$dir/x.line" \
		"$url/v1/traces"
	for _ in $(seq 200); do # 750, and 108 that are named by links
		[ "$(grep -o '"spanId":"' "$dir/traces.jsonl" | wc -l)" -lt 858 ] || break
		sleep 0.1
	done
	[ "$(grep -o '"spanId":"' "$dir/traces.jsonl" | wc -l)" -eq 858 ]
	grep -q '"service.name","value":{"stringValue":"orders"}' "$dir/traces.jsonl"
	grep -q '"otrace.parent.evidence","value":{"stringValue":"wire"}' "$dir/traces.jsonl"
}
