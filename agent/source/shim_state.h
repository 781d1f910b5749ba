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
#include "agent/source/ring_rest.h"
#include "agent/source/source.h"
#include "agent/source/watch.h"

#define OTR_SHIM_RINGS \
	4096 /* processes at once; other users than the agent's have a quarter of it each */

struct shim {
	struct otr_ring_reader rd;
	uint32_t tgid;
	int pidfd;	 /* -1: the process has ended */
	bool off;	 /* the agent has switched it off */
	bool is_strange; /* the process has overwritten its switches */
	bool replaced;	 /* the process has executed another program since */
	uint64_t found_ns, roused_ns;
	uint64_t looked_ns;
	uint64_t last_ns;  /* of its last record */
	uint64_t stuck_ns; /* since when no record could be read, though there are some */
	uint32_t uid;
	uint64_t threshold;		   /* at which its traces are sampled, as its ring says */
	uint64_t emitted[OTR_SHIM_COUNTS]; /* how much of each count has been emitted */
	struct otr_cpu_clamp clamp;
	uint64_t base[OTR_SHIM_COUNTS]; /* the counts when this agent began to read */
	struct holder *conns;
	uint32_t parent;   /* its parent, when the ring was found */
	uint32_t handoffs; /* late evidence about its requests */
	uint32_t lies;	   /* records about sockets that only others hold */
	uint64_t own[64];  /* connections of this ring, by their low bits, to save a look-up */
	struct {
		uint64_t conn, until_ns;
	} vouched[8]; /* connections of other rings that this process may report, too */
	unsigned int next_vouched;
	struct shim *prev, *next;
};

/* The ring that holds the state of a connection. */
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
	int proofs; /* otr_vouch() calls left in this drain */
	int peers;  /* from otr_unix_peer_open(), or -errno */
	struct otr_watch watch;
	uint64_t counts[OTR_SHIM_COUNTS]; /* of processes that have ended */
	uint64_t cost_ns;
	struct otr_ring_rest rest;
	uint64_t fullest; /* bytes that this drain took from one ring, at most */
	bool paused, late;
	struct otr_ring_switches say;
	uint64_t me;	   /* the number of this agent as a reader; see ring_lease.h */
	struct shim *held; /* rings that another agent reads */
	uint64_t held_ns;
	otr_shim_born_fn born;
	void *born_arg;
	otr_shim_born_fn adopted;
	void *adopted_arg;
	uint64_t (*threshold)(void *arg, uint32_t tgid);
	void *threshold_arg;
	uint64_t asked_ns; /* when the thresholds were last asked for */
	bool (*welcome)(void *arg, uint32_t tgid);
	void *welcome_arg;
};

/* The ring of this process that is read, or NULL. */
struct shim *otr_shim_of(const struct otr_shims *s, uint32_t tgid);

/* The ring in `fd`, mapped, or NULL where `fd` holds none. Nobody reads the ring yet. */
struct shim *otr_shim_make(int fd, uint32_t tgid, uint32_t uid);
/* Unmaps and frees a ring that is in no list. */
void otr_shim_drop(struct shim *sh);
/* Switches off the ring in `fd`, if there is one: nobody will read it, so no header must name a
 * span that nobody sees. */
void otr_shim_refuse(int fd);
/* Has the process ended? Asked of the kernel each 50 ms at most. */
bool otr_shim_has_ended(struct shim *sh, uint64_t now_ns);
/* Writes `late` to the ring: whether late evidence can come, and how much has come. */
static inline void otr_shim_say_late(const struct otr_shims *s, struct shim *sh)
{
	__atomic_store_n(&sh->rd.ring->late, s->late ? 1 + sh->handoffs : 0, __ATOMIC_RELAXED);
}
/* Writes the switches and `paused` to the ring. */
void otr_shims_greet(const struct otr_shims *s, struct shim *sh);
/* Writes the threshold to the ring, where it has changed. */
void otr_shim_set_threshold(const struct otr_shims *s, struct shim *sh);
/* shim_loss.c: counts a loss, once, where the process has overwritten its switches. Which records
 * it did not write for that reason is not known. */
void otr_shim_check_said(const struct otr_shims *s, struct shim *sh);

/* shim_adopt.c: adopts the process's own ring among those in `m`. */
struct otr_ring_find;
enum otr_adopt otr_shims_adopt_found(struct otr_shims *s, struct otr_ring_find *m, uint32_t tgid,
				     uint64_t now_ns);
/* Switches a ring on again that its process has switched off, because this agent was halted for
 * long. */
void otr_shim_rouse(struct otr_shims *s, struct shim *sh, uint64_t now_ns);
/* A random number for this agent as a reader. */
uint64_t otr_shims_name(void);
/* Adopts rings whose lease another agent has lost. */
void otr_shims_retry_held(struct otr_shims *s, uint64_t now_ns);
/* Drops the rings that other agents read. */
void otr_shims_drop_held(struct otr_shims *s);

#define OTR_PRICE_TOLD 250 /* ns that a record costs its process: scripts/bench.sh shimtcp */

/* Emits what the process has counted as lost since the last call, and charges its price
 * (cpu_clamp.h). */
void otr_shim_emit_losses(struct otr_shims *s, struct shim *sh, uint64_t now_ns, otr_event_fn fn,
			  void *arg);

/* Is there room for one more ring: `all` in total, `theirs` of user `uid`? */
bool otr_shims_room(size_t all, size_t theirs, uint32_t uid);
/* Is there room for one more ring of this user, beside those that are read or held by another
 * agent? */
bool otr_shims_has_room(const struct otr_shims *s, uint32_t uid);

/* Keeps which ring holds the state of a connection: that of the process that reported it last.
 * Returns false: the process reports a socket that only another process holds (vouch.h), so the
 * record is refused. */
bool otr_shims_follow(struct otr_shims *s, struct shim *sh, const struct otr_event *ev,
		      uint64_t now_ns);

/* Adds the other end to the record of an AF_UNIX connection that has begun, if the kernel knows
 * it. */
void otr_shims_peer(const struct otr_shims *s, struct otr_ev_conn *cn);

#define OTR_SHIM_PROOFS 64 /* otr_vouch() calls in one drain: each reads a folder of /proc */
#define OTR_SHIM_LIES	16 /* after so many refused records a ring is read no more */

/* Forgets the connections of a ring. */
void otr_shims_forget(struct otr_shims *s, struct shim *sh);

/* Copies the state of a run, for otr_watch_emit(); `ctx`: the struct otr_shims. False: there is
 * none, or it was written to meanwhile. */
bool otr_shims_look(void *ctx, uint64_t key, struct otr_run_now *now);

#endif /* OTR_SHIM_STATE_H */
