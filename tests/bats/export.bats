#!/usr/bin/env bats
# SPDX-License-Identifier: Apache-2.0
# export.bats - exports to backends that work, that fail, and that do not exist. Run from the root
# of the repository after `make`; the Collector and the witness are built once into $OTRACE_CACHE
# (~/.cache/otrace), and skipped if they cannot be built.

load export

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
		mock "$asked" ok
		drive "$url" until=2500
		have waiting=100 delivered=100 refused=0 export=0
		[ "$(requests)" -eq 2 ]
	done
}

@test "with a Retry-After that is 0, over, or no number, the exporter's own pauses are used, which grow" {
	local asked
	for asked in retry:0 retry:-5 date:-1000 retry:99999999999999999999999; do
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

@test "passwords in a URL are sent, and are in no message" {
	mock 400
	drive "http://me:pa55@127.0.0.1:${url##*:}" linger=2000
	[[ $output != *pa55* ]]
	[[ $output == *"http://REDACTED:REDACTED@127.0.0.1:"* ]]
	[ "$(header 0 authorization)" = "Basic $(printf me:pa55 | base64)" ]
}

@test "a destination that is not valid is refused at once, with the right form" {
	for bad in grpc:c grpc://c,protocol=http/json c:4318 http:// file: "file:$dir/no/x" \
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
	collector
	url=http://127.0.0.1:$OTELCOL_HTTP
	drive "$url" spans=700
	have delivered=700
	OTEL_EXPORTER_OTLP_PROTOCOL=http/json drive "$url" spans=30
	have delivered=30
	drive "file:$dir/x.line" spans=20
	curl -sf -H 'Content-Type: application/json' --data-binary "@$dir/x.line" \
		"$url/v1/traces"
	arrived 858 # 750, and 108 that are named by links
	grep -q '"service.name","value":{"stringValue":"orders"}' "$dir/traces.jsonl"
	grep -q '"otrace.parent.evidence","value":{"stringValue":"wire"}' "$dir/traces.jsonl"
}
