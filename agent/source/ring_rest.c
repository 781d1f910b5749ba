/* SPDX-License-Identifier: Apache-2.0 */
/* ring_rest.c - how long the agent may leave the rings of the library unread; see ring_rest.h. */

#include "agent/source/ring_rest.h"

#include "agent/base/clock.h"
#include "bpf/ring.h"

void otr_ring_rest_read(struct otr_ring_rest *rest, uint64_t now_ns, uint64_t bytes)
{
	uint64_t took_ns = rest->read_ns && now_ns > rest->read_ns ? now_ns - rest->read_ns : 0;
	uint64_t ms = OTR_RING_REST_MAX_MS;

	if (took_ns > OTR_NS_PER_S) /* the agent was halted: the rate is not known */
		took_ns = 0;
	if (bytes)
		ms = took_ns * (OTR_RING_BYTES / 8) / bytes / OTR_NS_PER_MS;
	if (ms < OTR_RING_REST_MIN_MS)
		ms = OTR_RING_REST_MIN_MS;
	rest->ms = ms < OTR_RING_REST_MAX_MS ? (int)ms : OTR_RING_REST_MAX_MS;
	rest->read_ns = now_ns;
}
