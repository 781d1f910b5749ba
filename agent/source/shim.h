/* SPDX-License-Identifier: Apache-2.0 */
#ifndef OTR_SOURCE_SHIM_H
#define OTR_SOURCE_SHIM_H

/*
 * shim.h - the library inside traced processes (preload/) as a source of events.
 *
 * A process that carries the library offers a ring (bpf/ring.h) at a socket; OTRACE_SESSION tells
 * it the name and the secret. The agent does not trust what is in a ring: each record is copied,
 * then checked, and gets the process that the kernel names. One thread.
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
	/* At which threshold traces that begin in a process are sampled (bpf/sample.h). Asked once
	 * a second. */
	uint64_t (*threshold)(void *arg, uint32_t tgid);
	void *arg; /* of these functions */
};

/* Makes the sockets. Returns 0, or -errno with the reason in `err`. */
int otr_shims_open(struct otr_shims **out, struct otr_err *err);

/* Switches the library off in every process and gives up the lease of its ring, so that another
 * agent may adopt it. NULL is allowed. */
void otr_shims_close(struct otr_shims **sp);

/* Returns the value of OTRACE_SESSION for programs of this session. */
const char *otr_shims_session(const struct otr_shims *s);

/* Readable when a process offers a ring. */
int otr_shims_fd(const struct otr_shims *s);

/* How many processes have a ring that is read. */
size_t otr_shims_alive(const struct otr_shims *s);

/* Late evidence (R6c) comes from the kernel side in this session: see `late_evidence` in
 * bpf/ring.h. */
void otr_shims_late(struct otr_shims *s);
/* Late evidence has named a request of this process. */
void otr_shims_handoff(struct otr_shims *s, uint32_t tgid);

/* Has this process a ring that is read? */
bool otr_shims_has(const struct otr_shims *s, uint32_t tgid);

/* Finds the ring that a process has made itself, and adopts it. */
enum otr_adopt otr_shims_adopt(struct otr_shims *s, uint32_t tgid, uint64_t now_ns);

/* Returns what otr_shims_adopt() would return, without adopting; TAKEN: the ring can be adopted. */
enum otr_adopt otr_shims_peek(uint32_t tgid, uint64_t now_ns);

/* From now on offers are accepted only from processes for which `fn` returns true. */
void otr_shims_accept_if(struct otr_shims *s, bool (*fn)(void *arg, uint32_t tgid), void *arg);

/* Calls `fn` in a drain for each process whose offer was taken. */
void otr_shims_on_born(struct otr_shims *s, otr_shim_born_fn fn, void *arg);

/* Calls `fn` in a drain for each program into which the library will not be loaded, as the process
 * that starts it has reported. */
void otr_shims_on_uncarried(struct otr_shims *s, otr_uncarried_fn fn, void *arg);

/* A process executes another program: rings that were found before get no more records. */
void otr_shims_executed(struct otr_shims *s, uint32_t tgid, uint64_t when_ns);

/* Calls `fn` for each process whose ring is adopted, just before it is switched on: from then on
 * no other source may report its bytes. */
void otr_shims_on_adopt(struct otr_shims *s, otr_shim_born_fn fn, void *arg);

/* The inodes of the sockets at which rings are offered; 0: no socket. */
void otr_shims_doors(const struct otr_shims *s, uint64_t inodes[OTR_OFFER_DOORS]);

/* Accepts offers, then gives `fn` all records in the rings; the last one of a process that has
 * ended is OTR_EV_PROC_EXIT. Returns how many records. */
int otr_shims_drain(struct otr_shims *s, uint64_t now_ns, otr_event_fn fn, void *arg);

/* In how many ms otr_shims_drain() has to be called again, so that no ring fills; see
 * ring_rest.h. */
int otr_shims_rest_ms(const struct otr_shims *s);

/* Calls `fn` with the state of watched runs, and the losses since the last call. */
void otr_shims_poll(struct otr_shims *s, uint64_t now_ns, otr_event_fn fn, void *arg);

/* As in feedback.h, for a connection whose process has a ring. */
void otr_shims_policy(struct otr_shims *s, uint64_t conn, enum otr_dir dir,
		      enum otr_capture capture, uint32_t head_bytes);
void otr_shims_watch(struct otr_shims *s, uint64_t conn, enum otr_dir dir, bool want);

/* Returns the CPU time that the library has taken of its processes: that of records and shed
 * requests, each at a measured price. */
uint64_t otr_shims_cost_ns(const struct otr_shims *s);

/* As `pause` in source.h. */
void otr_shims_pause(struct otr_shims *s, bool pause);

/* See struct otr_shim_config. */
void otr_shims_on_threshold(struct otr_shims *s, uint64_t (*fn)(void *arg, uint32_t tgid),
			    void *arg);

/* Sets the switches of all processes that have a ring now or later. */
void otr_shims_set_switches(struct otr_shims *s, const struct otr_ring_switches *switches);

/* Switches the library off in this process. */
void otr_shims_off(struct otr_shims *s, uint32_t tgid);

/* Switches it on again. Returns false where it was not switched off by otr_shims_off(). */
bool otr_shims_on_again(struct otr_shims *s, uint32_t tgid, uint64_t now_ns);

/* Returns a counter of the library, summed over all processes. */
uint64_t otr_shims_count(const struct otr_shims *s, enum otr_shim_count what);

#endif /* OTR_SOURCE_SHIM_H */
