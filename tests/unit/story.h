/* SPDX-License-Identifier: Apache-2.0 */
#ifndef OTR_STORY_H
#define OTR_STORY_H

/* story.h - a pipeline that gets the events of event_maker.h, and the spans that it gives. */

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "agent/base/loss.h"
#include "agent/pipeline.h"
#include "agent/resource/resource.h"
#include "agent/source/feedback.h"
#include "agent/span/span.h"
#include "tests/unit/event_maker.h"

#ifndef MAX_SPANS
#define MAX_SPANS 32
#endif

struct story {
	struct maker mk;
	struct otr_pipeline *pl;
	struct otr_span *spans[MAX_SPANS];
	size_t n;
	size_t traces;
	bool proved;
	int watched; /* +1 on, -1 off */
	struct otr_feedback feedback;
};

static inline void on_span(void *arg, struct otr_span *sp)
{
	struct story *s = arg;

	assert_true(s->n < MAX_SPANS);
	s->spans[s->n++] = otr_span_ref(sp);
}

static inline void on_trace(void *arg, const uint8_t id[16], uint8_t flags, bool proved)
{
	struct story *s = arg;

	(void)id;
	(void)flags;
	s->traces++;
	s->proved = proved;
}

static inline void on_policy(void *arg, uint64_t conn, enum otr_dir dir, enum otr_capture capture,
			     uint32_t head_bytes)
{
	(void)arg;
	(void)conn;
	(void)dir;
	(void)capture;
	(void)head_bytes;
}

static inline void on_watch(void *arg, uint64_t conn, enum otr_dir dir, bool want)
{
	struct story *s = arg;

	(void)conn;
	(void)dir;
	s->watched += want ? 1 : -1;
}

static inline int feed(void *arg, const struct otr_event *ev)
{
	struct story *s = arg;

	return otr_pipeline_event(s->pl, ev);
}

static inline void begin(struct story *s)
{
	struct otr_pipeline_config cfg = {
		.hold_ns = 1000 * MS,
		.seed = 42,
		.span = on_span,
		.trace = on_trace,
		.arg = s,
	};

	*s = (struct story){.mk = {.sink = feed, .arg = s, .now_ns = 1000 * MS}};
	assert_int_equal(otr_pipeline_new(&s->pl, &cfg), 0);
	s->feedback = (struct otr_feedback){.policy = on_policy, .watch = on_watch, .arg = s};
	otr_pipeline_bind(s->pl, &s->feedback);
}

static inline void end(struct story *s)
{
	while (s->n)
		otr_span_unref(&s->spans[--s->n]);
	otr_pipeline_free(&s->pl);
}

/* The only span of `kind` whose path ends with `path`. */
static inline const struct otr_span *span_of(const struct story *s, int kind, const char *path)
{
	const struct otr_span *found = NULL;

	for (size_t i = 0; i < s->n; i++) {
		const struct otr_span *sp = s->spans[i];
		struct otr_slice at = otr_span_string(
			sp, kind == OTR_SPAN_SERVER ? OTR_KEY_URL_PATH : OTR_KEY_URL_FULL);

		if (sp->kind != kind || at.len < strlen(path) ||
		    memcmp(at.data + at.len - strlen(path), path, strlen(path)))
			continue;
		assert_null(found);
		found = sp;
	}
	assert_non_null(found);
	return found;
}

static inline void is_child(const struct otr_span *child, const struct otr_span *parent,
			    int evidence)
{
	assert_memory_equal(child->trace_id, parent->trace_id, 16);
	assert_memory_equal(child->parent_id, parent->span_id, 8);
	assert_int_equal(child->evidence, evidence);
}

static inline void is_root(const struct otr_span *sp)
{
	static const uint8_t none[8];

	assert_memory_equal(sp->parent_id, none, 8);
	assert_int_equal(sp->evidence, OTR_EVIDENCE_NONE);
}

#define GET(path) "GET " path " HTTP/1.1\r\nHost: a\r\n\r\n"
#define OK	  "HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok"

#endif /* OTR_STORY_H */
