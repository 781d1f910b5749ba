/* SPDX-License-Identifier: Apache-2.0 */
/* bulk.c - wrappers of calls that move several messages, or bytes that the library cannot read. */

#include <errno.h>
#include <fcntl.h>
#include <stddef.h>
#include <sys/sendfile.h>

#include "preload/base/real.h"
#include "preload/base/shim.h"
#include "preload/trace/enter.h"
#include "preload/trace/io.h"
#include "preload/trace/report.h"
#include "preload/trace/unsent.h"

ssize_t sendfile(int out, int in, off_t *at, size_t len)
{
	ssize_t ret;

	if (otr_get(&otr_shim.n_unsent) && otr_unsent_send(out, 0, 0))
		return -1;
	otr_ensure_offered(out);
	ret = otr_real.sendfile(out, in, at, len);
	otr_report_out(out, ret);
	return ret;
}

/* off_t has 64 bits on all supported machines. */
ssize_t sendfile64(int out, int in, off64_t *at, size_t len) __attribute__((alias("sendfile")));

/* One end is a pipe, through which a proxy moves data: R9 does not apply to it. */
ssize_t splice(int in, off64_t *from, int out, off64_t *to, size_t len, unsigned int flags)
{
	ssize_t ret;

	if (otr_get(&otr_shim.n_unsent) && otr_unsent_send(out, 0, 0))
		return -1;
	otr_ensure_offered(in);
	otr_ensure_offered(out);
	ret = otr_real.splice(in, from, out, to, len, flags);
	otr_report_in(in, ret);
	otr_report_out(out, ret);
	return ret;
}

int sendmmsg(int fd, struct mmsghdr *msgs, unsigned int n, int flags)
{
	int ret, error;

	if (otr_get(&otr_shim.n_unsent) && otr_unsent_send(fd, 1, flags))
		return -1;
	otr_ensure_offered(fd);
	ret = otr_real.sendmmsg(fd, msgs, n, flags);
	error = errno;
	for (int i = 0; i < ret; i++)
		otr_report_sent(fd, msgs[i].msg_hdr.msg_iov, (int)msgs[i].msg_hdr.msg_iovlen,
				(ssize_t)msgs[i].msg_len);
	errno = error;
	if (ret < 0)
		otr_report_sent(fd, NULL, 0, ret);
	return ret;
}

int recvmmsg(int fd, struct mmsghdr *msgs, unsigned int n, int flags, struct timespec *ts)
{
	int ret, error;

	otr_ensure_offered(fd);
	ret = otr_real.recvmmsg(fd, msgs, n, flags, ts);
	error = errno;

	for (int i = 0; i < ret; i++)
		otr_in(&(struct otr_in){.fd = fd,
					.flags = flags,
					.iov = msgs[i].msg_hdr.msg_iov,
					.n = (int)msgs[i].msg_hdr.msg_iovlen},
		       (ssize_t)msgs[i].msg_len);
	errno = error;
	if (ret < 0)
		otr_in(&(struct otr_in){.fd = fd, .flags = flags}, ret);
	return ret;
}
