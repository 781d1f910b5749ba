#!/usr/bin/env bats
# SPDX-License-Identifier: Apache-2.0
# prometheus.bats - metrics that Prometheus fetches: the page by promtool's and by a real Prometheus's
# reading, which are built once into $OTRACE_CACHE (`make backends`); and clients that behave badly.

load export

serve() { # ARG..: the driver in the background, with its page at $page
	page_port=$(free_port)
	page=http://127.0.0.1:$page_port/metrics
	timeout 120 build/tests/backends/export_driver "prometheus://127.0.0.1:$page_port" \
		linger=100000 "$@" >"$dir/driver" 2>&1 3>&- &
	own $!
	answers "$page_port"
}

page() { # into $dir/page
	curl -sf -m 10 -o "$dir/page" "$@" "$page"
}

sum() { # PATTERN: of the values in $dir/page whose line matches
	grep -E "$1" "$dir/page" | awk '{ n += $NF } END { print n + 0 }'
}

counted() { # N: waits until the page counts N spans
	for _ in $(seq 200); do
		page && [ "$(sum '^traces_spanmetrics_calls_total')" -ge "$1" ] && return
		sleep 0.05
	done
	return 1
}

@test "the page counts each span once: by route, kind and status, and both ends of a call" {
	serve spans=700
	counted 700
	[ "$(sum '^traces_spanmetrics_calls_total')" = 700 ]
	[ "$(sum '^traces_spanmetrics_calls_total.*service="orders".*SPAN_KIND_CLIENT')" = 350 ]
	[ "$(sum '^traces_spanmetrics_calls_total.*STATUS_CODE_ERROR')" = 140 ]
	[ "$(sum '^traces_spanmetrics_latency_bucket.*le="\+Inf"')" = 700 ]
	# Durations are 1, 2 .. 700 us.
	[ "$(sum '^traces_spanmetrics_latency_sum')" = 0.24535 ]
	[ "$(sum '^http_server_request_duration_seconds_count.*http_response_status_code="500"')" = 70 ]
	[ "$(sum '^http_client_request_duration_seconds_count')" = 350 ]
	# Of the server spans 117 are roots, and 233 have the client span before them as a parent.
	[ "$(sum '^traces_service_graph_request_total.*client="user",server="export_driver"')" = 117 ]
	[ "$(sum '^traces_service_graph_request_total.*client="orders",server="export_driver",connection_type=""')" = 233 ]
	grep -q '^target_info{job="orders",' "$dir/page"
	[ "$(sum '^otrace_lost_total')" = 0 ]
	[ "$(sum '^process_cpu_seconds_total' | grep -c '^0\.')" = 1 ]
}

@test "a client span whose server is not traced names that by its address, after 10 s" {
	serve spans=2 # the second one calls nobody that is seen
	counted 2
	[ "$(sum '^traces_service_graph_request_total.*client="orders"')" = 0 ]
	for _ in $(seq 300); do
		page
		[ "$(sum '^traces_service_graph_request_total.*client="orders"')" = 0 ] || break
		sleep 0.1
	done
	[ "$(sum '^traces_service_graph_request_total.*client="orders",server="unknown",connection_type="virtual_node"')" = 1 ]
}

@test "promtool finds no fault with the page, gzip or not" {
	backend prometheus
	serve spans=70
	counted 70
	"$CACHE/promtool" check metrics <"$dir/page"
	curl -sf -H 'Accept-Encoding: gzip' "$page" | gunzip -c >"$dir/unpacked"
	[ "$(grep -c . "$dir/unpacked")" = "$(grep -c . "$dir/page")" ]
	"$CACHE/promtool" check metrics <"$dir/unpacked"
}

@test "Prometheus scrapes the page, and has what was counted" {
	local prom query got
	backend prometheus
	serve spans=700
	prom=$(free_port)
	sed "s|@TARGET@|127.0.0.1:$page_port|" $here/conf/prometheus.yml >"$dir/prometheus.yml"
	"$CACHE/prometheus" "--config.file=$dir/prometheus.yml" "--storage.tsdb.path=$dir/tsdb" \
		"--web.listen-address=127.0.0.1:$prom" --enable-feature=exemplar-storage >"$dir/log" 2>&1 3>&- &
	own $!
	ask() { # QUERY: the value of the one result
		curl -sf "http://127.0.0.1:$prom/api/v1/query" --data-urlencode "query=$1" |
			jq -r '.data.result[0].value[1]'
	}
	for _ in $(seq 600); do
		got=$(ask 'sum(traces_spanmetrics_calls_total)') || got=
		[ "$got" != 700 ] || break
		sleep 0.1
	done
	[ "$got" = 700 ]
	[ "$(ask 'sum by (service) (traces_spanmetrics_calls_total{span_kind="SPAN_KIND_SERVER"})')" = 350 ]
	[ "$(ask 'traces_service_graph_request_total{client="orders",server="export_driver"}')" = 233 ]
	[ "$(ask 'count(target_info{job="orders"})')" = 1 ]
	[ "$(ask 'up')" = 1 ]
	[ "$(ask 'otrace_lost_total{cause="ring"}')" = 0 ]
	# It asks for OpenMetrics, and gets the trace of the slowest span.
	curl -sf "http://127.0.0.1:$prom/api/v1/query_exemplars" \
		--data-urlencode 'query=traces_spanmetrics_latency_bucket{service="orders"}' \
		--data-urlencode "start=$(($(date +%s) - 600))" --data-urlencode "end=$(($(date +%s) + 600))" |
		jq -e '[.data[].exemplars[] | select(.labels.trace_id == "abababababababababababababababab" and .value == "0.0007")] | length > 0'
	# The median of 1 .. 700 us lies in the first bucket.
	[ "$(ask 'histogram_quantile(0.5, sum by (le) (traces_spanmetrics_latency_bucket)) <= bool 0.002')" = 1 ]
}

@test "other paths, methods and names of the host get no page" {
	serve spans=1
	[ "$(curl -s -o /dev/null -w '%{http_code}' "http://127.0.0.1:$page_port/")" = 404 ]
	[ "$(curl -s -o /dev/null -w '%{http_code}' -d x=1 "$page")" = 405 ]
	[ "$(curl -s -o /dev/null -w '%{http_code}' -H 'Host: evil.example' "$page")" = 403 ]
	[ "$(curl -s -o /dev/null -w '%{http_code}' -H 'Host: localhost:1' "$page")" = 200 ]
	[ "$(curl -s -o /dev/null -w '%{http_code}' -H 'Host: [::1]' "$page")" = 200 ]
	[ "$(curl -sI -o /dev/null -w '%{http_code}' "$page")" = 200 ]
	# One connection takes several requests.
	[ "$(curl -s -o /dev/null -o /dev/null -w '%{num_connects}\n' "$page" "$page" | xargs)" = "1 0" ]
}

@test "clients that send nothing, half a request, much too much, or a byte now and then keep nobody out for long" {
	serve spans=1
	# They stay to the end of the test: 8 of a kind, for 16 places.
	/usr/bin/python3 - "$page_port" "$dir/there" <<-'P' 3>&- &
		import os, socket, sys, time
		def client(text=b""):
		    s = socket.create_connection(("127.0.0.1", int(sys.argv[1])))
		    send(s, text)
		    return s
		def send(s, text):
		    try:
		        s.sendall(text)
		    except OSError:
		        pass
		head = b"GET /metrics HTTP/1.1\r\nHost: "
		drips = [client(head) for _ in range(8)]
		others = [client() for _ in range(8)] + [client(head) for _ in range(8)]
		big = client(head)
		for _ in range(100):
		    send(big, b"X: " + b"y" * 1000 + b"\r\n")
		open(sys.argv[2], "w").close()
		while os.getppid() != 1:
		    for s in drips:
		        send(s, b"x")
		    time.sleep(1)
	P
	pids+=($!)
	for _ in $(seq 200); do [ -e "$dir/there" ] && break; sleep 0.05; done
	[ -e "$dir/there" ]
	run page -m 3
	[ "$status" -ne 0 ] # there is no place yet, so they are a hindrance
	for _ in $(seq 8); do page && break; done
	grep -q '^otrace_build_info' "$dir/page"
}

@test "16 clients that send a byte now and then are let go after 10 s" {
	serve spans=1
	/usr/bin/python3 - "$page_port" "$dir/there" <<-'P' 3>&- &
		import os, socket, sys, time
		drips = [socket.create_connection(("127.0.0.1", int(sys.argv[1]))) for _ in range(16)]
		for s in drips:
		    s.sendall(b"GET /metrics HTTP/1.1\r\nHost: ")
		open(sys.argv[2], "w").close()
		while os.getppid() != 1:
		    for s in drips:
		        try:
		            s.sendall(b"x")
		        except OSError:
		            pass
		    time.sleep(1)
	P
	pids+=($!)
	for _ in $(seq 200); do [ -e "$dir/there" ] && break; sleep 0.05; done
	[ -e "$dir/there" ]
	for _ in $(seq 6); do page && break; done
	grep -q '^otrace_build_info' "$dir/page"
}

@test "a port that is taken, and an address that is none, are errors that say what to do" {
	serve spans=1
	run build/tests/backends/export_driver "prometheus://127.0.0.1:$page_port"
	[ "$status" -eq 1 ]
	[[ $output == *"export to prometheus://127.0.0.1:$page_port (from --export): cannot listen on 127.0.0.1, port $page_port: Address already in use"*"another program has that port"* ]]
	for bad in prometheus://h:x prometheus://h:70000 prometheus://[::1 prometheus://h/x prometheus://u@h:1 \
		prometheus://h,series=0 prometheus://h,series=10001; do
		run build/tests/backends/export_driver "$bad"
		echo "$output"
		[ "$status" -eq 1 ]
		[[ ${lines[0]} == "otrace run: export to "* ]]
	done
}

@test "without host and port, the variables of OpenTelemetry say where" {
	page_port=$(free_port)
	OTEL_EXPORTER_PROMETHEUS_HOST=127.0.0.1 OTEL_EXPORTER_PROMETHEUS_PORT=$page_port \
		timeout 60 build/tests/backends/export_driver prometheus: linger=100000 3>&- &
	own $!
	answers "$page_port"
	page=http://127.0.0.1:$page_port/metrics
	page
}

@test "IPv6 has its brackets" {
	page_port=$(free_port)
	timeout 60 build/tests/backends/export_driver "prometheus://[::1]:$page_port" linger=100000 3>&- &
	own $!
	page=http://[::1]:$page_port/metrics
	for _ in $(seq 100); do page && break; sleep 0.1; done
	grep -q '^otrace_build_info' "$dir/page"
	run build/tests/backends/export_driver "prometheus://[::1]:$page_port"
	[[ $output == *"export to prometheus://[::1]:$page_port (from --export): cannot listen on ::1"* ]]
}

@test "sets of labels beyond the limit are counted in one, and no span is left out" {
	page_port=$(free_port)
	timeout 60 build/tests/backends/export_driver "prometheus://127.0.0.1:$page_port,series=2" \
		linger=100000 spans=700 3>&- &
	own $!
	answers "$page_port"
	page=http://127.0.0.1:$page_port/metrics
	counted 700
	[ "$(sum '^traces_spanmetrics_calls_total')" = 700 ]
	[ "$(grep -c '^traces_spanmetrics_calls_total' "$dir/page")" = 3 ]
	[ "$(sum '^traces_spanmetrics_calls_total.otel_metric_overflow="true"')" = 350 ]
}
