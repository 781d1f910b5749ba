/* SPDX-License-Identifier: Apache-2.0 */
/* laws_describe.c - calls describe() for every message. */

#include "tests/fuzz/laws_describe.h"

#include <stdlib.h>
#include <sys/socket.h>

#include "agent/base/buf.h"
#include "agent/base/own.h"
#include "agent/proto/memory.h"
#include "agent/proto/side.h"
#include "agent/span/span_builder.h"

#define SLOTS (5 + 2 * OTR_MSG_ATTRS)

struct otr_laws_describe {
	struct otr_span_builder sb;
	struct otr_proto_memory memory;
	struct otr_msg req;
	struct otr_buf texts[SLOTS]; /* texts of `req` */
	bool have;
};

struct otr_laws_describe *otr_laws_describe_new(void)
{
	struct otr_laws_describe *ld = calloc(1, sizeof(*ld));

	if (!ld || otr_proto_memory_init(&ld->memory))
		abort();
	return ld;
}

void otr_laws_describe_free(struct otr_laws_describe *ld)
{
	for (size_t i = 0; i < SLOTS; i++)
		otr_buf_fini(&ld->texts[i]);
	otr_sb_fini(&ld->sb);
	otr_proto_memory_fini(&ld->memory);
	free(ld);
}

static void keep(struct otr_buf *slot, struct otr_slice *s)
{
	otr_buf_reset(slot);
	otr_buf_slice(slot, *s);
	*s = s->len ? otr_buf_view(slot) : OTR_SLICE_NONE;
}

static void copy(struct otr_laws_describe *ld, const struct otr_msg *msg)
{
	struct otr_buf *slot = ld->texts;
	struct otr_msg *m = &ld->req;

	*m = *msg;
	keep(slot++, &m->op);
	keep(slot++, &m->target);
	keep(slot++, &m->trace_ctx);
	keep(slot++, &m->trace_state);
	keep(slot++, &m->baggage);
	for (uint8_t i = 0; i < m->n_attrs; i++) {
		keep(slot++, &m->attrs[i].name);
		if (m->attrs[i].type == OTR_ATTR_STRING)
			keep(slot++, &m->attrs[i].string);
	}
	ld->have = true;
}

static void describe(struct otr_laws_describe *ld, const struct otr_proto_ops *proto,
		     enum otr_role role, const struct otr_msg *rsp)
{
	static const struct otr_ev_conn conn = {
		.local = {.family = AF_INET, .port = 80, .ip = {127, 0, 0, 1}},
		.remote = {.family = AF_INET6, .port = 5432, .ip = {[15] = 1}},
	};
	const struct otr_side side = {
		.conn = &conn, .proto = proto, .memory = &ld->memory, .role = role};
	struct otr_span *sp;
	int rc;

	otr_sb_reset(&ld->sb);
	rc = proto->describe(&side, &ld->req, rsp, &ld->sb);
	if (rc == OTR_NO_SPAN)
		return;
	if (rc)
		abort();
	sp = otr_sb_finish(&ld->sb);
	if (!sp || !sp->name.len)
		abort();
	otr_span_unref(&sp);
}

void otr_laws_describe_msg(struct otr_laws_describe *ld, const struct otr_proto_ops *proto,
			   enum otr_dir dir, const struct otr_msg *msg)
{
	(void)dir;
	if (msg->kind == OTR_MSG_RESPONSE && proto->learn)
		proto->learn(&ld->memory, msg);
	if (msg->kind != OTR_MSG_RESPONSE) {
		copy(ld, msg);
		describe(ld, proto, OTR_ROLE_CLIENT, NULL);
		describe(ld, proto, OTR_ROLE_SERVER, NULL);
	} else if (ld->have) { /* an END is described as the answer that it is added to */
		describe(ld, proto, OTR_ROLE_CLIENT, msg);
		describe(ld, proto, OTR_ROLE_SERVER, msg);
	}
}
