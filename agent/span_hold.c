/* SPDX-License-Identifier: Apache-2.0 */
/* span_hold.c - holds spans until --ignore can be judged; see span_hold.h. */

#include "agent/span_hold.h"

#include <stdbool.h>
#include <stdlib.h>
#include <string.h>

#include "agent/base/own.h"
#include "agent/span/span.h"
#include "agent/view/label.h"
#include "agent/view/tree.h"

#define SPANS_MAX 65536 /* a larger trace is passed on in parts */

static void drop_spans(struct otr_span_hold *hold)
{
	for (size_t i = 0; i < hold->n; i++)
		otr_span_unref(&hold->spans[i]);
	hold->n = 0;
}

static void pass_spans(struct otr_span_hold *hold)
{
	for (size_t i = 0; i < hold->n; i++)
		hold->pass(hold->arg, hold->spans[i]);
	drop_spans(hold);
}

static bool was_ignored(const struct otr_span_hold *hold, const uint8_t id[16])
{
	size_t n =
		hold->n_ignored < OTR_SPAN_HOLD_IGNORED ? hold->n_ignored : OTR_SPAN_HOLD_IGNORED;

	for (size_t i = 0; i < n; i++)
		if (!memcmp(hold->ignored[i], id, 16))
			return true;
	return false;
}

/* Judges the root as the console does: by the server span, if client and server are one node. */
static bool is_ignored(const struct otr_span_hold *hold)
{
	OTR_AUTO(otr_tree_fini) struct otr_tree tree = {0};

	if (otr_tree_build(&tree, (const struct otr_span *const *)hold->spans, hold->n, true))
		return false;
	return otr_label_ignored(hold->ignore, otr_node_face(&tree.nodes[tree.root]));
}

void otr_span_hold_flush(struct otr_span_hold *hold)
{
	if (was_ignored(hold, hold->trace_id))
		drop_spans(hold);
	else
		pass_spans(hold);
}

static bool has_room(struct otr_span_hold *hold)
{
	size_t cap = hold->cap ? 2 * hold->cap : 16;
	struct otr_span **spans;

	if (hold->n < hold->cap)
		return true;
	if (hold->n >= SPANS_MAX)
		return false;
	spans = realloc(hold->spans, cap * sizeof(*spans));
	if (!spans)
		return false;
	hold->spans = spans;
	hold->cap = cap;
	return true;
}

void otr_span_hold_span(struct otr_span_hold *hold, struct otr_span *sp)
{
	if (!hold->ignore) {
		hold->pass(hold->arg, sp);
		return;
	}
	if (hold->n && memcmp(hold->trace_id, sp->trace_id, 16))
		otr_span_hold_flush(hold);
	memcpy(hold->trace_id, sp->trace_id, sizeof(hold->trace_id));
	if (!has_room(hold))
		otr_span_hold_flush(hold);
	if (has_room(hold))
		hold->spans[hold->n++] = otr_span_ref(sp);
	else
		hold->pass(hold->arg, sp);
}

void otr_span_hold_trace(struct otr_span_hold *hold, const uint8_t trace_id[16])
{
	if (!hold->n || memcmp(hold->trace_id, trace_id, 16))
		return;
	if (is_ignored(hold))
		memcpy(hold->ignored[hold->n_ignored++ % OTR_SPAN_HOLD_IGNORED], trace_id, 16);
	otr_span_hold_flush(hold);
}

void otr_span_hold_fini(struct otr_span_hold *hold)
{
	drop_spans(hold);
	free(hold->spans);
	hold->spans = NULL;
	hold->cap = 0;
}
