/* SPDX-License-Identifier: Apache-2.0 */
/* amqp_test.c - messages of AMQP 0-9-1, their spans, and logins. */

#include "tests/unit/amqp_wire.h"

#include <stdlib.h>

#include "agent/proto/blank.h"
#include "agent/proto/side.h"
#include "agent/span/span_builder.h"
#include "bpf/event.h"

#define CONTEXT "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01"

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
	void *rows;

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
		rows = calloc(1, otr_amqp_blank.state_size);
		memset(&slot, 0, sizeof(slot));
		slot.data.hdr.kind = OTR_EV_DATA;
		slot.data.hdr.conn = 7;
		slot.data.cap = cap;
		slot.data.moved = cap;
		memcpy(slot.data.data, wire.bytes, cap);
		if (otr_amqp_blank.concerns(rows, &slot.data.hdr))
			otr_amqp_blank.blank(rows, &slot.data.hdr);
		free(rows);
		assert_null(memmem(slot.data.data, cap, "SEC", 3));
	}
	assert_non_null(memmem(slot.data.data, wire.len, "KEEP", 4));
	assert_non_null(memmem(slot.data.data, wire.len, "en_US", 5));
	wire.len = 0;
	publish(1, "SECRET", "jobs");
	memcpy(slot.data.data, wire.bytes, wire.len);
	slot.data.cap = (uint32_t)wire.len;
	rows = calloc(1, otr_amqp_blank.state_size);
	assert_false(otr_amqp_blank.concerns(rows, &slot.data.hdr));
	free(rows);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup(names_of_producers, fresh),
		cmocka_unit_test_setup(names_of_consumers, fresh),
		cmocka_unit_test_setup(properties_and_tables, fresh),
		cmocka_unit_test_setup(errors_have_names, fresh),
		cmocka_unit_test_setup(huge_sizes, fresh),
		cmocka_unit_test_setup(what_is_cut_is_marked, fresh),
		cmocka_unit_test_setup(only_amqp_is_sniffed, fresh),
		cmocka_unit_test_setup(logins_are_blanked, fresh),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
