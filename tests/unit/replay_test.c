/* SPDX-License-Identifier: Apache-2.0 */
/* replay_test.c - the same events give the same spans; tables stay within bounds. */

#include <errno.h>
#include <unistd.h>

#include "agent/base/err.h"
#include "agent/proto/proto.h"
#include "agent/proto/side.h"
#include "agent/source/record.h"
#include "agent/source/source.h"
#include "agent/span/span_builder.h"
#include "agent/stitch/stitch.h"
#include "agent/stream/stream.h"
#include "tests/unit/story.h"

static int record(void *arg, const struct otr_event *ev)
{
	otr_record_put(arg, ev);
	return 0;
}

/* Two services, a handoff in a pool, and a request that is never answered. */
static void emit_story(struct maker *mk)
{
	struct end in = tcp_server(100, 10, 1), lone = tcp_client(104, 10, 4);
	struct end cl = tcp_client(101, 10, 2), sv = tcp_server(102, 20, 2);
	struct otr_ev_clock clock = {.hdr = stamp(mk, NULL, OTR_EV_CLOCK, sizeof(clock)),
				     .realtime_ns = 1700000000000000000ull,
				     .seed = 4711};

	give(mk, &clock);
	opens(mk, &in);
	opens(mk, &lone);
	for (int i = 0; i < 3; i++) {
		gets(mk, &in, GET("/a"));
		if (!i) {
			opens(mk, &cl);
			opens(mk, &sv);
		}
		made_for(&cl, &in, 3, i == 1 ? OTR_EVIDENCE_WAKE : OTR_EVIDENCE_STRAND);
		sends(mk, &cl, GET("/b"));
		gets(mk, &sv, GET("/b"));
		sends(mk, &sv, OK);
		gets(mk, &cl, OK);
		sends(mk, &in, OK);
		ticks(mk, 30 * MS);
	}
	sends(mk, &lone, GET("/void"));
	ticks(mk, 2000 * MS);
	closes(mk, &lone, ETIMEDOUT);
	ticks(mk, 100 * MS);
}

static void replay(struct story *s, const char *path)
{
	struct otr_err err = {.text = ""};

	begin(s);
	assert_int_equal(otr_source_read(&otr_replay_source, path, feed, s, &err), 0);
	otr_pipeline_flush(s->pl);
}

static void same_span(const struct otr_span *a, const struct otr_span *b)
{
	assert_memory_equal(a->trace_id, b->trace_id, 16);
	assert_memory_equal(a->span_id, b->span_id, 8);
	assert_memory_equal(a->parent_id, b->parent_id, 8);
	assert_int_equal(a->start_ns, b->start_ns);
	assert_int_equal(a->end_ns, b->end_ns);
	assert_int_equal(a->evidence, b->evidence);
	assert_true(otr_slice_eq(a->name, b->name));
}

static void replays_the_same(void **state)
{
	char path[] = "/tmp/otr-replay-XXXXXX";
	struct otr_record *rec = NULL;
	struct otr_err err = {.text = ""};
	struct maker mk = {.sink = record, .now_ns = 1000 * MS};
	struct story a, b;

	(void)state;
	close(mkstemp(path));
	assert_int_equal(otr_record_open(&rec, path, &err), 0);
	mk.arg = rec;
	emit_story(&mk);
	assert_int_equal(otr_record_close(&rec), 0);

	replay(&a, path);
	replay(&b, path);
	assert_int_equal(a.n, 10);
	assert_int_equal(b.n, a.n);
	assert_int_equal(b.traces, a.traces);
	for (size_t i = 0; i < a.n; i++)
		same_span(a.spans[i], b.spans[i]);
	assert_true(a.spans[0]->start_ns > 1700000000000000000ull);
	end(&a);
	end(&b);
	unlink(path);
}

static void count_span(void *arg, struct otr_span *sp)
{
	(void)sp;
	++*(size_t *)arg;
}

static int describe(const struct otr_side *side, const struct otr_msg *req,
		    const struct otr_msg *rsp, struct otr_span_builder *sb)
{
	(void)side;
	(void)req;
	(void)rsp;
	otr_sb_name(sb, OTR_SLICE("x"));
	return 0;
}

/* More requests than may be open: the oldest is closed, counted and emitted. */
static void exchanges_are_bounded(void **state)
{
	static const struct otr_proto_ops proto = {.name = "http0", .describe = describe};
	const struct otr_stitch_config cfg = {.max_exchanges = 8,
					      .hold_ns = MS,
					      .answer_ns = MS * 1000,
					      .together_ns = MS * 1000};
	struct otr_ev_conn conn = {.hdr = {.conn = 5}};
	struct otr_side side = {
		.ref = {.conn = 5, .dir = OTR_DIR_IN}, .conn = &conn, .proto = &proto};
	struct otr_msg msg = {.kind = OTR_MSG_REQUEST};
	struct otr_stitch_stats stats;
	struct otr_stitch *st = NULL;
	uint64_t evicted = otr_loss_get(OTR_LOSS_EVICT);
	size_t n = 0;

	(void)state;
	assert_int_equal(otr_stitch_new(&st, &cfg, count_span, NULL, &n), 0);
	otr_stitch_conn(st, &conn);
	for (uint64_t i = 0; i < 20; i++) {
		side.ref.pos = 1000 + i;
		side.start_ns = i;
		assert_int_equal(otr_stitch_msg(st, &side, &msg), 0);
	}
	otr_stitch_stats(st, &stats);
	assert_int_equal(stats.open, 8);
	assert_int_equal(n, 12);
	assert_int_equal(otr_loss_get(OTR_LOSS_EVICT), evicted + 12);
	otr_stitch_flush(st);
	assert_int_equal(n, 20);
	otr_stitch_free(&st);
}

struct counts {
	size_t opens, closes;
};

static void on_conn_open(void *arg, const struct otr_ev_conn *conn)
{
	(void)conn;
	((struct counts *)arg)->opens++;
}

static void on_conn_close(void *arg, const struct otr_ev_conn *conn, int error, uint64_t time_ns)
{
	(void)conn;
	(void)error;
	(void)time_ns;
	((struct counts *)arg)->closes++;
}

static int to_streams(void *arg, const struct otr_event *ev)
{
	otr_streams_event(arg, ev);
	return 0;
}

static void connections_are_bounded(void **state)
{
	static const struct otr_stream_config cfg = {.max_conns = 4, .max_bytes = 1 << 20};
	static const struct otr_stream_ops ops = {.open = on_conn_open, .close = on_conn_close};
	struct otr_streams *ss = NULL;
	struct counts counts = {0};
	struct maker mk = {.sink = to_streams, .now_ns = MS};

	(void)state;
	assert_int_equal(otr_streams_new(&ss, &cfg, &ops, NULL, &counts), 0);
	mk.arg = ss;
	for (uint32_t i = 0; i < 10; i++) {
		struct end sv = tcp_server(100 + i, 10, i + 1);

		opens(&mk, &sv);
		gets(&mk, &sv, "GET");
	}
	assert_int_equal(counts.opens, 10);
	assert_int_equal(counts.closes, 6);
	otr_streams_flush(ss, mk.now_ns);
	assert_int_equal(counts.closes, 10);
	otr_streams_free(&ss);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(replays_the_same),
		cmocka_unit_test(exchanges_are_bounded),
		cmocka_unit_test(connections_are_bounded),
	};

	return cmocka_run_group_tests_name("replay", tests, NULL, NULL);
}
