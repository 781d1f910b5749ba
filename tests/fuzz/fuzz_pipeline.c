/* SPDX-License-Identifier: Apache-2.0 */
/*
 * fuzz_pipeline.c - any valid records in any order: no crash, no leak, and what is known of a
 * connection is freed when it ends.
 *
 * Small commands cut the input into records, since random bytes are hardly ever valid: kind,
 * connection (one of 8), direction, and how far position and time move. Its payload comes from the
 * input or from a table of beginnings.
 */

#include <stdlib.h>
#include <string.h>

#include "agent/base/own.h"
#include "agent/pipeline.h"
#include "agent/resource/resource.h"
#include "agent/source/source.h"
#include "agent/span/span.h"
#include "bpf/event.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

struct input {
	const uint8_t *at;
	size_t left;
	struct otr_pipeline *pl;
	uint64_t now_ns;
	uint32_t pos[8][2];
};

static uint8_t take(struct input *in)
{
	if (!in->left)
		return 0;
	in->left--;
	return *in->at++;
}

static void on_span(void *arg, struct otr_span *sp)
{
	(void)arg;
	if (sp->end_ns < sp->start_ns)
		abort();
}

static void on_trace(void *arg, const uint8_t trace_id[16], uint8_t flags, bool proved)
{
	(void)arg;
	(void)trace_id;
	(void)flags;
	(void)proved;
}

static void give(struct input *in, const void *rec)
{
	const struct otr_event *ev = rec;

	ev = otr_event_check(rec, ev->size);
	if (ev)
		otr_pipeline_event(in->pl, ev);
}

static struct otr_event head(struct input *in, uint16_t kind, size_t size, unsigned int conn)
{
	in->now_ns += (uint64_t)take(in) * 50000;
	return (struct otr_event){.kind = kind,
				  .hook = OTR_HOOK_SOCKET,
				  .size = (uint32_t)size,
				  .time_ns = in->now_ns,
				  .tgid = 1 + conn % 3,
				  .tid = 1 + conn % 3,
				  .strand = 1 + conn % 3,
				  .conn = 1 + conn};
}

static void give_conn(struct input *in, unsigned int conn, uint16_t kind)
{
	struct otr_ev_conn cn = {.protocol = 6, .type = 1};
	uint8_t bits = take(in);

	cn.hdr = head(in, kind, sizeof(cn), conn);
	cn.role = bits % 3;
	cn.seen_open = bits >> 7;
	cn.isn_out = 100 + (conn & 1 ? conn - 1 : conn + 1);
	cn.isn_in = 100 + conn;
	cn.error = bits & 4 ? 104 : 0;
	if (bits & 8)
		cn.peer = 1 + (conn ^ 1);
	give(in, &cn);
}

static const char *const beginnings[] = {
	"GET / HTTP/1.1\r\nHost: a\r\n\r\n",
	"POST /x HTTP/1.1\r\nContent-Length: 3000\r\n\r\n",
	"POST /x HTTP/1.1\r\nTransfer-Encoding: chunked\r\n\r\n5\r\nhello\r\n",
	"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok",
	"HTTP/1.1 100 Continue\r\n\r\n",
	"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n",
	"HTTP/1.1 200 OK\r\n\r\n",
	"0\r\n\r\n",
	("GET /t HTTP/1.1\r\ntraceparent: 00-0af7651916cd43dd8448eb211c80319c-"
	 "b7ad6b7169203331-01\r\n\r\n"),
};

static size_t payload(struct input *in, uint8_t *out)
{
	uint8_t which = take(in);
	size_t len;

	if (which < sizeof(beginnings) / sizeof(*beginnings)) {
		len = strlen(beginnings[which]);
		memcpy(out, beginnings[which], len);
		return len;
	}
	len = which & 63;
	for (size_t i = 0; i < len; i++)
		out[i] = take(in);
	return len;
}

static void give_data(struct input *in, unsigned int conn, unsigned int dir)
{
	union {
		struct otr_ev_data da;
		uint8_t room[sizeof(struct otr_ev_data) + 256];
	} u = {0};
	size_t cap = payload(in, u.da.data);
	uint8_t bits = take(in), more = take(in);

	in->pos[conn][dir] += (uint32_t)(int8_t)(bits & 2 ? more : 0);
	u.da.hdr = head(in, OTR_EV_DATA, sizeof(u.da) + cap, conn);
	u.da.start_ns = in->now_ns;
	u.da.pos = in->pos[conn][dir];
	u.da.cap = (uint32_t)cap;
	u.da.moved = cap + (bits & 4 ? (uint64_t)more * more * 7 : 0);
	u.da.pos_kind = bits & 8 ? OTR_POS_OFFSET : OTR_POS_TCP_SEQ;
	u.da.dir = (uint8_t)dir;
	u.da.first = bits & 1;
	u.da.cause.parent.conn = 1 + (bits >> 5);
	u.da.cause.parent.pos = in->pos[bits >> 5][0] - more;
	u.da.cause.parent.pos_kind = u.da.pos_kind;
	u.da.cause.evidence = more % OTR_EVIDENCE_MAX;
	in->pos[conn][dir] += (uint32_t)u.da.moved;
	give(in, &u);
}

static void give_run(struct input *in, unsigned int conn, unsigned int dir)
{
	struct otr_ev_run run = {.tail = "x0\r\n\r\n"};
	uint8_t bits = take(in), more = take(in);

	run.hdr = head(in, OTR_EV_RUN, sizeof(run), conn);
	run.bytes = (uint64_t)more << (bits & 31);
	run.pos = in->pos[conn][dir] - more;
	run.pos_kind = OTR_POS_TCP_SEQ;
	run.dir = (uint8_t)dir;
	run.open = bits >> 7;
	run.last_ns = in->now_ns;
	if (bits & 64)
		memcpy(run.tail, "\r\n0\r\n\r\n\r", 8);
	in->pos[conn][dir] = (uint32_t)(run.pos + run.bytes);
	give(in, &run);
}

static void give_handoff(struct input *in, unsigned int conn)
{
	struct otr_ev_handoff ho = {0};
	uint8_t of = take(in) % 8;

	ho.hdr = head(in, OTR_EV_HANDOFF, sizeof(ho), conn);
	ho.parent.conn = 1 + of;
	ho.parent.pos = in->pos[of][0] - take(in);
	ho.parent.pos_kind = OTR_POS_TCP_SEQ;
	give(in, &ho);
}

static void give_proc(struct input *in, unsigned int conn)
{
	static const uint16_t kinds[] = {OTR_EV_PROC_FORK, OTR_EV_PROC_EXEC, OTR_EV_PROC_EXIT};
	union {
		struct otr_ev_proc pr;
		uint8_t room[sizeof(struct otr_ev_proc) + 8];
	} u = {0};
	uint8_t bits = take(in);

	u.pr.hdr = head(in, kinds[bits % 3], sizeof(u.pr), conn);
	u.pr.hdr.conn = 0;
	u.pr.ppid = bits >> 6;
	u.pr.exit_code = (int8_t)bits * 77;
	if (bits % 3 == 1) {
		u.pr.exe_len = bits >> 5; /* 7 at most */
		memcpy(u.pr.text, "/bin/a", 7);
		u.pr.hdr.size += u.pr.exe_len;
	}
	give(in, &u);
}

static void give_root(struct input *in, unsigned int conn)
{
	struct otr_ev_meta meta = {.key = OTR_META_RUN_ROOT};

	meta.hdr = head(in, OTR_EV_META, sizeof(meta), conn);
	meta.hdr.conn = 0;
	give(in, &meta);
}

static void step(struct input *in)
{
	uint8_t what = take(in);
	unsigned int conn = (what >> 4) & 7, dir = what >> 7;
	struct otr_event tick;

	switch (what & 15) {
	case 0:
		give_conn(in, conn, OTR_EV_CONN_OPEN);
		break;
	case 1:
		give_conn(in, conn, OTR_EV_CONN_CLOSE);
		break;
	case 2:
	case 3:
		give_run(in, conn, dir);
		break;
	case 4:
		give_handoff(in, conn);
		break;
	case 5:
		tick = head(in, OTR_EV_TICK, sizeof(tick), conn);
		tick.time_ns = in->now_ns += (uint64_t)take(in) << 24;
		give(in, &tick);
		break;
	case 6:
		give_root(in, conn);
		break;
	case 7:
		give_proc(in, conn);
		break;
	default:
		give_data(in, conn, dir);
	}
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	const struct otr_pipeline_config cfg = {
		.hold_ns = 1000000000, .seed = 1, .span = on_span, .trace = on_trace};
	struct input in = {.at = data, .left = size, .now_ns = 1000000};
	struct otr_stitch_stats stats;

	if (otr_pipeline_new(&in.pl, &cfg))
		return 0;
	while (in.left)
		step(&in);
	otr_pipeline_flush(in.pl);
	otr_stitch_stats(otr_pipeline_stitch(in.pl), &stats);
	if (stats.open)
		abort();
	otr_pipeline_free(&in.pl);
	return 0;
}
