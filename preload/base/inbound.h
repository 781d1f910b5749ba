/* SPDX-License-Identifier: Apache-2.0 */
#ifndef OTR_INBOUND_H
#define OTR_INBOUND_H

/* inbound.h - inbound exchanges, by the inode of their connection, and notify slots, by their
 * key. */

#include <stdint.h>

#include "preload/base/shim.h"

#pragma GCC visibility push(hidden) /* not exported: see exports.map */

/* Returns the last exchange of a connection, or NULL. */
struct otr_inbound *otr_inbound_of(uint64_t conn);
struct otr_exch *otr_exch_of(uint64_t conn);
/* The same, or a new slot; NULL: no slot is free, or there is no memory. */
struct otr_inbound *otr_inbound_make(uint64_t conn);
/* Locks the ids and lists for writing; otr_inbound_unlock() must follow. Returns 0 if another
 * thread writes them, or the slot belongs to another connection by now. */
int otr_inbound_lock(struct otr_inbound *inbound, uint64_t conn);
void otr_inbound_unlock(struct otr_inbound *inbound);
/* Copies the ids. Returns 0 if they are not known, or another thread writes them. *seq is for
 * otr_inbound_is(). */
int otr_ids_read(const struct otr_inbound *inbound, uint64_t conn, struct otr_span_ids *out,
		 uint32_t *seq);
/* After otr_ids_read() and reads of the lists: did all of them belong to the exchange at `pos`? The
 * next exchange of the connection may have begun, also before otr_ids_read(). */
int otr_inbound_is(const struct otr_inbound *inbound, uint64_t conn, uint64_t pos, uint32_t seq);
/* Takes the notify slot of a key; otr_notify_slot_clear() must follow. NULL: no slot is free, or
 * another thread uses it; then that thread's token is dropped (`contended`). */
struct otr_notify_slot *otr_notify_slot_of(uint64_t key);
/* Gives the slot back; its token stays. */
void otr_notify_slot_clear(struct otr_notify_slot *slot);

#pragma GCC visibility pop

#endif /* OTR_INBOUND_H */
