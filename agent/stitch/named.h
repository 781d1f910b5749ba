/* SPDX-License-Identifier: Apache-2.0 */
#ifndef OTR_STITCH_NAMED_H
#define OTR_STITCH_NAMED_H

/* named.h - exchanges by the span id that is on the wire, or that a process gave them. Inside of
 * stitch/ only. */

#include <stdbool.h>
#include <stdint.h>

struct otr_exchange;
struct otr_stitch;

/* The other end of a request, by the id in its header, or NULL. A client's end has an id that
 * otrace put there; a server's end may have. */
struct otr_exchange *otr_named_mate(struct otr_stitch *st, const struct otr_exchange *ex);

/* The request that the process of `ex` read with the very header that `ex` passes on, or NULL: the
 * one for which otrace made that id, else the only one that is open. */
struct otr_exchange *otr_named_reader(struct otr_stitch *st, const struct otr_exchange *ex);

/* The reverse: the request that passed on the header of the client's end `by`, and was seen
 * before `by` was joined to its peer; or NULL. */
struct otr_exchange *otr_named_passed(struct otr_stitch *st, const struct otr_exchange *by);

/* Adds `ex` by the id in its header, unless another has it; remove() takes it out of every
 * table of this file. */
void otr_named_add(struct otr_stitch *st, struct otr_exchange *ex);
void otr_named_remove(struct otr_stitch *st, struct otr_exchange *ex);

/* The span of `ex`, a server's end, gets the id that its process gave it. find(): the exchange
 * that has this id, or NULL. */
void otr_given_id_add(struct otr_stitch *st, struct otr_exchange *ex, const uint8_t span_id[8]);
struct otr_exchange *otr_given_id_find(struct otr_stitch *st, const uint8_t span_id[8]);

#endif /* OTR_STITCH_NAMED_H */
