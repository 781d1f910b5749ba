/* SPDX-License-Identifier: Apache-2.0 */
/*
 * pending.c - spans that wait until their trace is complete.
 *
 * Three bounds hold: traces, spans, spans of one trace. The oldest trace is dropped first; a span
 * that is dropped is counted.
 */

#include "agent/console/pending.h"

#include <stdlib.h>
#include <string.h>

#include "agent/base/keyed.h"
#include "agent/base/loss.h"
#include "agent/base/own.h"
#include "agent/span/span.h"

static struct otr_pending **bucket_of(struct otr_pendings *ps, const uint8_t trace_id[16])
{
	return &ps->bucket[otr_keyed_hash(trace_id, 16) % OTR_ARRAY_SIZE(ps->bucket)];
}

/* Where the trace is linked, or is to be. */
static struct otr_pending **place_of(struct otr_pendings *ps, const uint8_t trace_id[16])
{
	struct otr_pending **at = bucket_of(ps, trace_id);

	while (*at && memcmp((*at)->trace_id, trace_id, 16))
		at = &(*at)->next;
	return at;
}

/* Spans of a trace come one after the other, and its end after the last. */
static struct otr_pending *find(struct otr_pendings *ps, const uint8_t trace_id[16])
{
	if (ps->newest && !memcmp(ps->newest->trace_id, trace_id, 16))
		return ps->newest;
	return *place_of(ps, trace_id);
}

static struct otr_pending *detach(struct otr_pendings *ps, struct otr_pending *p)
{
	*p->link = p->next;
	if (p->next)
		p->next->link = p->link;
	*(p->newer ? &p->newer->older : &ps->newest) = p->older;
	*(p->older ? &p->older->newer : &ps->oldest) = p->newer;
	ps->traces--;
	ps->spans -= p->n;
	return p;
}

static struct otr_pending *begin(struct otr_pendings *ps, struct otr_pending **at,
				 const uint8_t trace_id[16])
{
	struct otr_pending *p = otr_spares_take(&ps->old, sizeof(*p));

	if (!p)
		return NULL;
	*p = (struct otr_pending){.of = ps, .spans = p->few, .cap = OTR_PENDING_FEW, .link = at};
	memcpy(p->trace_id, trace_id, sizeof(p->trace_id));
	p->older = ps->newest;
	*(ps->newest ? &ps->newest->newer : &ps->oldest) = p;
	ps->newest = p;
	ps->traces++;
	*at = p;
	return p;
}

static void drop_oldest(struct otr_pendings *ps)
{
	struct otr_pending *p = detach(ps, ps->oldest);

	ps->dropped += p->n;
	otr_loss_add(OTR_LOSS_EVICT, p->n);
	otr_pending_free(&p);
}

static bool grow(struct otr_pending *p)
{
	bool few = p->spans == p->few;
	struct otr_span **spans = NULL;

	if (p->n < p->cap)
		return true;
	if (p->n < OTR_TRACE_SPANS)
		spans = realloc(few ? NULL : p->spans, 2 * p->cap * sizeof(*spans));
	if (!spans)
		return false;
	if (few)
		memcpy(spans, p->few, sizeof(p->few));
	p->spans = spans;
	p->cap *= 2;
	return true;
}

void otr_pending_add(struct otr_pendings *ps, struct otr_span *sp, uint64_t now_ns)
{
	struct otr_pending *p;

	while (ps->oldest && (ps->traces >= OTR_PENDING_TRACES || ps->spans >= OTR_PENDING_SPANS))
		drop_oldest(ps);
	p = find(ps, sp->trace_id);
	if (!p)
		p = begin(ps, place_of(ps, sp->trace_id), sp->trace_id);
	if (!p || !grow(p)) {
		ps->dropped++;
		otr_loss_add(OTR_LOSS_EVICT, 1);
		return;
	}
	p->seen_ns = now_ns;
	p->spans[p->n++] = otr_span_ref(sp);
	ps->spans++;
}

struct otr_pending *otr_pending_take(struct otr_pendings *ps, const uint8_t trace_id[16])
{
	struct otr_pending *p = find(ps, trace_id);

	return p ? detach(ps, p) : NULL;
}

void otr_pending_free(struct otr_pending **pp)
{
	struct otr_pending *p = OTR_TAKE(*pp);

	if (!p)
		return;
	for (size_t i = 0; i < p->n; i++)
		otr_span_unref(&p->spans[i]);
	if (p->spans != p->few)
		free(p->spans);
	otr_spares_put(&p->of->old, p);
}

/* Spans of a trace that was printed before they came: the stitcher counted them as late. */
void otr_pending_forget(struct otr_pendings *ps, uint64_t ns)
{
	struct otr_pending *p;

	while (ps->oldest && ps->oldest->seen_ns < ns) {
		p = detach(ps, ps->oldest);
		otr_pending_free(&p);
	}
	otr_spares_trim(&ps->old);
}

void otr_pendings_fini(struct otr_pendings *ps)
{
	otr_pending_forget(ps, UINT64_MAX);
	otr_spares_fini(&ps->old);
}
