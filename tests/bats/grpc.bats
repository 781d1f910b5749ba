#!/usr/bin/env bats
# SPDX-License-Identifier: Apache-2.0
# grpc.bats - gRPC in Python (C-core): each call is one span at each end, with the status that
# the program saw, and lasts to its trailers.

load helpers
setup() {
	live_setup
	port=$(free_port)
	back=$(free_port)
}

# CALL..: a server, one that asks it, and a client that makes these calls, in one process tree.
shop() {
	cat >"$dir/all" <<-S
		$PY $APPS/grpcd.py $back & one=\$!
		$PY $APPS/grpcd.py $port $back & two=\$!
		for p in $back $port; do
			for _ in \$(seq 200); do (exec 4<>/dev/tcp/127.0.0.1/\$p) 2>/dev/null && break; sleep 0.05; done
		done
		$PY $APPS/grpcc.py $port $*
		sleep 0.1
		kill \$one \$two
		wait
	S
}

@test "unary and streaming calls, errors, deadlines: the status of each, by each source" {
	shop Buy=ink Buy=none Buy=broken Buy=raise List List=cut Add=x Chat=y Gone Wait=0.3 Cancel
	local source
	for source in --no-shim --no-bpf; do
		opts=(--no-live $source)
		traced bash "$dir/all"
		printf '%s\n' 'Buy OK' 'Buy NOT_FOUND' 'Buy INTERNAL' 'Buy UNKNOWN' 'List OK' 'List DATA_LOSS' \
			'Add OK' 'Chat OK' 'Gone UNIMPLEMENTED' 'Wait DEADLINE_EXCEEDED' 'Cancel CANCELLED' |
			output_is
		grep -q '^lost *nothing' "$dir/text"
		run ! grep '^not seen' "$dir/text"
		# Who is first at a deadline, the client's reset or the server's trailers, is not fixed.
		cat >"$dir/check" <<-'P'
			def what(s): return s.name, s.attr.get("rpc.response.status_code")
			CLIENT = [("test.Shop/Add", "OK"), ("test.Shop/Buy", "INTERNAL"), ("test.Shop/Buy", "NOT_FOUND"),
			          ("test.Shop/Buy", "OK"), ("test.Shop/Buy", "UNKNOWN"), ("test.Shop/Chat", "OK"),
			          ("test.Shop/Gone", "UNIMPLEMENTED"), ("test.Shop/List", "DATA_LOSS"), ("test.Shop/List", "OK")]
			calls = sorted(what(c) for c in C if c.name != "test.Shop/Wait")
		P
		spans 'len(C) == len(V) == 11' 'all(v.evidence == "wire" for v in V)' \
			"exec(open('$dir/check').read(), globals()) is None" 'calls == CLIENT' \
			'all(c.error == (c.attr.get("rpc.response.status_code") != "OK") for c in C)' \
			'all(c.attr.get("error.type") == c.attr.get("rpc.response.status_code") for c in C if c.error and c.name != "test.Shop/Wait")' \
			'sum(c.attr.get("error.type") in ("CANCEL", "DEADLINE_EXCEEDED") for c in C) == 2' \
			'sorted(v.attr["error.type"] for v in V if v.error and parent(v).name != "test.Shop/Wait") == ["DATA_LOSS", "INTERNAL", "UNIMPLEMENTED", "UNKNOWN"]' \
			'[(v.name, v.attr["rpc.method"], v.attr["rpc.method_original"]) for v in V if parent(v).name == "test.Shop/Gone"] == [("grpc", "_OTHER", "/test.Shop/Gone")]' \
			'all(v.ms > 290 for v in V if v.name == "test.Shop/List")' \
			'all(c.ms > 290 for c in C if c.name == "test.Shop/List")' \
			'all(s.attr["rpc.system.name"] == "grpc" and s.scope == "otrace/grpc" for s in S)' \
			"all((s.attr['server.address'], s.attr['server.port']) == ('127.0.0.1', '$port') for s in S)" \
			'not any(k.startswith(("http.", "url.")) for s in S for k in s.attr)'
	done
}

@test "twenty calls at once, each asks another server: as many spans as calls, no parent is wrong" {
	shop Ask=one Asks=20
	for source in --no-shim --no-bpf; do
		opts=(--no-live $source)
		traced bash "$dir/all"
		printf 'Ask OK\nAsks 20\n' | output_is
		spans 'len(V) == 42' 'len(C) == 42' 'all(v.evidence == "wire" for v in V)' \
			'all(s.attr["rpc.response.status_code"] == "OK" for s in S)' \
			'all(parent(c) is None or parent(c).name == c.name.replace("Buy", "Ask") for c in C if c.service == "grpcd")' \
			'{c.name for c in C if c.service == "grpcd"} >= {f"test.Shop/Buy{i}" for i in range(20)}'
	done
}

@test "attach: streaming calls last to their trailers, not to the first message" {
	bg grpcd "$PY" "$APPS/grpcd.py" "$port"
	up "$port"
	attach "$pid"
	"$PY" "$APPS/grpcc.py" "$port" Buy=ink List Wait
	detach
	spans '[v.name for v in V] == ["test.Shop/Buy", "test.Shop/List", "test.Shop/Wait"]' \
		'[v.ms < 200 for v in V] == [True, False, False]' 'V[1].ms > 290' 'V[2].ms > 990'
}
