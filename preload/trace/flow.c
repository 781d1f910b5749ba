/* SPDX-License-Identifier: Apache-2.0 */
/*
 * flow.c - bytes that were moved: the run they belong to, what they say about causality, how
 * much of them is copied. The counterpart of bpf/move.bpf.h.
 */

#include "preload/trace/flow.h"

#include <errno.h>
#include <stddef.h>
#include <string.h>

#include "preload/base/clock.h"
#include "preload/base/fd.h"
#include "preload/base/shim.h"
#include "preload/parse/inject.h"
#include "preload/parse/request_boundary.h"
#include "preload/ring/emit.h"
#include "preload/ring/ring.h"
#include "preload/trace/capture.h"
#include "preload/trace/dial.h"
#include "preload/trace/headend.h"
#include "preload/trace/layer.h"
#include "preload/trace/proof.h"
#include "preload/trace/rules.h"
#include "preload/trace/shed.h"

static void end_run(struct otr_fd *f, int dir, int eof)
{
	struct otr_shim_dir *w = &f->dirs[dir];

	if (!f->shed && (w->cut || eof))
		otr_emit_run(f, dir, eof);
	if (w->cut)
		otr_forget_progress(f, dir);
	w->cut = 0;
	w->eof = (uint8_t)eof;
}

static void begin_run(struct otr_fd *f, int dir, uint64_t now)
{
	struct otr_shim_dir *w = &f->dirs[dir];

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
		otr_ring_check_reader(otr_ring_now(), now);
	if (!otr_ring_now())
		w->head_bytes = OTR_HEAD_BYTES;
	else if (f->policy_gen != otr_ring_now()->policy_gen)
		otr_take_policies(f);
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

/* Keeps the last 8 bytes of the run, which show the end of a chunked body. They are set to zero
 * where the end of the call was not copied. */
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

/* The peer that speaks first is the client, unless its first bytes are an answer. Where the
 * connection may be in the midst of a message, only the words of HTTP are evidence. */
void otr_learn_role(struct otr_fd *f, int dir, const struct iovec *iov, int n)
{
	int answer;

	if (f->role != OTR_ROLE_UNKNOWN)
		return;
	answer = n && iov->iov_len >= 7 && !memcmp(iov->iov_base, "HTTP/1.", 7);
	if (otr_fd_may_be_midstream(f) && !answer && !otr_head_begins(iov, n))
		return;
	otr_put(&f->role, (dir == OTR_DIR_OUT) != answer ? OTR_ROLE_CLIENT : OTR_ROLE_SERVER);
}

static void count_in(struct otr_shim_dir *w, uint64_t moved, uint64_t now)
{
	w->bytes += moved;
	w->total += moved;
	w->calls++;
	w->last_ns = now;
}

/* Copies the first bytes of a run, or of a call. */
static void emit_head(struct otr_fd *f, struct otr_self *self, int dir, uint64_t pos,
		      uint64_t moved, uint64_t start_ns, int first, const struct otr_cause *cause,
		      const struct iovec *iov, int n)
{
	struct otr_shim_dir *w = &f->dirs[dir];
	uint32_t cap = n ? to_copy(w, moved) : 0;

	if (n && w->capture == OTR_CAPTURE_HEAD && otr_asks(f, dir))
		cap = otr_head_cap(w, first, moved, iov, n, cap);
	if (cap)
		cap = otr_emit_data(f, self, dir, pos, moved, start_ns, first, cause, iov, n, cap);
	w->copied += cap;
	w->cut |= cap < moved;
	if (w->cut) { /* the tail of a run that was cut may lie in a call that was copied whole */
		keep_tail(w->tail, moved, iov, n);
		otr_emit_progress(f, dir);
	}
}

static void emit_moved(struct otr_self *self, int fd, struct otr_fd *f, int dir, uint64_t moved,
		       uint64_t start_ns, const struct iovec *iov, int n)
{
	struct otr_shim_dir *w = &f->dirs[dir];
	struct otr_cause cause = {.evidence = 0};
	uint64_t now = self->event_ns, pos = w->total;
	int first = f->last_dir != dir, ready, shed;

	if (f->has_upper) {
		w->total += moved;
		if (dir == OTR_DIR_OUT)
			otr_tls_ciphertext_sent(self, f);
		otr_handle(&self->strand, f->inode);
		return;
	}
	/* Where there is no ring, or another thread makes it at this moment, the bytes are
	 * counted all the same, so that later bytes have their right position. */
	ready = otr_ring_ready();
	otr_learn_role(f, dir, iov, n);
	shed = otr_will_shed(f, dir);
	if (dir == OTR_DIR_IN && f->connected_by && !f->dirs[OTR_DIR_OUT].total && !f->greeting)
		otr_peer_spoke_first(f, iov, n);
	if (dir == OTR_DIR_IN && f->role == OTR_ROLE_CLIENT)
		otr_boundary_answered(&f->boundary, first, moved, iov, n);
	if (dir == OTR_DIR_OUT && f->greeting == OTR_GREETING_220)
		otr_greeting_answered(f, iov, n);
	if (first)
		begin_run(f, dir, now); /* and ends the last one, shed or not */
	otr_shed_decided(f, dir, first, shed);
	if (ready && !shed && f->announced_by != otr_shim.pid)
		otr_emit_conn(fd, f, OTR_EV_CONN_OPEN, 0);
	count_in(w, moved, now);
	otr_rules_moved(self, f, dir, first, pos, now, iov, n, &cause);
	if (!ready && !shed) {
		w->cut = 1;
		__atomic_fetch_add(&otr_shim.lost_records, 1, __ATOMIC_RELAXED);
	}
	f->dirs[dir].frames.lost |= (uint8_t)shed; /* its frames are not followed */
	if (!ready || shed)
		return;
	if (!pos && otr_opening_read(f, dir, iov, n) == OTR_OPENING_HTTP2)
		otr_take_policies(f);
	if (w->capture == OTR_CAPTURE_FRAMES)
		otr_frames_moved(f, self, dir, pos, moved, start_ns, first, &cause, iov, n);
	else if (w->capture != OTR_CAPTURE_MUTE)
		emit_head(f, self, dir, pos, moved, start_ns, first, &cause, iov, n);
	if (!pos && f->opening == OTR_OPENING_SSH)
		otr_take_policies(f); /* the bytes copied so far name the protocol */
}

/* One time for all records of a call: reading the clock is a tenth of the cost of a call. */
void otr_moved(struct otr_self *self, int fd, struct otr_fd *f, int dir, uint64_t moved,
	       uint64_t start_ns, const struct iovec *iov, int n)
{
	if (f->reader_gen != otr_get(&otr_shim.reader_gen))
		return; /* the call began when another agent read the ring */
	if (otr_shed_fast_path(self, f, dir, moved, iov, n))
		return;
	self->event_ns = otr_clock_ns();
	emit_moved(self, fd, f, dir, moved, start_ns ? start_ns : self->event_ns, iov, n);
	self->event_ns = 0;
}

void otr_end_runs(struct otr_fd *f)
{
	struct otr_fd *upper = otr_fd_upper(f);

	if (otr_ring_now() && upper->last_dir != OTR_DIR_NONE && !upper->dirs[upper->last_dir].eof)
		end_run(upper, upper->last_dir, 0);
}

/* Does the error leave the connection as it is? Those below EPIPE are never of a connection, but
 * mistakes of the caller, or of the file or pipe at the other end of sendfile() and splice(); for a
 * call that receives, EPIPE is of that pipe, too. */
static int is_passing(int dir, int error)
{
	return error < EPIPE || (error == EPIPE && dir == OTR_DIR_IN) || error == EINPROGRESS ||
	       error == EALREADY || error == ENOBUFS;
}

/* A call that sends has failed: what the peer sent before can still be read, often the answer
 * to a request that it did not read to its end. So the connection is over when it is closed, or
 * when a call that receives fails. */
static void call_failed(int fd, struct otr_fd *f, int dir, int error)
{
	end_run(otr_fd_upper(f), dir, 1);
	f->error = error;
	if (dir == OTR_DIR_OUT)
		return;
	otr_emit_conn(fd, f, OTR_EV_CONN_CLOSE, error);
	f->announced_by = 0;
}

void otr_not_moved(struct otr_self *self, int fd, struct otr_fd *f, int dir, ssize_t ret, int error)
{
	struct otr_fd *upper = otr_fd_upper(f);

	if (f->reader_gen != otr_get(&otr_shim.reader_gen))
		return;
	if (ret < 0 && error == EAGAIN) {
		otr_rules_touch(self, upper);
		return;
	}
	/* The descriptor was one that the last wait returned. */
	if (dir == OTR_DIR_IN && (!ret || !is_passing(dir, error)))
		otr_handle(&self->strand, f->inode);
	if (ret < 0 && otr_dial_is_failure(error))
		otr_dial_failed(self, f, error);
	if (f->announced_by != otr_shim.pid || upper->dirs[dir].eof || !otr_ring_now())
		return;
	if (!ret && dir == OTR_DIR_IN)
		end_run(upper, dir, 1);
	else if (ret < 0 && !is_passing(dir, error))
		call_failed(fd, f, dir, error);
}
