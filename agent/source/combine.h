/* SPDX-License-Identifier: Apache-2.0 */
#ifndef OTR_SOURCE_COMBINE_H
#define OTR_SOURCE_COMBINE_H

/*
 * combine.h - the probes and the library in one session, so that no byte is observed twice.
 *
 * A process with the library reports its own bytes; the kernel reports its life and the facts of
 * its connections. An agent that began after the process finds its ring and adopts it. Where
 * only one of the two sources is open, the functions here do nothing, except that rings are
 * adopted without probes too.
 */

#include <stdbool.h>
#include <stdint.h>

#include "agent/source/shim.h"
#include "agent/source/source.h"

struct otr_bpf;
struct otr_combine;

struct otr_combine_config {
	struct otr_bpf *bpf;	 /* borrowed; or NULL */
	struct otr_shims *shims; /* borrowed; or NULL */
	bool adopt;		 /* the library serves traced processes alone */
	bool (*is_traced)(void *arg, uint32_t tgid);
	void *arg;
};

/* Returns 0 or -errno. */
int otr_combine_new(struct otr_combine **out, const struct otr_combine_config *cfg);
void otr_combine_free(struct otr_combine **cp);

/* Looks for the ring of a process and adopts it, if it is time to look again. */
enum otr_adopt otr_combine_adopt(struct otr_combine *cb, uint32_t tgid, uint64_t now_ns);

/* An event of the kernel was passed on: looks for a ring where the event is a reason to. */
void otr_combine_from_kernel(struct otr_combine *cb, const struct otr_event *ev);

/* Is this event of the library left out, since the kernel reports it too? */
bool otr_combine_omits(const struct otr_combine *cb, const struct otr_event *ev);

/* After each drain: processes that claimed to carry the library, and whose ring nobody has, are
 * observed by the probes again. */
void otr_combine_sweep(struct otr_combine *cb, uint64_t now_ns);

/* Passes on an event that merge.c released, its positions aligned (seq_align.h). */
void otr_combine_align(struct otr_combine *cb, const struct otr_event *ev, otr_event_fn fn,
		       void *arg);

#endif /* OTR_SOURCE_COMBINE_H */
