#!/usr/bin/env bats
# SPDX-License-Identifier: Apache-2.0
# redis.bats - a real Redis, asked by redis-cli, redis-py, node-redis, redis-benchmark and by hand.

bats_require_minimum_version 1.5.0
load helpers

setup() {
	live_setup
	opts=()
	port=$(free_port)
	bg redis redis-server --port "$port" --bind 127.0.0.1 --save '' --dir "$dir"
	SVC_PIDS=("$pid")
	up "$port"
}
teardown() { live_teardown; }

kv() { traced "$PY" "$APPS/kv.py" "$port" "$@"; grep -qx ok "$dir/out"; }
no_secret() { run -1 grep -ai secret "$dir/spans"; }

@test "redis-cli, RESP2 and RESP3, by each source: operation, text, database, status" {
	for source in --no-bpf --no-shim; do
		for version in -2 -3; do
			opts=("$source")
			rm -f "$dir/spans"
			printf '%s\n' 'SELECT 2' 'SET user:17 secret' 'get user:17' 'LPUSH user:17 secret' \
				'HSET cart:4 ink secret pen secret' 'EVALSHA 0123456789012345678901234567890123456789 1 k secret' \
				'NOSUCH secret' 'MULTI' 'INCR n' 'EXEC' 'MGET a b' 'DEL user:17 cart:4' 'SELECT 99' 'PING' >"$dir/words"
			traced sh -c "redis-cli $version -p $port <'$dir/words'"
			spans 'all(c.attr["db.system.name"] == "redis" and c.kind == "client" for c in C)' \
				'[c.name for c in sorted(C, key=lambda c: c.start) if c.name not in ("COMMAND", "HELLO")] == "SELECT SET get LPUSH HSET EVALSHA _OTHER MULTI INCR EXEC MGET DEL SELECT PING".split()' \
				'{c.text for c in C} >= {"SET user:17 ?", "get user:17", "HSET cart:4 ink ? pen ?", "_OTHER ?", "MGET a b", "DEL user:17 cart:4"}' \
				'sorted(c.attr["db.response.status_code"] for c in C if c.error) == ["ERR", "ERR", "NOSCRIPT", "WRONGTYPE"]' \
				'all(c.attr["error.type"] == c.attr["db.response.status_code"] for c in C if c.error)' \
				'all(c.attr["db.namespace"] == "2" for c in C if c.name in ("SET", "get", "MGET", "PING"))' \
				'all(c.attr["db.operation.name"] == c.name for c in C)' \
				"all(c.attr['server.address'] == '127.0.0.1' and c.attr['server.port'] == '$port' for c in C)" \
				'[c.attr["db.stored_procedure.name"] for c in C if c.name == "EVALSHA"] == ["0123456789012345678901234567890123456789"]'
			no_secret
		done
	done
}

@test "redis-py, by each source and both: each command is one span, the values are hidden" {
	for source in '' --no-bpf --no-shim; do
		opts=()
		[ -z "$source" ] || opts=("$source")
		rm -f "$dir/spans"
		redis-cli -p "$port" flushall
		kv simple
		spans '[c.name for c in sorted(C, key=lambda c: c.start)] == "SELECT SET GET GET HSET HGETALL RPUSH LRANGE LPUSH BLPOP EVAL".split()' \
			'[c.name for c in C if c.error] == ["LPUSH"]' \
			'[c for c in C if c.name == "BLPOP"][0].ms > 40' \
			'all(c.attr.get("db.namespace") == "2" for c in C if c.name != "SELECT")' \
			'"EVAL ? ? key:1 ?" in {c.text for c in C}'
		no_secret
	done
}

@test "pipelines and a transaction, by each source: 1,010 commands, 1,010 spans, each with its own answer" {
	room_for_all
	for source in --no-bpf --no-shim; do
		opts=("$source")
		rm -f "$dir/spans"
		kv pipelines
		spans 'len(C) == 5 + 1000 + 5' 'sum(c.name == "EXEC" for c in C) == 1' \
			'[(c.name, c.attr["db.response.status_code"]) for c in C if c.error] == [("LPUSH", "WRONGTYPE")]' \
			'not any("otrace.cut" in c.attr for c in C)' 'len({c.text for c in C}) >= 1000'
	done
}

@test "redis-benchmark, 1,000 commands in one call, by each source: as many spans" {
	room_for_all
	for source in --no-bpf --no-shim; do
		opts=("$source")
		rm -f "$dir/spans"
		traced redis-benchmark -p "$port" -c 1 -n 2000 -P 1000 -t set,get -r 1000 -q
		spans 'sum(c.name == "SET" for c in C) == 2000' 'sum(c.name == "GET" for c in C) == 2000' \
			'not any(c.error for c in C)'
	done
}

@test "node-redis: 110 requests of 50 tasks on one connection, each with its own answer" {
	export NODE_PATH=/usr/share/nodejs
	for source in --no-bpf --no-shim; do
		opts=("$source")
		rm -f "$dir/spans"
		traced node "$APPS/kv.js" "$port"
		grep -qx ok "$dir/out"
		spans 'sum(c.name == "SET" for c in C) == 51' 'sum(c.name == "GET" for c in C) == 51' \
			'sum(c.name == "LPUSH" for c in C) == 10' 'all(c.error == (c.name == "LPUSH") for c in C)' \
			'sum(c.name == "EXEC" for c in C) == 1' 'all(c.attr["db.namespace"] == "1" for c in C if c.name == "GET")'
	done
}

@test "values and lists of which the middle was not copied: the answers behind them are not mixed up" {
	for source in --no-bpf --no-shim; do
		opts=("$source")
		rm -f "$dir/spans"
		redis-cli -p "$port" flushall
		kv large
		spans '[c.name for c in C if c.error] in (["LPUSH"], ["LPUSH", "LPUSH"])' \
			'all(c.attr["db.response.status_code"] == "WRONGTYPE" for c in C if c.error)' \
			'sum(c.name == "LRANGE" for c in C) == 2' 'sum(c.name == "INCRBY" for c in C) == 3' \
			'sum(c.name == "GET" for c in C) == 2' 'sum(c.name == "RPUSH" for c in C) == 4'
	done
}

@test "pub/sub: confirmations are the answers, messages are none" {
	kv pubsub
	spans 'sorted(c.name for c in C) == ["PING", "PUBLISH", "SUBSCRIBE", "UNSUBSCRIBE"]' \
		'not any(c.error or "otrace.cut" in c.attr for c in C)' \
		'{c.text for c in C} == {"SUBSCRIBE news sport", "PUBLISH news ?", "PING ?", "UNSUBSCRIBE"}'
	no_secret
}

@test "inline commands, CLIENT REPLY and MONITOR, by hand: nothing is given a wrong answer" {
	cat >"$dir/hand.py" <<-'END'
		import socket, sys
		s = socket.create_connection(("127.0.0.1", int(sys.argv[1])))
		f = s.makefile("rb")
		def ask(line, *answers):
		    s.sendall(line.encode() + b"\r\n")
		    for want in answers:
		        got = f.readline().strip().decode()
		        assert got.startswith(want), (line, got)
		ask("HSET h field secret", ":1")
		ask("CLIENT REPLY SKIP\r\nINCR n")
		ask("INCR n", ":2")
		ask("CLIENT REPLY OFF\r\nINCR n\r\nLPUSH n x")
		ask("CLIENT REPLY ON", "+OK")
		ask("LPUSH n x", "-WRONGTYPE")
		ask("MONITOR", "+OK")
		o = socket.create_connection(("127.0.0.1", int(sys.argv[1])))
		o.sendall(b"*2\r\n$3\r\nGET\r\n$4\r\nelse\r\n")
		assert o.recv(100) == b"$-1\r\n"
		assert b"else" in f.readline()
	END
	traced "$PY" "$dir/hand.py" "$port"
	spans 'sorted(c.name for c in C) == sorted("HSET CLIENT INCR INCR CLIENT INCR LPUSH CLIENT LPUSH MONITOR GET".split())' \
		'[c.name for c in C if c.error] == ["LPUSH"]' '"HSET h field ?" in {c.text for c in C}'
	no_secret
}

@test "attached to an open connection, and to both ends: one span a command, the database is not guessed" {
	bg client "$PY" "$APPS/kv.py" "$port" pooled "$dir/go"
	client=$pid
	until_true 30 grep -q ready "$dir/client.out"
	attach ":$port" "$client"
	touch "$dir/go"
	ended "$client"
	[ "$status" -eq 0 ]
	detach
	spans 'len([s for s in S if s.pid == '"$client"']) == 41' \
		'not any("db.system.name" in s.attr for s in S if s.pid != '"$client"')' \
		'sum(c.name == "SET" for c in C) == 20' 'sum(c.name == "GET" for c in C) == 20' \
		'[c.attr["error.type"] for c in C if c.error and c.pid == '"$client"'] == ["WRONGTYPE"]' \
		'not any("db.namespace" in c.attr for c in C)' \
		'[c.text for c in C if c.name == "GET"] == ["GET after:%d" % i for i in range(20)]'
}

@test "attached to the server alone: what is missing is said, with the next step" {
	export COLUMNS=160
	attach ":$port"
	until_true 5 grep -q 'serves Redis: its requests are shown as spans of the programs that send them' "$dir/tracer.err"
	redis-cli -p "$port" PING
	detach
	run ! grep -s '"db.system.name"' "$dir/spans"
	run -1 grep 'not parsed' "$dir/text"
}

@test "logins: no password in spans or in a recording, and a replay is the same" {
	opts=(--record "$dir/rec")
	kv auth
	spans '{"AUTH ?", "HELLO ? ? ? ?", "CONFIG SET ? ?"} <= {c.text for c in C}' 'not any(c.error for c in C)'
	no_secret
	"$OTRACE" replay --export "file:$dir/again" "$dir/rec" >/dev/null
	cmp "$dir/spans" "$dir/again"
	[ "$(grep -ca SECRETpw "$dir/rec")" -eq 0 ]
}
