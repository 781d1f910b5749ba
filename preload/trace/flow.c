/* SPDX-License-Identifier: Apache-2.0 */
/*
 * flow.c - bytes that were moved: the run they belong to, what they say of causality, how
 * much of them is copied. The counterpart of bpf/move.bpf.h.
 */

#include <errno.h>
#include <stddef.h>
#include <string.h>

#include "preload/base/shim.h"
#include "preload/parse/inject.h"
#include "preload/trace/headend.h"
#include "preload/trace/proof.h"

/* How a connection is captured that the agent has said nothing of. */
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
	struct otr_shim_dir *w = &f->way[dir];

	w->capture = own_policy(f);
	w->head_bytes = OTR_HEAD_BYTES;
	if (f->layer == OTR_LAYER_LIB) { /* we told it what it is to be read as */
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
	/* What was said of the ciphertext before says nothing of this. */
	if (f->layer != OTR_LAYER_SOCKET && w->capture == OTR_CAPTURE_MUTE)
		w->capture = own_policy(f);
	if (w->head_bytes > OTR_DATA_MAX)
		w->head_bytes = OTR_DATA_MAX;
}

static void take_policies(struct otr_fd *f)
{
	f->policy_gen = otr_ring_now()->policy_gen;
	take_policy(f, OTR_DIR_IN);
	take_policy(f, OTR_DIR_OUT);
}

static int asks(const struct otr_fd *f, int dir)
{
	return (dir == OTR_DIR_IN) == (f->role == OTR_ROLE_SERVER);
}

/* What is asked on behalf of a request is told as that is: see otr_rules_ask(). */
static int want_of_cpu(int dir)
{
	return __atomic_load_n(&otr_ring_now()->paused, __ATOMIC_RELAXED) ||
	       (dir == OTR_DIR_IN && otr_ring_is_behind());
}

/* The counterpart of otr_shed() there: a request goes with its answer, so that none is
 * seen by half; causality goes on. */
int otr_will_shed(const struct otr_fd *f, int dir)
{
	const struct otr_ring *ring = otr_ring_now();
	int begins = f->last_dir != dir && asks(f, dir);

	if (!begins && f->last_dir != OTR_DIR_NONE)
		return f->shed;
	if (f->has_cause)
		return f->shed_next;
	return otr_switch_is_on(OTR_RING_NO_OBSERVE) || (begins && ring && want_of_cpu(dir));
}

/* Counted where it is for want of CPU. It may have been decided when its cause was asked. */
static void shed(struct otr_fd *f, int dir, int first, int go)
{
	otr_put(&f->shed, (uint8_t)go);
	if (go && first && asks(f, dir) && f->way[dir].capture != OTR_CAPTURE_MUTE &&
	    !otr_switch_is_on(OTR_RING_NO_OBSERVE))
		otr_count(otr_get(&otr_shim.behind) && !otr_ring_now()->paused ? OTR_SHIM_BEHIND
									       : OTR_SHIM_SHED);
}

void otr_mark_propagates(void)
{
	if (otr_ring_now() && !otr_ring_now()->propagates)
		otr_ring_now()->propagates = 1;
}

/* Does nobody need to know whom this request is for? It is let go as the one before it was,
 * which is answered, and there is no one to be told which trace it is in. */
static int is_nobodys(const struct otr_fd *f, const struct iovec *iov, int n)
{
	return f->last_dir == OTR_DIR_OUT && want_of_cpu(OTR_DIR_IN) &&
	       (!otr_ring_now()->propagates || !otr_head_has(iov, n, "traceparent"));
}

/* The same of one that goes out, while its strand works for nobody who is known. */
int otr_asks_unseen(const struct otr_self *self, const struct otr_fd *f)
{
	const struct otr_asked *asked = &f->asked;

	return f->shed && f->role == OTR_ROLE_CLIENT && f->layer == OTR_LAYER_SOCKET &&
	       !f->opaque && f->last_dir == OTR_DIR_IN && otr_ring_now() &&
	       otr_ring_now()->paused && otr_get(&otr_shim.alone) && !self->strand.cur.conn &&
	       !f->has_cause && !asked->pending && !asked->has_born && !asked->claim.conn &&
	       !otr_tls_inside(self);
}

static int begins_unseen(const struct otr_self *self, const struct otr_fd *f, int dir,
			 const struct iovec *iov, int n)
{
	return f->role == OTR_ROLE_SERVER ? dir == OTR_DIR_IN && is_nobodys(f, iov, n)
					  : dir == OTR_DIR_OUT && otr_asks_unseen(self, f);
}

int otr_shed_fast_path(struct otr_self *self, struct otr_fd *f, int dir, uint64_t moved,
		       const struct iovec *iov, int n)
{
	struct otr_strand *st = &self->strand;

	if (!f->shed || !otr_ring_now() || f->opaque || otr_tls_inside(self))
		return 0;
	if (f->last_dir != dir && asks(f, dir)) {
		if (!begins_unseen(self, f, dir, iov, n))
			return 0;
		shed(f, dir, 1, OTR_SHED_ALL);
	}
	if (f->shed != OTR_SHED_ALL)
		return 0;
	if (dir == OTR_DIR_IN)
		otr_join(st, 0, OTR_LEVEL_NONE, f->inode);
	else
		otr_set(st, 0, OTR_LEVEL_NONE, OTR_EVIDENCE_NONE);
	f->last_dir = (uint8_t)dir;
	f->way[dir].total += moved;
	f->way[dir].frames.lost = 1; /* it is not walked along */
	return 1;
}

static void end_run(struct otr_fd *f, int dir, int eof)
{
	struct otr_shim_dir *w = &f->way[dir];

	if (!f->shed && (w->cut || eof))
		otr_emit_run(f, dir, eof);
	if (w->cut)
		otr_forget_progress(f, dir);
	w->cut = 0;
	w->eof = (uint8_t)eof;
}

static void begin_run(struct otr_fd *f, int dir, uint64_t now)
{
	struct otr_shim_dir *w = &f->way[dir];

	if (f->last_dir != OTR_DIR_NONE)
		end_run(f, f->last_dir, 0);
	f->last_dir = (uint8_t)dir;
	w->pos = w->total;
	w->bytes = 0;
	w->calls = 0;
	w->copied = 0;
	w->cut = 0;
	w->first_ns = now;
	if (otr_ring_now())
		otr_ring_look(otr_ring_now(), now);
	if (!otr_ring_now())
		w->head_bytes = OTR_HEAD_BYTES;
	else if (f->policy_gen != otr_ring_now()->policy_gen)
		take_policies(f);
}

static uint32_t to_copy(const struct otr_shim_dir *w, uint64_t moved)
{
	uint32_t left = w->head_bytes;

	if (w->capture == OTR_CAPTURE_MUTE)
		return 0;
	if (w->capture == OTR_CAPTURE_HEAD)
		left = w->copied < left ? left - w->copied : 0;
	return moved < left ? (uint32_t)moved : left;
}

/* Of an answer its first bytes are, and its last ones; of what a client says all, to know
 * where its next request begins. */
size_t otr_wanted(const struct otr_fd *f)
{
	const struct otr_shim_dir *w = &f->way[OTR_DIR_OUT];

	if (f->opaque)
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

/* The last 8 bytes of the run: they tell the end of a chunked body. Of a call that was not
 * seen whole they are not known. */
static void keep_tail(uint8_t tail[8], uint64_t moved, const struct iovec *iov, int n)
{
	int from = n;

	for (int i = 0; i < n; i++)
		moved -= iov[i].iov_len;
	if (moved) {
		memset(tail, 0, 8);
		return;
	}
	for (size_t last = 0; from && last < 8 && iov[from - 1].iov_base; from--)
		last += iov[from - 1].iov_len;
	for (; from < n; from++) {
		const uint8_t *at = iov[from].iov_base;
		size_t len = iov[from].iov_len;

		if (len >= 8) {
			memcpy(tail, at + len - 8, 8);
			continue;
		}
		memmove(tail, tail + len, 8 - len);
		memcpy(tail + 8 - len, at, len);
	}
}

/* Of a connection whose beginning was not seen: who speaks first asks, unless it is an
 * answer that comes first. If that may be in the midst of something, only words are believed. */
void otr_learn_role(struct otr_fd *f, int dir, const struct iovec *iov, int n)
{
	int answer = n && iov->iov_len >= 7 && !memcmp(iov->iov_base, "HTTP/1.", 7);

	if (otr_fd_is_late(f) && !answer && !otr_head_begins(iov, n))
		return;
	if (f->role == OTR_ROLE_UNKNOWN)
		otr_put(&f->role,
			(dir == OTR_DIR_OUT) != answer ? OTR_ROLE_CLIENT : OTR_ROLE_SERVER);
}

static void count_in(struct otr_shim_dir *w, uint64_t moved, uint64_t now)
{
	w->bytes += moved;
	w->total += moved;
	w->calls++;
	w->last_ns = now;
}

/* What is copied of a call by the first bytes of its run, or of itself. */
static void emit_head(struct otr_fd *f, struct otr_self *self, int dir, uint64_t pos,
		      uint64_t moved, uint64_t start_ns, int first, const struct otr_cause *cause,
		      const struct iovec *iov, int n)
{
	struct otr_shim_dir *w = &f->way[dir];
	uint32_t cap = n ? to_copy(w, moved) : 0;

	if (n && w->capture == OTR_CAPTURE_HEAD && asks(f, dir))
		cap = otr_head_cap(w, first, moved, iov, n, cap);
	if (cap)
		cap = otr_emit_data(f, self, dir, pos, moved, start_ns, first, cause, iov, n, cap);
	w->copied += cap;
	w->cut |= cap < moved;
	if (w->cut) { /* the tail of a cut run may lie in a call that was copied whole */
		keep_tail(w->tail, moved, iov, n);
		otr_emit_progress(f, dir);
	}
}

static void emit_moved(struct otr_self *self, int fd, struct otr_fd *f, int dir, uint64_t moved,
		       uint64_t start_ns, const struct iovec *iov, int n)
{
	struct otr_shim_dir *w = &f->way[dir];
	struct otr_cause cause = {.evidence = 0};
	uint64_t now = self->now_ns, pos = w->total;
	int first = f->last_dir != dir, ready, go;

	if (f->opaque) {
		w->total += moved;
		if (dir == OTR_DIR_OUT)
			otr_tls_beside(self, f);
		otr_handle(&self->strand, f->inode);
		return;
	}
	/* Where there is none, or another thread makes it this moment, bytes are counted all
	 * the same: what follows has its right place. */
	ready = otr_ring_ready();
	otr_learn_role(f, dir, iov, n);
	go = otr_will_shed(f, dir);
	if (dir == OTR_DIR_IN && f->began && !f->way[OTR_DIR_OUT].total && !f->greeted)
		otr_peer_greets(f, iov, n);
	if (dir == OTR_DIR_IN && f->role == OTR_ROLE_CLIENT)
		otr_boundary_answered(&f->boundary, first, moved, iov, n);
	if (dir == OTR_DIR_OUT && f->greeted == OTR_GREETED_220)
		otr_peer_is_greeted(f, iov, n);
	if (first)
		begin_run(f, dir, now); /* and ends the last one, let go or not */
	shed(f, dir, first, go);
	if (ready && !go && f->announced_by != otr_shim.pid)
		otr_emit_conn(fd, f, OTR_EV_CONN_OPEN, 0);
	count_in(w, moved, now);
	otr_rules_moved(self, f, dir, first, pos, now, iov, n, &cause);
	if (!ready && !go) {
		w->cut = 1;
		__atomic_fetch_add(&otr_shim.unsaid, 1, __ATOMIC_RELAXED);
	}
	f->way[dir].frames.lost |= (uint8_t)go; /* it is not walked along */
	if (!ready || go)
		return;
	if (!pos && otr_open(f, dir, iov, n) == OTR_OPENING_HTTP2)
		take_policies(f);
	if (w->capture == OTR_CAPTURE_FRAMES)
		otr_frames_moved(f, self, dir, pos, moved, start_ns, first, &cause, iov, n);
	else if (w->capture != OTR_CAPTURE_MUTE)
		emit_head(f, self, dir, pos, moved, start_ns, first, &cause, iov, n);
	if (!pos && f->opening == OTR_OPENING_SSH)
		take_policies(f); /* what was copied names it */
}

/* One time for all that is told of it: to ask the clock is a tenth of what a call costs. */
void otr_moved(struct otr_self *self, int fd, struct otr_fd *f, int dir, uint64_t moved,
	       uint64_t start_ns, const struct iovec *iov, int n)
{
	if (f->gen != otr_shim.gen)
		return; /* the call began in another reader's time */
	if (otr_shed_fast_path(self, f, dir, moved, iov, n))
		return;
	self->now_ns = otr_clock_ns();
	emit_moved(self, fd, f, dir, moved, start_ns ? start_ns : self->now_ns, iov, n);
	self->now_ns = 0;
}

void otr_runs_over(struct otr_fd *f)
{
	struct otr_fd *upper = otr_fd_upper(f);

	if (otr_ring_now() && upper->last_dir != OTR_DIR_NONE && !upper->way[upper->last_dir].eof)
		end_run(upper, upper->last_dir, 0);
}

static int is_passing(int error)
{
	return error == EAGAIN || error == EINTR || error == EINPROGRESS || error == EALREADY ||
	       error == EFAULT || error == EINVAL || error == ENOBUFS || error == ENOMEM;
}

void otr_not_moved(struct otr_self *self, int fd, struct otr_fd *f, int dir, ssize_t ret, int error)
{
	struct otr_fd *upper = otr_fd_upper(f);

	if (f->gen != otr_shim.gen)
		return;
	if (ret < 0 && error == EAGAIN) {
		otr_rules_touch(self, upper);
		return;
	}
	/* It was of a descriptor that the wait returned. */
	if (dir == OTR_DIR_IN && (!ret || !is_passing(error)))
		otr_handle(&self->strand, f->inode);
	if (ret < 0 && otr_dial_is_failure(error))
		otr_dial_failed(self, f, error);
	if (f->announced_by != otr_shim.pid || upper->way[dir].eof || !otr_ring_now())
		return;
	if (!ret && dir == OTR_DIR_IN) {
		end_run(upper, dir, 1);
	} else if (ret < 0 && !is_passing(error)) {
		end_run(upper, dir, 1);
		otr_emit_conn(fd, f, OTR_EV_CONN_CLOSE, error);
		f->announced_by = 0;
	}
}
