/* SPDX-License-Identifier: Apache-2.0 */
/* held.c - spans that wait for what their trace's root is; see held.h. */

#include "agent/held.h"

#include <stdbool.h>
#include <stdlib.h>
#include <string.h>

#include "agent/base/own.h"
#include "agent/span.h"
#include "agent/view/label.h"
#include "agent/view/tree.h"

#define SPANS_MAX 65536 /* what is larger goes on in parts */

static void forget(struct otr_held *held)
{
	for (size_t i = 0; i < held->n; i++)
		otr_span_unref(&held->spans[i]);
	held->n = 0;
}

static void pass_all(struct otr_held *held)
{
	for (size_t i = 0; i < held->n; i++)
		held->pass(held->arg, held->spans[i]);
	forget(held);
}

static bool is_gone(const struct otr_held *held, const uint8_t id[16])
{
	size_t n = held->n_gone < OTR_HELD_GONE ? held->n_gone : OTR_HELD_GONE;

	for (size_t i = 0; i < n; i++)
		if (!memcmp(held->gone[i], id, 16))
			return true;
	return false;
}

/* As the console sees it: the server's span, where client and server are one row. */
static bool is_ignored(const struct otr_held *held)
{
	OTR_AUTO(otr_tree_fini) struct otr_tree tree = { 0 };

	if (otr_tree_build(&tree, (const struct otr_span *const *)held->spans,
			   held->n, true))
		return false;
	return otr_label_ignored(held->ignore,
				 otr_node_face(&tree.nodes[tree.root]));
}

void otr_held_flush(struct otr_held *held)
{
	if (is_gone(held, held->trace_id))
		forget(held);
	else
		pass_all(held);
}

static bool has_room(struct otr_held *held)
{
	size_t cap = held->cap ? 2 * held->cap : 16;
	struct otr_span **spans;

	if (held->n < held->cap)
		return true;
	if (held->n >= SPANS_MAX)
		return false;
	spans = realloc(held->spans, cap * sizeof(*spans));
	if (!spans)
		return false;
	held->spans = spans;
	held->cap = cap;
	return true;
}

void otr_held_span(struct otr_held *held, struct otr_span *sp)
{
	if (!held->ignore) {
		held->pass(held->arg, sp);
		return;
	}
	if (held->n && memcmp(held->trace_id, sp->trace_id, 16))
		otr_held_flush(held);
	memcpy(held->trace_id, sp->trace_id, sizeof(held->trace_id));
	if (!has_room(held))
		otr_held_flush(held);
	if (has_room(held))
		held->spans[held->n++] = otr_span_ref(sp);
	else
		held->pass(held->arg, sp);
}

void otr_held_trace(struct otr_held *held, const uint8_t trace_id[16])
{
	if (!held->n || memcmp(held->trace_id, trace_id, 16))
		return;
	if (is_ignored(held))
		memcpy(held->gone[held->n_gone++ % OTR_HELD_GONE], trace_id, 16);
	otr_held_flush(held);
}

void otr_held_fini(struct otr_held *held)
{
	forget(held);
	free(held->spans);
	held->spans = NULL;
	held->cap = 0;
}
