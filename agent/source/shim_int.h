/* SPDX-License-Identifier: Apache-2.0 */
#ifndef OTR_SOURCE_SHIM_INT_H
#define OTR_SOURCE_SHIM_INT_H

/* shim_int.h - what shim.c and shim_conn.c share; nobody else's. */

#define HASH_NONFATAL_OOM 1
#include <uthash.h>
#include <utlist.h>

#include "agent/source/bill.h"
#include "agent/source/offer.h"
#include "agent/source/shim.h"
#include "agent/source/watch.h"

struct shim {
	struct otr_ring_reader rd;
	uint32_t tgid;
	int pidfd; /* -1: it has ended */
	bool replaced; /* its process has offered another since: by exec */
	uint64_t looked_ns;
	uint64_t last_ns; /* of its records */
	uint64_t stuck_ns; /* since when nothing could be read, though there is some */
	uint32_t uid;
	uint64_t told[OTR_SHIM_COUNTS]; /* of what it counts, so much */
	struct otr_bill bill;
	struct holder *conns;
	struct shim *prev, *next;
};

/* Whose ring holds the state of a connection. */
struct holder {
	uint64_t conn;
	struct shim *shim;
	struct holder *prev, *next; /* of the same shim */
	UT_hash_handle hh;
};

struct otr_shims {
	struct otr_offers offers;
	struct shim *all;
	size_t n;
	struct holder *by_conn;
	size_t conns;
	struct otr_watch watch;
	uint64_t counts[OTR_SHIM_COUNTS]; /* of those that have ended */
	uint64_t cost_ns;
	bool paused, late;
	struct otr_ring_switches say;
};

/* May a process of this user have one more, beside so many, of whom so many are its user's? */
bool otr_shims_room(size_t all, size_t theirs, uint32_t uid);

/* Keeps in mind where a connection is at home: with who told of it last. */
void otr_shims_follow(struct otr_shims *s, struct shim *sh, const struct otr_event *ev);

/* A ring goes: so does what was at home in it. */
void otr_shims_forget(struct otr_shims *s, struct shim *sh);

/* A copy of a run that is watched, for otr_watch_tell(); `ctx`: the shims. */
bool otr_shims_look(void *ctx, uint64_t key, struct otr_run_now *now);

#endif /* OTR_SOURCE_SHIM_INT_H */
