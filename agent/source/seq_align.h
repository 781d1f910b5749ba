/* SPDX-License-Identifier: Apache-2.0 */
#ifndef OTR_SOURCE_PLACES_H
#define OTR_SOURCE_PLACES_H

/*
 * seq_align.h - two sources that speak of one connection, made to speak alike.
 *
 * Where the kernel and the library in a process both tell of it, the kernel has the facts
 * and the library the bytes. The library counts bytes from the first; the kernel knows which
 * sequence number the first one had. From here on places are sequence numbers wherever
 * both are known, so that the ends of a wire pair whoever saw them.
 *
 * It also tells what a process moved past its library (stdio on a socket, direct system
 * calls, io_uring): what the kernel counted less what the library did, as OTR_EV_PAST.
 */

#include "agent/source/source.h"

struct otr_seq_align;

/* Returns 0 or -ENOMEM. */
int otr_seq_align_new(struct otr_seq_align **out);
void otr_seq_align_free(struct otr_seq_align **pp);

/* Hands on `ev`, or what it is to be instead, in no, one or two calls of `fn`. Events come in
 * the order of their times. */
void otr_seq_align_event(struct otr_seq_align *p, const struct otr_event *ev, otr_event_fn fn,
			 void *arg);

#endif /* OTR_SOURCE_PLACES_H */
