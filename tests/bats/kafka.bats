#!/usr/bin/env bats
# SPDX-License-Identifier: Apache-2.0
# kafka.bats - a real Kafka broker, which Maven fetches once into $OTRACE_CACHE, asked by kafka-python,
# librdkafka and the Java client.

bats_require_minimum_version 1.5.0
load helpers

setup_file() {
	export OTRACE_CACHE=${OTRACE_CACHE:-${HOME:-/var}/.cache/otrace} SVC KAFKA_PORT KAFKA_PID KAFKA_SASL
	export KAFKA_LIB=$OTRACE_CACHE/kafka/lib
	tests/backends/get-kafka.sh "$OTRACE_CACHE" 3>&-
	svc_init
	svc_kafka 3>&-
}
teardown_file() {
	kill "$KAFKA_PID"
	for _ in $(seq 600); do kill -0 "$KAFKA_PID" 2>/dev/null || break; sleep 0.05; done
	rm -rf "$SVC"
}
setup() {
	live_setup
	opts=()
	port=$KAFKA_PORT
}
teardown() { live_teardown; }

new_topic() { # NAME: in $topic
	topic=$1.$RANDOM
	"$PY" "$APPS/kq.py" "$KAFKA_PORT" create "$topic"
}

kq() { # WHAT: with a topic of its own
	new_topic "$1"
	rm -f "$dir/spans"
	traced "$PY" "$APPS/kq.py" "$port" "$1" "$topic"
	grep -qx ok "$dir/out"
	run -1 grep -ai secret "$dir/spans"
}
order='sorted(S, key=lambda s: s.start)'
of_all='all(s.attr["messaging.system"] == "kafka" and s.attr["messaging.destination.name"]'

# Three sends, of which the latter two carry a context; one poll or several; one commit.
are_simple() { # GROUP
	spans "[s.name for s in $order if s.attr['messaging.operation.type'] != 'receive'] == ['send $topic'] * 3 + ['commit $topic']" \
		"[s.kind for s in $order][:3] == ['client', 'producer', 'producer']" \
		"$of_all == '$topic' and s.attr['messaging.destination.partition.id'] == '0' for s in S)" \
		"all(s.attr['server.address'] == '127.0.0.1' and s.attr['server.port'] == '$port' for s in S)" \
		"[(s.attr['messaging.kafka.offset'], s.attr['messaging.batch.message_count']) for s in $order[:3]] == [('0', '1'), ('1', '1'), ('2', '1')]" \
		"[s.trace for s in $order[1:3]] == ['%032x' % 0xabc] * 2" \
		"[s.parent for s in $order[1:3]] == ['%016x' % 1, '%016x' % 2]" \
		"$order[0].trace != '%032x' % 0xabc" \
		"sum(int(s.attr['messaging.batch.message_count']) for s in S if s.name == 'poll $topic') == 3" \
		"sorted(l['spanId'] for s in S for l in s.links if s.name == 'poll $topic') == ['%016x' % 1, '%016x' % 2]" \
		"[(s.attr['messaging.consumer.group.name'], s.attr['messaging.kafka.offset']) for s in S if s.name.startswith('commit')] == [('$1', '3')]" \
		"{s.attr['messaging.client.id'] for s in S} == {'shop', 'bill'}" \
		'not any(s.error for s in S)' \
		'{s.parent for s in S if s.kind == "client"} == {P[0].span}' \
		'all(P[0].start <= s.start < s.end <= P[0].end for s in S)' \
		"all(s.attr['messaging.operation.name'] == s.name.split()[0] for s in S)"
	grep -q 'lost *nothing' "$dir/text"
}

@test "kafka-python and librdkafka, by each source and both: each send, poll with records and commit is one span" {
	for source in '' --no-bpf --no-shim; do
		opts=()
		[ -z "$source" ] || opts=("$source")
		kq simple
		are_simple billing
		kq rdkafka
		are_simple rdkafka
	done
}

@test "the Java client, which names topics by their ids" {
	new_topic java
	traced java -XX:TieredStopAtLevel=1 -XX:-UsePerfData -cp "$KAFKA_LIB/*" \
		"$APPS/Records.java" "$port" "$topic"
	grep -qx ok "$dir/out"
	are_simple records
}

@test "100 sends are 100 spans, with offsets of their own" {
	room_for_all
	for source in --no-bpf --no-shim; do
		opts=("$source")
		kq many
		spans "[s.name for s in S] == ['send $topic'] * 100" \
			"[int(s.attr['messaging.kafka.offset']) for s in $order] == list(range(100))" \
			'not any(s.error for s in S)'
	done
}

@test "records of which most was not copied, whose bytes look like messages" {
	for source in --no-bpf --no-shim; do
		opts=("$source")
		kq large
		spans "[s.name for s in $order if s.attr['messaging.operation.type'] == 'send'] == ['send $topic'] * 6" \
			"{s.name for s in S} == {'send $topic', 'poll $topic'}" \
			"[int(s.attr['messaging.kafka.offset']) for s in $order[:6]] == list(range(6))" \
			'not any(s.error for s in S)'
		# A client that is quicker than the agent may fill the ring with a large answer, before
		# the agent says that its head is enough: that is said, and the span is marked.
		grep -q '^lost .*(ring)' "$dir/text" || spans 'not any("otrace.cut" in s.attr for s in S)'
	done
}

@test "batches: as many messages as were sent, and links to the contexts of those that are not compressed" {
	kq packed
	spans "sum(int(s.attr['messaging.batch.message_count']) for s in S if s.attr['messaging.client.id'] == 'none') == 100" \
		"sum(int(s.attr['messaging.batch.message_count']) for s in S if s.attr['messaging.client.id'] == 'gzip') == 100" \
		"any(len(s.links) == 16 and s.kind == 'producer' for s in S if s.attr['messaging.client.id'] == 'none')" \
		"not any(s.links or s.kind == 'producer' for s in S if s.attr['messaging.client.id'] == 'gzip')"
	run -1 grep -i orphan: "$dir/text"
}

@test "sends without an answer, and one that the broker refuses" {
	kq oneway
	spans "[s.name for s in $order if s.attr['messaging.operation.type'] == 'send'] == ['send $topic'] * 5" \
		'not any(s.error for s in S)'
	kq errors
	spans "[s.name for s in $order] == ['send $topic'] * 2" \
		"[s.attr.get('error.type') for s in $order] == [None, 'MESSAGE_TOO_LARGE']"
}

@test "logins in the clear: sends behind them are spans, and no recording holds the password" {
	port=$KAFKA_SASL
	for source in --no-bpf --no-shim; do
		opts=("$source" --record "$dir/recording")
		kq login
		spans "[s.name for s in S] == ['send $topic'] * 2" 'not any(s.error for s in S)'
		grep -q "$topic" "$dir/recording"
		run -1 grep -q SECRETpw "$dir/recording"
	done
}

@test "attached to an open connection, at both of its ends: the broker's are no spans" {
	new_topic pooled
	bg client "$PY" "$APPS/kq.py" "$port" pooled "$topic" "$dir/go"
	client=$pid
	until_true 60 grep -q ready "$dir/client.out"
	attach "$KAFKA_PID" "$client"
	touch "$dir/go"
	ended "$client"
	[ "$status" -eq 0 ]
	detach
	spans "[s.name for s in S if s.pid == $client] == ['send $topic'] * 20" \
		"not any('messaging.system' in s.attr for s in S if s.pid != $client)"
}

@test "attached to the broker alone: says that its spans are its clients'" {
	attach "$KAFKA_PID"
	detach
	grep -q 'serves Kafka' "$dir/tracer.err"
}
