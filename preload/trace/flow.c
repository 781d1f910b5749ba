/* SPDX-License-Identifier: Apache-2.0 */
/*
 * flow.c - bytes that moved: the run that they belong to, the causality rules, and how many of them
 * are copied. The counterpart of bpf/move.bpf.h.
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

/* How many bytes of a call are copied, by the capture policy? */
static uint32_t to_copy(const struct otr_shim_dir *w, uint64_t moved)
{
	uint32_t left = w->head_bytes;

	if (w->capture == OTR_CAPTURE_MUTE)
		return 0;
	if (w->capture == OTR_CAPTURE_HEAD)
		left = w->copied < left ? left - w->copied : 0;
	return moved < left ? (uint32_t)moved : left;
}

/* Keeps the last OTR_TAIL bytes of the run, which show the end of a chunked body; zeros, if the
 * library may not read the end of the call. */
static void keep_tail(uint8_t tail[OTR_TAIL], uint64_t moved, const struct iovec *iov, int n)
{
	int from = n;

	for (int i = 0; i < n; i++)
		moved -= iov[i].iov_len;
	if (moved) {
		memset(tail, 0, OTR_TAIL);
		return;
	}
	for (size_t last = 0; from && last < OTR_TAIL && iov[from - 1].iov_base; from--)
		last += iov[from - 1].iov_len;
	for (; from < n; from++) {
		const uint8_t *at = iov[from].iov_base;
		size_t len = iov[from].iov_len;

		if (len >= OTR_TAIL) {
			memcpy(tail, at + len - OTR_TAIL, OTR_TAIL);
			continue;
		}
		memmove(tail, tail + len, OTR_TAIL - len);
		memcpy(tail + OTR_TAIL - len, at, len);
	}
}

/* The end that sends first is the client, unless its first bytes are an answer. If the connection
 * may be midstream, only the first words of HTTP messages decide. */
void otr_learn_role(struct otr_fd *f, int dir, const struct iovec *iov, int n)
{
	int is_answer;

	if (f->role != OTR_ROLE_UNKNOWN)
		return;
	is_answer = n && iov->iov_len >= 7 && !memcmp(iov->iov_base, "HTTP/1.", 7);
	if (otr_fd_may_be_midstream(f) && !is_answer && !otr_head_begins(iov, n))
		return;
	otr_put(&f->role, (dir == OTR_DIR_OUT) != is_answer ? OTR_ROLE_CLIENT : OTR_ROLE_SERVER);
}

/* Counts a call that moved bytes. */
static void count_bytes(struct otr_shim_dir *w, uint64_t moved, uint64_t now)
{
	w->bytes += moved;
	w->total += moved;
	w->calls++;
	w->last_ns = now;
}

/* Emits the first bytes of a run (OTR_CAPTURE_HEAD) or of each call (OTR_CAPTURE_CALLS). */
static void emit_first(struct otr_fd *f, struct otr_self *self, int dir, uint64_t pos,
		       uint64_t moved, uint64_t start_ns, int first, const struct otr_cause *cause,
		       const struct iovec *iov, int n)
{
	struct otr_shim_dir *w = &f->dirs[dir];
	uint32_t cap = n ? to_copy(w, moved) : 0;

	if (n && w->capture == OTR_CAPTURE_HEAD && otr_is_request_dir(f, dir))
		cap = otr_head_cap(w, first, moved, iov, n, cap);
	if (cap)
		cap = otr_emit_data(f, self, dir, pos, moved, start_ns, first, cause, iov, n, cap);
	w->copied += cap;
	w->cut |= cap < moved;
	if (w->cut) { /* the last bytes of a cut run may be in a call that was copied completely */
		keep_tail(w->tail, moved, iov, n);
		otr_emit_progress(f, dir);
	}
}

/* Emits a call by several records, if it is longer than one can be and sends requests. Returns
 * whether it did. */
static int emit_long(struct otr_fd *f, struct otr_self *self, int dir, uint64_t pos, uint64_t moved,
		     uint64_t start_ns, int first, const struct otr_cause *cause,
		     const struct iovec *iov, int n)
{
	struct otr_shim_dir *w = &f->dirs[dir];
	struct iovec part;
	uint64_t len;

	if (n != 1 || w->capture != OTR_CAPTURE_CALLS || w->head_bytes < OTR_LONG_CALLS ||
	    moved <= OTR_DATA_MAX || iov->iov_len < moved)
		return 0;
	if (w->head_bytes != OTR_LONG_CALLS && !otr_is_request_dir(f, dir))
		return 0;
	part = *iov;
	for (int i = 0; i < OTR_CALL_RECORDS && moved; i++) {
		part.iov_len = moved < OTR_DATA_MAX ? moved : OTR_DATA_MAX;
		len = i + 1 < OTR_CALL_RECORDS ? part.iov_len : moved;
		w->cut |= otr_emit_data(f, self, dir, pos, len, start_ns, first && !i, cause, &part,
					1, (uint32_t)part.iov_len) < len;
		part.iov_base = (char *)part.iov_base + len;
		pos += len;
		moved -= len;
	}
	return 1;
}

/* Follows bytes that moved on `f`, of which self->event_ns is the time. */
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
	/* Without a ring, and while another thread makes it, the bytes are still counted, so that
	 * later bytes have their right position. */
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
		begin_run(f, dir, now); /* also ends the last run, if that was shed, too */
	otr_shed_decided(f, dir, first, shed);
	if (ready && !shed && f->announced_by != otr_shim.pid)
		otr_emit_conn(fd, f, OTR_EV_CONN_OPEN, 0);
	count_bytes(w, moved, now);
	otr_rules_moved(self, f, dir, first, pos, now, iov, n, &cause);
	if (!ready && !shed) {
		w->cut = 1;
		__atomic_fetch_add(&otr_shim.lost_records, 1, __ATOMIC_RELAXED);
	}
	w->frames.lost |= (uint8_t)shed; /* the frames of a shed request are not followed */
	if (!ready || shed)
		return;
	if (!pos && otr_opening_acts_at_once(otr_opening_read(f, dir, iov, n)))
		otr_take_policies(f);
	if (otr_capture_walks(w->capture))
		otr_frames_moved(f, self, dir, pos, moved, start_ns, first, &cause, iov, n);
	else if (w->capture != OTR_CAPTURE_MUTE &&
		 !emit_long(f, self, dir, pos, moved, start_ns, first, &cause, iov, n))
		emit_first(f, self, dir, pos, moved, start_ns, first, &cause, iov, n);
	if (!pos && otr_opening_mutes(f->opening))
		otr_take_policies(f);
}

/* The clock is read once for all records of a call: reading it is a tenth of the cost of a call. */
void otr_moved(struct otr_self *self, int fd, struct otr_fd *f, int dir, uint64_t moved,
	       uint64_t start_ns, const struct iovec *iov, int n)
{
	if (f->reader_gen != otr_get(&otr_shim.reader_gen))
		return; /* the call began while another agent read the ring */
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

/* Does the connection survive the error? Errors below EPIPE are mistakes of the caller, or come
 * from the file or pipe at the other end of sendfile() and splice(). In a call that receives, EPIPE
 * comes from that pipe, too. */
static int connection_survives(int dir, int error)
{
	return error < EPIPE || (error == EPIPE && dir == OTR_DIR_IN) || error == EINPROGRESS ||
	       error == EALREADY || error == ENOBUFS;
}

/* After a call that sends has failed, bytes that the peer sent before can still be read: often the
 * answer to a request that the peer did not read to its end. So a connection ends when it is
 * closed, or when a call that receives fails. */
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
	/* R5: the last wait has returned this descriptor. */
	if (dir == OTR_DIR_IN && (!ret || !connection_survives(dir, error)))
		otr_handle(&self->strand, f->inode);
	if (ret < 0 && otr_dial_is_failure(error))
		otr_dial_failed(self, f, error);
	if (f->announced_by != otr_shim.pid || upper->dirs[dir].eof || !otr_ring_now())
		return;
	if (!ret && dir == OTR_DIR_IN)
		end_run(upper, dir, 1);
	else if (ret < 0 && !connection_survives(dir, error))
		call_failed(fd, f, dir, error);
}
