/* SPDX-License-Identifier: Apache-2.0 */
/*
 * serve.c - inbound exchanges and letter boxes, by name, in tables without locks.
 *
 * A place is taken by compare-and-swap of its key. Where there is none left, one whose
 * exchange is over goes; else the newcomer is not followed.
 */

#include <stddef.h>
#include <string.h>

#include "preload/room.h"
#include "preload/shim.h"

#define PROBES 8

static struct otr_served *place(uint64_t conn, uint32_t i)
{
	return &otr_shim.served[(otr_ring_hash(conn) + i) % OTR_EXCHS];
}

struct otr_served *otr_served_of(uint64_t conn)
{
	for (uint32_t i = 0; conn && otr_shim.served && i < PROBES; i++)
		if (__atomic_load_n(&place(conn, i)->conn, __ATOMIC_ACQUIRE) == conn)
			return place(conn, i);
	return NULL;
}

static struct otr_served *take(struct otr_served *sv, uint64_t was, uint64_t conn)
{
	if (!__atomic_compare_exchange_n(&sv->conn, &was, conn, 0, __ATOMIC_ACQ_REL,
					 __ATOMIC_RELAXED))
		return NULL;
	__atomic_fetch_add(&sv->seq, 2, __ATOMIC_ACQ_REL);
	memset(&sv->exch, 0, sizeof(*sv) - offsetof(struct otr_served, exch) -
				     OTR_TRACESTATE_MAX - OTR_BAGGAGE_MAX);
	return sv;
}

struct otr_served *otr_served_make(uint64_t conn)
{
	struct otr_served *sv;

	if (!otr_room_once(&otr_shim.served, OTR_EXCHS * sizeof(*sv)))
		return NULL;
	sv = otr_served_of(conn);
	for (uint32_t i = 0; !sv && i < PROBES; i++)
		if (!place(conn, i)->conn)
			sv = take(place(conn, i), 0, conn);
	for (uint32_t i = 0; !sv && i < PROBES; i++)
		if (!place(conn, i)->exch.open)
			sv = take(place(conn, i), place(conn, i)->conn, conn);
	return sv;
}

struct otr_exch *otr_exch_of(uint64_t conn)
{
	struct otr_served *sv = otr_served_of(conn);

	return sv ? &sv->exch : NULL;
}

struct otr_letter *otr_box_of(uint64_t key)
{
	uint32_t at = otr_ring_hash(key);
	struct otr_box *box;
	uint64_t none;

	for (uint32_t i = 0; i < PROBES; i++) {
		box = &otr_shim.boxes[(at + i) % OTR_BOXES];
		none = 0;
		if (box->key == key ||
		    __atomic_compare_exchange_n(&box->key, &none, key, 0,
						__ATOMIC_ACQ_REL, __ATOMIC_RELAXED))
			return &box->letter;
	}
	return NULL;
}
