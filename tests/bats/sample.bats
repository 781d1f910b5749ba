#!/usr/bin/env bats
# SPDX-License-Identifier: Apache-2.0
# sample.bats - which traces are kept: whole ones, by their id, as the flag on the wire says; and how
# many there were is counted in any case.

load shim

pair() { # ENV..: two servers, one behind the other, at $front and $back
	back=$(free_port)
	front=$(free_port)
	bg back env "$@" node "$APPS/prices.js" "$back"
	up "$back"
	bg front env "$@" BACK="http://127.0.0.1:$back" node "$APPS/prices.js" "$front"
	up "$front"
}

ask() { # N [PORT]: so many requests on one connection, all answered
	local n=$1 port=${2:-$front}
	$PY - "$port" "$n" <<-'P'
		import http.client, sys
		c = http.client.HTTPConnection("127.0.0.1", int(sys.argv[1]))
		for i in range(int(sys.argv[2])):
		    c.request("GET", f"/price/{i}")
		    r = c.getresponse()
		    assert r.status == 200 and r.read()
	P
}

# Of 1,000 traces a quarter: 250, with a standard deviation of 14. Five of them: one false alarm in
# two million runs.
quarter='180 <= len({s.trace for s in S}) <= 320'
# (A busy machine has an orphan now and then: a trace in two parts.)
whole='sum(len({s.span for s in S if s.trace == t}) != 3 for t in {s.trace for s in S}) <= 8'
reaches='all(s.low >= 0xc0000000000000 for s in S)'
carried='all(s.state == "ot=th:c" for s in S)'

@test "--sample 25% with probes: traces are whole, carry the threshold, and are all counted" {
	pair
	room_for_all
	attach --sample 25% ":$front" ":$back"
	ask 1000
	detach
	spans "$quarter" "$whole" "$reaches" "$carried"
	grep -Eq '^sampled +[0-9]+ of 1,0[0-9][0-9] traces kept \([0-9.]+%\), all counted above' "$dir/text"
	grep -Eq '^node +2,000 |^prices +2,000 ' "$dir/text"
	# The console shows the spans that are exported.
	kept=$(sed -n 's/^sampled *\([0-9]*\) of.*/\1/p' "$dir/text")
	spans "len({s.trace for s in S}) == $kept"
}

@test "--sample 25% with the library: the flags on the wire are those of the spans" {
	room_for_all
	port=$(free_port)
	relay
	cat >"$dir/client.py" <<-'P'
		import http.client, sys, time
		def ask(n, pause=0):
		    c = http.client.HTTPConnection("127.0.0.1", int(sys.argv[1]))
		    for i in range(n):
		        c.request("GET", f"/{'warm' if pause else 'x'}/{i}")
		        assert c.getresponse().read()
		        time.sleep(pause)
		    c.close()
		ask(1, 0.01) # this request belongs to the run, as the process serves nothing yet
		import socket, threading
		s = socket.create_server(("127.0.0.1", 0))
		threading.Thread(target=lambda: s.accept()[0].close(), daemon=True).start()
		socket.create_connection(s.getsockname()).recv(1)
		time.sleep(5) # the threshold comes once a second
		ask(400)
	P
	"$OTRACE" run --no-bpf --sample 25% -o "$dir/text" --export "file:$dir/spans" -- \
		$PY "$dir/client.py" "$relay"
	settled
	$PY - "$dir/wire" "$dir/spans" <<-'P'
		import json, re, sys
		wire = open(sys.argv[1], encoding="latin-1", newline="").read()
		heads = re.findall(r"GET /x/\d+ HTTP/1.1\r\n(.*?)\r\n\r\n", wire, re.S)
		assert len(heads) == 400, len(heads)
		sent, kept = set(), set()
		for head in heads:
		    trace, flag = re.search(r"traceparent: 00-(\w{32})-\w{16}-0([01])", head).groups()
		    low = int(trace[18:], 16)
		    assert (low >= 0xc0000000000000) == (flag == "1"), (trace, flag)
		    assert ("tracestate: ot=th:c\r" in head + "\r") == (flag == "1"), head
		    if flag == "1":
		        sent.add(trace)
		for line in open(sys.argv[2]):
		    for rs in json.loads(line)["resourceSpans"]:
		        for ss in rs["scopeSpans"]:
		            for span in ss["spans"]:
		                if "/x/" in str(span):
		                    kept.add(span["traceId"])
		assert sent == kept, (len(sent), len(kept), len(sent - kept), len(kept - sent))
		assert 57 <= len(kept) <= 143, len(kept) # 100, five deviations
	P
}

@test "OTRACE_SAMPLE and OTEL_TRACES_SAMPLER set the rate of their process" {
	never=$(free_port)
	always=$(free_port)
	half=$(free_port)
	bg never env OTEL_TRACES_SAMPLER=always_off "$PY" "$APPS/httpd.py" "$never"
	bg always env OTRACE_SAMPLE=100% OTEL_TRACES_SAMPLER=always_off "$PY" "$APPS/httpd.py" "$always"
	bg half env OTEL_TRACES_SAMPLER=parentbased_traceidratio OTEL_TRACES_SAMPLER_ARG=0.5 \
		"$PY" "$APPS/httpd.py" "$half"
	up "$never"
	up "$always"
	up "$half"
	attach --sample 10% ":$never" ":$always" ":$half"
	ask 100 "$never"
	ask 100 "$always"
	ask 400 "$half"
	detach
	spans "not any(s.attr['server.port'] == '$never' for s in S)" \
		"sum(s.attr['server.port'] == '$always' for s in S) == 100" \
		"150 <= sum(s.attr['server.port'] == '$half' for s in S) <= 250" \
		"all(s.low >= 1 << 55 and s.state == 'ot=th:8' for s in S if s.attr['server.port'] == '$half')"
}

@test "sample= of a rule sets the rate of the processes that match it" {
	port=$(free_port)
	other=$(free_port)
	cp "$APPS/httpd.py" "$dir/ruled.py" # no other test uses this name
	bg ruled "$PY" "$dir/ruled.py" "$port"
	bg other "$PY" "$dir/ruled.py" "$other"
	up "$port"
	up "$other"
	bg agent "$OTRACE" agent --no-shim --export "file:$dir/spans" \
		--rule "cmd=*$dir/ruled.py*,mode=trace" --rule "port=$port,sample=0"
	agent=$pid
	until_true 30 grep -q 'watching' "$dir/agent.err"
	ask 50 "$port"
	ask 50 "$other"
	quiet
	kill -INT "$agent"
	ended "$agent"
	spans 'len(S) == 50' "all(s.attr['server.port'] == '$other' for s in S)"
}

@test "the flag of a remote caller decides, unless the sampler is not parent-based" {
	port=$(free_port)
	alone=$(free_port)
	http "$port"
	bg alone env OTEL_TRACES_SAMPLER=always_on "$PY" "$APPS/httpd.py" "$alone"
	up "$alone"
	attach --sample 0 ":$port" ":$alone"
	id=0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331
	for p in "$port" "$alone"; do
		curl -s -H "traceparent: 00-$id-00" -H "tracestate: ot=th:8,x=y" "127.0.0.1:$p/no"
		curl -s -H "traceparent: 00-$id-01" -H "tracestate: ot=th:8,x=y" "127.0.0.1:$p/yes"
		curl -s "127.0.0.1:$p/begins"
	done
	detach
	spans "[s.path for s in S if s.attr['server.port'] == '$port'] == ['/yes']" \
		"len([s for s in S if s.attr['server.port'] == '$alone']) == 3" \
		"all(s.state == ('ot=th:8,x=y' if s.attr['server.port'] == '$port' else 'ot=th:0,x=y') for s in S if s.path == '/yes')"
}

@test "run --sample is stronger than the variables of the environment" {
	port=$(free_port)
	http "$port"
	export OTEL_TRACES_SAMPLER=always_on
	for how in --no-shim --no-bpf; do
		"$OTRACE" run $how --sample 0 -o "$dir/text" --export "file:$dir/spans" -- \
			"$PY" -c "import urllib.request; urllib.request.urlopen('http://127.0.0.1:$port/x').read()"
		[ ! -s "$dir/spans" ]
		grep -q '^sampled  *0 of 1 traces kept' "$dir/text"
	done
}

@test "a rule with a rate alone holds for processes that do not listen, too" {
	port=$(free_port)
	http "$port"
	"$OTRACE" run --rule 'exe=*/curl,sample=0' -o "$dir/text" --export "file:$dir/spans" -- \
		bash -c "unset TRACEPARENT; curl -s 127.0.0.1:$port/curl; $PY -c \"import urllib.request; urllib.request.urlopen('http://127.0.0.1:$port/py').read()\""
	spans 'len(C) == 1' 'C[0].asked == "/py"'
}

@test "--keep keeps errors, slow traces and the first of a route, though none is sampled" {
	port=$(free_port)
	http "$port"
	attach --sample 0% --keep error,slow=300ms ":$port"
	for path in /status/500 /status/404 /slow/400 /slow/1 /a /b; do
		curl -s "127.0.0.1:$port$path" >/dev/null
	done
	detach
	spans "sorted(s.path for s in S) == ['/slow/400', '/status/500']"
	attach --sample 0% --keep first ":$port"
	for _ in 1 2 3; do
		curl -s "127.0.0.1:$port/a"
		curl -s "127.0.0.1:$port/b"
	done
	detach
	spans "{s.path for s in S} == {'/a', '/b'}" "2 <= len(S) <= 4" # a minute may begin between
}

@test "a limit keeps about that number of traces per second, once the rate is known" {
	pair
	room_for_all
	gcc -O2 -D_GNU_SOURCE -o "$dir/openloop" tests/bench/openloop.c
	attach --sample 20/s --cpu-budget 0 ":$front" ":$back"
	"$dir/openloop" "$front" /price/7 8 400 6 >"$dir/load"
	detach
	# All of the first second, perhaps of two; then 20 a second of 400.
	spans "100 <= len({s.trace for s in S}) <= 1800" \
		"any(s.state.startswith('ot=th:f') for s in S)"
}

@test "a replay keeps the same traces" {
	pair
	room_for_all
	attach --sample 25% --record "$dir/r.otr" ":$front" ":$back"
	ask 200
	detach
	"$OTRACE" replay --sample 25% --no-live -o "$dir/again" --export "file:$dir/spans.again" "$dir/r.otr"
	ids() { grep -o '"traceId":"[0-9a-f]*"' "$1" | sort -u; }
	[ "$(ids "$dir/spans")" = "$(ids "$dir/spans.again")" ]
	"$OTRACE" replay --no-live -o "$dir/again" --export "file:$dir/spans.all" "$dir/r.otr"
	[ "$(ids "$dir/spans.all" | wc -l)" -ge 200 ]
}

@test "a wrong rate is refused, with the right form" {
	run -125 "$OTRACE" run --sample 1.5 -- true
	[[ "$output" == *'--sample: "1.5" is not a rate'*'10% (a share), 0.1 (the same), 100/s (a limit)'* ]]
	run -125 "$OTRACE" run -o "$dir/text" --keep errors -- true
	[[ "$output" == *'--keep: "errors" is not known'*'error, slow=1s, first'* ]]
	OTRACE_SAMPLE=2 run -2 "$OTRACE" attach ":$(free_port)"
	[[ "$output" == *'OTRACE_SAMPLE: "2" is not a rate'*'100/s (a limit)'* ]]
	run -2 "$OTRACE" agent --export "file:$dir/x" --rule exe=x,sample=many
	[[ "$output" == *'sample=many: not a rate'* ]]
	OTEL_TRACES_SAMPLER=often run -125 "$OTRACE" run -- true
	[[ "$output" == *'OTEL_TRACES_SAMPLER: "often"'*'always_on, always_off or traceidratio'* ]]
	OTEL_TRACES_SAMPLER=jaeger_remote run -0 "$OTRACE" run --no-bpf -o "$dir/text" -- true
	[[ "$output" == *'OTEL_TRACES_SAMPLER=jaeger_remote is left to the SDKs'* ]]
}

@test "the metrics of Prometheus count all requests, sampled or not, and both ends of each call" {
	local at
	pair
	at=$(free_port)
	room_for_all
	attach --sample 10% --export "prometheus://127.0.0.1:$at" ":$front" ":$back"
	ask 300
	sum() { # PATTERN: of the values whose line matches
		curl -sf "http://127.0.0.1:$at/metrics" | grep -E "$1" | awk '{ n += $NF } END { print n + 0 }'
	}
	counts() { [ "$(sum "$1")" = "$2" ]; }
	until_true 30 counts '^http_server_request_duration_seconds_count.*http_response_status_code="200"' 600
	counts '^http_client_request_duration_seconds_count' 300
	counts '^traces_service_graph_request_total\{client="user",.*connection_type="virtual_node"' 300
	counts '^traces_service_graph_request_total.*connection_type=""' 300
	counts '^http_server_request_duration_seconds_count\{service_name="[a-z]+",http_request_method="GET",http_route="/price/\{id\}",url_scheme="http",http_response_status_code="200"' 600
	detach
	spans 'len({s.trace for s in S}) < 150'
}
