#!/usr/bin/env bats
# SPDX-License-Identifier: Apache-2.0
# zipkin.bats - Zipkin's JSON: to a real Zipkin, which Maven fetches once into $OTRACE_CACHE, to the
# Collector's receiver of it, and to a server that answers as it is told.

load export

@test "Zipkin takes spans, field by field, and shows which services there are" {
	zipkin
	drive "zipkin+http://127.0.0.1:$ZIPKIN" spans=700
	have delivered=700 refused=0 export=0
	# It answers before it stores.
	for _ in $(seq 100); do
		python3 $here/check_spans.py zipkin "http://127.0.0.1:$ZIPKIN" 700 >"$dir/check" && break
		sleep 0.1
	done
	cat "$dir/check"
	python3 $here/check_spans.py zipkin "http://127.0.0.1:$ZIPKIN" 700
	[ "$(curl -s "http://127.0.0.1:$ZIPKIN/api/v2/services")" = '["export_driver","orders"]' ]
	drive "zipkin+http://127.0.0.1:$ZIPKIN/api/v2/spans,compression=gzip" spans=70
	have delivered=70 refused=0 export=0
}

@test "a path that is none of Zipkin's is refused, and the right one is named" {
	zipkin
	drive "zipkin+http://127.0.0.1:$ZIPKIN/api/v9"
	have delivered=0 refused=100
	[[ $output == *"HTTP 404"* ]]
}

@test "the Collector's receiver of Zipkin takes spans, field by field, links and scopes too" {
	collector
	drive "zipkin+http://127.0.0.1:$OTELCOL_ZIPKIN" spans=700
	have delivered=700 refused=0 export=0
	arrived 800 # and 100 that are named by links
	python3 $here/check_spans.py zipkin-otlp "$dir/traces.jsonl" 700
}

@test "the JSON goes to /api/v2/spans, with the headers of the user, and is tried again" {
	mock 503 close ok
	drive "zipkin+$url,header=x-a:1,compression=gzip"
	have delivered=100 refused=0 export=0
	[ "$(requests)" -eq 3 ]
	grep -q '"path": "/api/v2/spans"' "$dir/requests"
	[ "$(header 2 content-type)" = application/json ]
	[ "$(header 2 content-encoding)" = gzip ]
	[ "$(header 2 x-a)" = 1 ]
	gunzip -c <"$dir/2.body" | python3 -c 'import json, sys; assert len(json.load(sys.stdin)) == 100'
}

@test "settings of OTLP do not reach Zipkin" {
	mock slow:2 ok
	OTEL_EXPORTER_OTLP_HEADERS=api-key=secret OTEL_EXPORTER_OTLP_COMPRESSION=gzip \
		OTEL_EXPORTER_OTLP_TIMEOUT=10000 OTEL_EXPORTER_ZIPKIN_TIMEOUT=300 drive "zipkin+$url"
	have delivered=100
	[ "$(requests)" -ge 2 ] # the first one took longer than 300 ms
	[ "$(header 0 api-key)" = "" ]
	[ "$(header 0 content-encoding)" = "" ]
}

@test "a refusal is counted and its reason shown; a page for people is none of Zipkin's" {
	mock 400
	drive "zipkin+$url" linger=1500
	have delivered=0 refused=100
	[ "$(requests)" -eq 1 ]
	[[ $output == *"export to $url/api/v2/spans (from --export): HTTP 400"* ]]
	run build/tests/backends/export_driver "zipkin+http://c:99999"
	[ "$status" -eq 1 ]
	[[ $output == *"this is no URL of Zipkin"*"zipkin+http://localhost:9411"* ]]
	run build/tests/backends/export_driver "zipkin+http://c,protocol=grpc"
	[ "$status" -eq 1 ]
	[[ $output == *'no option "protocol"'* ]]
}
