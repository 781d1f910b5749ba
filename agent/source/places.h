/* SPDX-License-Identifier: Apache-2.0 */
#ifndef OTR_SOURCE_PLACES_H
#define OTR_SOURCE_PLACES_H

/*
 * places.h - two sources that speak of one connection, made to speak alike.
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

struct otr_places;

/* Returns 0 or -ENOMEM. */
int otr_places_new(struct otr_places **out);
void otr_places_free(struct otr_places **pp);

/* Hands on `ev`, or what it is to be instead, in no, one or two calls of `fn`. Events come in
 * the order of their times. */
void otr_places_event(struct otr_places *p, const struct otr_event *ev, otr_event_fn fn,
		      void *arg);

#endif /* OTR_SOURCE_PLACES_H */
