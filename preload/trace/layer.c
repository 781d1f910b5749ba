/* SPDX-License-Identifier: Apache-2.0 */
/* layer.c - the upper layer of a socket: plaintext inside TLS, or calls of libpq; see layer.h. */

#include "preload/trace/layer.h"

#include <stddef.h>
#include <string.h>

#include "preload/base/fd.h"
#include "preload/base/shim.h"
#include "preload/parse/inject.h"

#define LIB_STACK 65536 /* a TLS library uses less stack than this below the frame of our wrapper */

/* `tls_frame` may be stale, if the call was left by longjmp(), or belong to another fiber: then it
 * is not close above this frame. */
int otr_tls_inside(const struct otr_self *self)
{
	uintptr_t here = (uintptr_t)__builtin_frame_address(0);

	return self->tls_frame && here < self->tls_frame && self->tls_frame - here < LIB_STACK;
}

struct otr_fd *otr_fd_upper(struct otr_fd *f)
{
	return f->has_upper ? f + OTR_FD_PAGE : f;
}

/* The upper layer begins with what is known of the socket: the role, the peer, and the request that
 * the socket was connected for. */
struct otr_fd *otr_fd_begin_upper(struct otr_fd *f, uint8_t layer)
{
	struct otr_fd *upper = f + OTR_FD_PAGE;
	struct otr_asked asked = otr_fd_upper(f)->asked;

	memset(upper, 0, offsetof(struct otr_fd, owner));
	upper->greeting = f->greeting;
	upper->connected_by = f->connected_by;
	upper->host_hash = f->host_hash;
	upper->inode = f->inode;
	upper->asked = asked;
	upper->family = f->family;
	upper->kind = f->kind;
	upper->role = f->role;
	upper->seen_open = f->seen_open;
	upper->nonblock = f->nonblock;
	upper->layer = layer;
	upper->last_dir = OTR_DIR_NONE;
	upper->policy_gen = ~0u;
	otr_fd_follow(upper);
	otr_put(&f->has_upper, 1);
	return upper;
}

/* A call without a wrapper may have sent a part of a request, so the boundary of requests is not
 * known any more. */
void otr_tls_ciphertext_sent(const struct otr_self *self, struct otr_fd *f)
{
	if (!otr_tls_inside(self))
		otr_fd_upper(f)->boundary.state = OTR_BOUNDARY_UNKNOWN;
}
