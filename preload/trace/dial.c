/* SPDX-License-Identifier: Apache-2.0 */
/*
 * dial.c - connect() that fails. A blocking connect() returns the error. The error of any other is
 * seen when the program reads SO_ERROR, or at the first call that moves no bytes; or not at all, if
 * the program closes the socket before. The counterpart of otr_refused() in bpf/life.bpf.h.
 */

#include "preload/trace/dial.h"

#include <errno.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <string.h>

#include "preload/base/clock.h"
#include "preload/base/fd.h"
#include "preload/base/inbound.h"
#include "preload/base/real.h"
#include "preload/base/shim.h"
#include "preload/base/sys.h"
#include "preload/ring/ring.h"
#include "preload/trace/rules.h"
#include "preload/trace/user_copy.h"

#define STATE_SYN_SENT 2 /* TCP_SYN_SENT and TCP_CLOSE of struct tcp_info */
#define STATE_CLOSE    7

int otr_dial_is_failure(int error)
{
	return error == ECONNREFUSED || error == ETIMEDOUT || error == EHOSTUNREACH ||
	       error == ENETUNREACH || error == EHOSTDOWN || error == ENETDOWN ||
	       error == ECONNRESET;
}

/* Copies the address from the caller's memory, which another thread may have freed. */
static void put_addr(struct otr_addr *to, const struct sockaddr *sa, socklen_t len)
{
	union {
		struct sockaddr_in four;
		struct sockaddr_in6 six;
	} at;

	memset(to, 0, sizeof(*to));
	if (len > sizeof(at))
		len = sizeof(at);
	if (len < sizeof(at.four) || !otr_user_copy(&at, sa, len))
		return;
	if (at.four.sin_family == AF_INET) {
		to->family = AF_INET;
		to->port = ntohs(at.four.sin_port);
		memcpy(to->ip, &at.four.sin_addr, 4);
	} else if (at.six.sin6_family == AF_INET6 && len >= sizeof(at.six)) {
		to->family = AF_INET6;
		to->port = ntohs(at.six.sin6_port);
		memcpy(to->ip, &at.six.sin6_addr, 16);
	}
}

static void begin(struct otr_self *self, struct otr_fd *f, const struct sockaddr *sa, socklen_t len,
		  uint64_t start_ns)
{
	struct otr_strand *st = &self->strand;
	struct otr_xref parent;
	enum otr_evidence why;

	put_addr(&f->dial.remote, sa, len);
	otr_put(&f->dial.start_ns, f->dial.remote.family ? start_ns : 0);
	otr_refresh(st, otr_exch_of(st->cur.conn));
	why = otr_r4_dial(st, &otr_shim.proc, f->nonblock, start_ns, &parent);
	f->dial.cause = (struct otr_cause){.evidence = 0};
	otr_rules_cause(&f->dial.cause, &parent, why);
}

static void emit(const struct otr_self *self, const struct otr_fd *f, int error)
{
	struct otr_ev_failed *ev;
	uint64_t place;

	ev = otr_ring_reserve(sizeof(*ev), &place);
	if (!ev)
		return;
	memset(ev, 0, sizeof(*ev));
	ev->hdr.kind = OTR_EV_CONN_FAILED;
	ev->hdr.hook = OTR_HOOK_PRELOAD;
	ev->hdr.size = sizeof(*ev);
	ev->hdr.time_ns = otr_clock_ns();
	ev->hdr.tgid = (uint32_t)otr_shim.pid;
	ev->hdr.tid = (uint32_t)self->tid;
	ev->hdr.strand = ev->hdr.tid;
	ev->hdr.conn = f->inode;
	ev->cause = f->dial.cause;
	ev->start_ns = f->dial.start_ns;
	ev->remote = f->dial.remote;
	ev->error = error;
	otr_ring_commit(place);
}

void otr_dial_failed(struct otr_self *self, struct otr_fd *f, int error)
{
	struct otr_exch *ex = otr_exch_of(f->asked.born.conn);

	if (!f->dial.start_ns || f->dirs[0].total + f->dirs[1].total)
		return;
	if (f->asked.has_born && otr_xref_open(&f->asked.born, ex))
		otr_flight(&otr_shim.proc, ex, -1); /* the exchange does not wait for it any more */
	f->asked.has_born = 0;
	if (f->inode && otr_ring_ready())
		emit(self, f, error);
	otr_put(&f->dial.start_ns, 0);
}

void otr_dial(struct otr_self *self, struct otr_fd *f, const struct sockaddr *sa, socklen_t len,
	      uint64_t start_ns, int error)
{
	if (!f->dial.start_ns)
		begin(self, f, sa, len, start_ns);
	if (error != EINPROGRESS)
		otr_dial_failed(self, f, error);
}

/* A pending connect() is cancelled by close(). One that has failed, and whose SO_ERROR the
 * program has not read, is emitted with EIO: reading SO_ERROR here would clear it for another
 * process that has the socket. A child made by vfork() closes a descriptor of its own: then
 * nothing is emitted. */
void otr_dial_closing(struct otr_self *self, int fd)
{
	struct otr_fd *f = otr_fd_of(fd);
	struct tcp_info info = {0};
	socklen_t len = sizeof(info.tcpi_state);

	if (!f || !f->dial.start_ns || f->dirs[0].total + f->dirs[1].total ||
	    otr_sys_getpid() != otr_shim.pid ||
	    otr_sys_getsockopt(fd, IPPROTO_TCP, TCP_INFO, &info, &len))
		return;
	if (info.tcpi_state == STATE_SYN_SENT)
		otr_dial_failed(self, f, ECANCELED);
	else if (info.tcpi_state == STATE_CLOSE)
		otr_dial_failed(self, f, EIO);
}
