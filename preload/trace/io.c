/* SPDX-License-Identifier: Apache-2.0 */
/*
 * io.c - one call that moves bytes; see io.h.
 * A thread is between otr_enter() and otr_leave() only before and after the call itself: while
 * the call blocks, a signal handler may run, and may leave it by longjmp().
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
#include "preload/trace/unsent.h"
#include "preload/trace/user_copy.h"

/* One call that sends; on the caller's stack. The thread holds the connection before and after
 * the call, not while the call is made. Meanwhile the descriptor number may become that of another
 * socket: then f->gen has changed. */
struct plan {
	struct otr_fd *f; /* NULL: the library does not follow the descriptor */
	uint64_t inode;
	uint32_t gen;
	int is_counted;		   /* 1: the call is counted in f->senders */
	struct otr_header *header; /* NULL: no header goes in */
	size_t added;		   /* length of the header */
	uint64_t start_ns;
	uint64_t received; /* bytes that were received before the call */
	struct otr_out_view view;
	int n_send; /* pieces in view.iov once splice_in() has put the header among them */
	struct otr_copy *kept; /* copy of what goes out, as another thread may free that; or NULL */
};

/* Sets view.iov to the caller's pieces with the header after the request line. */
static void splice_in(struct plan *p)
{
	struct otr_out_view *v = &p->view;

	p->n_send = otr_iov_first(v->iov, v->caller_iov, v->n_caller_iov, v->facts.line_end);
	v->iov[p->n_send++] = (struct iovec){p->header->text, p->added};
	p->n_send += otr_iov_after(v->iov + p->n_send, v->caller_iov, v->n_caller_iov,
				   v->facts.line_end);
}

/* Makes the caller's kind of call, with `iov` in place of the caller's pieces. */
static ssize_t send_pieces(const struct otr_out *o, const struct iovec *iov, int n)
{
	struct msghdr msg = {.msg_iov = (struct iovec *)iov, .msg_iovlen = (size_t)n};

	if (o->is_message)
		return otr_real.sendmsg(o->fd, &msg, o->flags);
	return otr_real.writev(o->fd, iov, n);
}

/* After a call whose connection the thread cannot hold: counts its `moved` bytes as unread. */
static void end_unheld(const struct plan *p, ssize_t moved)
{
	if (otr_get(&p->f->gen) != p->gen)
		return;
	otr_hold_count_unread(p->f, OTR_DIR_OUT, moved);
	if (p->is_counted)
		__atomic_fetch_add(&p->f->senders_gone, 1, __ATOMIC_RELAXED);
}

/* After the call: holds the connection again, also where another number has taken over its state.
 * NULL: the connection has ended, or the thread cannot hold it. `self` NULL: otr_enter() has
 * returned no slot. */
static struct otr_fd *hold_again(const struct otr_self *self, struct plan *p, ssize_t moved)
{
	struct otr_fd *f = otr_fd_heir(p->f, p->inode, &p->gen);

	if (!f)
		return NULL;
	p->f = f;
	if (!self || !otr_hold(f)) {
		end_unheld(p, moved);
		return NULL;
	}
	if (f->gen != p->gen)
		return NULL;
	f->senders -= p->is_counted && f->senders;
	return f;
}

/* The call sent `moved` bytes of `iov`, header included; `ret` of them are the caller's. */
static void emit_moved(struct otr_self *self, struct plan *p, int fd, const struct iovec *iov,
		       int n, size_t moved, size_t ret)
{
	struct iovec *sent = p->view.iov; /* may be `iov` itself */

	if (p->kept)
		n = otr_copy_read(p->kept, sent, moved);
	else
		n = otr_is_single_threaded() ? otr_iov_first(sent, iov, n, moved) : 0;
	otr_moved(self, fd, p->f, OTR_DIR_OUT, moved, p->start_ns, sent, n);
	if (p->f->role != OTR_ROLE_SERVER)
		otr_boundary_sent_with(&p->f->boundary, ret, sent, n, &p->view.facts,
				       p->header ? p->added : 0);
}

/* Another thread may have emitted the answer before this thread emits the request: then the last
 * direction stays that of the answer. */
static void keep_answer_last(const struct plan *p)
{
	struct otr_fd *f = p->f;

	if (f->role == OTR_ROLE_CLIENT && f->boundary.state == OTR_BOUNDARY_START &&
	    f->dirs[OTR_DIR_IN].total != p->received)
		f->last_dir = OTR_DIR_IN;
}

/* Emits a call that sent `k` bytes, `ret` of them the caller's. `unsent` bytes of the header still
 * have to be sent. */
static void emit_with_header(struct otr_self *self, const struct otr_out *o, struct plan *p,
			     size_t k, size_t ret, size_t unsent)
{
	struct otr_fd *f = p->f;
	size_t at = p->view.facts.line_end;

	if (k > at && f->has_cause) {
		f->cause.added = (uint16_t)(p->added - unsent);
		f->cause.added_at = (uint16_t)at;
	} else {
		f->cause.ids = OTR_IDS_NONE;
	}
	emit_moved(self, p, o->fd, p->view.iov, p->n_send, k, ret);
	keep_answer_last(p);
	if (unsent)
		otr_header_set_unsent(f, unsent, p->added - unsent);
	else
		otr_header_free(f);
}

/* Makes the call with the header in it. */
static ssize_t send_with_header(const struct otr_out *o, struct plan *p)
{
	size_t unsent, at = p->view.facts.line_end;
	struct otr_self *self;
	ssize_t k, ret;
	int header_begun, error;

	k = send_pieces(o, p->view.iov, p->n_send);
	if (k <= 0)
		return k;
	error = errno;
	ret = otr_account(at, p->added, k, &unsent, &header_begun);
	otr_count(header_begun ? OTR_SHIM_INJECTED : OTR_SHIM_CUT_SHORT);
	self = otr_enter();
	if (hold_again(self, p, k))
		emit_with_header(self, o, p, (size_t)k, (size_t)ret, unsent);
	else
		otr_header_set_unsent_unheld(p->f, p->gen, unsent, p->added - unsent);
	if (self)
		otr_leave(self);
	errno = error;
	return ret;
}

/* Are these bytes ciphertext that a TLS library sends? Only the pieces of a TLS library are read
 * here: those of any other caller may not be readable. */
static int is_ciphertext(struct otr_self *self, const struct otr_out *o, struct otr_fd *f)
{
	if (!otr_tls_inside(self))
		return otr_ciphertext_is(self, o->fd, f, NULL, 0);
	if (o->is_sendmsg)
		return otr_ciphertext_is(self, o->fd, f, o->msg->msg_iov, (int)o->msg->msg_iovlen);
	return otr_ciphertext_is(self, o->fd, f, o->iov, o->n);
}

static void keep_copy(struct otr_self *self, const struct otr_out *o, struct plan *p)
{
	if (p->header)
		splice_in(p);
	p->kept = otr_copy_keep(self, p->f, o, p->header ? p->view.iov : NULL, p->n_send,
				p->view.page);
}

/* Records the connection `f`, which the thread holds. */
static void set_connection(struct plan *p, struct otr_fd *f)
{
	p->f = f;
	p->inode = f->inode;
	p->gen = f->gen;
	p->received = f->dirs[OTR_DIR_IN].total;
}

/* Before a call that sends on `f`: checks the connection and decides whether a header goes in.
 * Leaves p->f NULL if `o->fd` is no connection any more, and p->header NULL if a TLS library
 * sends. */
static void prepare(struct otr_self *self, const struct otr_out *o, struct plan *p,
		    struct otr_fd *f)
{
	int is_tls = is_ciphertext(self, o, f);

	if (!is_tls && f->role != OTR_ROLE_SERVER && f->last_dir != OTR_DIR_OUT)
		f = otr_fd_recheck(o->fd, f);
	if (!f || f->kind != OTR_FD_STREAM)
		return;
	set_connection(p, f);
	p->is_counted = 1;
	f->senders++;
	if (is_tls)
		return;
	p->added = otr_decide(self, o, f, p->start_ns, &p->view, &p->header);
	keep_copy(self, o, p);
}

/* Offers the ring before the first byte moves (see otr_ensure_offered()) and holds the connection
 * again. The offer takes some 100 us, in which another thread may need the connection. */
static struct otr_fd *offer_unheld(struct otr_self *self, int fd, struct otr_fd *f)
{
	if (__atomic_load_n(&otr_shim.is_offered, __ATOMIC_ACQUIRE))
		return f;
	otr_hold_release(self);
	otr_ring_ready();
	f = otr_fd_of(fd);
	return f && f->kind == OTR_FD_STREAM ? f : NULL;
}

/* Before the call: sets `p` if the call sends on a stream that this thread can hold. */
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
		set_connection(p, f);
		keep_copy(self, o, p); /* for the boundary of requests, which is still followed */
	} else if (f && f->kind == OTR_FD_STREAM) {
		p->start_ns = self->event_ns = otr_clock_ns();
		f = offer_unheld(self, o->fd, f);
		if (f)
			prepare(self, o, p, f);
	}
	otr_leave(self);
	errno = error;
}

#define EVENT_BYTES 8 /* that a call on an eventfd moves */

/* The key of the notify slot of `fd`, which is of this kind; 0: none. `f` need not be held. */
static uint64_t slot_key(int fd, const struct otr_fd *f, enum otr_fd_kind kind)
{
	if (kind == OTR_FD_PIPE)
		return otr_get(&f->inode);
	/* Loops are woken by pairs and eventfds. All pairs of a process share one slot; each
	 * eventfd has its own, by its number, since all eventfds have the same inode. */
	if (kind == OTR_FD_PAIR)
		return 1;
	return kind == OTR_FD_EVENT ? 1ull << 32 | (uint32_t)fd : 0;
}

/* Emits a call that was made without a header. */
static void emit_plain(struct otr_self *self, const struct otr_out *o, struct plan *p, ssize_t ret,
		       int error)
{
	int may_read = ret > 0 && !p->kept && otr_is_single_threaded();
	const struct iovec *iov = may_read && o->is_sendmsg ? o->msg->msg_iov : o->iov;
	int n = may_read && o->is_sendmsg ? (int)o->msg->msg_iovlen : o->n;

	if (ret <= 0) {
		otr_not_moved(self, o->fd, p->f, OTR_DIR_OUT, ret, error);
		return;
	}
	emit_moved(self, p, o->fd, iov, n, (size_t)ret, (size_t)ret);
	keep_answer_last(p);
}

/* Finds the connection after a call that was not prepared, or whose connection was held. */
static void find_connection(const struct otr_out *o, struct plan *p)
{
	struct otr_fd *f = otr_fd_of(o->fd);

	if (f && f->kind == OTR_FD_STREAM)
		set_connection(p, f);
}

/* After a call that was made without a header, or that sent nothing: emits it, frees the header. */
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
		otr_header_set_unsent_unheld(p->f, p->gen, 0, 0);
	if (self)
		otr_leave(self);
}

/* Is this an answer that is shed? Then the call needs no preparation. */
static int is_shed_answer(const struct otr_fd *f)
{
	return otr_get(&f->role) == OTR_ROLE_SERVER && otr_get(&f->shed) && !otr_get(&f->has_upper);
}

/* A call that sends on a stream. Not inlined, so that other calls need no room on the stack. */
__attribute__((noinline)) static ssize_t on_stream(const struct otr_out *o, int needs_prepare)
{
	/* Two more: the header, and the piece that the header cuts in two. */
	size_t room = otr_n_pieces(o->is_sendmsg, o->n) + 2;
	struct plan p;
	ssize_t ret;
	int error;

	p.f = NULL;
	p.inode = 0;
	p.gen = 0;
	p.is_counted = 0;
	p.header = NULL;
	p.kept = NULL;
	p.start_ns = p.received = 0;
	p.n_send = 0;
	p.view.page = OTR_NO_PAGE;
	p.view.facts.len = p.view.facts.line_end = 0;
	p.view.iov = alloca(room * sizeof(*p.view.iov));
	if (needs_prepare)
		before_call(o, &p);
	if (p.header)
		ret = send_with_header(o, &p);
	else
		ret = o->call(o);
	error = errno;
	if (!p.header || ret <= 0)
		after_call(o, &p, ret, error);
	otr_copy_free(p.kept);
	errno = error;
	return ret;
}

/* R9: a pipe, an eventfd or an unnamed pair was written to; `key` is that of its notify slot. */
static void apply_notify(uint64_t key, int write)
{
	struct otr_self *self = otr_enter();

	if (!self)
		return;
	otr_rules_notify(self, key, write, otr_clock_ns());
	otr_leave(self);
}

/* A call that writes to a descriptor with a notify slot. */
static ssize_t on_notify(const struct otr_out *o, uint64_t key, int is_event)
{
	ssize_t ret = o->call(o);
	int error = errno;

	if (ret > 0 && (!is_event || ret == EVENT_BYTES))
		apply_notify(key, 1);
	errno = error;
	return ret;
}

/* The kind of a number as it was last found; OTR_FD_NEW if the number was never used (`f` NULL), or
 * not since the ring has its present reader. */
static enum otr_fd_kind kind_of(const struct otr_fd *f)
{
	return f && otr_get(&f->reader_gen) == otr_get(&otr_shim.reader_gen) ? otr_get(&f->kind)
									     : OTR_FD_NEW;
}

/* Asks the kernel what `fd` is: at its first use, or if it was no socket before. If another thread
 * holds it, returns what that thread found last. */
static enum otr_fd_kind check_kind(int fd, uint64_t *key)
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

	if (otr_get(&otr_shim.n_unsent) && otr_unsent_send(o->fd, o->is_message, o->flags))
		return -1;
	if (otr_is_off() || (f && otr_fd_is_none(f)))
		return o->call(o);
	kind = kind_of(f);
	if (kind == OTR_FD_STREAM)
		return on_stream(o, !is_shed_answer(f));
	if (kind != OTR_FD_ALIAS)
		kind = check_kind(o->fd, &key);
	if (kind == OTR_FD_STREAM || kind == OTR_FD_ALIAS)
		return on_stream(o, 1);
	return kind == OTR_FD_OTHER ? o->call(o) : on_notify(o, key, kind == OTR_FD_EVENT);
}

/* Emits what a call on the stream `f`, which the thread holds, has received. */
static void emit_received(struct otr_self *self, const struct otr_in *in, struct otr_fd *f,
			  ssize_t ret, int error)
{
	struct iovec *seen = alloca(otr_n_pieces(0, in->n) * sizeof(*seen));
	int n = 0;

	if (ret <= 0) {
		otr_not_moved(self, in->fd, f, OTR_DIR_IN, ret, error);
		return;
	}
	if (!(in->flags & MSG_TRUNC))
		n = otr_iov_first(seen, in->iov, in->n, (size_t)ret);
	if (otr_shed_fast_path(self, f, OTR_DIR_IN, (uint64_t)ret, seen, n))
		return;
	if (!otr_ciphertext_is(self, in->fd, f, seen, n) && f->role != OTR_ROLE_CLIENT &&
	    f->last_dir != OTR_DIR_IN)
		f = otr_fd_recheck(in->fd, f);
	if (f && f->kind == OTR_FD_STREAM)
		otr_moved(self, in->fd, f, OTR_DIR_IN, (uint64_t)ret, 0, seen, n);
}

/* Bytes came while another thread holds the connection, or on what is not followed. */
static void count_received(struct otr_self *self, int fd, ssize_t ret)
{
	const struct otr_fd *f = otr_fd_slot(fd);
	enum otr_fd_kind kind = kind_of(f);

	otr_fd_count_unread(fd, OTR_DIR_IN, ret);
	if (ret > 0 && kind != OTR_FD_NEW && kind != OTR_FD_OTHER)
		otr_rules_notify(self, slot_key(fd, f, kind), 0, otr_clock_ns());
}

/* After a call that receives, on a descriptor of any kind. */
static void after_receive(struct otr_self *self, const struct otr_in *in, ssize_t ret, int error)
{
	struct otr_fd *f = otr_fd_of(in->fd);

	if (!f)
		count_received(self, in->fd, ret);
	else if (f->kind == OTR_FD_STREAM)
		emit_received(self, in, f, ret, error);
	else if (ret > 0 && (f->kind != OTR_FD_EVENT || ret == EVENT_BYTES))
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
	after_receive(self, in, ret, error);
	otr_leave(self);
	errno = error;
}
