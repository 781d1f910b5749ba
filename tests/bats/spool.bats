#!/usr/bin/env bats
# SPDX-License-Identifier: Apache-2.0
# spool.bats - exports behind a spool on disk: outages, kill -9, limits. Run from the root of the
# repository after `make`.

load export

ids() { # the spans of all requests that were answered with 200, in the order in which they came
	python3 - "$dir" "$@" <<-'P'
		import gzip, json, sys
		folder, bad = sys.argv[1], set(map(int, sys.argv[2:]))
		for line in open(f"{folder}/requests"):
		    n = json.loads(line)["n"]
		    if n in bad:
		        continue
		    data = json.load(open(f"{folder}/{n}.body"))
		    for rs in data["resourceSpans"]:
		        for ss in rs["scopeSpans"]:
		            for sp in ss["spans"]:
		                print(int.from_bytes(bytes.fromhex(sp["spanId"]), "little"))
	P
}

batches() { find "$dir/spool" -name '*.batch' | wc -l; }

@test "through the spool all spans arrive, and nothing stays on disk" {
	mock ok
	drive "$url,spool=$dir/spool" spans=1100 linger=1000
	have delivered=1100 refused=0 export=0
	[ "$(requests)" -eq 3 ]
	[ "$(batches)" -eq 0 ]
	[ "$(stat -c %a "$dir/spool")" = 700 ]
}

@test "what cannot be delivered stays on disk over the end of otrace, and is sent by the next one, in order" {
	mock ok
	local port=${url##*:}
	kill "${pids[0]}"; wait "${pids[0]}" || true
	OTEL_BSP_MAX_EXPORT_BATCH_SIZE=50 drive "$url,spool=$dir/spool,protocol=http/json" spans=400 \
		linger=2500 close=1000
	have queue=0 refused=0 export=0
	[[ $output == *"400 spans stay in the spool"* ]]
	[ "$(batches)" -ge 8 ]
	mock ok
	drive "$url,spool=$dir/spool,protocol=http/json" spans=1 linger=2000
	have export=0
	[ "$(batches)" -eq 0 ]
	# The spans of a batch are grouped by resource and scope: their batches come in order.
	ids >"$dir/ids"
	[ "$(wc -l <"$dir/ids")" -eq 401 ]
	[ "$(head -n 400 "$dir/ids" | sort -n | uniq | wc -l)" -eq 400 ]
	awk '{ b = int(($1 - 1) / 50) } NR <= 400 && b < last { bad = 1 } { last = b } END { exit bad }' \
		"$dir/ids"
}

@test "kill -9 in an outage loses nothing that is on disk" {
	mock 503
	timeout 60 build/tests/backends/export_driver "$url,spool=$dir/spool,protocol=http/json" spans=300 \
		linger=100000 >"$dir/driver" 2>&1 3>&- &
	local driver=$!
	own "$driver"
	for _ in $(seq 200); do [ "$(batches)" -eq 0 ] || [ ! -s "$dir/requests" ] || break; sleep 0.05; done
	[ "$(batches)" -ge 1 ]
	kill -9 "$(pgrep -P "$driver")"
	wait "$driver" || true
	mock ok
	drive "$url,spool=$dir/spool,protocol=http/json" spans=0 linger=1500
	ids | sort -n >"$dir/ids"
	seq 300 | cmp - "$dir/ids"
	[ "$(batches)" -eq 0 ]
}

@test "an outage that ends is over at the next try, with new spans behind the old ones" {
	mock 503 503 ok
	drive "$url,spool=$dir/spool,protocol=http/json" spans=300 rate=100 linger=5000
	have delivered=300 refused=0 export=0
	ids 0 1 | sort -n >"$dir/ids"
	seq 300 | cmp - "$dir/ids"
	[ "$(batches)" -eq 0 ]
}

@test "a batch that is refused is counted and removed, and the next one is sent" {
	mock 400 partial:7 ok
	OTEL_BSP_MAX_EXPORT_BATCH_SIZE=100 drive "$url,spool=$dir/spool" spans=300 linger=2000
	have delivered=193 refused=107 export=0
	[ "$(requests)" -eq 3 ]
	[ "$(batches)" -eq 0 ]
	[[ $output == *"HTTP 400: not today"*"100 spans of 100 are lost, not sent again"* ]]
}

@test "an outage is told once, with what waits on disk" {
	mock 503
	drive "$url,spool=$dir/spool" spans=300 reported=1 until=20000 linger=6000 close=500
	[[ $output == *"export to $url/v1/traces (from --export): HTTP 503: not today, 3 times in "* ]]
	[[ $output == *"300 spans wait in the spool, next try in "* ]]
	[[ $output == *"300 spans stay in the spool"* ]]
	[ "$(batches)" -ge 1 ]
}

@test "beyond its limit the spool drops the oldest batches, and counts their spans" {
	mock 503
	OTEL_BSP_MAX_QUEUE_SIZE=20000 drive "$url,spool=$dir/spool,spool-max=1,protocol=http/json,compression=none" \
		spans=6000 linger=4000 close=500
	local lost
	lost=$(figure export)
	[ "$lost" -gt 0 ]
	[ "$(du -sb "$dir/spool" | cut -f1)" -le $((1 << 20 | 8192)) ]
	[[ $output == *"$((6000 - lost)) spans stay in the spool"* ]]
}

@test "Zipkin and gRPC have a spool as well, and one folder serves one kind" {
	mock ok
	drive "zipkin+$url,spool=$dir/spool"
	have delivered=100 export=0
	grpc_mock status:14 ok
	drive "$url,spool=$dir/grpc" linger=3000
	have delivered=100 export=0
	[ "$(requests)" -eq 2 ]
	grpc_mock status:14
	drive "$url,spool=$dir/spool" close=500 linger=500
	run build/tests/backends/export_driver "zipkin+http://127.0.0.1:9,spool=$dir/spool"
	[ "$status" -eq 1 ]
	[[ $output == *"it holds spans as otlp/grpc, and this export sends zipkin"* ]]
}

@test "a full disk keeps the spans in the queue until there is room, and is no refusal" {
	local cmd
	mock ok
	mkdir -m 700 "$dir/spool"
	cmd="mount -t tmpfs -o size=64k,mode=700 none '$dir/spool' && cat /dev/zero >'$dir/spool/fill'
		{ for _ in \$(seq 600); do grep -q '3 times in' '$dir/driver' && break; sleep 0.05; done
			rm '$dir/spool/fill'; } 3>&- &
		timeout 100 build/tests/backends/export_driver '$url,spool=$dir/spool' linger=2000"
	unshare -m sh -c "$cmd" >"$dir/driver" 2>&1
	cat "$dir/driver"
	grep -q "cannot write to the spool: No space left on device, 3 times in " "$dir/driver"
	figures=" $(tail -n 1 "$dir/driver") "
	have delivered=100 refused=0 export=0
	[ "$(requests)" -eq 1 ]
}

@test "deadline= is refused beside spool=, which has none" {
	local to
	for to in http://127.0.0.1:9 grpc://127.0.0.1:9 zipkin+http://127.0.0.1:9; do
		run build/tests/backends/export_driver "$to,deadline=1h,spool=$dir/spool"
		echo "$output"
		[ "$status" -eq 1 ]
		[[ $output == *"(from --export): deadline= and spool= exclude each other: "*"right: one of them"* ]]
		[ ! -e "$dir/spool" ]
	done
}

@test "the timeout of an attempt is the user's, with a spool as well" {
	local ms extra=
	grpc_mock ok
	for ms in 10000 50000; do
		drive "$url,spool=$dir/spool$extra" linger=2000
		have delivered=100
		[ "$(header -1 grpc-timeout)" = "${ms}m" ]
		extra=,timeout=50s
	done
	drive "$url,spool=$dir/spool,timeout=0s" linger=2000
	[ "$(header -1 grpc-timeout)" = "" ]
}

@test "a certificate that is missing for a moment costs no batch of the spool" {
	tls_files
	cp "$dir/ca.pem" "$dir/live.pem"
	MOCK_CERT=$dir/s.pem MOCK_KEY=$dir/s.key mock ok
	# The files are checked at the start; the batch is sent when it is full or has waited.
	OTEL_BSP_SCHEDULE_DELAY=3000 timeout 100 build/tests/backends/export_driver \
		"https://localhost:${url##*:},ca=$dir/live.pem,spool=$dir/spool" \
		linger=100000 >"$dir/driver" 2>&1 3>&- &
	pids+=($!)
	for _ in $(seq 600); do [ -e "$dir/spool/lock" ] && break; sleep 0.05; done
	rm "$dir/live.pem"
	for _ in $(seq 600); do grep -q " 3 times in " "$dir/driver" && break; sleep 0.05; done
	cat "$dir/driver"
	grep -q "100 spans wait in the spool" "$dir/driver"
	[ "$(batches)" -eq 1 ]
	cp "$dir/ca.pem" "$dir/live.pem"
	for _ in $(seq 600); do [ "$(batches)" -eq 0 ] && break; sleep 0.05; done
	[ "$(batches)" -eq 0 ]
	[ "$(requests)" -eq 1 ]
}
