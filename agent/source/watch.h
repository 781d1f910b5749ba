/* SPDX-License-Identifier: Apache-2.0 */
#ifndef OTR_WATCH_H
#define OTR_WATCH_H

/*
 * watch.h - runs that go on, longer than what was copied of them: a parser waits for their
 * end, so a source looks at them each time it is polled.
 */

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "agent/source/source.h"
#include "bpf/shared.h"

#define OTR_WATCHED_MAX 4096
#define OTR_QUIET_NS	50000000ull /* then a run has ended, for all we know */

struct otr_watched {
	uint64_t key; /* otr_dir_key() */
	uint64_t told_bytes;
	bool told_quiet;
};

struct otr_watch {
	struct otr_watched rows[OTR_WATCHED_MAX];
	size_t n;
};

/* Wants to hear of a run, or no longer. A table that is full is counted. */
void otr_watch_set(struct otr_watch *w, uint64_t key, bool want);

/* The run of `key` as it is now; false: there is none. */
typedef bool (*otr_run_look)(void *ctx, uint64_t key, struct otr_run_now *now);

/* Tells of each run that has moved on, and once more when it has gone quiet. */
void otr_watch_emit(struct otr_watch *w, uint64_t now_ns, otr_run_look look, void *ctx,
		    otr_event_fn fn, void *arg);

#endif /* OTR_WATCH_H */
