#!/usr/bin/env bats
# SPDX-License-Identifier: Apache-2.0
# amqp.bats - a real RabbitMQ, used by pika and by librabbitmq (amqp-publish, amqp-get, amqp-consume).

bats_require_minimum_version 1.5.0
load helpers

# A node of its own, as root, with an epmd of its own: nothing of it outlives the file.
setup_file() {
	local epmd_port dist_port
	svc_init
	MQ_PORT=$(svc_port) epmd_port=$(svc_port) dist_port=$(svc_port)
	mkdir -m 700 "$SVC/mq"
	echo '[].' >"$SVC/mq/plugins"
	ERL_EPMD_PORT=$epmd_port setsid epmd -address 127.0.0.1 >"$SVC/epmd.log" 2>&1 </dev/null 3>&- &
	EPMD_PID=$!
	env HOME="$SVC/mq" ERL_EPMD_PORT="$epmd_port" ERL_EPMD_ADDRESS=127.0.0.1 RABBITMQ_NODENAME="otrace$MQ_PORT@localhost" \
		RABBITMQ_NODE_PORT="$MQ_PORT" RABBITMQ_NODE_IP_ADDRESS=127.0.0.1 RABBITMQ_DIST_PORT="$dist_port" \
		RABBITMQ_MNESIA_BASE="$SVC/mq/mnesia" RABBITMQ_LOG_BASE="$SVC/mq/log" RABBITMQ_LOGS=- \
		RABBITMQ_ENABLED_PLUGINS_FILE="$SVC/mq/plugins" RABBITMQ_CONF_ENV_FILE=/dev/null \
		RABBITMQ_CONFIG_FILE="$SVC/mq/none" RABBITMQ_PID_FILE="$SVC/mq/pid" \
		RABBITMQ_SERVER_ADDITIONAL_ERL_ARGS='-kernel inet_dist_use_interface {127,0,0,1} -start_epmd false +sbwt none +S 1:1' \
		/usr/lib/rabbitmq/bin/rabbitmq-server >"$SVC/mq.log" 2>&1 </dev/null 3>&- &
	MQ_SCRIPT=$!
	export SVC MQ_PORT MQ_SCRIPT EPMD_PID
	svc_wait_port "$MQ_PORT" || { cat "$SVC/mq.log"; return 1; }
}
teardown_file() {
	kill -9 "$(cat "$SVC/mq/pid")" # the node, of a script that waits for it; its data is thrown away
	for _ in $(seq 200); do kill -0 "$MQ_SCRIPT" 2>/dev/null || break; sleep 0.05; done
	kill "$EPMD_PID"
	rm -rf "$SVC"
}

setup() {
	live_setup
	port=$MQ_PORT
	url=amqp://127.0.0.1:$port
	opts=()
}

each_source() { # CMD.. with each source alone
	local source
	for source in --no-bpf --no-shim; do
		opts=("$source")
		rm -f "$dir/spans"
		echo "source: $source"
		"$@"
		run -1 grep -ai 'secret' "$dir/spans"
	done
}
mq() { traced "$PY" "$APPS/rabbit.py" "$port" "$@"; grep -qx ok "$dir/out"; }
in_order='sorted(S, key=lambda s: s.start)'
TRACE=0af7651916cd43dd8448eb211c80319c
CALLER=b7ad6b7169203331

sent_and_fetched() {
	mq simple
	spans "[s.name for s in $in_order] == ['send jobs', 'send shop:order.new', 'send shop:order.old', 'receive jobs', 'receive shop:order.new:jobs', 'receive shop:order.old:jobs', 'receive jobs']" \
		"[s.kind for s in $in_order] == ['client', 'client', 'producer'] + ['client'] * 4" \
		'all(s.attr["messaging.system"] == "rabbitmq" and s.attr["messaging.operation.name"] == s.name.split()[0] == s.attr["messaging.operation.type"] for s in S)' \
		"all(s.attr['server.address'] == '127.0.0.1' and s.attr['server.port'] == '$port' for s in S)" \
		'all(s.attr["messaging.destination.name"] == s.name.split()[1] and not s.error for s in S)' \
		"[s.attr.get('messaging.rabbitmq.destination.routing_key') for s in $in_order] == ['jobs', 'order.new', 'order.old'] * 2 + [None]" \
		"[s.attr.get('messaging.message.body.size') for s in $in_order] == ['8', '9', '0'] * 2 + [None]" \
		"[s.attr.get('messaging.message.id') for s in $in_order] == [None, 'm2', 'm3'] * 2 + [None]" \
		"[s.attr.get('messaging.message.conversation_id') for s in $in_order] == [None, 'c2', None] * 2 + [None]" \
		"[s.attr.get('messaging.rabbitmq.message.delivery_tag') for s in $in_order] == [None] * 3 + ['1', '2', '3', None]" \
		"[(s.trace, s.parent) for s in S if s.kind == 'producer'] == [('$TRACE', '$CALLER')]" \
		"all(s.trace != '$TRACE' for s in S if s.kind != 'producer')"
}
@test "pika, by each source and both: each message that is sent or fetched is one span" {
	sent_and_fetched
	each_source sent_and_fetched
	grep -q '^rabbitmq *send shop:order.new' "$dir/text"
}

confirmed() {
	mq confirmed
	spans "[(s.name, s.attr.get('error.type')) for s in $in_order] == [('send jobs', None)] * 5 + [('send nobody', 'NO_ROUTE'), ('send jobs', None), ('send no such exchange:jobs', 'NOT_FOUND')]" \
		'all(s.error == ("error.type" in s.attr) for s in S)' 'all(0.05 < s.ms < 5000 for s in S)'
}
@test "with confirmations a publish lasts to its own, and one that fails is an error" {
	each_source confirmed
}

consumed() {
	mq consume
	spans "[s.attr.get('otrace.settlement') for s in $in_order if s.kind == 'consumer'] == ['ack', 'nack', 'reject', 'ack', 'ack', 'ack', None]" \
		"all(s.name == 'process jobs' for s in S if s.kind == 'consumer')" \
		"[s.attr['messaging.rabbitmq.message.delivery_tag'] for s in $in_order if s.kind == 'consumer'] == list('1234567')" \
		"sorted(s.attr['messaging.message.id'] for s in S if s.kind == 'consumer' and s.trace == '$TRACE') == [f'm{i}' for i in range(6)]" \
		"all(s.parent == '$CALLER' and [l['spanId'] for l in s.links] == ['$CALLER'] for s in S if s.kind == 'consumer' and s.trace == '$TRACE')" \
		"all(s.ms > 50 for s in S if s.kind == 'consumer' and s.trace == '$TRACE')" \
		"sum(s.kind == 'producer' for s in S) == 6 and sum(s.kind == 'client' for s in S) == 1 and len(S) == 14" 'not any(s.error for s in S)'
}
@test "a consumer's span lasts to the settlement of its message, and names it" {
	each_source consumed
}

bulk() {
	mq bulk
	spans "sum(s.kind == 'producer' for s in S) == 500 == sum(s.kind == 'consumer' for s in S)" 'len(S) == 1000' \
		"{(s.attr['messaging.message.id'], s.attr['messaging.message.body.size']) for s in S if s.kind == 'consumer'} == {(f'm{i}', str(42 * i)) for i in range(500)}" \
		"all(s.attr['otrace.settlement'] == 'ack' for s in S if s.kind == 'consumer')" 'not any(s.error or "otrace.cut" in s.attr for s in S)'
}
@test "500 messages of 0 to 21 KB through a queue, by each source: as many spans" {
	room_for_all
	each_source bulk
}

large() {
	mq large
	spans "[s.attr['messaging.message.body.size'] for s in $in_order] == ['10', '131064', '131065', '1000000', '20'] * 2" \
		"[s.name for s in $in_order] == ['send jobs'] * 5 + ['receive jobs'] * 5" 'not any(s.error or "otrace.cut" in s.attr for s in S)'
	grep -q '^lost *nothing' "$dir/text"
}
@test "bodies of many frames are stepped over, whatever they hold" {
	each_source large
}

channels() {
	mq channels
	spans "[s.name for s in $in_order] == ['send q0', 'send q1'] * 5 + ['receive q0', 'receive q1'] * 5" \
		"[s.attr['messaging.message.id'] for s in $in_order] == [f'm{i}' for i in range(10)] * 2" 'not any(s.error for s in S)'
}
@test "two channels of one connection: each has its own answers" {
	each_source channels
}

librabbitmq() {
	traced sh -c "amqp-declare-queue -u $url -q tools && for i in 1 2 3; do amqp-publish -u $url -r tools -b secret -H 'traceparent: 00-$TRACE-$CALLER-01'; done &&
		amqp-get -u $url -q tools && amqp-consume -u $url -q tools -c 2 cat && ! amqp-get -u $url -q tools"
	spans "[(s.name, s.kind) for s in $in_order] == [('send tools', 'producer')] * 3 + [('receive tools', 'client')] + [('process tools', 'consumer')] * 2 + [('receive tools', 'client')]" \
		"all(s.trace == '$TRACE' and s.parent == '$CALLER' for s in S if s.kind != 'client')" \
		"[s.attr.get('otrace.settlement') for s in S if s.kind == 'consumer'] == ['ack'] * 2" 'not any(s.error for s in S)'
}
@test "librabbitmq's amqp-publish, amqp-get and amqp-consume, by each source" {
	each_source librabbitmq
}

@test "attached to an open connection and to the broker: one span a message, none of the broker" {
	bg client "$PY" "$APPS/rabbit.py" "$port" pooled "$dir/go"
	client=$pid
	until_true 30 grep -q ready "$dir/client.out"
	attach ":$port" "$client"
	touch "$dir/go"
	ended "$client"
	[ "$status" -eq 0 ]
	detach
	spans "{s.pid for s in S} == {$client}" "sum(s.name == 'send jobs' for s in S) == 20" "sum(s.name == 'receive jobs' for s in S) == 20" \
		'len(S) == 40' 'not any(s.error for s in S)'
}

@test "attached to the broker alone: its clients are named; another program of Erlang is none" {
	bg erl env HOME="$dir" erl -noinput -eval 'timer:sleep(60000).'
	until_true 30 grep -q beam.smp "/proc/$pid/cmdline"
	attach "$pid"
	detach
	run -1 grep -q 'serves AMQP' "$dir/tracer.err"
	attach ":$port"
	detach
	grep -q 'serves AMQP: its requests are shown as spans of the programs that send them' "$dir/tracer.err"
}

@test "a request, the message that it causes and the consumer are one trace, with the right parents" {
	bg worker "$PY" "$APPS/rabbit.py" "$port" worker 5
	worker=$pid
	until_true 30 grep -q ready "$dir/worker.out"
	web_port=$(free_port)
	bg web "$PY" "$APPS/rabbit.py" "$port" web "$web_port"
	web=$pid
	up "$web_port"
	attach "$web" "$worker"
	for i in 1 2 3 4 5; do
		curl -s -o "$dir/answer" -H "traceparent: 00-0000000000000000000000000000000$i-b7ad6b716920333$i-01" "127.0.0.1:$web_port/order"
	done
	ended "$worker"
	detach
	spans 'len([s for s in S if s.kind == "server"]) == len([s for s in S if s.kind == "producer"]) == len([s for s in S if s.kind == "consumer"]) == 5' \
		'len(S) == 15 and len({s.trace for s in S}) == 5' \
		'all(parent(s).kind == "server" and parent(s).trace == s.trace for s in S if s.kind == "producer")' \
		'all(s.parent[:15] == "b7ad6b716920333" and s.parent[15] == s.trace[31] for s in S if s.kind != "producer")' \
		'all([l["spanId"] for l in s.links] == [s.parent] for s in S if s.kind == "consumer")' \
		'sum(s.ms > 15 for s in S if s.kind == "consumer") >= 4'
}

@test "a recording holds no password, and gives the same spans again" {
	amqp-declare-queue -u "$url" -q tools
	"$OTRACE" run -o "$dir/text" --record "$dir/rec.otr" --export "file:$dir/spans" -- \
		amqp-publish -u "amqp://guest:guest@127.0.0.1:$port" -r tools -b body 3>&-
	run -1 grep -ac $'\x01\x0bguest' "$dir/rec.otr"
	run -1 grep -aPc '\x00guest\x00guest' "$dir/rec.otr"
	"$OTRACE" replay -o "$dir/text2" --export "file:$dir/again" "$dir/rec.otr"
	[ "$("$PY" "$APPS/spans.py" "$dir/again" '[s.name for s in S] == ["send tools"]' && echo same)" = same ]
}
