#!/usr/bin/env bats
# SPDX-License-Identifier: Apache-2.0
# mongodb.bats - mongo-java-server, which Maven fetches once into $OTRACE_CACHE, asked by PyMongo and by
# the driver for Node. A client prints which commands its driver says it sent; each is one span.

bats_require_minimum_version 1.5.0
load helpers

setup_file() {
	export CACHE=${OTRACE_CACHE:-${HOME:-/var}/.cache/otrace} MG_PORT MG_PID
	nice -n 10 tests/backends/get-mongo.sh "$CACHE" >"$BATS_FILE_TMPDIR/get" 2>&1 ||
		skip "mongo-java-server is not to be had: $(tail -n 1 "$BATS_FILE_TMPDIR/get")"
	# shellcheck source=scripts/services.sh
	source scripts/services.sh
	MG_PORT=$(svc_port)
	java -XX:TieredStopAtLevel=1 -XX:+UseSerialGC -Xmx256m -cp "$CACHE/mongo/*" tests/apps/Mongo.java "$MG_PORT" \
		>"$BATS_FILE_TMPDIR/log" 2>&1 3>&- &
	MG_PID=$!
	svc_wait_port "$MG_PORT"
}
teardown_file() { [ -z "$MG_PID" ] || kill "$MG_PID"; }

setup() {
	live_setup
	opts=()
	SVC_PIDS=("$MG_PID")
	uri=mongodb://127.0.0.1:$MG_PORT
}
teardown() { live_teardown; }

mg() { traced "$PY" "$APPS/mg.py" "$uri" "$@"; grep -qx ok "$dir/out"; }
no_secret() { run -1 grep -ai secret "$dir/spans"; }
in_order='sorted(C, key=lambda c: c.start)'

# The spans are the commands of the driver, with database and error; `$1`: those whose database was
# too far behind to be seen.
as_said() {
	said="sorted(l for l in open('$dir/out').read().splitlines() if l.count(' ') == 2)"
	spans "sorted(f\"{c.attr['db.operation.name']} {c.attr.get('db.namespace', '${1:-?}')} {c.attr.get('db.response.status_code', 0)}\" for c in C) == $said" \
		'all(c.attr["db.system.name"] == "mongodb" and c.scope == "otrace/mongodb" for c in C)' \
		'all(c.attr.get("error.type") == c.attr.get("db.response.status_code") for c in C)' \
		'all(c.error == ("error.type" in c.attr) for c in C)' 'all(0 <= c.ms < 60000 for c in C)'
	no_secret
}

front() { # zlib and unacknowledged writes
	bg front "$PY" "$APPS/mgfront.py" "${port:=$(free_port)}" "$MG_PORT"
	up "$port"
	uri=mongodb://127.0.0.1:$port
}

@test "PyMongo, by each source and both: each command is one span, with its collection and without its values" {
	for source in '' --no-bpf --no-shim; do
		opts=()
		[ -z "$source" ] || opts=("$source")
		rm -f "$dir/spans"
		mg simple
		as_said
		spans "[c.name for c in $in_order] == ['insert users', 'find users', 'find users', 'insert users', 'insert users', 'update users', 'delete users', 'aggregate users', 'distinct users', 'findAndModify users', 'find users', 'getMore users', 'getMore users', 'getMore users', 'createIndexes users', 'nosuch other', 'ping admin', 'listCollections shop', 'drop users']" \
			'[(c.name, c.attr["db.response.status_code"]) for c in '"$in_order"' if c.error] == [("insert users", "11000"), ("nosuch other", "59")]' \
			'[c.attr["db.operation.batch.size"] for c in C if "db.operation.batch.size" in c.attr] == ["20"]' \
			"all(c.attr['server.address'] == '127.0.0.1' and c.attr['server.port'] == '$MG_PORT' for c in C)" \
			'all(c.attr["db.query.summary"] == c.name and c.attr.get("db.collection.name", c.attr["db.namespace"]) == c.name.split()[1] for c in C)' \
			'not any("otrace.cut" in c.attr for c in C)' \
			"all(a.end <= b.start for a, b in zip($in_order, $in_order[1:]))"
	done
}

@test "large documents and batches, and eight threads on a pool: as many spans as commands" {
	room_for_all
	mg bulk
	as_said
	spans 'sum(c.name == "find things" for c in C) == 202' 'not any("otrace.cut" in c.attr for c in C)' \
		'[(c.name, c.attr["error.type"]) for c in C if c.error] == [("insert things", "11000")]'
	for source in --no-bpf --no-shim; do
		opts=("$source")
		rm "$dir/spans"
		mg threads
		as_said
		spans 'all(sum(c.name == f"{op} of{k}" for c in C) == 25 for op in ("insert", "find") for k in range(8))'
	done
}

@test "the driver for Node, by each source: 200 requests at once on four connections" {
	room_for_all
	export NODE_PATH=/usr/share/nodejs
	for source in --no-bpf --no-shim; do
		opts=("$source")
		rm -f "$dir/spans"
		traced node "$APPS/mg.js" "$uri"
		grep -qx ok "$dir/out"
		as_said shop
		spans 'sum(c.name == "find pens" for c in C) == 203' 'sum(c.name == "getMore pens" for c in C) == 4' \
			'[c.name for c in C if "otrace.cut" in c.attr] == ["insert pens"]' # it names its database last
	done
}

@test "unacknowledged writes are spans without an answer; compressed requests are spans without an operation" {
	front
	for source in --no-bpf --no-shim; do
		opts=("$source")
		rm -f "$dir/spans"
		mg quiet
		as_said
		spans '[c.ms >= 300 for c in C if c.name == "find slow"] == [True]'
		rm "$dir/spans"
		mg compressed
		spans 'len(C) == 42' 'all(c.name == "mongodb" and c.attr["otrace.cut"] == "compressed" for c in C)' \
			'not any("db.operation.name" in c.attr or c.error for c in C)'
		no_secret
	done
}

@test "the requests of a server with threads have the right parents" {
	room_for_all
	web=$(free_port)
	for source in --no-shim ''; do
		rm -f "$dir/spans"
		bg run "$OTRACE" run -o "$dir/text" --export "file:$dir/spans" ${source:+"$source"} -- "$PY" "$APPS/mgweb.py" "$web" "$uri"
		until_true 30 listens "$web"
		for i in $(seq 5); do
			curl -s --no-progress-meter -o /dev/null --parallel "127.0.0.1:$web/of[1-8]"
		done
		kill -TERM "$(pgrep -P "$pid")"
		ended "$pid"
		spans 'len([s for s in V]) == 40' 'len(C) == 80' \
			'all(parent(c) and parent(c).path[1:] == c.attr["db.collection.name"] for c in C)' \
			'all(parent(c).start <= c.start and c.end <= parent(c).end + 0.01 for c in C)'
	done
}

@test "attached to an open connection, and to both ends: one span a command" {
	bg client "$PY" "$APPS/mg.py" "$uri" pooled "$dir/go"
	client=$pid
	until_true 30 grep -q ready "$dir/client.out"
	attach ":$MG_PORT" "$client"
	touch "$dir/go"
	ended "$client"
	[ "$status" -eq 0 ]
	detach
	spans 'len([s for s in S if s.pid == '"$client"']) == 40' \
		'not any("db.system.name" in s.attr for s in S if s.pid != '"$client"')' \
		'sum(c.name == "insert pooled" for c in C) == 20' 'sum(c.name == "find pooled" for c in C) == 20'
}

@test "no secret of a login reaches a recording, and a replay gives the same" {
	for source in --no-shim --no-bpf; do
		opts=("$source" --record "$dir/rec.$source")
		mg login
		"$OTRACE" replay --export "file:$dir/again" "$dir/rec.$source" >/dev/null
		cmp "$dir/spans" "$dir/again"
		spans '[c.name for c in C] == ["createUser admin"]'
		rm "$dir/spans" "$dir/again"
		grep -qa createUser "$dir/rec.$source"
		run ! grep -qa SECRET "$dir/rec.$source"
	done
}

@test "a record that is lost makes no other span wrong" {
	opts=(--no-shim --record "$dir/rec")
	mg simple
	run "$PY" "$APPS/lost_each.py" "$OTRACE" "$dir/rec" 4
	echo "$output"
	[ "$status" -eq 0 ]
	[ "${output% *}" -ge 12 ]
}
