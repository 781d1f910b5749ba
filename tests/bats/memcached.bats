#!/usr/bin/env bats
# SPDX-License-Identifier: Apache-2.0
# memcached.bats - a real Memcached, asked by pymemcache, python-memcache, libmemcached and by hand.

bats_require_minimum_version 1.5.0
load helpers

setup() {
	live_setup
	opts=()
	port=$(free_port)
	bg memcached memcached -u nobody -l 127.0.0.1 -p "$port" -U 0
	SVC_PIDS=("$pid")
	up "$port"
}
teardown() { live_teardown; }

mc() { traced "$PY" "$APPS/mc.py" "$port" "$@"; grep -qx ok "$dir/out"; }
no_secret() { run -1 grep -ai secret "$dir/spans"; }
in_order='sorted(C, key=lambda c: c.start)'

@test "pymemcache, by each source and both: each command is one span, with its keys and without its values" {
	for source in '' --no-bpf --no-shim; do
		opts=()
		[ -z "$source" ] || opts=("$source")
		rm -f "$dir/spans"
		mc simple
		spans "[c.name for c in $in_order] == 'set get get add gets set incr decr append get get touch delete delete set get version stats incr flush_all quit'.split()" \
			'all(c.attr["db.system.name"] == "memcached" and c.attr["db.operation.name"] == c.name for c in C)' \
			"all(c.attr['server.address'] == '127.0.0.1' and c.attr['server.port'] == '$port' for c in C)" \
			'[(c.name, c.attr["db.response.status_code"], c.attr["error.type"]) for c in C if c.error] == [("incr", "CLIENT_ERROR", "CLIENT_ERROR")]' \
			"[c.attr['db.response.returned_rows'] for c in $in_order if c.name in ('get', 'gets')] == ['1', '0', '1', '2', '0', '1']" \
			'{c.text for c in C} >= {"set user:17 ?", "get user:17 n nothing", "incr n ?", "touch n ?", "version", "get ?"}'
		run -1 grep -a eyJ "$dir/spans"
		no_secret
	done
}

@test "1,000 commands one by one, and memccp, memccat, memcrm: as many spans" {
	room_for_all
	mc bulk
	spans 'sum(c.name == "set" for c in C) == 500' 'sum(c.name == "get" for c in C) == 500' \
		'sum(c.attr.get("db.response.returned_rows") == "1" for c in C) == 500' 'not any(c.error for c in C)'
	rm "$dir/spans"
	echo secret >"$dir/file"
	traced sh -c "memccp --servers=127.0.0.1:$port '$dir/file'; memccat --servers=127.0.0.1:$port file; memcrm --servers=127.0.0.1:$port file"
	spans '[c.text for c in '"$in_order"' if c.name not in ("version", "quit")] == ["set file ?", "get file", "delete file"]'
	no_secret
}

@test "python-memcache, by each source: noreply and several commands in one call" {
	for source in --no-bpf --no-shim; do
		opts=("$source")
		rm -f "$dir/spans"
		mc other
		spans 'sorted(c.name for c in C) == sorted("set get set set get incr delete".split())' \
			'"get a b c" in {c.text for c in C}'
		no_secret
	done
}

@test "values that look like answers, of which the middle was not copied; 300 keys in one request" {
	for source in --no-bpf --no-shim; do
		opts=("$source")
		rm -f "$dir/spans"
		mc large
		spans "[c.name for c in $in_order] == ['set', 'get', 'get'] * 3 + ['get', 'set', 'delete']" \
			"[c.attr.get('db.response.returned_rows') for c in $in_order if c.name == 'get'][:6] == ['1', '0'] * 3" \
			'all(len(c.text) <= 512 for c in C)' 'not any(c.error for c in C)'
		no_secret
	done
}

@test "by hand, pipelined: each has its own answer; what is no command is no span" {
	for source in --no-bpf --no-shim; do
		opts=("$source")
		rm -f "$dir/spans"
		mc hand
		spans "[c.name for c in $in_order][:6] == ['set', 'get', 'get', 'set', 'incr', 'delete']" \
			'[(c.name, c.attr["db.response.status_code"]) for c in C if c.error] == [("incr", "CLIENT_ERROR")]'
		no_secret
	done
}

@test "meta commands: quiet ones are spans without an answer, and those behind them have their own" {
	for source in --no-bpf --no-shim; do
		opts=("$source")
		rm -f "$dir/spans"
		mc meta
		spans "[c.text for c in $in_order] == ['ms a ?', 'mg a ?', 'mg b ?', 'ma n', 'md a', 'mg a ?', 'mg b ?', 'mn', 'mg a ?']" \
			'not any(c.error for c in C)'
		no_secret
	done
}

@test "attached to an open connection, and to both ends: one span a command" {
	bg client "$PY" "$APPS/mc.py" "$port" pooled "$dir/go"
	client=$pid
	until_true 30 grep -q ready "$dir/client.out"
	attach ":$port" "$client"
	touch "$dir/go"
	ended "$client"
	[ "$status" -eq 0 ]
	detach
	spans 'len([s for s in S if s.pid == '"$client"']) == 40' \
		'not any("db.system.name" in s.attr for s in S if s.pid != '"$client"')' \
		'sum(c.name == "set" for c in C) == 20' 'sum(c.name == "get" for c in C) == 20'
}

@test "the binary protocol is named, with its reason" {
	cat >"$dir/binary.py" <<-P
		import socket, struct
		s = socket.create_connection(("127.0.0.1", $port))
		s.sendall(struct.pack(">BBHBBHIIQ", 0x80, 0x0b, 0, 0, 0, 0, 0, 7, 0))
		head = s.recv(100)
		assert head[0] == 0x81
	P
	traced "$PY" "$dir/binary.py"
	grep -q 'Memcached: its binary protocol is not read' "$dir/text"
}
