/* SPDX-License-Identifier: Apache-2.0 */
/* watch.c - runs that go on; see watch.h. */

#include "agent/source/watch.h"

#include <string.h>

#include "agent/base/loss.h"

static struct otr_watched *find(struct otr_watch *w, uint64_t key)
{
	for (size_t i = 0; i < w->n; i++)
		if (w->rows[i].key == key)
			return &w->rows[i];
	return NULL;
}

void otr_watch_set(struct otr_watch *w, uint64_t key, bool want)
{
	struct otr_watched *at = find(w, key);

	if (at && !want)
		*at = w->rows[--w->n];
	if (at || !want)
		return;
	if (w->n == OTR_WATCHED_MAX) {
		otr_loss_add(OTR_LOSS_EVICT, 1);
		return;
	}
	w->rows[w->n++] = (struct otr_watched){.key = key};
}

static void emit_run(struct otr_watched *at, const struct otr_run_now *now, uint64_t now_ns,
		     otr_event_fn fn, void *arg)
{
	struct otr_ev_run run = {
		.hdr = {.kind = OTR_EV_RUN,
			.hook = OTR_HOOK_AGENT,
			.size = sizeof(run),
			.time_ns = now_ns,
			.conn = at->key >> 1},
		.pos = now->pos,
		.bytes = now->bytes,
		.first_ns = now->first_ns,
		.last_ns = now->last_ns,
		.calls = now->calls,
		.pos_kind = now->pos_kind,
		.dir = at->key & 1,
		.layer = now->layer,
		.open = 1,
	};

	memcpy(run.tail, now->tail, sizeof(run.tail));
	at->reported_bytes = now->bytes;
	at->reported_quiet = now_ns - now->last_ns > OTR_QUIET_NS;
	fn(arg, &run.hdr);
}

void otr_watch_emit(struct otr_watch *w, uint64_t now_ns, otr_run_look look, void *ctx,
		    otr_event_fn fn, void *arg)
{
	struct otr_watched *at;
	struct otr_run_now now;
	bool quiet;

	/* From the end, since `fn` may make the stream stop watching this run. */
	for (size_t i = w->n; i-- > 0;) {
		if (i >= w->n)
			continue;
		at = &w->rows[i];
		if (!look(ctx, at->key, &now))
			continue;
		quiet = now_ns > now.last_ns + OTR_QUIET_NS;
		if (now.bytes == at->reported_bytes && (!quiet || at->reported_quiet))
			continue;
		if (now.first_ns <= now.last_ns)
			emit_run(at, &now, now_ns, fn, arg);
	}
}
