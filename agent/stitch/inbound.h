/* SPDX-License-Identifier: Apache-2.0 */
#ifndef OTR_STITCH_INBOUND_H
#define OTR_STITCH_INBOUND_H

/* inbound.h - the inbound exchanges that each process has open. Inside of stitch/ only. */

#include <stdint.h>

struct otr_exchange;
struct otr_stitch;

/* `ex`, of a server's end, is open from now on, or is not any more; that may be called twice. */
void otr_inbound_add(struct otr_stitch *st, struct otr_exchange *ex);
void otr_inbound_remove(struct otr_stitch *st, struct otr_exchange *ex);

/* The inbound exchange of the same process that has the same header, if it is the only one that is
 * open: `ex` passed it on. NULL: there is none, or the header does not tell which. */
struct otr_exchange *otr_inbound_reader(struct otr_stitch *st, const struct otr_exchange *ex);

/* How many inbound exchanges the process has open. */
uint32_t otr_inbound_count(struct otr_stitch *st, uint32_t tgid);

/* Frees what is kept of processes without open requests, once all exchanges are freed. */
void otr_inbound_fini(struct otr_stitch *st);

#endif /* OTR_STITCH_INBOUND_H */
