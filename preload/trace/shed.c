/* SPDX-License-Identifier: Apache-2.0 */
/* shed.c - requests that are left out: the CPU budget or the ring is used up, or --no-observe is
 * set. */

#include "preload/trace/shed.h"

#include <stddef.h>

#include "preload/base/shim.h"
#include "preload/parse/inject.h"
#include "preload/parse/request_boundary.h"
#include "preload/ring/ring.h"
#include "preload/trace/layer.h"

/* Are requests that begin in this direction shed? An outbound request is also shed if its parent
 * is: see otr_rules_ask(). */
static int sheds_new(int dir)
{
	return __atomic_load_n(&otr_ring_now()->paused, __ATOMIC_RELAXED) ||
	       (dir == OTR_DIR_IN && otr_ring_is_behind());
}

/* The counterpart of otr_shed() in bpf/. The causality rules still follow a request that is
 * shed. */
int otr_will_shed(const struct otr_fd *f, int dir)
{
	const struct otr_ring *ring = otr_ring_now();
	int begins = f->last_dir != dir && otr_is_request_dir(f, dir);

	if (!begins && f->last_dir != OTR_DIR_NONE)
		return f->shed;
	if (f->has_cause)
		return f->shed_next;
	return otr_switch_is_on(OTR_RING_NO_OBSERVE) || (begins && ring && sheds_new(dir));
}

void otr_shed_count(const struct otr_fd *f, int dir)
{
	if (f->dirs[dir].capture != OTR_CAPTURE_MUTE && !otr_switch_is_on(OTR_RING_NO_OBSERVE))
		otr_count(otr_get(&otr_shim.reader_is_behind) && !otr_ring_now()->paused
				  ? OTR_SHIM_BEHIND
				  : OTR_SHIM_SHED);
}

/* True if shedding loses no context: the last exchange, which was shed, is answered, and no
 * trace is propagated. */
static int loses_no_context(const struct otr_fd *f, const struct iovec *iov, int n)
{
	return f->last_dir == OTR_DIR_OUT && sheds_new(OTR_DIR_IN) &&
	       (!otr_ring_now()->propagates || !otr_head_has(iov, n, "traceparent"));
}

int otr_ask_is_shed(const struct otr_self *self, const struct otr_fd *f)
{
	const struct otr_asked *asked = &f->asked;

	return f->shed && f->role == OTR_ROLE_CLIENT && f->layer == OTR_LAYER_SOCKET &&
	       !f->has_upper && f->last_dir == OTR_DIR_IN && otr_ring_now() &&
	       otr_ring_now()->paused && otr_get(&otr_shim.is_server) && !self->strand.cur.conn &&
	       !f->has_cause && !asked->pending && !asked->has_born && !asked->claim.conn &&
	       !otr_tls_inside(self);
}

/* Does a request begin that may be shed without the causality rules? */
static int begins_shed(const struct otr_self *self, const struct otr_fd *f, int dir,
		       const struct iovec *iov, int n)
{
	return f->role == OTR_ROLE_SERVER ? dir == OTR_DIR_IN && loses_no_context(f, iov, n)
					  : dir == OTR_DIR_OUT && otr_ask_is_shed(self, f);
}

int otr_shed_moved(struct otr_self *self, struct otr_fd *f, int dir, uint64_t moved,
		   const struct iovec *iov, int n)
{
	struct otr_strand *st = &self->strand;

	if (!otr_ring_now() || f->has_upper || otr_tls_inside(self))
		return 0;
	if (f->last_dir != dir && otr_is_request_dir(f, dir)) {
		if (!begins_shed(self, f, dir, iov, n))
			return 0;
		otr_shed_decided(f, dir, 1, OTR_SHED_ALL);
	}
	if (f->shed != OTR_SHED_ALL)
		return 0;
	if (dir == OTR_DIR_IN && f->role == OTR_ROLE_CLIENT)
		otr_boundary_answered(&f->boundary, f->last_dir != dir, moved, iov, n);
	if (dir == OTR_DIR_IN)
		otr_join(st, 0, OTR_LEVEL_NONE, f->inode);
	else
		otr_set(st, 0, OTR_LEVEL_NONE, OTR_EVIDENCE_NONE);
	f->last_dir = (uint8_t)dir;
	f->dirs[dir].total += moved;
	f->dirs[dir].frames.lost = 1; /* the frames of a shed request are not followed */
	return 1;
}
