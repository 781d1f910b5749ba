/* SPDX-License-Identifier: Apache-2.0 */
/*
 * inbound.c - inbound exchanges and notify slots, in hash tables without locks. If no slot is free
 * for an exchange, one whose exchange is over is reused; if there is none, the exchange is not
 * followed.
 */

#include "preload/base/inbound.h"

#include <stddef.h>
#include <string.h>

#include "preload/base/alloc.h"
#include "preload/base/share.h"
#include "preload/base/shim.h"

#define PROBES 8 /* slots in which a key may be */

static struct otr_inbound *place(uint64_t conn, uint32_t i)
{
	return &otr_get(&otr_shim.inbounds)[(otr_ring_hash(conn) + i) % OTR_EXCHS];
}

struct otr_inbound *otr_inbound_of(uint64_t conn)
{
	if (!__atomic_load_n(&otr_shim.inbounds, __ATOMIC_ACQUIRE))
		return NULL;
	for (uint32_t i = 0; conn && i < PROBES; i++)
		if (__atomic_load_n(&place(conn, i)->conn, __ATOMIC_ACQUIRE) == conn)
			return place(conn, i);
	return NULL;
}

int otr_inbound_lock(struct otr_inbound *inbound, uint64_t conn)
{
	uint32_t seq = __atomic_load_n(&inbound->seq, __ATOMIC_ACQUIRE);

	OTR_YIELD();
	if (seq & 1 || !__atomic_compare_exchange_n(&inbound->seq, &seq, seq + 1, 0,
						    __ATOMIC_ACQ_REL, __ATOMIC_RELAXED))
		return 0;
	if (otr_get(&inbound->conn) == conn)
		return 1;
	otr_inbound_unlock(inbound);
	return 0;
}

void otr_inbound_unlock(struct otr_inbound *inbound)
{
	OTR_YIELD();
	__atomic_fetch_add(&inbound->seq, 1, __ATOMIC_RELEASE);
}

/* Is the slot still of this connection, and not written since `seq` was read? */
static int is_same(const struct otr_inbound *inbound, uint64_t conn, uint32_t seq)
{
	__atomic_thread_fence(__ATOMIC_ACQUIRE);
	return otr_get(&inbound->conn) == conn && !(seq & 1) && otr_get(&inbound->seq) == seq;
}

/* R1 sets `pos` before the ids: a thread that has read the ids of the next exchange finds the `pos`
 * of that exchange here. */
int otr_inbound_is(const struct otr_inbound *inbound, uint64_t conn, uint64_t pos, uint32_t seq)
{
	return is_same(inbound, conn, seq) && otr_get(&inbound->exch.pos) == pos;
}

int otr_ids_read(const struct otr_inbound *inbound, uint64_t conn, struct otr_span_ids *out,
		 uint32_t *seq)
{
	*seq = __atomic_load_n(&inbound->seq, __ATOMIC_ACQUIRE);
	otr_share_get(out, &inbound->ids, sizeof(*out));
	return is_same(inbound, conn, *seq) && out->has_ids;
}

/* Takes a slot of connection `was` for `conn`. */
static struct otr_inbound *take(struct otr_inbound *inbound, uint64_t was, uint64_t conn)
{
	static const struct otr_span_ids none;
	static const struct otr_exch closed;

	if (!otr_inbound_lock(inbound, was))
		return NULL;
	otr_share_put(&inbound->exch, &closed, sizeof(inbound->exch));
	otr_share_put(&inbound->ids, &none, sizeof(inbound->ids));
	__atomic_store_n(&inbound->conn, conn, __ATOMIC_RELEASE);
	otr_inbound_unlock(inbound);
	return inbound;
}

struct otr_inbound *otr_inbound_make(uint64_t conn)
{
	struct otr_inbound *inbound;

	if (!otr_alloc_once(&otr_shim.inbounds, OTR_EXCHS * sizeof(*inbound)))
		return NULL;
	inbound = otr_inbound_of(conn);
	for (uint32_t i = 0; !inbound && i < PROBES; i++)
		if (!otr_get(&place(conn, i)->conn))
			inbound = take(place(conn, i), 0, conn);
	for (uint32_t i = 0; !inbound && i < PROBES; i++)
		if (!otr_get(&place(conn, i)->exch.open))
			inbound = take(place(conn, i), otr_get(&place(conn, i)->conn), conn);
	return inbound;
}

struct otr_exch *otr_exch_of(uint64_t conn)
{
	struct otr_inbound *inbound = otr_inbound_of(conn);

	return inbound ? &inbound->exch : NULL;
}

static struct otr_notify_slot *find_slot(uint64_t key)
{
	uint32_t at = otr_ring_hash(key);
	struct otr_notify_slot *slot;
	uint64_t none;

	for (uint32_t i = 0; i < PROBES; i++) {
		slot = &otr_shim.notify_slots[(at + i) % OTR_NOTIFY_SLOTS];
		none = 0;
		if (otr_get(&slot->key) == key ||
		    __atomic_compare_exchange_n(&slot->key, &none, key, 0, __ATOMIC_ACQ_REL,
						__ATOMIC_RELAXED))
			return slot;
	}
	return NULL;
}

struct otr_notify_slot *otr_notify_slot_of(uint64_t key)
{
	struct otr_notify_slot *slot = find_slot(key);
	uint32_t none = 0;

	if (!slot)
		return NULL;
	OTR_YIELD();
	if (!__atomic_compare_exchange_n(&slot->taken, &none, 1, 0, __ATOMIC_ACQUIRE,
					 __ATOMIC_RELAXED)) {
		__atomic_store_n(&slot->contended, 1, __ATOMIC_RELEASE);
		return NULL;
	}
	if (__atomic_exchange_n(&slot->contended, 0, __ATOMIC_ACQ_REL))
		slot->token.full = slot->token.many = 1;
	return slot;
}

void otr_notify_slot_clear(struct otr_notify_slot *slot)
{
	OTR_YIELD();
	__atomic_store_n(&slot->taken, 0, __ATOMIC_RELEASE);
}
