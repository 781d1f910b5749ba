/* SPDX-License-Identifier: Apache-2.0 */
/* capture.c - how much of what moves is copied, as the agent says it of each connection. */

#include "preload/trace/capture.h"

#include <stddef.h>

#include "preload/base/shim.h"

/* How a connection is captured for which the agent has set no policy. */
static uint8_t own_policy(const struct otr_fd *f)
{
	return f->opening == OTR_OPENING_HTTP2 ? OTR_CAPTURE_FRAMES
	       : f->opening == OTR_OPENING_SSH ? OTR_CAPTURE_MUTE
					       : OTR_CAPTURE_HEAD;
}

static void take_policy(struct otr_fd *f, int dir)
{
	const struct otr_ring *ring = otr_ring_now();
	uint64_t key = otr_dir_key(f->inode, (uint32_t)dir);
	uint32_t at = otr_ring_hash(key);
	struct otr_shim_dir *w = &f->dirs[dir];

	w->capture = own_policy(f);
	w->head_bytes = OTR_HEAD_BYTES;
	if (f->layer == OTR_LAYER_LIB) { /* the library emits complete messages here */
		w->capture = OTR_CAPTURE_CALLS;
		w->head_bytes = OTR_LIB_BYTES;
		return;
	}
	for (uint32_t i = 0; i < 8; i++) {
		uint32_t place = (at + i) % OTR_RING_POLICIES;

		if (ring->policies[place].key != key)
			continue;
		w->capture = (uint8_t)ring->policies[place].policy.capture;
		w->head_bytes = ring->policies[place].policy.head_bytes;
	}
	/* A policy that was set for the ciphertext does not hold for the plaintext. */
	if (f->layer != OTR_LAYER_SOCKET && w->capture == OTR_CAPTURE_MUTE)
		w->capture = own_policy(f);
	if (w->head_bytes > OTR_DATA_MAX)
		w->head_bytes = OTR_DATA_MAX;
}

void otr_take_policies(struct otr_fd *f)
{
	f->policy_gen = otr_ring_now()->policy_gen;
	take_policy(f, OTR_DIR_IN);
	take_policy(f, OTR_DIR_OUT);
}

/* Of an answer the first and the last bytes are read; of what a client sends all, to know where
 * its next request begins. */
size_t otr_wanted(const struct otr_fd *f)
{
	const struct otr_shim_dir *w = &f->dirs[OTR_DIR_OUT];

	if (f->has_upper)
		return 0;
	if (f->role != OTR_ROLE_SERVER || w->capture == OTR_CAPTURE_FRAMES || !otr_ring_now() ||
	    f->policy_gen != otr_ring_now()->policy_gen)
		return OTR_DATA_MAX;
	if (f->shed || w->capture == OTR_CAPTURE_MUTE)
		return 0;
	if (w->capture == OTR_CAPTURE_HEAD && f->last_dir == OTR_DIR_OUT &&
	    w->copied >= w->head_bytes)
		return OTR_TAIL;
	return w->head_bytes;
}
