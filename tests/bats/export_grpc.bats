#!/usr/bin/env bats
# SPDX-License-Identifier: Apache-2.0
# export_grpc.bats - OTLP over gRPC: to a Collector and to Jaeger, which are built once into $OTRACE_CACHE
# (~/.cache/otrace), and to a server that behaves badly. Run from the root of the repository after
# `make`.

load export

pass() { # N: all of them are delivered
	have "delivered=$1" refused=0 export=0
}

@test "a Collector takes spans over gRPC, field by field: plain, gzip, and by the variables" {
	collector
	drive "grpc://127.0.0.1:$OTELCOL_GRPC" spans=700
	pass 700
	arrived 800
	python3 $here/check_spans.py otlp "$dir/traces.jsonl" 700
	drive "grpc://localhost:$OTELCOL_GRPC,compression=gzip" spans=70
	pass 70
	OTEL_EXPORTER_OTLP_PROTOCOL=grpc drive "http://127.0.0.1:$OTELCOL_GRPC" spans=70
	pass 70
	export OTEL_EXPORTER_OTLP_ENDPOINT=127.0.0.1:$OTELCOL_GRPC OTEL_EXPORTER_OTLP_INSECURE=true
	OTEL_EXPORTER_OTLP_PROTOCOL=grpc drive "$OTEL_EXPORTER_OTLP_ENDPOINT" spans=70 \
		origin=OTEL_EXPORTER_OTLP_ENDPOINT
	pass 70
	arrived 1040
}

@test "a Collector that demands a client's certificate gets one" {
	collector
	drive "grpcs://localhost:$OTELCOL_TLS,ca=$dir/ca.pem,cert=$dir/s.pem,key=$dir/s.key" spans=1100
	pass 1100
	drive "https://localhost:$OTELCOL_TLS,protocol=grpc,ca=$dir/ca.pem,cert=$dir/s.pem,key=$dir/s.key"
	pass 100
	drive "grpcs://localhost:$OTELCOL_TLS,ca=$dir/ca.pem" until=500 close=1500
	have delivered=0
	drive "grpcs://localhost:$OTELCOL_TLS,cert=$dir/s.pem,key=$dir/s.key" until=500 close=1500
	have delivered=0
}

@test "Jaeger takes spans over gRPC, field by field" {
	jaeger
	drive "grpc://127.0.0.1:$JAEGER_GRPC" spans=700
	pass 700
	python3 $here/check_spans.py jaeger "http://127.0.0.1:$JAEGER_QUERY" 700
}

@test "a call has the headers of gRPC, of the user, and the time it has" {
	grpc_mock ok
	OTEL_EXPORTER_OTLP_COMPRESSION=gzip OTEL_EXPORTER_OTLP_HEADERS='api-key=s%20cret,grpc-x=1,te=y' \
		drive "$url,timeout=3s"
	pass 100
	[ "$(header 0 content-type)" = application/grpc ]
	[ "$(header 0 te)" = trailers ]
	[ "$(header 0 grpc-encoding)" = gzip ]
	[ "$(header 0 grpc-timeout)" = 3000m ]
	[ "$(header 0 api-key)" = 's cret' ]
	[ "$(header 0 grpc-x)" = "" ]
	[[ "$(header 0 user-agent)" =~ ^otrace/[0-9.]+\ OTel-OTLP-Exporter-C/ ]]
	grep -q '"flag": 1, "path": "/opentelemetry.proto.collector.trace.v1.TraceService/Export"' "$dir/requests"
	witness "$dir/0.body"
	[[ $output == "spans=100 "*" unknown=[]" ]]
}

@test "within TLS one connection takes all calls" {
	tls_files
	MOCK_CERT=$dir/s.pem MOCK_KEY=$dir/s.key grpc_mock ok
	drive "grpcs://localhost:${url##*:},ca=$dir/ca.pem" spans=1100
	pass 1100
	[ "$(requests)" -eq 3 ]
	[ "$(grep -o '"peer": [0-9]*' "$dir/requests" | sort -u | wc -l)" -eq 1 ]
}

@test "codes that pass are tried again, those that stay are not" {
	local code
	grpc_mock status:1 status:4 status:10 ok
	drive "$url"
	pass 100
	[ "$(requests)" -eq 4 ]
	grpc_mock status:11 status:14 status:15 ok
	drive "$url"
	pass 100
	[ "$(requests)" -eq 4 ]
	for code in 2 3 5 6 7 8 9 12 13 16 99; do
		grpc_mock "status:$code" ok
		drive "$url"
		have delivered=0 refused=100 export=0
		[ "$(requests)" -eq 1 ]
		[[ $output == *"gRPC status "*": not today"*"100 spans of 100 are lost, not sent again"* ]]
		[[ $output != *$'\e'* ]]
	done
}

@test "RetryInfo says when the batch is sent again, also for RESOURCE_EXHAUSTED, and is bounded" {
	grpc_mock retry:8:2.5 ok
	drive "$url"
	pass 100
	[ "$(requests)" -eq 2 ]
	[ "$(seconds_between 0 1)" -ge 25 ]
	grpc_mock retry:14:315576000000 ok
	drive "$url" until=2500
	have waiting=100 delivered=100 refused=0 export=0
	[ "$(requests)" -eq 2 ]
	grpc_mock retry:14:-5 details:14 retry:14:9223372036854775808 ok
	drive "$url"
	pass 100
	[ "$(seconds_between 0 3)" -ge 35 ] # 0.5 + 1 + 2 at least: our own pauses
}

@test "spans that a partial success rejects are counted and never sent again" {
	grpc_mock partial:7
	drive "$url" linger=2500
	have delivered=93 refused=7
	[ "$(requests)" -eq 1 ]
	[[ $output == *"no room for all"* ]]
}

@test "a server that breaks off is tried again: reset, closed, and a proxy's 503" {
	grpc_mock reset close http:503 ok
	drive "$url"
	pass 100
	[ "$(requests)" -eq 4 ]
}

@test "what a proxy says to CONNECT is no answer of the backend" {
	/usr/bin/python3 - "$dir" <<-'P' 3>&- &
		import socket, sys
		s = socket.create_server(("127.0.0.1", 0))
		open(f"{sys.argv[1]}/proxy.new", "w").write(str(s.getsockname()[1]))
		__import__("os").rename(f"{sys.argv[1]}/proxy.new", f"{sys.argv[1]}/proxy")
		while True:
		    c = s.accept()[0]
		    head = b""
		    while not head.endswith(b"\r\n\r\n"):
		        head += c.recv(4096) or b"\r\n\r\n"
		    open(f"{sys.argv[1]}/asked", "ab").write(head.split(b"\r\n")[0] + b"\n")
		    c.sendall(b"HTTP/1.1 502 Bad Gateway\r\ngrpc-status: 0\r\nContent-Length: 0\r\n\r\n")
		    c.close()
	P
	pids+=($!)
	for _ in $(seq 200); do [ -e "$dir/proxy" ] && break; sleep 0.05; done
	http_proxy=http://127.0.0.1:$(cat "$dir/proxy") drive grpc://backend.invalid:4317 until=500 close=1500
	grep -q '^CONNECT backend.invalid:4317 ' "$dir/asked"
	have delivered=0 refused=0 export=100
}

@test "a server that is none of gRPC is named, and gets nothing twice" {
	local word
	for word in none http:404 http:200 long; do
		grpc_mock "$word" ok
		drive "$url,timeout=20s"
		have delivered=0 refused=100 export=0
		[[ $output == *"without a status of gRPC"*"Is this the address of an OTLP/gRPC receiver?"* ]]
		[ "$(requests)" -eq 1 ]
	done
	mock ok # of HTTP/1
	drive "grpc://${url##*/}" until=6000 close=500
	have delivered=0 export=100
	[ ! -e "$dir/requests" ]
}

@test "a message with a wrong prefix, or compressed, leaves the status as it is" {
	local word
	for word in odd packed; do
		grpc_mock "$word" ok
		drive "$url"
		pass 100
		[ "$(requests)" -eq 1 ]
	done
}

@test "a status that comes before the body is read loses no count" {
	# libcurl before 8.1 does not see it, and the batch is sent again.
	grpc_mock early ok
	drive "$url"
	have export=0
	[ "$(($(figure delivered) + $(figure refused)))" -eq 100 ]
}

@test "a server that takes a byte a second is left at the timeout, and the batch at its deadline" {
	grpc_mock drip
	# Three tries take 7 s at most, with the pauses between them, and then the notice comes.
	drive "$url,timeout=700ms,deadline=9s" spans=500 until=30000
	have delivered=0 refused=0 export=500 failed=500 waiting=0
	[[ $output == *": no answer in 0.7 s, 3 times in "* ]]
	[ "$(figure slowest_us)" -lt 500000 ]
}

@test "the deadline of a batch holds for all its tries, and each call says what is left of it" {
	grpc_mock status:14
	drive "$url,deadline=3s"
	have delivered=0 export=100
	[ "$(requests)" -ge 2 ]
	[ "$(requests)" -le 4 ]
	local first last
	first=$(header 0 grpc-timeout) last=$(header -1 grpc-timeout)
	[ "${first%m}" -le 3000 ]
	[ "${last%m}" -lt "$((${first%m} - 400))" ]
}

@test "without a backend nothing blocks, and all spans are counted" {
	grpc_mock ok
	kill "${pids[0]}"; wait "${pids[0]}" || true
	OTEL_BSP_MAX_QUEUE_SIZE=200 drive "$url" spans=1000 reported=2 linger=3000 close=700
	have delivered=0 queue=800 export=200
	[[ $output == *"export to $url (from --export): connection refused, 3 times in "* ]]
	[[ $output == *"Nothing listens on port "*" here."* ]]
}
