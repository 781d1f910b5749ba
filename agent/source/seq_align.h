/* SPDX-License-Identifier: Apache-2.0 */
#ifndef OTR_SEQ_ALIGN_H
#define OTR_SEQ_ALIGN_H

/*
 * seq_align.h - gives the events of the kernel and of the library about one connection the same
 * positions.
 *
 * Where both report a connection, the kernel has its facts and the library its bytes. The library
 * counts bytes from the first one that it sees; the kernel knows the sequence number of that
 * byte. Where both are known, the positions in events are sequence numbers, so that the ends of a
 * wire are paired whichever source reports them.
 *
 * The difference between what the kernel counted and what the library did is the bytes that
 * bypassed the library (stdio on a socket, direct system calls, io_uring). It is emitted as
 * OTR_EV_BYPASSED.
 */

#include "agent/source/source.h"

struct otr_seq_align;

/* Returns 0 or -ENOMEM. */
int otr_seq_align_new(struct otr_seq_align **out);
void otr_seq_align_free(struct otr_seq_align **pp);

/* Passes on `ev`, or what replaces it, in no, one or two calls of `fn`. Events come in the order
 * of their times. */
void otr_seq_align_event(struct otr_seq_align *p, const struct otr_event *ev, otr_event_fn fn,
			 void *arg);

#endif /* OTR_SEQ_ALIGN_H */
