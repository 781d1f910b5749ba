/* SPDX-License-Identifier: Apache-2.0 */
#ifndef OTR_WATCH_H
#define OTR_WATCH_H

/*
 * watch.h - runs that go on and are longer than what was copied: a parser waits for their end, so
 * a source looks at them each time it is polled.
 */

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "agent/source/source.h"
#include "bpf/shared.h"

#define OTR_WATCHED_MAX 4096
#define OTR_QUIET_NS	50000000ull /* without bytes for this long, a run is taken as ended */

struct otr_watched {
	uint64_t key; /* otr_dir_key() */
	uint64_t reported_bytes;
	bool reported_quiet;
};

struct otr_watch {
	struct otr_watched rows[OTR_WATCHED_MAX];
	size_t n;
};

/* Watches a run, or no longer. A table that is full counts as a loss. */
void otr_watch_set(struct otr_watch *w, uint64_t key, bool want);

/* Gives the present state of the run of `key`; false: there is none. */
typedef bool (*otr_run_look)(void *ctx, uint64_t key, struct otr_run_now *now);

/* Emits each run that has moved on since the last call, and once more when it has gone quiet. */
void otr_watch_emit(struct otr_watch *w, uint64_t now_ns, otr_run_look look, void *ctx,
		    otr_event_fn fn, void *arg);

#endif /* OTR_WATCH_H */
