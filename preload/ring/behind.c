/* SPDX-License-Identifier: Apache-2.0 */
/* behind.c - is the reader of the ring behind? Then requests that begin are shed. */

#include <stddef.h>

#include "preload/base/shim.h"
#include "preload/ring/emit.h"
#include "preload/ring/ring.h"

/* Returns how many bytes are unread; less than 0: the reader has passed the head that was read
 * here. */
static int64_t unread(const struct otr_ring *ring)
{
	return (int64_t)(__atomic_load_n(&ring->head, __ATOMIC_RELAXED) -
			 __atomic_load_n(&otr_shim.seen_tail, __ATOMIC_RELAXED));
}

#define BEHIND	  ((int64_t)OTR_RING_BYTES / 4 * 3) /* unread bytes */
#define CAUGHT_UP ((int64_t)OTR_RING_BYTES / 2)

/* The thread that first finds that the reader is behind emits the record. */
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
