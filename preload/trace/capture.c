/* SPDX-License-Identifier: Apache-2.0 */
/* capture.c - how many of the bytes that move are copied, by the policy that the agent sets. */

#include "preload/trace/capture.h"

#include <stddef.h>

#include "preload/base/shim.h"

#define POLICY_PROBES 8 /* slots of the table in which the agent puts a key */

static void take_policy(struct otr_fd *f, int dir)
{
	const struct otr_ring *ring = otr_ring_now();
	uint64_t key = otr_dir_key(f->inode, (uint32_t)dir);
	uint32_t at = otr_ring_hash(key);
	struct otr_shim_dir *w = &f->dirs[dir];

	w->capture = otr_opening_capture(f->opening);
	w->head_bytes = otr_opening_head_bytes(f->opening);
	if (f->layer == OTR_LAYER_LIB) { /* each call emits one complete message */
		w->capture = OTR_CAPTURE_CALLS;
		w->head_bytes = OTR_LIB_BYTES;
		return;
	}
	for (uint32_t i = 0; i < POLICY_PROBES; i++) {
		uint32_t place = (at + i) % OTR_RING_POLICIES;

		if (ring->policies[place].key != key)
			continue;
		w->capture = (uint8_t)ring->policies[place].policy.capture;
		w->head_bytes = ring->policies[place].policy.head_bytes;
	}
	/* A mute policy was set for the ciphertext; it does not hold for the plaintext. */
	if (f->layer != OTR_LAYER_SOCKET && w->capture == OTR_CAPTURE_MUTE)
		w->capture = otr_opening_capture(f->opening);
	if (w->head_bytes > OTR_DATA_MAX)
		w->head_bytes = OTR_DATA_MAX;
}

void otr_take_policies(struct otr_fd *f)
{
	f->policy_gen = otr_ring_now()->policy_gen;
	take_policy(f, OTR_DIR_IN);
	take_policy(f, OTR_DIR_OUT);
}

/* A client's bytes are all read, since the boundary of its requests is followed; of a server's
 * answer the first and last bytes. */
size_t otr_capture_wanted(const struct otr_fd *f)
{
	const struct otr_shim_dir *w = &f->dirs[OTR_DIR_OUT];

	if (f->has_upper)
		return 0;
	if (f->role != OTR_ROLE_SERVER || otr_capture_walks(w->capture) || !otr_ring_now() ||
	    f->policy_gen != otr_ring_now()->policy_gen)
		return OTR_DATA_MAX;
	if (f->shed || w->capture == OTR_CAPTURE_MUTE)
		return 0;
	if (w->capture == OTR_CAPTURE_HEAD && f->last_dir == OTR_DIR_OUT &&
	    w->copied >= w->head_bytes)
		return OTR_TAIL;
	return w->head_bytes;
}
