/* SPDX-License-Identifier: Apache-2.0 */
/* behind.c - is the reader of the ring behind? Then no more requests are begun in it. */

#include <stddef.h>

#include "preload/base/shim.h"
#include "preload/ring/emit.h"
#include "preload/ring/ring.h"

/* Less than 0: the reader has passed the head that was read here a moment ago. */
static int64_t unread(const struct otr_ring *ring)
{
	return (int64_t)(__atomic_load_n(&ring->head, __ATOMIC_RELAXED) -
			 __atomic_load_n(&otr_shim.seen_tail, __ATOMIC_RELAXED));
}

#define BEHIND	  ((int64_t)OTR_RING_BYTES / 4 * 3) /* unread */
#define CAUGHT_UP ((int64_t)OTR_RING_BYTES / 2)

/* Where it begins, one thread emits the record. */
int otr_ring_is_behind(void)
{
	const struct otr_ring *ring = otr_ring_now();
	uint8_t was = __atomic_load_n(&otr_shim.reader_is_behind, __ATOMIC_RELAXED), is;

	if (!ring || (!was && unread(ring) <= BEHIND))
		return 0;
	__atomic_store_n(&otr_shim.seen_tail, __atomic_load_n(&ring->tail, __ATOMIC_ACQUIRE),
			 __ATOMIC_RELEASE);
	is = unread(ring) > (was ? CAUGHT_UP : BEHIND);
	if (is != was &&
	    __atomic_compare_exchange_n(&otr_shim.reader_is_behind, &was, is, 0, __ATOMIC_ACQ_REL,
					__ATOMIC_RELAXED) &&
	    is)
		otr_emit_behind();
	return is;
}
