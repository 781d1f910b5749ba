/* SPDX-License-Identifier: Apache-2.0 */
// needs: agent/pipeline.c agent/loss.c agent/span.c agent/span_builder.c
// needs: agent/base/buf.c agent/base/err.c agent/base/log.c agent/base/text.c
// needs: agent/proto/http1.c agent/proto/http1_body.c
// needs: agent/proto/http1_describe.c agent/proto/http1_head.c
// needs: agent/proto/msg.c agent/proto/route.c agent/proto/side.c
// needs: agent/proto/table.c agent/proto/trace_context.c agent/proto/url.c
// needs: agent/resource/counted.c agent/resource/make.c agent/resource/name.c
// needs: agent/resource/name_args.c agent/resource/name_guess.c
// needs: agent/resource/percent.c agent/resource/procfs.c
// needs: agent/resource/procs.c agent/resource/read.c agent/resource/utf8.c
// needs: agent/resource/uuid5.c agent/stitch/copy.c agent/stitch/emit.c
// needs: agent/stitch/exchange.c agent/stitch/ids.c agent/stitch/parent.c
// needs: agent/stitch/stitch.c agent/stitch/trace.c agent/stitch/wire.c
// needs: agent/stream/flow.c agent/stream/half.c agent/stream/stream.c
// needs: agent/source/event.c agent/source/record.c
/* pipeline_test.c - whole stories: events in, spans out. */

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "agent/loss.h"
#include "agent/pipeline.h"
#include "agent/span.h"
#include "tests/unit/event_maker.h"

#define MAX_SPANS 32

struct story {
	struct maker mk;
	struct otr_pipeline *pl;
	struct otr_span *spans[MAX_SPANS];
	size_t n;
	size_t traces;
	bool proved;
	int watched; /* +1 on, -1 off */
};

static void on_span(void *arg, struct otr_span *sp)
{
	struct story *s = arg;

	assert_true(s->n < MAX_SPANS);
	s->spans[s->n++] = otr_span_ref(sp);
}

static void on_trace(void *arg, const uint8_t id[16], bool proved)
{
	struct story *s = arg;

	(void)id;
	s->traces++;
	s->proved = proved;
}

static void on_watch(void *arg, uint64_t conn, enum otr_dir dir, bool want)
{
	struct story *s = arg;

	(void)conn;
	(void)dir;
	s->watched += want ? 1 : -1;
}

static int feed(void *arg, const struct otr_event *ev)
{
	struct story *s = arg;

	return otr_pipeline_event(s->pl, ev);
}

static void begin(struct story *s)
{
	struct otr_pipeline_config cfg = {
		.hold_ns = 1000 * MS,
		.seed = 42,
		.span = on_span,
		.trace = on_trace,
		.watch = on_watch,
		.arg = s,
	};

	*s = (struct story){
		.mk = { .sink = feed, .arg = s, .now_ns = 1000 * MS }
	};
	assert_int_equal(otr_pipeline_new(&s->pl, &cfg), 0);
}

static void end(struct story *s)
{
	while (s->n)
		otr_span_unref(&s->spans[--s->n]);
	otr_pipeline_free(&s->pl);
}

/* The only span of `kind` whose process is `tgid`. */
static const struct otr_span *span_of(const struct story *s, int kind,
				      const char *path)
{
	const struct otr_span *found = NULL;

	for (size_t i = 0; i < s->n; i++) {
		const struct otr_span *sp = s->spans[i];
		struct otr_slice at = otr_span_string(
			sp, kind == OTR_SPAN_SERVER ? OTR_KEY_URL_PATH
						    : OTR_KEY_URL_FULL);

		if (sp->kind != kind || at.len < strlen(path) ||
		    memcmp(at.data + at.len - strlen(path), path, strlen(path)))
			continue;
		assert_null(found);
		found = sp;
	}
	assert_non_null(found);
	return found;
}

static void is_child(const struct otr_span *child,
		     const struct otr_span *parent, int evidence)
{
	assert_memory_equal(child->trace_id, parent->trace_id, 16);
	assert_memory_equal(child->parent_id, parent->span_id, 8);
	assert_int_equal(child->evidence, evidence);
}

static void is_root(const struct otr_span *sp)
{
	static const uint8_t none[8];

	assert_memory_equal(sp->parent_id, none, 8);
	assert_int_equal(sp->evidence, OTR_EVIDENCE_NONE);
}

#define GET(path) "GET " path " HTTP/1.1\r\nHost: a\r\n\r\n"
#define OK	  "HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok"

static void one_request(void **state)
{
	struct story s;
	struct end sv = tcp_server(100, 10, 1);

	(void)state;
	begin(&s);
	opens(&s.mk, &sv);
	gets(&s.mk, &sv, GET("/a"));
	sends(&s.mk, &sv, OK);
	ticks(&s.mk, 100 * MS);
	assert_int_equal(s.n, 1);
	assert_int_equal(s.traces, 1);
	assert_true(s.proved);
	is_root(span_of(&s, OTR_SPAN_SERVER, "/a"));
	assert_int_equal(
		otr_span_int(s.spans[0], OTR_KEY_HTTP_RESPONSE_STATUS_CODE, 0),
		200);
	assert_int_equal(s.spans[0]->end_ns - s.spans[0]->start_ns, MS / 10);
	assert_int_equal(s.spans[0]->flags, 3);
	end(&s);
}

/* A -> B: inbound at A, which asks B over a wire both ends of which are seen. */
static void both_ends_and_what_caused_them(void **state)
{
	struct story s;
	struct end in = tcp_server(100, 10, 1);
	struct end cl = tcp_client(101, 10, 2), sv = tcp_server(102, 20, 2);
	const struct otr_span *a, *c, *b;

	(void)state;
	begin(&s);
	opens(&s.mk, &in);
	gets(&s.mk, &in, GET("/a"));
	opens(&s.mk, &cl);
	made_for(&cl, &in, 3, OTR_EVIDENCE_STRAND);
	sends(&s.mk, &cl, GET("/b"));
	opens(&s.mk, &sv);
	gets(&s.mk, &sv, GET("/b"));
	sends(&s.mk, &sv, OK);
	gets(&s.mk, &cl, OK);
	sends(&s.mk, &in, OK);
	ticks(&s.mk, 100 * MS);
	assert_int_equal(s.n, 3);
	assert_int_equal(s.traces, 1);
	assert_true(s.proved);
	a = span_of(&s, OTR_SPAN_SERVER, "/a");
	c = span_of(&s, OTR_SPAN_CLIENT, "/b");
	b = span_of(&s, OTR_SPAN_SERVER, "/b");
	is_root(a);
	is_child(c, a, OTR_EVIDENCE_STRAND);
	is_child(b, c, OTR_EVIDENCE_WIRE);
	end(&s);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(one_request),
		cmocka_unit_test(both_ends_and_what_caused_them),
	};

	return cmocka_run_group_tests_name("pipeline", tests, NULL, NULL);
}
