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
	int pidfd;	     /* -1: the process has ended */
	bool off;	     /* the agent has switched the ring off */
	bool is_overwritten; /* the process has overwritten its switches */
	bool replaced;	     /* the process has made another ring, or executed another program */
	uint64_t found_ns, switched_on_ns;
	uint64_t looked_ns;
	uint64_t last_ns;  /* of its last record */
	uint64_t stuck_ns; /* since when the next record is not finished; 0: it is */
	uint32_t uid;
	uint64_t threshold; /* for its traces (bpf/sample.h), as written to its ring */
	uint64_t emitted[OTR_SHIM_COUNTS]; /* how much of each count has been emitted */
	struct otr_cpu_clamp clamp;
	uint64_t base[OTR_SHIM_COUNTS]; /* the counts when this agent began to read */
	struct holder *conns;
	uint32_t parent;   /* its parent, when the ring was found */
	uint32_t handoffs; /* late evidence about its requests */
	uint32_t refused;  /* records about sockets that only other processes have */
	uint64_t own[64];  /* a cache of connections of this ring, by their low bits */
	struct {
		uint64_t conn, until_ns;
	} vouched[8]; /* connections of other rings that this process may report, too */
	unsigned int next_vouched;
	struct shim *prev, *next;
};

/* The ring that has the state of a connection. */
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
	bool paused, late_evidence;
	struct otr_ring_switches switches;
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
	bool (*accepts)(void *arg, uint32_t tgid);
	void *accepts_arg;
};

/* Returns the ring of this process that is read, or NULL. */
struct shim *otr_shim_of(const struct otr_shims *s, uint32_t tgid);

/* Returns the ring in `fd`, mapped, or NULL if `fd` is no ring. The caller does not have its lease
 * yet. */
struct shim *otr_shim_make(int fd, uint32_t tgid, uint32_t uid);
/* Unmaps and frees a ring that is in no list. */
void otr_shim_drop(struct shim *sh);
/* Switches off the ring in `fd`, if there is one: as no agent will read it, no header may name its
 * spans. */
void otr_shim_refuse(int fd);
/* Has the process ended? Asks the kernel once in 50 ms at most. */
bool otr_shim_has_ended(struct shim *sh, uint64_t now_ns);
/* Writes `late_evidence` to the ring: whether late evidence can come, and how much has come. */
static inline void otr_shim_write_late_evidence(const struct otr_shims *s, struct shim *sh)
{
	__atomic_store_n(&sh->rd.ring->late_evidence, s->late_evidence ? 1 + sh->handoffs : 0,
			 __ATOMIC_RELAXED);
}
/* Writes the switches and `paused` to the ring. */
void otr_shim_write_switches(const struct otr_shims *s, struct shim *sh);
/* Writes the threshold to the ring, if it has changed. */
void otr_shim_set_threshold(const struct otr_shims *s, struct shim *sh);
/* shim_loss.c: counts a loss, once, if the process has overwritten its switches: it is not known
 * which records it did not write for that reason. */
void otr_shim_check_switches(const struct otr_shims *s, struct shim *sh);

/* shim_adopt.c: adopts the ring in `m` that the process has made itself. */
struct otr_ring_find;
enum otr_adopt otr_shims_adopt_found(struct otr_shims *s, struct otr_ring_find *m, uint32_t tgid,
				     uint64_t now_ns);
/* Switches a ring on again that its process has switched off, as this agent was stopped for
 * long. */
void otr_shim_switch_on_again(struct otr_shims *s, struct shim *sh, uint64_t now_ns);
/* Returns a random number that names this agent as a reader. */
uint64_t otr_shims_new_reader_id(void);
/* Adopts rings whose lease another agent has lost. */
void otr_shims_retry_held(struct otr_shims *s, uint64_t now_ns);
/* Drops the rings that other agents read. */
void otr_shims_drop_held(struct otr_shims *s);

#define OTR_PRICE_RECORD 250 /* ns that a record costs its process: scripts/bench.sh shimtcp */

/* Emits what the process has counted as lost since the last call, and charges its price
 * (cpu_clamp.h). */
void otr_shim_emit_losses(struct otr_shims *s, struct shim *sh, uint64_t now_ns, otr_event_fn fn,
			  void *arg);

/* Is there room for one more ring: `all` in total, `theirs` of user `uid`? */
bool otr_shims_room(size_t all, size_t theirs, uint32_t uid);
/* Is there room for one more ring of this user, besides those that are read or held by another
 * agent? */
bool otr_shims_has_room(const struct otr_shims *s, uint32_t uid);

/* Keeps which ring has the state of a connection: that of the process that has reported it last.
 * Returns false if the process reports a socket that only another process has (vouch.h): then the
 * record is refused. */
bool otr_shims_follow(struct otr_shims *s, struct shim *sh, const struct otr_event *ev,
		      uint64_t now_ns);

/* Adds the other end to the record of an AF_UNIX connection that has begun, if the kernel knows
 * it. */
void otr_shims_peer(const struct otr_shims *s, struct otr_ev_conn *cn);

#define OTR_SHIM_PROOFS	     64 /* otr_vouch() calls in one drain: each reads a folder of /proc */
#define OTR_SHIM_REFUSED_MAX 16 /* after so many refused records a ring is not read any more */

/* Forgets the connections of a ring. */
void otr_shims_forget(struct otr_shims *s, struct shim *sh);

/* Copies the state of a run, for otr_watch_emit(); `ctx`: the struct otr_shims. Returns false if
 * there is none, or if the process was writing it. */
bool otr_shims_get_run(void *ctx, uint64_t key, struct otr_run_now *now);

#endif /* OTR_SHIM_STATE_H */
