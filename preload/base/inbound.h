/* SPDX-License-Identifier: Apache-2.0 */
#ifndef OTR_INBOUND_H
#define OTR_INBOUND_H

/* inbound.h - exchanges and notify slots by name. */

#include <stdint.h>

#include "preload/base/shim.h"

#pragma GCC visibility push(hidden) /* exports.map: nothing of ours gets out */

struct otr_inbound *otr_inbound_of(uint64_t conn);
struct otr_inbound *otr_inbound_make(uint64_t conn);
struct otr_exch *otr_exch_of(uint64_t conn);
/* To write its ids and lists: 0 where another thread does, or it is another connection's by
 * now. Then otr_inbound_unlock(). */
int otr_inbound_lock(struct otr_inbound *sv, uint64_t conn);
void otr_inbound_unlock(struct otr_inbound *sv);
/* A whole copy of its ids; returns 0 where there is none to be had. `seq` is for
 * otr_inbound_same(): after more was read of it, is that still of the same exchange? */
int otr_ids_read(const struct otr_inbound *sv, uint64_t conn, struct otr_span_ids *out,
		 uint32_t *seq);
int otr_inbound_same(const struct otr_inbound *sv, uint64_t conn, uint32_t seq);
/* A slot that no other thread has; NULL: there is none, or one that has it for now is told that
 * another wrote (`torn`). Then otr_notify_slot_clear(). */
struct otr_notify_slot *otr_notify_slot_of(uint64_t key);
void otr_notify_slot_clear(struct otr_notify_slot *slot);

#pragma GCC visibility pop

#endif /* OTR_INBOUND_H */
