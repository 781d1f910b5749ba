#!/usr/bin/env bats
# SPDX-License-Identifier: Apache-2.0
# nats.bats - a real NATS server, with nats.go, libnats, and clients by hand.

bats_require_minimum_version 1.5.0
load helpers

setup_file() {
	export GOCACHE=${OTRACE_CACHE:-${HOME:-/var}/.cache/otrace}/go
	export NATSQ=$BATS_FILE_TMPDIR/natsq NATSC=$BATS_FILE_TMPDIR/natsc
	(cd "$PWD/tests/apps" && env GOPATH=/usr/share/gocode GOFLAGS=-mod=mod GO111MODULE=off \
		GOPROXY=off CGO_ENABLED=0 nice -n 5 go build -o "$NATSQ" natsq.go)
	gcc -o "$NATSC" tests/apps/natsc.c -lnats
}

setup() {
	live_setup
	opts=()
	port=$(free_port)
	bg server nats-server -a 127.0.0.1 -p "$port" -js -sd "$dir/store"
	server=$pid
	SVC_PIDS=("$pid")
	up "$port"
}
teardown() { live_teardown; }

client() { # PROGRAM WHAT
	rm -f "$dir/spans"
	traced "$1" "$port" "$2"
	grep -qx ok "$dir/out"
}
no_secret() { run -1 grep -ai secret "$dir/spans"; }
names='sorted(s.name for s in S)'

@test "nats.go, libnats: each publish and each message is one span, with its subject and without its payload" {
	for source in '' --no-shim; do
		opts=()
		[ -z "$source" ] || opts=("$source")
		client "$NATSQ" simple
		spans "$names == ['process orders'] * 3 + ['send nobody'] + ['send orders'] * 3" \
			'all(s.kind == {"send": "client", "process": "consumer"}[s.attr["messaging.operation.type"]] for s in S)' \
			'all(s.attr["messaging.system"] == "nats" and s.name.split() == [s.attr["messaging.operation.name"], s.attr["messaging.destination.name"]] for s in S)' \
			"all(s.attr['server.address'] == '127.0.0.1' and s.attr['server.port'] == '$port' for s in S)" \
			'not any(s.error or s.links for s in S)'
		no_secret
	done
	for source in --no-bpf --no-shim; do
		opts=("$source")
		client "$NATSC" simple
		spans "$names == ['process orders'] * 3 + ['send orders'] * 3"
		no_secret
	done
}

@test "a header gives the parent of both ends, and a link of the consumer" {
	for prog in "$NATSQ" "$NATSC"; do
		client "$prog" contexts
		spans "$names == ['process orders.new', 'send orders.new']" \
			'{s.kind for s in S} == {"producer", "consumer"}' \
			'all(s.trace == "0af7651916cd43dd8448eb211c80319c" and s.parent == "b7ad6b7169203331" for s in S)' \
			'[[(l["traceId"], l["spanId"]) for l in s.links] for s in S if s.kind == "consumer"] == [[("0af7651916cd43dd8448eb211c80319c", "b7ad6b7169203331")]]' \
			'not any(s.links for s in S if s.kind == "producer")'
		no_secret
	done
}

@test "an HTTP server passes on the context that it got: producer and consumer are in its trace" {
	for source in '' --no-bpf; do
		opts=()
		[ -z "$source" ] || opts=("$source")
		rm -f "$dir/spans"
		traced "$PY" "$APPS/broker.py" nats "$port"
		spans "$names == ['GET', 'GET /order', 'process order', 'send order'] or $names == ['GET /order'] * 2 + ['process order', 'send order']" \
			'len({s.trace for s in S}) == 1' \
			'[parent(s).kind for s in S if s.kind == "producer"] == ["server"]' \
			'[parent(s).kind for s in S if s.kind == "consumer"] == ["client"]' \
			'[[l["spanId"] for l in s.links] == [s.parent] for s in S if s.kind == "consumer"] == [True]' \
			'len({s.pid for s in S}) == 2'
	done
}

@test "a request lasts to its reply; nobody to answer it is an error; the reply has no name" {
	for prog in "$NATSQ" "$NATSC"; do
		client "$prog" request
		spans "$names == ['process price'] * 3 + ['send (temporary)'] * 3 + ['send nobody'] + ['send price'] * 3" \
			'[(s.name, s.attr["error.type"]) for s in S if s.error] == [("send nobody", "503")]' \
			'all(s.attr.get("messaging.destination.temporary", False) == ("temporary" in s.name) for s in S)' \
			'not any("_INBOX" in str(s) for s in S)'
		no_secret
	done
	client "$NATSQ" request
	spans 'all(s.ms >= 20 for s in S if s.name == "send price")'
}

@test "2,000 messages, many in one call, by each source" {
	room_for_all
	for source in '' --no-shim; do
		opts=()
		[ -z "$source" ] || opts=("$source")
		client "$NATSQ" bulk
		spans 'all(sum(s.name == f"{op} bulk.{i}" for s in S) == 1000 for op in ("send", "process") for i in (0, 1))' \
			'len(S) == 4000'
		grep -q 'lost *nothing' "$dir/text"
	done
}

@test "JetStream: a publish lasts to its acknowledgement, a pull, a message, its ack" {
	client "$NATSQ" jetstream
	spans "$names == ['ack SHOP', 'process shop.new', 'receive SHOP', 'receive SHOP', 'send \$JS.API.CONSUMER.CREATE.SHOP.worker.shop.*', 'send \$JS.API.CONSUMER.INFO.SHOP.worker', 'send \$JS.API.STREAM.CREATE.SHOP', 'send \$JS.API.STREAM.NAMES', 'send shop.new']" \
		'[s.attr["messaging.operation.type"] for s in S if s.name in ("ack SHOP", "receive SHOP")].count("settle") == 1' \
		'not any(s.error for s in S)'
}

@test "attached to an open connection, and to the server: the server's ends are no spans" {
	bg client "$NATSQ" "$port" open "$dir/go"
	client=$pid
	until_true 30 grep -q ready "$dir/client.out"
	attach ":$port" "$client"
	touch "$dir/go"
	ended "$client"
	[ "$status" -eq 0 ]
	detach
	spans 'len(S) == 17' "all(s.pid == $client for s in S)" \
		'sum(s.name == "send orders" for s in S) == 3' 'sum(s.name == "process orders" for s in S) == 3' \
		'sum(s.name == "send price" for s in S) == 3'
}

@test "a login is blanked in a recording, whose replay makes the same spans" {
	rm -f "$dir/spans"
	"$OTRACE" run -o "$dir/text" --record "$dir/login.otr" --export "file:$dir/spans" -- "$NATSQ" "$port" login >"$dir/out"
	grep -qx ok "$dir/out"
	spans 'len(S) == 7'
	grep -aq 'CONNECT {"' "$dir/login.otr"
	run -1 grep -a '"pass"' "$dir/login.otr"
	"$OTRACE" replay -o "$dir/text" --export "file:$dir/again" "$dir/login.otr"
	$PY "$APPS/spans.py" "$dir/again" 'len(S) == 7'
}
