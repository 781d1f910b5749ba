/* SPDX-License-Identifier: Apache-2.0 */
#ifndef OTR_SHIM_STATE_H
#define OTR_SHIM_STATE_H

/* shim_state.h - the rings that are read, for the files shim*.c alone; see shim.h. */

#define HASH_NONFATAL_OOM 1
#include <utlist.h>

#include "agent/base/keyed.h"
#include "agent/source/cpu_clamp.h"
#include "agent/source/offer.h"
#include "agent/source/ring_find.h"
#include "agent/source/ring_reader.h"
#include "agent/source/source.h"
#include "agent/source/watch.h"

#define OTR_SHIM_RINGS \
	4096 /* processes at once; a quarter of it for each other user than this one's */

struct shim {
	struct otr_ring_reader rd;
	uint32_t tgid;
	int pidfd;	 /* -1: it has ended */
	bool off;	 /* we have switched it off */
	bool is_strange; /* its process has written over what we said to it */
	bool replaced;	 /* its process has executed another program since */
	uint64_t found_ns, roused_ns;
	uint64_t looked_ns;
	uint64_t last_ns;  /* of its records */
	uint64_t stuck_ns; /* since when nothing could be read, though there is some */
	uint32_t uid;
	uint64_t emitted[OTR_SHIM_COUNTS]; /* of what it counts, so much */
	struct otr_cpu_clamp clamp;
	uint64_t base[OTR_SHIM_COUNTS]; /* and so much was before us */
	struct holder *conns;
	uint32_t parent;   /* as the kernel said when the ring was found */
	uint32_t handoffs; /* that were told of its threads */
	uint32_t lies;	   /* sockets it spoke of that others hold and it does not */
	uint64_t own[64];  /* connections at home here, by their low bits: no look-up */
	struct {
		uint64_t conn, until_ns;
	} vouched[8]; /* at home elsewhere, and it may speak of them */
	unsigned int next_vouched;
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
	int proofs; /* that may be asked for in this drain */
	int peers;  /* whom the kernel is asked with; -errno: it does not tell */
	struct otr_watch watch;
	uint64_t counts[OTR_SHIM_COUNTS]; /* of those that have ended */
	uint64_t cost_ns;
	bool paused, late;
	struct otr_ring_switches say;
	uint64_t me;	   /* as a reader, see ring_lease.h */
	struct shim *held; /* another agent reads them */
	uint64_t held_ns;
	otr_shim_born_fn born;
	void *born_arg;
	otr_shim_born_fn adopted;
	void *adopted_arg;
	bool (*welcome)(void *arg, uint32_t tgid);
	void *welcome_arg;
};

/* The ring of this process that is read, or NULL. */
struct shim *otr_shim_of(const struct otr_shims *s, uint32_t tgid);

/* shim_state.c: the ring in `fd`, mapped; NULL: it is none. Nobody has it yet. */
struct shim *otr_shim_make(int fd, uint32_t tgid, uint32_t uid);
void otr_shim_drop(struct shim *sh);
/* Switches off the ring in `fd`, if there is one: nobody will read it, so no header must name a
 * span that nobody sees. */
void otr_shim_refuse(int fd);
bool otr_shim_has_ended(struct shim *sh, uint64_t now_ns);
/* Whether, and how often, it was told late who did whose work in it. */
static inline void otr_shim_say_late(const struct otr_shims *s, struct shim *sh)
{
	__atomic_store_n(&sh->rd.ring->late, s->late ? 1 + sh->handoffs : 0, __ATOMIC_RELAXED);
}
/* All that is said so far. */
void otr_shims_greet(const struct otr_shims *s, struct shim *sh);
/* shim_loss.c: counts a loss, once, where that is not what stands there. What such a process
 * told itself not to say is not known. */
void otr_shim_check_said(const struct otr_shims *s, struct shim *sh);

/* shim_adopt.c: of what was found in a process, its own ring. */
struct otr_ring_find;
enum otr_adopt otr_shims_adopt_found(struct otr_shims *s, struct otr_ring_find *m, uint32_t tgid,
				     uint64_t now_ns);
/* It was given up, since we were halted for long. */
void otr_shim_rouse(struct otr_shims *s, struct shim *sh, uint64_t now_ns);
/* A name among agents; those that others read: may we now? */
uint64_t otr_shims_name(void);
void otr_shims_hold(struct otr_shims *s, uint64_t now_ns);
void otr_shims_unhold(struct otr_shims *s);

#define OTR_PRICE_TOLD 250 /* ns that a record costs who writes it: scripts/bench.sh shimtcp */

/* What it counted since, told and charged as far as that can be so. */
void otr_shim_emit_losses(struct otr_shims *s, struct shim *sh, uint64_t now_ns, otr_event_fn fn,
			  void *arg);

/* May a process of this user have one more, beside so many, of whom so many are its user's? */
bool otr_shims_room(size_t all, size_t theirs, uint32_t uid);
/* The same beside those there are, read by us or held by another agent. */
bool otr_shims_has_room(const struct otr_shims *s, uint32_t uid);

/* Keeps in mind where a connection is at home: with who told of it last. Returns false: the
 * process speaks of a socket that is another's (vouch.h), and the record is none. */
bool otr_shims_follow(struct otr_shims *s, struct shim *sh, const struct otr_event *ev,
		      uint64_t now_ns);

/* The record of a connection of AF_UNIX that has begun, `cn`: with its other end, if the kernel
 * still knows it. */
void otr_shims_peer(const struct otr_shims *s, struct otr_ev_conn *cn);

#define OTR_SHIM_PROOFS 64 /* in one drain: each reads a folder of /proc */
#define OTR_SHIM_LIES	16 /* after which a ring is read no more */

/* A ring goes: so does what was at home in it. */
void otr_shims_forget(struct otr_shims *s, struct shim *sh);

/* A copy of a run that is watched, for otr_watch_emit(); `ctx`: the shims. */
bool otr_shims_look(void *ctx, uint64_t key, struct otr_run_now *now);

#endif /* OTR_SHIM_STATE_H */
