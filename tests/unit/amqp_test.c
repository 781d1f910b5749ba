/* SPDX-License-Identifier: Apache-2.0 */
/* amqp_test.c - messages of AMQP 0-9-1, their spans, what is known after a loss, and logins. */

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>

#include <cmocka.h>

#include "agent/base/own.h"
#include "agent/proto/amqp.h"
#include "agent/proto/blank.h"
#include "agent/proto/memory.h"
#include "agent/proto/msg.h"
#include "agent/proto/side.h"
#include "agent/span/span_builder.h"
#include "bpf/event.h"

#define CONTEXT "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01"

/* Frames under construction. */
static struct {
	char bytes[65536];
	size_t len;
} wire;

static void put(const void *bytes, size_t len)
{
	assert_true(wire.len + len <= sizeof(wire.bytes));
	memcpy(wire.bytes + wire.len, bytes, len);
	wire.len += len;
}

static void number(uint64_t value, size_t bytes)
{
	for (size_t i = bytes; i-- > 0;)
		put(&(char){(char)(value >> 8 * i)}, 1);
}

static void text(const char *s)
{
	number(strlen(s), 1);
	put(s, strlen(s));
}

static size_t begin_frame(uint8_t type, uint16_t channel)
{
	number(type, 1);
	number(channel, 2);
	number(0, 4);
	return wire.len;
}

static void end_frame(size_t from)
{
	size_t size = wire.len - from;

	for (size_t i = 0; i < 4; i++)
		wire.bytes[from - 4 + i] = (char)(size >> 8 * (3 - i));
	number(OTR_AMQP_END, 1);
}

/* A method; `args`: a letter for each argument, as in amqp_frame.c. */
static void method(uint16_t channel, uint32_t which, const char *args, ...)
{
	size_t from = begin_frame(1, channel);
	va_list ap;

	number(which, 4);
	va_start(ap, args);
	for (; *args; args++) {
		if (*args == 's')
			text(va_arg(ap, const char *));
		else if (*args == 'q')
			number(va_arg(ap, uint64_t), 8);
		else
			number(va_arg(ap, unsigned int), *args == 'o' ? 1 : *args == 'w' ? 2 : 4);
	}
	va_end(ap);
	end_frame(from);
}

static void header(uint16_t channel, uint64_t body)
{
	size_t from = begin_frame(2, channel);

	number(60u << 16, 4);
	number(body, 8);
	number(0, 2);
	end_frame(from);
}

static void publish(uint16_t channel, const char *exchange, const char *key)
{
	method(channel, OTR_AMQP_PUBLISH, "wsso", 0u, exchange, key, 0u);
	header(channel, 0);
}

static void deliver(uint16_t channel, const char *consumer, uint64_t tag)
{
	method(channel, OTR_AMQP_DELIVER, "sqoss", consumer, tag, 0u, "shop", "new");
	header(channel, 0);
}

static struct otr_amqp state;

static int fresh(void **unused)
{
	(void)unused;
	memset(&state, 0, sizeof(state));
	wire.len = 0;
	return 0;
}

/* Parses all that is in `wire`; returns the last message, and how many there were. */
static size_t feed(enum otr_dir dir, struct otr_msg *last, unsigned int flags)
{
	struct otr_slice in = {wire.bytes, wire.len};
	struct otr_msg msg;
	uint64_t used;
	size_t n = 0;

	while (in.len) {
		enum otr_parse rc;

		otr_msg_clear(&msg);
		rc = otr_amqp.parse(&state, dir, in, flags, &used, &msg);
		if (rc == OTR_PARSE_MORE || rc == OTR_PARSE_BAD)
			break;
		if (rc == OTR_PARSE_MSG) {
			*last = msg;
			n++;
		}
		in = otr_slice_sub(in, used < in.len ? (size_t)used : in.len, in.len);
	}
	wire.len = 0;
	return n;
}

static void open_connection(void)
{
	struct otr_msg msg;

	put("AMQP\0\0\x09\x01", 8);
	method(1, OTR_AMQP_CHANNEL_OPEN, "s", "");
	assert_int_equal(feed(OTR_DIR_OUT, &msg, 0), 0);
}

static void confirms(uint16_t channel)
{
	struct otr_msg msg;

	method(channel, OTR_AMQP_CONFIRM_SELECT, "o", 0u);
	assert_int_equal(feed(OTR_DIR_OUT, &msg, 0), 0);
}

static struct otr_span *span_of(const struct otr_msg *req, const struct otr_msg *rsp)
{
	static const struct otr_ev_conn conn = {
		.remote = {.family = AF_INET, .port = 5672, .ip = {10, 0, 0, 2}},
	};
	OTR_AUTO(otr_sb_fini) struct otr_span_builder sb = {0};
	const struct otr_side side = {.conn = &conn, .role = OTR_ROLE_CLIENT, .proto = &otr_amqp};

	otr_sb_reset(&sb);
	sb.span.kind = req->pushed ? OTR_SPAN_CONSUMER : OTR_SPAN_CLIENT;
	assert_int_equal(otr_amqp.describe(&side, req, rsp, &sb), 0);
	return otr_sb_finish(&sb);
}

static void check(const struct otr_msg *req, const struct otr_msg *rsp, const char *name,
		  const char *destination, const char *error)
{
	OTR_AUTO(otr_span_unref) struct otr_span *sp = span_of(req, rsp);
	struct otr_slice to = otr_span_string(sp, OTR_KEY_MESSAGING_DESTINATION_NAME);

	if (!otr_slice_eq(sp->name, otr_slice_str(name)))
		fail_msg("name is %.*s, not %s", OTR_SLICE_ARG(sp->name), name);
	if (!otr_slice_eq(to, otr_slice_str(destination)))
		fail_msg("destination is %.*s, not %s", OTR_SLICE_ARG(to), destination);
	assert_true(otr_slice_eq(otr_span_string(sp, OTR_KEY_ERROR_TYPE), otr_slice_str(error)));
	assert_int_equal(sp->failed, error != NULL);
	assert_int_equal(otr_span_int(sp, OTR_KEY_SERVER_PORT, -1), -1); /* the default */
}

static void names_of_producers(void **unused)
{
	static const struct {
		const char *exchange, *key, *name, *destination;
	} rows[] = {
		{"shop", "new", "send shop:new", "shop:new"},
		{"", "jobs", "send jobs", "jobs"},
		{"logs", "", "send logs", "logs"},
		{"", "", "send amq.default", "amq.default"},
		{"", "amq.gen-JzTY20BRgKO-HjmUJj0wLg", "send", "amq.gen-JzTY20BRgKO-HjmUJj0wLg"},
	};
	struct otr_msg msg;

	(void)unused;
	open_connection();
	for (size_t i = 0; i < OTR_ARRAY_SIZE(rows); i++) {
		publish(1, rows[i].exchange, rows[i].key);
		assert_int_equal(feed(OTR_DIR_OUT, &msg, 0), 1);
		check(&msg, NULL, rows[i].name, rows[i].destination, NULL);
	}
}

static void names_of_consumers(void **unused)
{
	static const struct {
		const char *queue, *name, *destination;
	} rows[] = {
		{"jobs", "process shop:new:jobs", "shop:new:jobs"},
		{"new", "process shop:new", "shop:new"}, /* as the key */
		{"", "process shop:new", "shop:new"},	 /* the last that was declared */
		{"amq.gen-x", "process shop:new", "shop:new:amq.gen-x"},
	};
	struct otr_msg msg;
	char tag[2] = "a";

	(void)unused;
	open_connection();
	for (size_t i = 0; i < OTR_ARRAY_SIZE(rows); i++, tag[0]++) {
		method(1, OTR_AMQP_CONSUME, "wssol", 0u, rows[i].queue, tag, 0u, 0u);
		assert_int_equal(feed(OTR_DIR_OUT, &msg, 0), 0);
		deliver(1, tag, i + 1);
		assert_int_equal(feed(OTR_DIR_IN, &msg, 0), 1);
		assert_true(msg.pushed && msg.kind == OTR_MSG_REQUEST);
		check(&msg, NULL, rows[i].name, rows[i].destination, NULL);
	}
}

/* Only what the conventions name leaves: neither other headers nor other properties. */
static void properties_and_tables(void **unused)
{
	struct otr_msg msg;
	size_t from, table;

	(void)unused;
	open_connection();
	method(1, OTR_AMQP_PUBLISH, "wsso", 0u, "", "jobs", 0u);
	from = begin_frame(2, 1);
	number(60u << 16, 4);
	number(7, 8);
	number(0xfffc, 2); /* all properties */
	text("secret/type");
	text("secret");
	number(0, 4);
	table = wire.len;
	text("traceparent");
	number('S', 1);
	number(strlen(CONTEXT), 4);
	put(CONTEXT, strlen(CONTEXT));
	text("n");
	number('l', 1);
	number(1, 8);
	text("tracestate");
	number('x', 1);
	number(3, 4);
	put("a=b", 3);
	text("strange");
	number('?', 1);
	text("baggage");
	wire.bytes[table - 1] = (char)(wire.len - table);
	number(2, 1);
	number(9, 1);
	text("conversation");
	text("secret");
	text("1000");
	text("identifier");
	number(1, 8);
	for (int i = 0; i < 4; i++)
		text("secret");
	end_frame(from);
	from = begin_frame(3, 1);
	put("secret!", 7);
	end_frame(from);
	assert_int_equal(feed(OTR_DIR_OUT, &msg, 0), 1);
	assert_true(otr_slice_eq(msg.trace_ctx, OTR_SLICE(CONTEXT)));
	assert_true(otr_slice_eq(msg.trace_state, OTR_SLICE("a=b")));
	assert_false(msg.baggage.len);
	assert_true(otr_slice_eq(otr_msg_text(&msg, OTR_KEY_MESSAGING_MESSAGE_ID),
				 OTR_SLICE("identifier")));
	assert_true(otr_slice_eq(otr_msg_text(&msg, OTR_KEY_MESSAGING_MESSAGE_CONVERSATION_ID),
				 OTR_SLICE("conversation")));
	assert_int_equal(otr_msg_int(&msg, OTR_KEY_MESSAGING_MESSAGE_BODY_SIZE, -1), 7);
	for (uint8_t i = 0; i < msg.n_attrs; i++)
		if (msg.attrs[i].type == OTR_ATTR_STRING)
			assert_null(memmem(msg.attrs[i].string.data, msg.attrs[i].string.len,
					   "secret", 6));
}

static void errors_have_names(void **unused)
{
	struct otr_msg req, end;

	(void)unused;
	open_connection();
	confirms(1);
	publish(1, "none", "new");
	assert_int_equal(feed(OTR_DIR_OUT, &req, 0), 1);
	method(1, OTR_AMQP_CHANNEL_CLOSE, "wsww", 404u, "NOT_FOUND - secret", 60u, 40u);
	assert_int_equal(feed(OTR_DIR_IN, &end, 0), 1);
	assert_int_equal(end.kind, OTR_MSG_END);
	assert_true(end.since <= req.stream && req.stream <= end.stream);
	publish(1, "none", "new"); /* for the texts of `req` */
	feed(OTR_DIR_OUT, &req, 0);
	check(&req, &end, "send none:new", "none:new", "NOT_FOUND");
	method(0, OTR_AMQP_CONNECTION_CLOSE, "wsww", 999u, "", 0u, 0u);
	assert_int_equal(feed(OTR_DIR_IN, &end, 0), 1);
	publish(1, "none", "new");
	feed(OTR_DIR_OUT, &req, 0);
	check(&req, &end, "send none:new", "none:new", "_OTHER");
}

/* Which message was returned is known if one alone is not confirmed. */
static void returned(void **unused)
{
	struct otr_msg msg;

	(void)unused;
	open_connection();
	confirms(1);
	for (int i = 0; i < 3; i++)
		publish(1, "", "jobs");
	feed(OTR_DIR_OUT, &msg, 0);
	for (uint64_t tag = 4; --tag;) {
		method(1, OTR_AMQP_RETURN, "wsss", 312u, "NO_ROUTE", "", "jobs");
		header(1, 0);
		assert_int_equal(feed(OTR_DIR_IN, &msg, 0), tag == 1);
		if (tag == 1)
			assert_true(msg.failed && msg.stream == otr_amqp_stream(1, 1));
		method(1, OTR_AMQP_ACK, "qo", tag, 0u);
		assert_int_equal(feed(OTR_DIR_IN, &msg, 0), 1);
	}
}

/* What is published after a hole has no number that is known; earlier numbers hold. */
static void after_a_hole_nothing_is_numbered(void **unused)
{
	struct otr_msg msg;

	(void)unused;
	open_connection();
	confirms(1);
	publish(1, "", "jobs");
	assert_int_equal(feed(OTR_DIR_OUT, &msg, 0), 1);
	assert_int_equal(msg.kind, OTR_MSG_REQUEST);
	otr_amqp.resync(&state, OTR_DIR_OUT, OTR_SLICE_NONE);
	publish(1, "", "jobs");
	assert_int_equal(feed(OTR_DIR_OUT, &msg, 0), 1);
	assert_int_equal(msg.kind, OTR_MSG_ONEWAY);
	method(1, OTR_AMQP_ACK, "qo", (uint64_t)1, 0u);
	method(1, OTR_AMQP_ACK, "qo", (uint64_t)2, 0u);
	assert_int_equal(feed(OTR_DIR_IN, &msg, 0), 1);
	assert_true(msg.stream == otr_amqp_stream(1, 1));
}

/* The numbers of a channel begin again when it is opened. If that, or the end of the channel before,
 * was among what is lost, what was open there ends. */
static void a_channel_that_opens_after_a_hole_ends_the_one_before(void **unused)
{
	struct otr_msg msg;

	(void)unused;
	open_connection();
	method(1, OTR_AMQP_CHANNEL_OPEN_OK, "l", 0u);
	assert_int_equal(feed(OTR_DIR_IN, &msg, 0), 0);
	method(1, OTR_AMQP_CONSUME, "wssol", 0u, "jobs", "tag", 0u, 0u);
	feed(OTR_DIR_OUT, &msg, 0);
	deliver(1, "tag", 1);
	feed(OTR_DIR_IN, &msg, 0);
	otr_amqp.resync(&state, OTR_DIR_OUT, OTR_SLICE_NONE);
	method(1, OTR_AMQP_CHANNEL_OPEN_OK, "l", 0u);
	assert_int_equal(feed(OTR_DIR_IN, &msg, 0), 1);
	assert_true(msg.kind == OTR_MSG_END && !msg.failed);
	assert_true(msg.since <= otr_amqp_stream(1, 1) && msg.stream >= otr_amqp_stream(1, 1));
}

static void ask(struct otr_msg *msg)
{
	method(1, OTR_AMQP_GET, "wso", 0u, "jobs", 0u);
	assert_int_equal(feed(OTR_DIR_OUT, msg, 0), 1);
}

static size_t answer(struct otr_msg *msg)
{
	method(1, OTR_AMQP_GET_EMPTY, "s", "");
	return feed(OTR_DIR_IN, msg, 0);
}

/* A client that waits: an answer is lost, and that to the next request is not its. */
static void a_get_is_not_answered_by_a_later_answer(void **unused)
{
	struct otr_msg first, second, msg;

	(void)unused;
	open_connection();
	for (int i = 0; i < 8; i++) {
		ask(&first);
		assert_int_equal(answer(&msg), 1);
	}
	ask(&first);
	otr_amqp.resync(&state, OTR_DIR_IN, OTR_SLICE_NONE);
	ask(&second);
	assert_int_equal(second.kind, OTR_MSG_REQUEST);
	assert_int_equal(answer(&msg), 1);
	assert_true(msg.stream == second.stream && msg.stream != first.stream);
}

/* A client that may ask for several at once: after a hole no answer is paired. */
static void after_a_hole_no_answer_is_guessed(void **unused)
{
	struct otr_msg msg;

	(void)unused;
	open_connection();
	ask(&msg);
	otr_amqp.resync(&state, OTR_DIR_IN, OTR_SLICE_NONE);
	ask(&msg);
	assert_int_equal(msg.kind, OTR_MSG_ONEWAY);
	assert_int_equal(answer(&msg), 0);
	assert_int_equal(answer(&msg), 0);
}

static void an_answer_waits_for_its_request(void **unused)
{
	struct otr_msg msg = {0};
	uint64_t used;

	(void)unused;
	open_connection();
	confirms(1);
	method(1, OTR_AMQP_ACK, "qo", (uint64_t)1, 0u);
	assert_int_equal(otr_amqp.parse(&state, OTR_DIR_IN,
					(struct otr_slice){wire.bytes, wire.len}, 0, &used, &msg),
			 OTR_PARSE_MORE);
	assert_true(msg.awaits);
	assert_int_equal(feed(OTR_DIR_IN, &msg, OTR_IN_ALONE), 0);
}

/* More channels than there is room for: publishes are moments, requests are dropped. */
static void too_many_channels(void **unused)
{
	struct otr_msg msg = {0};
	uint64_t used;

	(void)unused;
	open_connection();
	for (uint16_t ch = 1; ch <= OTR_AMQP_CHANNELS + 1; ch++)
		confirms(ch);
	publish(OTR_AMQP_CHANNELS, "", "jobs");
	feed(OTR_DIR_OUT, &msg, 0);
	assert_int_equal(msg.kind, OTR_MSG_REQUEST);
	publish(OTR_AMQP_CHANNELS + 1, "", "jobs");
	feed(OTR_DIR_OUT, &msg, 0);
	assert_int_equal(msg.kind, OTR_MSG_ONEWAY);
	method(OTR_AMQP_CHANNELS + 1, OTR_AMQP_GET, "wso", 0u, "jobs", 0u);
	otr_msg_clear(&msg);
	assert_int_equal(otr_amqp.parse(&state, OTR_DIR_OUT,
					(struct otr_slice){wire.bytes, wire.len}, 0, &used, &msg),
			 OTR_PARSE_SKIP);
	assert_true(msg.dropped);
	assert_true(sizeof(state) <= 8192);
}

/* Sizes near 2^31 and 2^32 are no frames; that of a body may be anything. */
static void huge_sizes(void **unused)
{
	static const uint32_t sizes[] = {0x7fffffff, 0x80000000, 0xffffffff};
	struct otr_msg msg = {0};
	uint64_t used;

	(void)unused;
	for (uint8_t type = 1; type <= 3; type++)
		for (size_t i = 0; i < OTR_ARRAY_SIZE(sizes); i++) {
			wire.len = 0;
			number(type, 1);
			number(1, 2);
			number(sizes[i], 4);
			put("12345678", 8);
			assert_int_equal(otr_amqp.parse(&state, OTR_DIR_OUT,
							(struct otr_slice){wire.bytes, wire.len}, 0,
							&used, &msg),
					 OTR_PARSE_BAD);
		}
	wire.len = 0;
	open_connection();
	method(1, OTR_AMQP_PUBLISH, "wsso", 0u, "", "jobs", 0u);
	header(1, UINT64_MAX);
	number(3, 1);
	number(1, 2);
	number(8000, 4);
	otr_msg_clear(&msg);
	assert_int_equal(otr_amqp.parse(&state, OTR_DIR_OUT,
					(struct otr_slice){wire.bytes, wire.len}, 0, &used, &msg),
			 OTR_PARSE_MSG);
	assert_true(used < 10000);
	assert_int_equal(otr_msg_int(&msg, OTR_KEY_MESSAGING_MESSAGE_BODY_SIZE, -1), -1);
}

static void what_is_cut_is_marked(void **unused)
{
	struct otr_msg msg;

	(void)unused;
	open_connection();
	confirms(1);
	method(1, OTR_AMQP_PUBLISH, "wsso", 0u, "shop", "new", 0u);
	assert_int_equal(feed(OTR_DIR_OUT, &msg, OTR_IN_CUT), 1);
	assert_true(msg.partial && msg.kind == OTR_MSG_REQUEST);
	check(&msg, NULL, "send shop:new", "shop:new", NULL);
}

static void only_amqp_is_sniffed(void **unused)
{
	static const struct otr_slice others[] = {
		OTR_SLICE("AMQP\0\1\0\0"),
		OTR_SLICE("AMQP\3\1\0\0"),
		OTR_SLICE("\1\1\0\1\0\x8\0\0\0\1\1\0\0\0\0\0"), /* FastCGI */
		OTR_SLICE("\x8\0\0\0\0\0\0"),
		OTR_SLICE("\x8\0\0\0\0\0\0\0"),
		OTR_SLICE("\1\0\1\0\0\0\xd\0\x3c\0\x50\0\0\0\0\0\0\0\1\0\xcf"),
		OTR_SLICE("\1\0\0\0\0\0\xd\0\x3c\0\x50\0\0\0\0\0\0\0\1\0\xce"), /* channel 0 */
		OTR_SLICE("\1\0\1\0\0\0\xc\0\x3c\0\x50\0\0\0\0\0\0\0\1\xce"),
	};

	(void)unused;
	assert_true(otr_amqp.sniff(OTR_DIR_OUT, OTR_SLICE("AMQP\0\0\x09\x01")));
	assert_true(otr_amqp.sniff(OTR_DIR_OUT, OTR_SLICE("\x8\0\0\0\0\0\0\xce")));
	assert_true(otr_amqp.sniff(OTR_DIR_OUT,
				   OTR_SLICE("\1\0\1\0\0\0\xd\0\x3c\0\x50\0\0\0\0\0\0\0\1\0\xce")));
	for (size_t i = 0; i < OTR_ARRAY_SIZE(others); i++)
		if (otr_amqp.sniff(OTR_DIR_OUT, others[i]))
			fail_msg("head %zu", i);
}

/* The response of a login is blanked, however much of it is there, and nothing else. */
static void logins_are_blanked(void **unused)
{
	union {
		struct otr_ev_data data;
		char bytes[sizeof(struct otr_ev_data) + 256];
	} slot;
	size_t from = begin_frame(1, 0);

	(void)unused;
	number(10u << 16 | 11, 4);
	number(4, 4);
	put("KEEP", 4);
	text("PLAIN");
	number(14, 4);
	put("\0SECRET\0SECRET", 14);
	text("en_US");
	end_frame(from);
	for (uint32_t cap = 0; cap <= wire.len; cap++) {
		memset(&slot, 0, sizeof(slot));
		slot.data.hdr.kind = OTR_EV_DATA;
		slot.data.cap = cap;
		memcpy(slot.data.data, wire.bytes, cap);
		if (otr_amqp_blank.concerns(NULL, &slot.data.hdr))
			otr_amqp_blank.blank(NULL, &slot.data.hdr);
		assert_null(memmem(slot.data.data, cap, "SEC", 3));
	}
	assert_non_null(memmem(slot.data.data, wire.len, "KEEP", 4));
	assert_non_null(memmem(slot.data.data, wire.len, "en_US", 5));
	wire.len = 0;
	publish(1, "SECRET", "jobs");
	memcpy(slot.data.data, wire.bytes, wire.len);
	slot.data.cap = (uint32_t)wire.len;
	assert_false(otr_amqp_blank.concerns(NULL, &slot.data.hdr));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup(names_of_producers, fresh),
		cmocka_unit_test_setup(names_of_consumers, fresh),
		cmocka_unit_test_setup(properties_and_tables, fresh),
		cmocka_unit_test_setup(errors_have_names, fresh),
		cmocka_unit_test_setup(returned, fresh),
		cmocka_unit_test_setup(after_a_hole_nothing_is_numbered, fresh),
		cmocka_unit_test_setup(a_get_is_not_answered_by_a_later_answer, fresh),
		cmocka_unit_test_setup(after_a_hole_no_answer_is_guessed, fresh),
		cmocka_unit_test_setup(a_channel_that_opens_after_a_hole_ends_the_one_before,
				       fresh),
		cmocka_unit_test_setup(an_answer_waits_for_its_request, fresh),
		cmocka_unit_test_setup(too_many_channels, fresh),
		cmocka_unit_test_setup(huge_sizes, fresh),
		cmocka_unit_test_setup(what_is_cut_is_marked, fresh),
		cmocka_unit_test_setup(only_amqp_is_sniffed, fresh),
		cmocka_unit_test_setup(logins_are_blanked, fresh),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
