/* SPDX-License-Identifier: Apache-2.0 */
/* report.c - bytes that do not pass through otr_out() and otr_in(); see report.h. */

#include "preload/trace/report.h"

#include <alloca.h>
#include <errno.h>
#include <stddef.h>

#include "preload/base/fd.h"
#include "preload/base/shim.h"
#include "preload/base/thread.h"
#include "preload/parse/iov.h"
#include "preload/parse/request_boundary.h"
#include "preload/trace/call.h"
#include "preload/trace/enter.h"
#include "preload/trace/flow.h"

/* The bytes are read after the call: if the process has several threads, one of them may have freed
 * them by now, so they count as unread. */
static void emit(struct otr_self *self, int fd, struct otr_fd *f, int dir, const struct iovec *iov,
		 int n, ssize_t ret)
{
	struct iovec *seen = alloca(otr_n_pieces(0, n) * sizeof(*seen));

	n = dir == OTR_DIR_OUT && !otr_is_single_threaded()
		    ? 0
		    : otr_iov_first(seen, iov, n, (size_t)ret);
	otr_moved(self, fd, f, dir, (uint64_t)ret, 0, seen, n);
	if (dir == OTR_DIR_OUT && f->role != OTR_ROLE_SERVER)
		otr_boundary_sent(&f->boundary, (uint64_t)ret, seen, n);
}

static void report(int fd, int dir, const struct iovec *iov, int n, ssize_t ret)
{
	int error = errno;
	struct otr_self *self;
	struct otr_fd *f;

	if (otr_is_off())
		return;
	self = otr_enter();
	f = self ? otr_fd_of(fd) : NULL;
	if (f && f->kind == OTR_FD_STREAM && ret > 0)
		emit(self, fd, f, dir, iov, n, ret);
	else if (f && f->kind == OTR_FD_STREAM)
		otr_not_moved(self, fd, f, dir, ret, error);
	else if (!f)
		otr_fd_count_unread(fd, dir, ret);
	if (self)
		otr_leave(self);
	errno = error;
}

void otr_report_sent(int fd, const struct iovec *iov, int n, ssize_t ret)
{
	report(fd, OTR_DIR_OUT, iov, n, ret);
}

void otr_report_out(int fd, ssize_t ret)
{
	report(fd, OTR_DIR_OUT, NULL, 0, ret);
}

void otr_report_in(int fd, ssize_t ret)
{
	report(fd, OTR_DIR_IN, NULL, 0, ret);
}
