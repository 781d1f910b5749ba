/* SPDX-License-Identifier: Apache-2.0 */
#ifndef OTR_INBOUND_H
#define OTR_INBOUND_H

/* inbound.h - inbound exchanges by connection (inode), and notify slots by key. */

#include <stdint.h>

#include "preload/base/shim.h"

#pragma GCC visibility push(hidden) /* exports.map: nothing of ours gets out */

struct otr_inbound *otr_inbound_of(uint64_t conn);
struct otr_inbound *otr_inbound_make(uint64_t conn);
struct otr_exch *otr_exch_of(uint64_t conn);
/* Locks the ids and lists for writing; otr_inbound_unlock() must follow. Returns 0 where
 * another thread writes them, or the slot is another connection's by now. */
int otr_inbound_lock(struct otr_inbound *inbound, uint64_t conn);
void otr_inbound_unlock(struct otr_inbound *inbound);
/* Copies the ids. Returns 0 where they are not known, or another thread writes them. `seq` is
 * for otr_inbound_is(). */
int otr_ids_read(const struct otr_inbound *inbound, uint64_t conn, struct otr_span_ids *out,
		 uint32_t *seq);
/* After more was read: was all of it of the exchange at `pos`? The next one of the connection may
 * have begun, also before the ids were read. */
int otr_inbound_is(const struct otr_inbound *inbound, uint64_t conn, uint64_t pos, uint32_t seq);
/* A notify slot that no other thread uses; otr_notify_slot_clear() must follow. NULL: no slot
 * is free, or another thread uses it, which then drops the token (`contended`). */
struct otr_notify_slot *otr_notify_slot_of(uint64_t key);
void otr_notify_slot_clear(struct otr_notify_slot *slot);

#pragma GCC visibility pop

#endif /* OTR_INBOUND_H */
