/* SPDX-License-Identifier: Apache-2.0 */
/* open.c - reports requests that are open for long. */

#include "agent/stitch/open.h"

#include "agent/base/own.h"
#include "agent/stitch/emit.h"
#include "agent/stitch/exchange.h"

#define SECOND_NS 1000000000ull

/* The age at which an exchange is reported next: 5, 10, 30, 60 s, then each minute. */
static uint16_t next_age(uint16_t reported_s)
{
	static const uint16_t ages[] = {5, 10, 30, 60};

	for (size_t i = 0; i < OTR_ARRAY_SIZE(ages); i++)
		if (reported_s < ages[i])
			return ages[i];
	return reported_s < UINT16_MAX - 60 ? reported_s + 60 : UINT16_MAX;
}

/* What the root waits for: the request in its trace that is open and was asked last. */
static const struct otr_exchange *youngest(const struct otr_exchange *root)
{
	const struct otr_exchange *ex, *best = NULL;

	DL_FOREACH2(root->trace->members, ex, member_next) {
		if (ex != root && otr_is_open(ex) && !otr_is_server(ex) &&
		    (!best || ex->start_ns > best->start_ns))
			best = ex;
	}
	return best;
}

static void emit(struct otr_stitch *st, const struct otr_exchange *ex, otr_open_fn fn, void *arg)
{
	OTR_AUTO(otr_span_unref) struct otr_span *root = NULL;
	OTR_AUTO(otr_span_unref) struct otr_span *waits = NULL;
	const struct otr_exchange *below = youngest(ex);

	root = otr_exchange_now(st, ex);
	if (below)
		waits = otr_exchange_now(st, below);
	if (root)
		fn(arg, root, waits);
}

/* A person waits for a server's answer, or for a first process that has asked something. */
static bool is_reported(const struct otr_stitch *st, const struct otr_exchange *ex)
{
	return otr_is_server(ex) || (ex == st->run.ex && ex->n_kids);
}

void otr_stitch_each_open(struct otr_stitch *st, otr_open_fn fn, void *arg)
{
	struct otr_exchange *ex;
	uint64_t age_s;

	DL_FOREACH(st->live, ex) {
		if (ex->start_ns + 5 * SECOND_NS > st->now_ns)
			return; /* the rest is younger */
		age_s = (st->now_ns - ex->start_ns) / SECOND_NS;
		if (!otr_is_open(ex) || ex->parent || !is_reported(st, ex) ||
		    age_s < next_age(ex->reported_s))
			continue;
		ex->reported_s = next_age(ex->reported_s);
		emit(st, ex, fn, arg);
	}
}
