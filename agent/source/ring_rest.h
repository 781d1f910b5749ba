/* SPDX-License-Identifier: Apache-2.0 */
#ifndef OTR_RING_REST_H
#define OTR_RING_REST_H

/*
 * ring_rest.h - how long the agent may leave the rings of the library unread.
 *
 * Nothing wakes the agent when a ring fills: that would cost the traced program a system call. So
 * it reads them by a timer. Each reading costs the agent some 20 us, whatever it brings; at 500
 * readings a second that is a hundredth of a core. The time to the next one is such that the
 * fullest ring would be an eighth full then, at the rate of the time before.
 */

#include <stdint.h>

#define OTR_RING_REST_MIN_MS 2
#define OTR_RING_REST_MAX_MS 20 /* also where nothing comes: a burst may follow */

struct otr_ring_rest {
	uint64_t read_ns; /* when the rings were read last; 0: never */
	int ms;		  /* until they have to be read again */
};

/* The rings were read at `now_ns`, and `bytes` were in the fullest of them. */
void otr_ring_rest_read(struct otr_ring_rest *rest, uint64_t now_ns, uint64_t bytes);

#endif /* OTR_RING_REST_H */
