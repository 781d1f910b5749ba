/* SPDX-License-Identifier: Apache-2.0 */
/*
 * io.c - one call that moves bytes; see io.h.
 * A thread is between otr_enter() and otr_leave() only before and after the call itself: while
 * the call blocks, a handler of a signal may run, and may leave by longjmp().
 */

#include "preload/trace/io.h"

#include <alloca.h>
#include <errno.h>
#include <stddef.h>
#include <string.h>
#include <unistd.h>

#include "preload/base/clock.h"
#include "preload/base/fd.h"
#include "preload/base/header_slot.h"
#include "preload/base/hold.h"
#include "preload/base/real.h"
#include "preload/base/shim.h"
#include "preload/base/thread.h"
#include "preload/parse/inject.h"
#include "preload/parse/iov.h"
#include "preload/parse/request_boundary.h"
#include "preload/ring/ring.h"
#include "preload/trace/call.h"
#include "preload/trace/ciphertext.h"
#include "preload/trace/conn.h"
#include "preload/trace/decide.h"
#include "preload/trace/enter.h"
#include "preload/trace/flow.h"
#include "preload/trace/header.h"
#include "preload/trace/layer.h"
#include "preload/trace/proof.h"
#include "preload/trace/rules.h"
#include "preload/trace/shed.h"
#include "preload/trace/user_copy.h"

/* What is known of one call that sends; on the caller's stack. The connection is held twice,
 * before and after the call. Between these its number may become that of another socket: then
 * `life` has changed. */
struct plan {
	struct otr_fd *f; /* NULL: no connection that is followed */
	uint64_t inode;
	uint32_t life;
	int counted;		   /* 1: counted in f->senders */
	struct otr_header *header; /* NULL: no header goes in */
	size_t added;		   /* length of the header */
	uint64_t start_ns;
	uint64_t received; /* bytes received before the call */
	struct otr_seen seen;
	int n;		       /* pieces in seen.iov, the header's among them */
	struct otr_copy *kept; /* copy of what goes out, as another thread may free it; or NULL */
};

/* Sets seen.iov to the caller's pieces with the header among them. */
static void splice_in(struct plan *p)
{
	struct otr_seen *s = &p->seen;

	p->n = otr_trim(s->iov, s->all, s->n_all, s->head.line_end);
	s->iov[p->n++] = (struct iovec){p->header->text, p->added};
	p->n += otr_beyond(s->iov + p->n, s->all, s->n_all, s->head.line_end);
}

/* Makes the same kind of call with other pieces. */
static ssize_t send_pieces(const struct otr_out *o, const struct iovec *iov, int n)
{
	struct msghdr msg = {.msg_iov = (struct iovec *)iov, .msg_iovlen = (size_t)n};

	if (o->is_message)
		return otr_real.sendmsg(o->fd, &msg, o->flags);
	return otr_real.writev(o->fd, iov, n);
}

/* The thread cannot hold the connection of a call that was made: its `moved` bytes are counted. */
static void end_unheld(const struct plan *p, ssize_t moved)
{
	if (otr_get(&p->f->life) != p->life)
		return;
	otr_hold_count_unread(p->f, OTR_DIR_OUT, moved);
	if (p->counted)
		__atomic_fetch_add(&p->f->senders_gone, 1, __ATOMIC_RELAXED);
}

/* Holds the connection of a call that was made, where its state is now. NULL: it is another
 * connection by now, or it cannot be held. `self` NULL: the thread is not inside. */
static struct otr_fd *hold_again(const struct otr_self *self, struct plan *p, ssize_t moved)
{
	struct otr_fd *f = otr_fd_heir(p->f, p->inode, &p->life);

	if (!f)
		return NULL;
	p->f = f;
	if (!self || !otr_hold(f)) {
		end_unheld(p, moved);
		return NULL;
	}
	if (f->life != p->life)
		return NULL;
	f->senders -= p->counted && f->senders;
	return f;
}

/* The call took `moved` bytes of `iov`, header included: `ret` of them are the caller's. */
static void emit_moved(struct otr_self *self, struct plan *p, int fd, const struct iovec *iov,
		       int n, size_t moved, size_t ret)
{
	struct iovec *sent = p->seen.iov; /* perhaps `iov` itself */

	if (p->kept)
		n = otr_copy_read(p->kept, sent, moved);
	else
		n = otr_is_single_threaded() ? otr_trim(sent, iov, n, moved) : 0;
	otr_moved(self, fd, p->f, OTR_DIR_OUT, moved, p->start_ns, sent, n);
	if (p->f->role != OTR_ROLE_SERVER)
		otr_boundary_sent_with(&p->f->boundary, ret, sent, n, &p->seen.head,
				       p->header ? p->added : 0);
}

/* Another thread may have received the answer before this one emits the request: the answer
 * stays the last that moved. */
static void answer_came_first(const struct plan *p)
{
	struct otr_fd *f = p->f;

	if (f->role == OTR_ROLE_CLIENT && f->boundary.state == OTR_BOUNDARY_START &&
	    f->dirs[OTR_DIR_IN].total != p->received)
		f->last_dir = OTR_DIR_IN;
}

/* `k` bytes were sent, the header perhaps among them; `unsent` bytes of the header still have to
 * be sent. */
static void emit_added(struct otr_self *self, const struct otr_out *o, struct plan *p, size_t k,
		       size_t ret, size_t unsent)
{
	struct otr_fd *f = p->f;
	size_t at = p->seen.head.line_end;

	if (k > at && f->has_cause) {
		f->cause.added = (uint16_t)(p->added - unsent);
		f->cause.added_at = (uint16_t)at;
	} else {
		f->cause.ids = OTR_IDS_NONE;
	}
	emit_moved(self, p, o->fd, p->seen.iov, p->n, k, ret);
	answer_came_first(p);
	if (unsent)
		otr_header_set_unsent(f, unsent, p->added - unsent);
	else
		otr_header_free(f);
}

static ssize_t send_added(const struct otr_out *o, struct plan *p)
{
	size_t unsent, at = p->seen.head.line_end;
	struct otr_self *self;
	ssize_t k, ret;
	int header_begun, error;

	k = send_pieces(o, p->seen.iov, p->n);
	if (k <= 0)
		return k;
	error = errno;
	ret = otr_account(at, p->added, k, &unsent, &header_begun);
	otr_count(header_begun ? OTR_SHIM_INJECTED : OTR_SHIM_CUT_SHORT);
	self = otr_enter();
	if (hold_again(self, p, k))
		emit_added(self, o, p, (size_t)k, (size_t)ret, unsent);
	else
		otr_header_set_unsent_unheld(p->f, p->life, unsent, p->added - unsent);
	if (self)
		otr_leave(self);
	errno = error;
	return ret;
}

/* Does a TLS library send this? The pieces of a TLS library can be read; those of another
 * caller are not. */
static int is_below(struct otr_self *self, const struct otr_out *o, struct otr_fd *f)
{
	if (!otr_tls_inside(self))
		return otr_tls_below(self, o->fd, f, NULL, 0);
	if (o->is_sendmsg)
		return otr_tls_below(self, o->fd, f, o->msg->msg_iov, (int)o->msg->msg_iovlen);
	return otr_tls_below(self, o->fd, f, o->iov, o->n);
}

static void keep_copy(struct otr_self *self, const struct otr_out *o, struct plan *p)
{
	if (p->header)
		splice_in(p);
	p->kept = otr_copy_keep(self, p->f, o, p->header ? p->seen.iov : NULL, p->n, p->seen.page);
}

/* `f` is held. */
static void found(struct plan *p, struct otr_fd *f)
{
	p->f = f;
	p->inode = f->inode;
	p->life = f->life;
	p->received = f->dirs[OTR_DIR_IN].total;
}

/* Looks at the connection before a message begins. Leaves p->f NULL where there is none, and
 * p->header NULL where a TLS library sends. */
static void look_before(struct otr_self *self, const struct otr_out *o, struct plan *p,
			struct otr_fd *f)
{
	int below = is_below(self, o, f);

	if (!below && f->role != OTR_ROLE_SERVER && f->last_dir != OTR_DIR_OUT)
		f = otr_fd_again(o->fd, f);
	if (!f || f->kind != OTR_FD_STREAM)
		return;
	found(p, f);
	p->counted = 1;
	f->senders++;
	if (below)
		return;
	p->added = otr_decide(self, o, f, p->start_ns, &p->seen, &p->header);
	keep_copy(self, o, p);
}

/* Before the first byte moves: see otr_before(). The offer takes some 100 us, in which another
 * thread may need the connection. */
static struct otr_fd *offer_first(struct otr_self *self, int fd, struct otr_fd *f)
{
	if (__atomic_load_n(&otr_shim.is_offered, __ATOMIC_ACQUIRE))
		return f;
	otr_hold_release(self);
	otr_ring_ready();
	f = otr_fd_of(fd);
	return f && f->kind == OTR_FD_STREAM ? f : NULL;
}

static void before_call(const struct otr_out *o, struct plan *p)
{
	struct otr_self *self;
	struct otr_fd *f;
	int error = errno;

	self = otr_enter();
	if (!self)
		return;
	f = otr_fd_of(o->fd);
	if (f && f->kind == OTR_FD_STREAM && otr_ask_is_shed(self, f)) {
		found(p, f);
		keep_copy(self, o, p); /* the boundary of requests is still followed */
	} else if (f && f->kind == OTR_FD_STREAM) {
		p->start_ns = self->event_ns = otr_clock_ns();
		f = offer_first(self, o->fd, f);
		if (f)
			look_before(self, o, p, f);
	}
	otr_leave(self);
	errno = error;
}

/* The notify slot of a number of this kind, which the thread need not hold. 0: it has none. */
static uint64_t slot_key(int fd, const struct otr_fd *f, enum otr_fd_kind kind)
{
	if (kind == OTR_FD_PIPE)
		return otr_get(&f->inode);
	/* Pairs and eventfds wake loops. All pairs of a process share one slot; eventfds have
	 * one by number, as all of them have one inode. */
	if (kind == OTR_FD_PAIR)
		return 1;
	return kind == OTR_FD_EVENT ? 1ull << 32 | (uint32_t)fd : 0;
}

/* Emits what a call without a header did. */
static void emit_plain(struct otr_self *self, const struct otr_out *o, struct plan *p, ssize_t ret,
		       int error)
{
	int look = ret > 0 && !p->kept && otr_is_single_threaded();
	const struct iovec *iov = look && o->is_sendmsg ? o->msg->msg_iov : o->iov;
	int n = look && o->is_sendmsg ? (int)o->msg->msg_iovlen : o->n;

	if (ret <= 0) {
		otr_not_moved(self, o->fd, p->f, OTR_DIR_OUT, ret, error);
		return;
	}
	emit_moved(self, p, o->fd, iov, n, (size_t)ret, (size_t)ret);
	answer_came_first(p);
}

/* No one looked at the connection before the call: its answer is shed, or another thread held
 * it. */
static void find_connection(const struct otr_out *o, struct plan *p)
{
	struct otr_fd *f = otr_fd_of(o->fd);

	if (f && f->kind == OTR_FD_STREAM)
		found(p, f);
}

static void after_call(const struct otr_out *o, struct plan *p, ssize_t ret, int error)
{
	struct otr_self *self = otr_enter();

	if (self && !p->f)
		find_connection(o, p);
	if (!p->f)
		otr_fd_count_unread(o->fd, OTR_DIR_OUT, ret);
	else if (hold_again(self, p, ret))
		emit_plain(self, o, p, ret, error);
	if (p->header) /* the kernel refused the call */
		otr_header_set_unsent_unheld(p->f, p->life, 0, 0);
	if (self)
		otr_leave(self);
}

/* Is this an answer that is shed? Then the call needs no preparation. */
static int is_shed_answer(const struct otr_fd *f)
{
	return otr_get(&f->role) == OTR_ROLE_SERVER && otr_get(&f->shed) && !otr_get(&f->has_upper);
}

/* Not inlined, so that a call on anything else takes no room on the stack. */
__attribute__((noinline)) static ssize_t on_stream(const struct otr_out *o, int look)
{
	size_t room = otr_n_pieces(o->is_sendmsg, o->n) + 2; /* the header, and the piece that it
							      * cuts in two */
	struct plan p;
	ssize_t ret;
	int error;

	p.f = NULL;
	p.inode = 0;
	p.life = 0;
	p.counted = 0;
	p.header = NULL;
	p.kept = NULL;
	p.start_ns = p.received = 0;
	p.n = 0;
	p.seen.page = OTR_NO_PAGE;
	p.seen.head.len = p.seen.head.line_end = 0;
	p.seen.iov = alloca(room * sizeof(*p.seen.iov));
	if (look)
		before_call(o, &p);
	if (p.header)
		ret = send_added(o, &p);
	else
		ret = o->call(o);
	error = errno;
	if (!p.header || ret <= 0)
		after_call(o, &p, ret, error);
	otr_copy_free(p.kept);
	errno = error;
	return ret;
}

/* A pipe, an eventfd or an unnamed pair was used: `key` names its slot. */
static void emit_notify(uint64_t key, int write)
{
	struct otr_self *self = otr_enter();

	if (!self)
		return;
	otr_rules_notify(self, key, write, otr_clock_ns());
	otr_leave(self);
}

static ssize_t on_notify(const struct otr_out *o, uint64_t key, int is_event)
{
	ssize_t ret = o->call(o);
	int error = errno;

	if (ret > 0 && (!is_event || ret == 8))
		emit_notify(key, 1);
	errno = error;
	return ret;
}

/* What the number of `f` (NULL: it was never used) is known to be; OTR_FD_NEW where that was found
 * for another reader of the ring. */
static enum otr_fd_kind kind_of(const struct otr_fd *f)
{
	return f && otr_get(&f->reader_gen) == otr_get(&otr_shim.reader_gen) ? otr_get(&f->kind)
									     : OTR_FD_NEW;
}

/* Checks a number that is used for the first time, or that was no socket before. Where another
 * thread holds it, it is what that thread last found. */
static enum otr_fd_kind look_at(int fd, uint64_t *key)
{
	int error = errno;
	struct otr_self *self = otr_enter();
	enum otr_fd_kind kind = OTR_FD_OTHER;
	const struct otr_fd *held, *f;

	if (self) {
		held = otr_fd_of(fd);
		f = held ? held : otr_fd_slot(fd);
		kind = held ? held->kind : kind_of(f);
		*key = slot_key(fd, f, kind);
		otr_leave(self);
	}
	errno = error;
	return kind == OTR_FD_NEW ? OTR_FD_OTHER : kind;
}

ssize_t otr_out(const struct otr_out *o)
{
	struct otr_fd *f = otr_fd_slot(o->fd);
	enum otr_fd_kind kind;
	uint64_t key;

	if (otr_get(&otr_shim.n_unsent) && otr_header_send_unsent(o->fd, o->is_message, o->flags))
		return -1;
	if (otr_is_off() || (f && otr_fd_is_none(f)))
		return o->call(o);
	kind = kind_of(f);
	if (kind == OTR_FD_STREAM)
		return on_stream(o, !is_shed_answer(f));
	if (kind != OTR_FD_ALIAS)
		kind = look_at(o->fd, &key);
	if (kind == OTR_FD_STREAM || kind == OTR_FD_ALIAS)
		return on_stream(o, 1);
	return kind == OTR_FD_OTHER ? o->call(o) : on_notify(o, key, kind == OTR_FD_EVENT);
}

/* Emits what a call on a socket received. */
static void received(struct otr_self *self, const struct otr_in *in, struct otr_fd *f, ssize_t ret,
		     int error)
{
	struct iovec *seen = alloca(otr_n_pieces(0, in->n) * sizeof(*seen));
	int n = 0;

	if (ret <= 0) {
		otr_not_moved(self, in->fd, f, OTR_DIR_IN, ret, error);
		return;
	}
	if (!(in->flags & MSG_TRUNC))
		n = otr_trim(seen, in->iov, in->n, (size_t)ret);
	if (otr_shed_fast_path(self, f, OTR_DIR_IN, (uint64_t)ret, seen, n))
		return;
	if (!otr_tls_below(self, in->fd, f, seen, n) && f->role != OTR_ROLE_CLIENT &&
	    f->last_dir != OTR_DIR_IN)
		f = otr_fd_again(in->fd, f);
	if (f && f->kind == OTR_FD_STREAM)
		otr_moved(self, in->fd, f, OTR_DIR_IN, (uint64_t)ret, 0, seen, n);
}

/* Bytes came while another thread holds the connection, or on what is not followed. */
static void received_unheld(struct otr_self *self, int fd, ssize_t ret)
{
	const struct otr_fd *f = otr_fd_slot(fd);
	enum otr_fd_kind kind = kind_of(f);

	otr_fd_count_unread(fd, OTR_DIR_IN, ret);
	if (ret > 0 && kind != OTR_FD_NEW && kind != OTR_FD_OTHER)
		otr_rules_notify(self, slot_key(fd, f, kind), 0, otr_clock_ns());
}

static void received_on(struct otr_self *self, const struct otr_in *in, ssize_t ret, int error)
{
	struct otr_fd *f = otr_fd_of(in->fd);

	if (!f)
		received_unheld(self, in->fd, ret);
	else if (f->kind == OTR_FD_STREAM)
		received(self, in, f, ret, error);
	else if (ret > 0 && (f->kind != OTR_FD_EVENT || ret == 8))
		otr_rules_notify(self, slot_key(in->fd, f, f->kind), 0, otr_clock_ns());
}

void otr_in(const struct otr_in *in, ssize_t ret)
{
	struct otr_fd *f = otr_fd_slot(in->fd);
	struct otr_self *self;
	int error;

	if (otr_is_off() || in->flags & (MSG_PEEK | MSG_OOB | MSG_ERRQUEUE) ||
	    (f && otr_fd_is_none(f)))
		return;
	error = errno;
	self = otr_enter();
	if (!self) {
		otr_fd_count_unread(in->fd, OTR_DIR_IN, ret);
		return;
	}
	received_on(self, in, ret, error);
	otr_leave(self);
	errno = error;
}
