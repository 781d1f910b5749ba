/* SPDX-License-Identifier: Apache-2.0 */
/* otlp_group.c - a batch of spans in the order that OTLP wants: by resource, then by scope; and the
 * fields that protobuf and JSON have in common. */

#include "exporters/otlp_group.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "agent/base/own.h"
#include "agent/span/span.h"
#include "bpf/event.h"

static const char *const evidence_names[OTR_EVIDENCE_MAX] = {
#define OTR_EVIDENCE_ROW(id, exported, shown) [OTR_EVIDENCE_##id] = (exported),
#include "bpf/evidence.def"
#undef OTR_EVIDENCE_ROW
};

const char *otr_otlp_evidence(uint8_t evidence)
{
	return evidence < OTR_EVIDENCE_MAX ? evidence_names[evidence] : NULL;
}

uint32_t otr_otlp_flags(const struct otr_span *sp)
{
	return sp->flags | 0x100u | (sp->parent_remote ? 0x200u : 0);
}

static int reserve(struct otr_otlp_groups *g, size_t n)
{
	void *at, *after;

	if (n <= g->cap)
		return 0;
	at = realloc(g->at, n * sizeof(*g->at));
	if (!at)
		return -ENOMEM;
	g->at = at;
	after = realloc(g->after, n * sizeof(*g->after));
	if (!after)
		return -ENOMEM;
	g->after = after;
	g->cap = n;
	return 0;
}

/* Makes the group of `sp` and links it to the last group of its resource. */
static uint32_t add(struct otr_otlp_groups *g, const struct otr_span *sp, const char *scope)
{
	uint32_t me = (uint32_t)g->n++;
	uint32_t i;

	g->at[me] = (struct otr_otlp_group){
		.resource = sp->resource,
		.scope = scope,
		.lead = true,
		.first = OTR_GROUP_END,
		.last = OTR_GROUP_END,
		.peer = OTR_GROUP_END,
	};
	for (i = 0; i < me; i++) {
		if (g->at[i].resource != sp->resource || g->at[i].peer != OTR_GROUP_END)
			continue;
		g->at[i].peer = me;
		g->at[me].lead = false;
		break;
	}
	return me;
}

static bool is_of(const struct otr_otlp_group *gr, const struct otr_span *sp, const char *scope)
{
	return gr->scope == scope && gr->resource == sp->resource;
}

/* Scopes are constants, so the same text mostly has the same address. */
static bool is_of_text(const struct otr_otlp_group *gr, const struct otr_span *sp,
		       const char *scope)
{
	return gr->resource == sp->resource && !strcmp(gr->scope, scope);
}

/* The group of `sp`; tries `guess` first, the group of the span before: it is often the same. */
static uint32_t group_of(struct otr_otlp_groups *g, const struct otr_span *sp, uint32_t guess)
{
	const char *scope = sp->scope ? sp->scope : OTR_OTLP_SCOPE;

	if (guess < g->n && is_of(&g->at[guess], sp, scope))
		return guess;
	for (uint32_t i = 0; i < g->n; i++)
		if (is_of(&g->at[i], sp, scope))
			return i;
	for (uint32_t i = 0; i < g->n; i++)
		if (is_of_text(&g->at[i], sp, scope))
			return i;
	return add(g, sp, scope);
}

int otr_otlp_group(struct otr_otlp_groups *g, const struct otr_span *const *spans, size_t n)
{
	struct otr_otlp_group *gr;
	uint32_t in = 0;

	g->n = 0;
	if (reserve(g, n))
		return -ENOMEM;
	for (uint32_t i = 0; i < n; i++) {
		in = group_of(g, spans[i], in);
		gr = &g->at[in];
		g->after[i] = OTR_GROUP_END;
		if (gr->last == OTR_GROUP_END)
			gr->first = i;
		else
			g->after[gr->last] = i;
		gr->last = i;
	}
	return 0;
}

void otr_otlp_groups_fini(struct otr_otlp_groups *g)
{
	free(g->at);
	free(g->after);
	memset(g, 0, sizeof(*g));
}
