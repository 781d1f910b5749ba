/* SPDX-License-Identifier: Apache-2.0 */
/*
 * layer.c - what is said above a socket: plaintext inside TLS, or calls of libpq. The socket
 * calls below are told of neither, but their bytes show which connection it is.
 */

#include <stddef.h>
#include <string.h>

#include "preload/inject.h"
#include "preload/shim.h"
#include "preload/tls.h"

#define NEAR 65536 /* of stack that a library takes below our frame */

/* Is this thread in one? A call that was left by longjmp stands above us no more, and a
 * fiber that is run meanwhile has its stack elsewhere. */
int otr_tls_inside(const struct otr_self *self)
{
	uintptr_t here = (uintptr_t)__builtin_frame_address(0);

	return self->tls_frame && here < self->tls_frame &&
	       self->tls_frame - here < NEAR;
}

/* The header of a record: 20 to 23, version 3.x, a length. */
static int is_record(const struct iovec *iov, int n)
{
	const uint8_t *p = n > 0 ? iov->iov_base : NULL;

	return p && iov->iov_len >= 5 && p[0] >= 20 && p[0] <= 23 && p[1] == 3 &&
	       p[2] <= 4 && (p[3] << 8 | p[4]) <= OTR_TLS_RECORD + 2048;
}

struct otr_fd *otr_fd_talk(struct otr_fd *f)
{
	return f->opaque ? f + OTR_FD_PAGE : f;
}

/* What was known of the socket is true of what is said on it: whose it is, and for whom it
 * was connected. */
struct otr_fd *otr_fd_begin_talk(struct otr_fd *f, uint8_t layer)
{
	struct otr_fd *talk = f + OTR_FD_PAGE;
	struct otr_asked asked = otr_fd_talk(f)->asked;

	memset(talk, 0, offsetof(struct otr_fd, owner));
	talk->greeted = f->greeted;
	talk->began = f->began;
	talk->host = f->host;
	talk->inode = f->inode;
	talk->asked = asked;
	talk->family = f->family;
	talk->kind = f->kind;
	talk->role = f->role;
	talk->seen_open = f->seen_open;
	talk->nonblock = f->nonblock;
	talk->layer = layer;
	talk->last_dir = OTR_DIR_NONE;
	talk->policy_gen = ~0u;
	otr_fd_begins(talk);
	otr_put(&f->opaque, 1);
	return talk;
}

int otr_tls_below(struct otr_self *self, int fd, struct otr_fd *f,
		  const struct iovec *iov, int n)
{
	if (!otr_tls_inside(self))
		return f->opaque && otr_fd_is(fd, f);
	if (f->opaque && self->tls_hello && !otr_fd_is(fd, f))
		f = otr_fd_again(fd, f);
	if (!f || f->kind != OTR_FD_STREAM)
		return 0;
	if (!f->opaque && !is_record(iov, n))
		return 0;
	if (!f->opaque)
		otr_fd_begin_talk(f, OTR_LAYER_TLS);
	self->tls_fd = fd;
	return 1;
}

/* What was sent in no call that we stand before (gnutls_record_send2) may have been a part of
 * a request: where a next one begins is not known any more, so nothing is put into this
 * connection. */
void otr_tls_beside(const struct otr_self *self, struct otr_fd *f)
{
	if (!otr_tls_inside(self))
		otr_fd_talk(f)->talk.state = OTR_TALK_OPAQUE;
}
