/* SPDX-License-Identifier: Apache-2.0 */
/* span_hold.c - spans that wait for what their trace's root is; see span_hold.h. */

#include "agent/span_hold.h"

#include <stdbool.h>
#include <stdlib.h>
#include <string.h>

#include "agent/base/own.h"
#include "agent/span/span.h"
#include "agent/view/label.h"
#include "agent/view/tree.h"

#define SPANS_MAX 65536 /* what is larger goes on in parts */

static void forget(struct otr_span_hold *hold)
{
	for (size_t i = 0; i < hold->n; i++)
		otr_span_unref(&hold->spans[i]);
	hold->n = 0;
}

static void pass_all(struct otr_span_hold *hold)
{
	for (size_t i = 0; i < hold->n; i++)
		hold->pass(hold->arg, hold->spans[i]);
	forget(hold);
}

static bool is_gone(const struct otr_span_hold *hold, const uint8_t id[16])
{
	size_t n = hold->n_gone < OTR_SPAN_HOLD_GONE ? hold->n_gone : OTR_SPAN_HOLD_GONE;

	for (size_t i = 0; i < n; i++)
		if (!memcmp(hold->gone[i], id, 16))
			return true;
	return false;
}

/* As the console sees it: the server's span, where client and server are one row. */
static bool is_ignored(const struct otr_span_hold *hold)
{
	OTR_AUTO(otr_tree_fini) struct otr_tree tree = {0};

	if (otr_tree_build(&tree, (const struct otr_span *const *)hold->spans, hold->n, true))
		return false;
	return otr_label_ignored(hold->ignore, otr_node_face(&tree.nodes[tree.root]));
}

void otr_span_hold_flush(struct otr_span_hold *hold)
{
	if (is_gone(hold, hold->trace_id))
		forget(hold);
	else
		pass_all(hold);
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
		memcpy(hold->gone[hold->n_gone++ % OTR_SPAN_HOLD_GONE], trace_id, 16);
	otr_span_hold_flush(hold);
}

void otr_span_hold_fini(struct otr_span_hold *hold)
{
	forget(hold);
	free(hold->spans);
	hold->spans = NULL;
	hold->cap = 0;
}
