#!/usr/bin/env bats
# SPDX-License-Identifier: Apache-2.0
# mqtt.bats - a real Mosquitto, with its own clients, paho, and a client by hand.

bats_require_minimum_version 1.5.0
load helpers

setup() {
	live_setup
	opts=()
	port=$(free_port)
	{
		printf 'topic readwrite %s\n' 'shop/#' before bulk large order # of those without a name
		printf 'pattern readwrite shop/#\n'
	} >"$dir/acl"
	mosquitto_passwd -c -b "$dir/passwords" joe secret
	chmod 644 "$dir/acl" "$dir/passwords"
	cat >"$dir/mosquitto.conf" <<-END
		listener $port 127.0.0.1
		allow_anonymous true
		acl_file $dir/acl
		password_file $dir/passwords
		user nobody
		max_queued_messages 0
	END
	bg mosquitto mosquitto -c "$dir/mosquitto.conf"
	broker=$pid
	SVC_PIDS=("$pid")
	up "$port"
}
teardown() { live_teardown; }

mq() { # WHAT
	rm -f "$dir/spans"
	traced "$PY" "$APPS/mqttq.py" "$port" "$@"
	grep -qx ok "$dir/out"
}
no_secret() { run -1 grep -ai secret "$dir/spans"; }
names='sorted(s.name for s in S)'
shop="$names == ['process shop/order'] * 3 + ['send shop/order'] * 3"

@test "paho 3.1.1, by each source: each QoS, a span of each end, with the topic and without the payload" {
	for source in '' --no-bpf --no-shim; do
		opts=()
		[ -z "$source" ] || opts=("$source")
		mq v3
		spans "$shop" \
			'all(s.kind == {"send": "client", "process": "consumer"}[s.attr["messaging.operation.type"]] for s in S)' \
			'all(s.attr["messaging.system"] == "mqtt" and s.attr["messaging.destination.name"] == "shop/order" for s in S)' \
			"all(s.attr['server.address'] == '127.0.0.1' and s.attr['server.port'] == '$port' for s in S)" \
			'not any(s.error or s.links or "otrace.cut" in s.attr for s in S)' \
			'sum(s.ms > 0 for s in S) >= 4' 'all(s.ms < 5000 for s in S)'
		no_secret
	done
}

@test "paho 5: a user property gives the parent of both ends, and a link of the consumer" {
	for source in --no-bpf --no-shim; do
		opts=("$source")
		mq v5
		spans "$shop" 'sorted(s.kind for s in S) == ["consumer"] * 3 + ["producer"] * 3' \
			'all(s.trace == "0af7651916cd43dd8448eb211c80319c" and s.parent == "b7ad6b7169203331" for s in S)' \
			'all([l["spanId"] for l in s.links] == (["b7ad6b7169203331"] if s.kind == "consumer" else []) for s in S)'
		no_secret
	done
}

@test "an HTTP server passes on the context that it got: producer and consumer are in its trace" {
	for source in '' --no-bpf; do
		opts=()
		[ -z "$source" ] || opts=("$source")
		rm -f "$dir/spans"
		traced "$PY" "$APPS/broker.py" mqtt5 "$port"
		spans "$names[-2:] == ['process order', 'send order']" 'len(S) == 4' \
			'len({s.trace for s in S}) == 1' \
			'[parent(s).kind for s in S if s.kind == "producer"] == ["server"] or [parent(s).kind for s in S if s.kind == "producer"] == ["client"]' \
			'[parent(s).kind for s in S if s.kind == "consumer"] == ["client"]' \
			'[[l["spanId"] for l in s.links] == [s.parent] for s in S if s.kind == "consumer"] == [True]' \
			'len({s.pid for s in S}) == 2'
	done
}

@test "what the broker refuses is an error; topic aliases have their topics" {
	mq denied
	spans "$names == ['send forbidden', 'send shop/order']" \
		'[(s.name, s.attr["error.type"]) for s in S if s.error] == [("send forbidden", "not_authorized")]'
	mq alias
	spans "$shop"
	no_secret
}

@test "mosquitto_pub, mosquitto_sub: 3.1 and 5, each QoS" {
	for version in mqttv31 mqttv5; do
		rm -f "$dir/spans"
		traced sh -c "mosquitto_sub -V $version -p $port -t 'shop/#' -q 2 -C 15 >'$dir/got' & sub=\$!
			until mosquitto_pub -V $version -p $port -t shop/ready -m x -q 1 -r && grep -q x '$dir/got'; do sleep 0.1; done
			for qos in 0 1 2; do
				for i in 1 2 3; do echo secret; done | mosquitto_pub -V $version -p $port -t shop/\$qos -l -q \$qos
			done
			for i in 1 2 3 4 5 6 7 8 9; do mosquitto_pub -V $version -p $port -t shop/end -m secret -q 1; done
			wait \$sub"
		spans 'all(sum(s.name == f"{op} shop/{qos}" for s in S) == 3 for op in ("send", "process") for qos in (0, 1, 2))' \
			'sum(s.name == "send shop/end" for s in S) == 9' 'sum(s.kind == "consumer" for s in S) == 15' \
			'not any("otrace.cut" in s.attr for s in S if s.kind == "client")'
		no_secret
	done
}

@test "1,000 messages of two QoS, by each source; payloads of 300 KB that look like packets" {
	room_for_all
	for source in --no-bpf --no-shim; do
		opts=("$source")
		mq bulk
		spans "$names == ['process bulk'] * 1000 + ['send bulk'] * 1000" 'not any(s.error for s in S)'
		mq large
		spans "$names == ['process large'] * 3 + ['send large'] * 3" \
			'not any("otrace.cut" in s.attr or s.error for s in S)'
	done
}

@test "attached to an open connection, and to the broker: the broker's ends are no spans" {
	bg client "$PY" "$APPS/mqttq.py" "$port" open "$dir/go"
	client=$pid
	until_true 30 grep -q ready "$dir/client.out"
	attach ":$port" "$client"
	touch "$dir/go"
	ended "$client"
	[ "$status" -eq 0 ]
	detach
	spans 'len(S) == 8' "all(s.pid == $client for s in S)" \
		'sum(s.kind == "consumer" for s in S) == 4' 'not any(s.error for s in S)'
}

@test "a login is blanked in a recording, whose replay makes the same spans" {
	rm -f "$dir/spans"
	"$OTRACE" run -o "$dir/text" --record "$dir/login.otr" --export "file:$dir/spans" -- \
		"$PY" "$APPS/mqttq.py" "$port" login >"$dir/out"
	grep -qx ok "$dir/out"
	spans "$shop"
	grep -aq MQTT "$dir/login.otr"
	run -1 grep -a joe "$dir/login.otr"
	"$OTRACE" replay -o "$dir/text" --export "file:$dir/again" "$dir/login.otr"
	$PY "$APPS/spans.py" "$dir/again" "$shop"
}
