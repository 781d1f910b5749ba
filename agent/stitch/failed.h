/* SPDX-License-Identifier: Apache-2.0 */
#ifndef OTR_STITCH_FAILED_H
#define OTR_STITCH_FAILED_H

/* failed.h - calls of connect() that failed. */

struct otr_ev_failed;
struct otr_event;
struct otr_stitch;

/* A connect() failed. It becomes a span once no other attempt can stand for it: see failed.c. */
void otr_stitch_failed(struct otr_stitch *st, const struct otr_ev_failed *ev);

/* Takes any other event: a connection that opens, or a process that ends, decides attempts that are
 * held. */
void otr_failed_event(struct otr_stitch *st, const struct otr_event *ev);

/* Inside of stitch/ only, as is the next one. Ends all that are held: they become spans. */
void otr_failed_flush(struct otr_stitch *st);

/* Ends those that were held for long enough. */
void otr_failed_tick(struct otr_stitch *st);

#endif /* OTR_STITCH_FAILED_H */
