/* SPDX-License-Identifier: Apache-2.0 */
/* ciphertext.c - which bytes of a socket are ciphertext; see layer.h. */

#include "preload/trace/ciphertext.h"

#include <stddef.h>

#include "preload/base/fd.h"
#include "preload/base/shim.h"
#include "preload/parse/tls_record.h"
#include "preload/trace/conn.h"
#include "preload/trace/layer.h"

#define VERSION_MAJOR	  3
#define VERSION_MINOR_MAX 4
#define EXPANSION_MAX	  2048 /* bytes by which a record is longer than its plaintext */

/* Do these bytes begin with the header of a TLS record: type, version 3.0 to 3.4, length? */
static int is_record(const struct iovec *iov, int n)
{
	const uint8_t *p = n > 0 ? iov->iov_base : NULL;

	return p && iov->iov_len >= 5 && p[0] >= OTR_TLS_TYPE_FIRST && p[0] <= OTR_TLS_TYPE_LAST &&
	       p[1] == VERSION_MAJOR && p[2] <= VERSION_MINOR_MAX &&
	       (p[3] << 8 | p[4]) <= OTR_TLS_RECORD + EXPANSION_MAX;
}

int otr_ciphertext_is(struct otr_self *self, int fd, struct otr_fd *f, const struct iovec *iov,
		      int n)
{
	if (!otr_tls_inside(self))
		return f->has_upper && otr_fd_is_same(fd, f);
	if (f->has_upper && self->tls_is_handshake && !otr_fd_is_same(fd, f))
		f = otr_fd_recheck(fd, f);
	if (!f || f->kind != OTR_FD_STREAM)
		return 0;
	if (!f->has_upper && !is_record(iov, n))
		return 0;
	if (!f->has_upper)
		otr_fd_begin_upper(f, OTR_LAYER_TLS);
	self->tls_fd = fd;
	return 1;
}
