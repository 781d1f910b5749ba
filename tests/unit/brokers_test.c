/* SPDX-License-Identifier: Apache-2.0 */
/* brokers_test.c - NATS and MQTT: spans, sniffs, lengths at their limits, logins in recordings. */

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>

#include <cmocka.h>

#include "agent/base/own.h"
#include "agent/proto/amqp.h"
#include "agent/proto/blank.h"
#include "agent/proto/memory.h"
#include "agent/proto/mqtt.h"
#include "agent/proto/nats.h"
#include "agent/proto/side.h"
#include "agent/span/span_builder.h"

#define CONTEXT "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01"

static struct otr_nats na;
static struct otr_mqtt mq;

static int begin(void **state)
{
	(void)state;
	na = (struct otr_nats){0};
	mq = (struct otr_mqtt){0};
	return 0;
}

static void *state_of(const struct otr_proto_ops *proto)
{
	return proto == &otr_nats ? (void *)&na : (void *)&mq;
}

static enum otr_parse parse(const struct otr_proto_ops *proto, enum otr_dir dir,
			    struct otr_slice in, unsigned int flags, struct otr_msg *msg,
			    uint64_t *used)
{
	memset(msg, 0, sizeof(*msg));
	return proto->parse(state_of(proto), dir, in, flags, used, msg);
}

static void gives(const struct otr_proto_ops *proto, enum otr_dir dir, struct otr_slice in,
		  enum otr_parse want, struct otr_msg *msg)
{
	uint64_t used;

	if (parse(proto, dir, in, 0, msg, &used) != want)
		fail_msg("%s: another answer", in.data);
}

static struct otr_span *span_of(const struct otr_proto_ops *proto, const struct otr_msg *req,
				const struct otr_msg *rsp)
{
	static const struct otr_ev_conn conn = {
		.remote = {.family = AF_INET, .port = 4222, .ip = {10, 0, 0, 2}}};
	OTR_AUTO(otr_sb_fini) struct otr_span_builder sb = {0};
	struct otr_proto_memory memory = {0};
	const struct otr_side side = {
		.conn = &conn, .role = OTR_ROLE_CLIENT, .proto = proto, .memory = &memory};

	otr_sb_reset(&sb);
	assert_int_equal(proto->describe(&side, req, rsp, &sb), 0);
	return otr_sb_finish(&sb);
}

static void text_is(const struct otr_span *sp, enum otr_key key, const char *want)
{
	struct otr_slice got = otr_span_string(sp, key);

	if (!otr_slice_eq(got, otr_slice_str(want)))
		fail_msg("%s is %.*s, not %s", otr_key_name(key), OTR_SLICE_ARG(got), want);
}

/* The client sends or receives `line`, which becomes a span of that name. */
static void names(const char *line, enum otr_dir dir, const char *name, const char *type,
		  enum otr_span_kind kind)
{
	struct otr_msg msg;
	OTR_AUTO(otr_span_unref) struct otr_span *sp = NULL;

	gives(&otr_nats, dir, otr_slice_str(line), OTR_PARSE_MSG, &msg);
	sp = span_of(&otr_nats, &msg, NULL);
	if (!otr_slice_eq(sp->name, otr_slice_str(name)))
		fail_msg("%s: %.*s", line, OTR_SLICE_ARG(sp->name));
	assert_int_equal(sp->kind, kind);
	text_is(sp, OTR_KEY_MESSAGING_SYSTEM, "nats");
	text_is(sp, OTR_KEY_MESSAGING_OPERATION_TYPE, type);
	text_is(sp, OTR_KEY_SERVER_ADDRESS, "10.0.0.2");
	assert_int_equal(otr_span_int(sp, OTR_KEY_SERVER_PORT, -1), -1); /* the default */
}

static void nats_spans_have_the_names_of_the_conventions(void **state)
{
	(void)state;
	names("PUB a.b 1\r\nx\r\n", OTR_DIR_OUT, "send a.b", "send", OTR_SPAN_CLIENT);
	names("MSG a.b 9 1\r\nx\r\n", OTR_DIR_IN, "process a.b", "process", OTR_SPAN_CONSUMER);
	names("PUB _INBOX.q.w 1\r\nx\r\n", OTR_DIR_OUT, "send (temporary)", "send",
	      OTR_SPAN_CLIENT);
	names("MSG _INBOX_joe.q 9 1\r\nx\r\n", OTR_DIR_IN, "process (temporary)", "process",
	      OTR_SPAN_CONSUMER);
	names("PUB $JS.ACK.ORDERS.dur.1.22.3.1796004992481080860.0 4\r\n+ACK\r\n", OTR_DIR_OUT,
	      "ack ORDERS", "settle", OTR_SPAN_CLIENT);
	names("PUB $JS.ACK._.hash.ORDERS.dur.1.22.3.1796004992481080860.0.tok 0\r\n\r\n",
	      OTR_DIR_OUT, "ack ORDERS", "settle", OTR_SPAN_CLIENT);
	names("PUB $JS.API.CONSUMER.MSG.NEXT.ORDERS.dur _INBOX.a 0\r\n\r\n", OTR_DIR_OUT,
	      "receive ORDERS", "receive", OTR_SPAN_CLIENT);
	names("HPUB a 80 80\r\nNATS/1.0\r\nTRACEPARENT:" CONTEXT "\r\n\r\n\r\n", OTR_DIR_OUT,
	      "send a", "send", OTR_SPAN_PRODUCER);
}

/* The reply is found by its subject, also if others come first; a second one is a message. */
static void nats_replies_find_their_requests(void **state)
{
	struct otr_msg one, two, msg;

	(void)state;
	gives(&otr_nats, OTR_DIR_OUT, OTR_SLICE("PUB a _INBOX.1 0\r\n\r\n"), OTR_PARSE_MSG, &one);
	gives(&otr_nats, OTR_DIR_OUT, OTR_SLICE("PUB a _INBOX.2 0\r\n\r\n"), OTR_PARSE_MSG, &two);
	assert_int_equal(one.kind, OTR_MSG_REQUEST);
	assert_true(one.stream != two.stream);
	gives(&otr_nats, OTR_DIR_IN, OTR_SLICE("MSG _INBOX.2 1 0\r\n\r\n"), OTR_PARSE_MSG, &msg);
	assert_int_equal(msg.kind, OTR_MSG_RESPONSE);
	assert_int_equal(msg.stream, two.stream);
	gives(&otr_nats, OTR_DIR_IN, OTR_SLICE("MSG _INBOX.2 1 0\r\n\r\n"), OTR_PARSE_MSG, &msg);
	assert_int_equal(msg.kind, OTR_MSG_ONEWAY);
	assert_true(msg.pushed);
	gives(&otr_nats, OTR_DIR_IN, OTR_SLICE("HMSG _INBOX.1 1 16 16\r\nNATS/1.0 503\r\n\r\n\r\n"),
	      OTR_PARSE_MSG, &msg);
	assert_int_equal(msg.stream, one.stream);
	assert_true(msg.failed);
	gives(&otr_nats, OTR_DIR_IN, /* a heartbeat */
	      OTR_SLICE("HMSG _INBOX.3 1 31 31\r\nNATS/1.0 100 Idle Heartbeat\r\n\r\n\r\n"),
	      OTR_PARSE_SKIP, &msg);
}

/* More requests than are remembered: the oldest are forgotten, none is mixed up. */
static void nats_requests_without_replies_are_bounded(void **state)
{
	struct otr_msg msg;
	char line[64];

	(void)state;
	for (int i = 0; i < 3 * OTR_NATS_ASKED; i++) {
		snprintf(line, sizeof(line), "PUB a _INBOX.%d 0\r\n\r\n", i);
		gives(&otr_nats, OTR_DIR_OUT, otr_slice_str(line), OTR_PARSE_MSG, &msg);
	}
	gives(&otr_nats, OTR_DIR_IN, OTR_SLICE("MSG _INBOX.0 1 0\r\n\r\n"), OTR_PARSE_MSG, &msg);
	assert_int_equal(msg.kind, OTR_MSG_ONEWAY);
	gives(&otr_nats, OTR_DIR_IN, otr_slice_str("MSG _INBOX.1000 1 0\r\n\r\n"), OTR_PARSE_MSG,
	      &msg);
	assert_int_equal(msg.kind, OTR_MSG_RESPONSE);
}

static void nats_lengths_are_checked(void **state)
{
	static const char *const bad[] = {
		"PUB a 1073741825\r\n",
		"PUB a 2147483648\r\n",
		"PUB a 4294967296\r\n",
		"PUB a -1\r\n",
		"PUB a 99999999999999\r\n",
		"HPUB a 13 12\r\n",
		"HPUB a 4 12\r\n",
		"PUB a b c d 1\r\n",
		"PUB a..b 1\r\n",
		"PUB 1\r\n",
		"MSG a 1\r\n",
		"PUBX a 1\r\n",
	};
	struct otr_msg msg;
	uint64_t used;

	(void)state;
	for (size_t i = 0; i < OTR_ARRAY_SIZE(bad); i++)
		gives(&otr_nats, OTR_DIR_OUT, otr_slice_str(bad[i]), OTR_PARSE_BAD, &msg);
	assert_int_equal(
		parse(&otr_nats, OTR_DIR_OUT, OTR_SLICE("PUB a 1073741824\r\n"), 0, &msg, &used),
		OTR_PARSE_MSG);
	assert_int_equal(used, 18 + 1073741824ull + 2);
}

static void mqtt_lengths_are_checked(void **state)
{
	static const struct otr_slice bad[] = {
		OTR_SLICE("\x30\xff\xff\xff\xff\x7f\0\1a"), /* five bytes of length */
		OTR_SLICE("\x30\3\0\2a"),     /* the topic is longer than the packet */
		OTR_SLICE("\x32\3\0\1a"),     /* no room for the id */
		OTR_SLICE("\x32\5\0\1a\0\0"), /* the id is 0 */
		OTR_SLICE("\x36\5\0\1a\0\1"), /* QoS 3 */
		OTR_SLICE("\x38\3\0\1a"),     /* again, without an id */
		OTR_SLICE("\x30\3\0\1#"),     /* a wildcard */
		OTR_SLICE("\x30\2\0\0"),      /* neither a topic nor an alias */
		OTR_SLICE("\x40\1\1"),
		OTR_SLICE("\x40\2\0\0"),
		OTR_SLICE("\x41\2\0\1"),
		OTR_SLICE("\xc0\1\0"),
		OTR_SLICE("\x10\x0c\0\4MQTT\6\2\0\0\0\0"),
		OTR_SLICE("\x10\x0c\0\4MQTQ\4\2\0\0\0\0"),
		OTR_SLICE("\0\0"),
	};
	struct otr_msg msg;
	uint64_t used;

	(void)state;
	for (size_t i = 0; i < OTR_ARRAY_SIZE(bad); i++)
		if (parse(&otr_mqtt, OTR_DIR_OUT, bad[i], 0, &msg, &used) != OTR_PARSE_BAD)
			fail_msg("packet %zu", i);
	otr_mqtt.set_client(&mq, OTR_DIR_OUT);
	assert_int_equal(parse(&otr_mqtt, OTR_DIR_OUT, OTR_SLICE("\x30\xff\xff\xff\x7f\0\1a"),
			       OTR_IN_CUT, &msg, &used),
			 OTR_PARSE_MSG);
	assert_int_equal(used, 5 + 268435455ull);
}

/* Without CONNECT, what looks like properties is the payload of an older version. */
static void mqtt_version_is_learned_late(void **state)
{
	struct otr_msg msg;

	(void)state;
	gives(&otr_mqtt, OTR_DIR_OUT, OTR_SLICE("\x30\4\0\1a\0"), OTR_PARSE_SKIP, &msg);
	otr_mqtt.set_client(&mq, OTR_DIR_OUT);
	gives(&otr_mqtt, OTR_DIR_OUT, OTR_SLICE("\x30\7\0\1a\3\x23\0\1"), OTR_PARSE_MSG, &msg);
	assert_int_equal(mq.level, 0);
	gives(&otr_mqtt, OTR_DIR_OUT,
	      OTR_SLICE("\x30\x4b\0\1a\x47\x26\0\xbtraceparent\0\x37" CONTEXT), OTR_PARSE_MSG,
	      &msg);
	assert_int_equal(mq.level, 5);
	assert_int_equal(msg.trace_ctx.len, 55);
	gives(&otr_mqtt, OTR_DIR_OUT, OTR_SLICE("\x30\7\0\1b\3\x23\0\1"), OTR_PARSE_MSG, &msg);
	gives(&otr_mqtt, OTR_DIR_OUT, OTR_SLICE("\x30\6\0\0\3\x23\0\1"), OTR_PARSE_MSG, &msg);
	assert_true(otr_slice_eq(msg.target, OTR_SLICE("b")));
	gives(&otr_mqtt, OTR_DIR_IN, OTR_SLICE("\x30\6\0\0\3\x23\0\1"), OTR_PARSE_MSG, &msg);
	assert_int_equal(msg.target.len, 0); /* aliases of the other direction are others */
	assert_true(msg.pushed);
}

static void mqtt_errors_have_the_names_of_the_specification(void **state)
{
	struct otr_msg req, rsp;
	OTR_AUTO(otr_span_unref) struct otr_span *sp = NULL;

	(void)state;
	otr_mqtt.set_client(&mq, OTR_DIR_OUT);
	mq.level = 5;
	gives(&otr_mqtt, OTR_DIR_OUT, OTR_SLICE("\x34\6\0\1a\0\x09\0"), OTR_PARSE_MSG, &req);
	gives(&otr_mqtt, OTR_DIR_IN, OTR_SLICE("\x50\3\0\x09\x97"), OTR_PARSE_MSG, &rsp);
	assert_int_equal(req.stream, rsp.stream);
	assert_int_equal(req.kind, OTR_MSG_REQUEST);
	sp = span_of(&otr_mqtt, &req, &rsp);
	assert_true(otr_slice_eq(sp->name, OTR_SLICE("send a")));
	text_is(sp, OTR_KEY_ERROR_TYPE, "quota_exceeded");
	text_is(sp, OTR_KEY_MESSAGING_SYSTEM, "mqtt");
}

static void other_protocols_are_not_taken(void **state)
{
	static const struct otr_slice heads[] = {
		OTR_SLICE("INFO\r\n"),
		OTR_SLICE("INFO server\r\n"),
		OTR_SLICE("+OK\r\n"),
		OTR_SLICE("PING\r\n"),
		OTR_SLICE("PUB topic\n"),
		OTR_SLICE("SUB topic channel\n"), /* NSQ */
		OTR_SLICE("SUB a b\r\n"),
		OTR_SLICE("CONNECT host:443 HTTP/1.1\r\n"),
		OTR_SLICE("pub a 1\r\n"),
		OTR_SLICE("MSG a b 1\r\n"),
		OTR_SLICE("\x30\x0c\2\1\1\x60\7\2\1\3\4\0\x80\0"), /* LDAP, bind */
		OTR_SLICE("\x30\x84\0\0\0\x0c\2\1\1\x60\7\2\1\3\4\0"),
		OTR_SLICE("\x10\0\0\0\3SELECT 123456789"), /* MySQL */
		OTR_SLICE("0123456789\r\n"),
		OTR_SLICE("\x40\2\0\1"),
		OTR_SLICE("\xc0\0"),
		OTR_SLICE("\x30\x7f\0\4abcd"), /* not to its end */
	};

	(void)state;
	for (size_t i = 0; i < OTR_ARRAY_SIZE(heads); i++)
		for (size_t n = 1; n <= heads[i].len; n++)
			if (otr_nats.sniff(OTR_DIR_OUT, otr_slice_sub(heads[i], 0, n)) ||
			    otr_mqtt.sniff(OTR_DIR_OUT, otr_slice_sub(heads[i], 0, n)))
				fail_msg("%zu bytes of head %zu", n, i);
}

union slot {
	struct otr_ev_data data;
	char bytes[sizeof(struct otr_ev_data) + 512];
};

/* A record of `n` bytes from `at` on, of which `cap` are copied. */
static void give(const struct otr_blank_ops *ops, void *state, struct otr_slice text, size_t at,
		 size_t n, size_t cap, char *out)
{
	union slot s = {.data = {.hdr = {.kind = OTR_EV_DATA, .conn = 7},
				 .pos = 1000 + at,
				 .moved = n,
				 .cap = (uint32_t)cap,
				 .dir = OTR_DIR_OUT,
				 .first = !at}};

	memcpy(s.data.data, text.data + at, cap);
	if (ops->concerns(state, &s.data.hdr))
		ops->blank(state, &s.data.hdr);
	memcpy(out + at, s.data.data, cap);
}

/* Cut at every place into two records, and also where the end of the first was not copied. */
static void blanks(const struct otr_blank_ops *ops, struct otr_slice text, size_t first)
{
	char out[512];

	for (size_t cut = first; cut < text.len; cut++)
		for (size_t lost = 0; lost < (cut > 16 ? 3 : 1); lost++) {
			void *state = calloc(1, ops->state_size);

			memset(out, 0, sizeof(out));
			assert_non_null(state);
			give(ops, state, text, 0, cut, cut - lost, out);
			give(ops, state, text, cut, text.len - cut, text.len - cut, out);
			free(state);
			if (memmem(out, text.len, "SECRET", 6))
				fail_msg("cut at %zu: %.*s", cut, (int)text.len, out);
			if (!lost && !memmem(out, text.len, "KEEP", 4))
				fail_msg("cut at %zu: what follows is blanked", cut);
		}
}

static void logins_are_blanked(void **state)
{
	(void)state;
	blanks(&otr_nats_blank,
	       OTR_SLICE("CONNECT {\"user\":\"SECRET\",\"pass\":\"SECRET\"}\r\nPUB KEEP 1\r\n"),
	       12);
	blanks(&otr_mqtt_blank,
	       OTR_SLICE("\x10\x1f\0\4MQTT\4\xc2\0\x3c\0\3cli\0\6SECRET\0\6SECRET\x30\6\0\4KEEP"),
	       1);
	blanks(&otr_amqp_blank,
	       OTR_SLICE("AMQP\0\0\x09\x01\1\0\0\0\0\0\x26\0\x0a\0\x0b\0\0\0\0\5PLAIN\0\0\0\x0e\0SE"
			 "CRET"
			 "\0SECRET\5en_US\xce\1\0\0\0\0\0\x0b\0\x0a\0\x28\4KEEP\0\0\xce"),
	       8);
	blanks(&otr_mqtt_blank,
	       OTR_SLICE("\x10\x18\0\6MQIsdp\3\xc2\0\x3c\0\2ab\0\6SECRET\x30\6\0\4KEEP"), 1);
}

/* A client that is followed from the greeting of its server sends its login byte by byte. */
static void a_login_in_pieces_is_blanked(void **state)
{
	static const struct otr_slice text = {"CONNECT {\"pass\":\"SECRET\"}\r\nPING\r\n", 33};
	union slot hello = {.data = {.hdr = {.kind = OTR_EV_DATA, .conn = 7},
				     .moved = 8,
				     .cap = 8,
				     .dir = OTR_DIR_IN,
				     .first = 1}};
	void *rows = calloc(1, otr_nats_blank.state_size);
	char out[64] = {0};

	(void)state;
	assert_non_null(rows);
	memcpy(hello.data.data, "INFO {\"s", 8);
	assert_true(otr_nats_blank.concerns(rows, &hello.data.hdr));
	otr_nats_blank.blank(rows, &hello.data.hdr);
	for (size_t i = 0; i < text.len; i++)
		give(&otr_nats_blank, rows, text, i, 1, 1, out);
	free(rows);
	assert_null(memmem(out, sizeof(out), "SECRET", 6));
	assert_non_null(memmem(out, sizeof(out), "PING", 4));
	assert_memory_equal(out, "CONNECT {\"", 10);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup(nats_spans_have_the_names_of_the_conventions, begin),
		cmocka_unit_test_setup(nats_replies_find_their_requests, begin),
		cmocka_unit_test_setup(nats_requests_without_replies_are_bounded, begin),
		cmocka_unit_test_setup(nats_lengths_are_checked, begin),
		cmocka_unit_test_setup(mqtt_lengths_are_checked, begin),
		cmocka_unit_test_setup(mqtt_version_is_learned_late, begin),
		cmocka_unit_test_setup(mqtt_errors_have_the_names_of_the_specification, begin),
		cmocka_unit_test(other_protocols_are_not_taken),
		cmocka_unit_test(logins_are_blanked),
		cmocka_unit_test(a_login_in_pieces_is_blanked),
	};

	return cmocka_run_group_tests_name("brokers", tests, NULL, NULL);
}
