/* SPDX-License-Identifier: Apache-2.0 */
/* ciphertext.c - bytes of a socket that a TLS library moves; see layer.c. */

#include "preload/trace/ciphertext.h"

#include <stddef.h>

#include "preload/base/fd.h"
#include "preload/base/shim.h"
#include "preload/trace/conn.h"
#include "preload/trace/layer.h"
#include "preload/trace/tls.h"

/* Do these bytes begin with the header of a TLS record: type 20 to 23, version 3.x, a length? */
static int is_record(const struct iovec *iov, int n)
{
	const uint8_t *p = n > 0 ? iov->iov_base : NULL;

	return p && iov->iov_len >= 5 && p[0] >= 20 && p[0] <= 23 && p[1] == 3 && p[2] <= 4 &&
	       (p[3] << 8 | p[4]) <= OTR_TLS_RECORD + 2048;
}

int otr_tls_below(struct otr_self *self, int fd, struct otr_fd *f, const struct iovec *iov, int n)
{
	if (!otr_tls_inside(self))
		return f->has_upper && otr_fd_is_same(fd, f);
	if (f->has_upper && self->tls_is_handshake && !otr_fd_is_same(fd, f))
		f = otr_fd_again(fd, f);
	if (!f || f->kind != OTR_FD_STREAM)
		return 0;
	if (!f->has_upper && !is_record(iov, n))
		return 0;
	if (!f->has_upper)
		otr_fd_begin_upper(f, OTR_LAYER_TLS);
	self->tls_fd = fd;
	return 1;
}
