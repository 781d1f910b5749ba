/* SPDX-License-Identifier: Apache-2.0 */
#ifndef OTR_SOURCE_SHIM_H
#define OTR_SOURCE_SHIM_H

/*
 * shim.h - the library inside traced processes (preload/) as a source of events.
 *
 * A process that carries it offers a ring (bpf/ring.h) over a socket whose name and secret
 * it was given in OTRACE_SESSION. What lies in the ring is the process's own word: each
 * record is copied, then checked, and named as the process that the kernel says it is.
 */

#include <stdbool.h>
#include <stdint.h>

#include "agent/source/offer.h"
#include "agent/source/ring_find.h"
#include "agent/source/source.h"
#include "bpf/event.h"
#include "bpf/ring.h"

struct otr_err;
struct otr_shims;

/* What otr_shim_source opens with; all may be NULL. */
struct otr_shim_config {
	const struct otr_ring_switches *switches; /* of every process from its start on */
	otr_shim_born_fn born;
	otr_uncarried_fn uncarried; /* a program is started that will not carry the library */
	void *arg;		    /* of both */
};

/* Makes the sockets. Returns 0, or -errno with the reason in `err`. */
int otr_shims_open(struct otr_shims **out, struct otr_err *err);

/* Tells every shim to call through from now on, and lets go of its ring: another agent may
 * take it. NULL is fine. */
void otr_shims_close(struct otr_shims **sp);

/* What OTRACE_SESSION is set to for those that may join. */
const char *otr_shims_session(const struct otr_shims *s);

/* Readable when a process offers a ring. */
int otr_shims_fd(const struct otr_shims *s);

/* How many processes have a ring. */
size_t otr_shims_alive(const struct otr_shims *s);

/* Others tell late who did whose work: see `late` in bpf/ring.h. */
void otr_shims_late(struct otr_shims *s);
/* They have, of a thread of this process. */
void otr_shims_handoff(struct otr_shims *s, uint32_t tgid);

/* Has this process a ring? */
bool otr_shims_has(const struct otr_shims *s, uint32_t tgid);

/* Looks for the ring that a process has mapped, of its own, and takes it. */
enum otr_adopt otr_shims_adopt(struct otr_shims *s, uint32_t tgid, uint64_t now_ns);

/* What that would say, and nothing is changed: TAKEN stands for what could be. */
enum otr_adopt otr_shims_peek(uint32_t tgid, uint64_t now_ns);

/* Offers are taken of those processes alone of which `fn` says so. Without it, of all. */
void otr_shims_welcome(struct otr_shims *s, bool (*fn)(void *arg, uint32_t tgid), void *arg);

/* Calls `fn` in a drain for each process whose offer was taken. */
void otr_shims_on_born(struct otr_shims *s, otr_shim_born_fn fn, void *arg);

/* `fn` is told of programs that will not carry the library, by who starts them. */
void otr_shims_on_uncarried(struct otr_shims *s, otr_uncarried_fn fn, void *arg);

/* A process executes another program. */
void otr_shims_executed(struct otr_shims *s, uint32_t tgid, uint64_t when_ns);

/* `fn` is told of each that is taken so, just before it is switched on: its bytes are not to be
 * told by anybody else from then on. */
void otr_shims_on_adopt(struct otr_shims *s, otr_shim_born_fn fn, void *arg);

/* The inodes of the sockets at which rings are offered; 0: there is none. */
void otr_shims_doors(const struct otr_shims *s, uint64_t inodes[OTR_OFFER_DOORS]);

/* Takes offers, then all that lies in the rings. A process that has ended gives
 * OTR_EV_PROC_EXIT last. Returns how many records. */
int otr_shims_drain(struct otr_shims *s, uint64_t now_ns, otr_event_fn fn, void *arg);

/* What is not in a ring: runs that are watched, and records that found no room. */
void otr_shims_poll(struct otr_shims *s, uint64_t now_ns, otr_event_fn fn, void *arg);

/* The streams' wishes; see agent/stream/stream.h. */
void otr_shims_policy(struct otr_shims *s, uint64_t conn, enum otr_dir dir,
		      enum otr_capture capture, uint32_t head_bytes);
void otr_shims_watch(struct otr_shims *s, uint64_t conn, enum otr_dir dir, bool want);

/* CPU that the library took from those it is in: what it told and let go, by a price each. */
uint64_t otr_shims_cost_ns(const struct otr_shims *s);

/* Requests that begin from now on are let go, each with its answer, and counted
 * (OTR_LOSS_BUDGET); those that were begun before are told to their ends. */
void otr_shims_pause(struct otr_shims *s, bool pause);

/* Said to all that have a ring, and to all that will. */
void otr_shims_say(struct otr_shims *s, const struct otr_ring_switches *say);

/* This process calls through from now on. */
void otr_shims_off(struct otr_shims *s, uint32_t tgid);

/* What all shims have counted so far, by enum otr_shim_count. */
uint64_t otr_shims_count(const struct otr_shims *s, enum otr_shim_count what);

#endif /* OTR_SOURCE_SHIM_H */
