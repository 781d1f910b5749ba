/* SPDX-License-Identifier: Apache-2.0 */
/* Its tables of words and statements stay several a line. */
/* clang-format off */
#ifndef TESTS_LEAK_H
#define TESTS_LEAK_H

/*
 * leak.h - for tests that no literal of a statement and no secret of a request gets out.
 *
 * Statements and requests come from a seeded grammar, and every literal in them holds a mark. No
 * output of their spans may hold a mark: name, attributes, status, OTLP, and the console's text in
 * each format (a replay prints the same). SEED=n repeats one run, RUNS=n says how many are made.
 */

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/socket.h>
#include <unistd.h>

#include <cmocka.h>

#include "agent/base/buf.h"
#include "agent/base/own.h"
#include "agent/resource/resource.h"
#include "agent/config/settings.h"
#include "agent/console/console.h"
#include "agent/proto/memory.h"
#include "agent/proto/side.h"
#include "agent/span/span_builder.h"
#include "exporters/otlp_json.h"

#define RUNS 4000

/* Each literal holds one of these, in upper or lower case, as words or digits. */
static const char *const marks[] = {"SECRETVAL", "9876543", "9_876_543"};

static uint64_t random_state;

static uint32_t pick(uint32_t n)
{
	random_state = random_state * 6364136223846793005ULL + 1442695040888963407ULL;
	return (uint32_t)(random_state >> 33) % n;
}

#define PICK(list) ((list)[pick(OTR_ARRAY_SIZE(list))])

static uint64_t number_of(const char *name, uint64_t otherwise)
{
	const char *text = getenv(name);

	return text ? strtoull(text, NULL, 10) : otherwise;
}

static bool has_mark(struct otr_slice s)
{
	for (size_t i = 0; i < OTR_ARRAY_SIZE(marks); i++)
		if (s.len && memmem(s.data, s.len, marks[i], strlen(marks[i])))
			return true;
	return false;
}

/* Appends what the console writes of one span. */
static void console_text(struct otr_buf *out, struct otr_span *sp, int format)
{
	struct otr_settings cfg = {.rows = 30, .print_rate = 10, .format = format,
				   .verbose = true};
	int fd = memfd_create("console", 0);
	struct otr_console_config console = {.cfg = &cfg, .fd = fd, .width = 4000};
	struct otr_console *con = NULL;
	char text[65536];
	ssize_t n;

	assert_int_equal(otr_console_new(&con, &console), 0);
	otr_console_span(con, sp);
	otr_console_trace(con, sp->trace_id, OTR_TRACE_KEPT);
	otr_console_open(con, sp, NULL);
	otr_console_free(&con);
	n = pread(fd, text, sizeof(text), 0);
	otr_buf_add(out, text, n > 0 ? (size_t)n : 0);
	close(fd);
}

/* Appends all outputs of a span. */
static void outputs(struct otr_buf *out, struct otr_span *sp)
{
	const struct otr_span *one = sp;
	const struct otr_attr *at;

	otr_buf_slice(out, sp->name);
	otr_buf_byte(out, '\n');
	otr_buf_slice(out, sp->status_text);
	for (size_t i = 0; (at = otr_span_attr(sp, i)); i++)
		if (at->type == OTR_ATTR_STRING) {
			otr_buf_str(out, "\n");
			otr_buf_slice(out, at->string);
		}
	otr_buf_byte(out, '\n');
	assert_int_equal(otr_otlp_json_line(out, &one, 1), 0);
	for (int format = OTR_FORMAT_TEXT; format <= OTR_FORMAT_JSONL; format++)
		console_text(out, sp, format);
}

static bool leaks(struct otr_span *sp, struct otr_buf *out)
{
	otr_buf_reset(out);
	outputs(out, sp);
	return has_mark(otr_buf_view(out));
}

static struct otr_proto_memory memory;

static struct otr_span *span_of(const struct otr_proto_ops *proto, enum otr_role role,
				const struct otr_msg *req, const struct otr_msg *rsp)
{
	static const struct otr_ev_conn conn = {
		.local = {.family = AF_INET, .port = 8080, .ip = {10, 0, 0, 1}},
		.remote = {.family = AF_INET, .port = 5432, .ip = {10, 0, 0, 2}},
	};
	static struct otr_resource res = {.refs = 1, .service = {"shop", 4}};
	OTR_AUTO(otr_sb_fini) struct otr_span_builder sb = {0};
	const struct otr_side side = {
		.conn = &conn, .role = role, .proto = proto, .resource = &res,
		.service = res.service, .memory = &memory};

	otr_sb_reset(&sb);
	sb.span.resource = &res;
	sb.span.trace_id[0] = sb.span.span_id[0] = 1;
	sb.span.end_ns = 1000000;
	sb.span.scope = proto->scope;
	assert_int_equal(proto->describe(&side, req, rsp, &sb), 0);
	return otr_sb_finish(&sb);
}

/* Parses all of `in`; the last message is in *msg. */
static void parse_all(const struct otr_proto_ops *proto, void *state, enum otr_dir dir,
		      struct otr_slice in, struct otr_msg *msg)
{
	struct otr_msg one;
	uint64_t used;

	while (in.len) {
		memset(&one, 0, sizeof(one));
		switch (proto->parse(state, dir, in, 0, &used, &one)) {
		case OTR_PARSE_MSG:
			*msg = one;
			break;
		case OTR_PARSE_SKIP:
			break;
		default:
			fail_msg("not parsed: %.*s", OTR_SLICE_ARG(in));
		}
		in = otr_slice_sub(in, (size_t)used, in.len);
	}
}

#endif /* TESTS_LEAK_H */
