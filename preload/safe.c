/* SPDX-License-Identifier: Apache-2.0 */
/*
 * safe.c - reading what a caller wants sent, before the kernel has said that it can be read.
 *
 * write(fd, bad, n) fails with EFAULT: it must not crash here. The kernel is asked page by
 * page, by a call that reads 8 bytes and then refuses what it was asked for. After a call,
 * what it took needs no question.
 */

#include <errno.h>
#include <signal.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "preload/inject.h"
#include "preload/io.h"

#define PAGE	 4096u /* or a whole number of them */
#define IOV_MOST 1024  /* the kernel refuses more */
#define LOOK	 16    /* bytes by which most of what is no request is known */

/* The page asked about last, so that one is asked about once. */
struct asked {
	uintptr_t page;
};

static int is_readable(struct asked *a, const void *from, size_t len)
{
	uintptr_t at = (uintptr_t)from, end = at + len;

	if (!len)
		return 1;
	if (!from || end < at)
		return 0;
	for (at -= at % PAGE; at < end; at += PAGE) {
		if (at == a->page)
			continue;
		syscall(SYS_rt_sigprocmask, ~0, at, NULL, 8);
		if (errno != EINVAL)
			return 0;
		a->page = at;
	}
	return 1;
}

/* Where the pieces are, if that can be read. */
static const struct iovec *pieces(struct asked *a, const struct otr_out *o, int *n)
{
	const struct iovec *iov = o->iov;
	size_t count = (size_t)o->n;

	if (o->is_sendmsg) {
		if (!is_readable(a, o->msg, sizeof(*o->msg)))
			return NULL;
		iov = o->msg->msg_iov;
		count = o->msg->msg_iovlen;
	}
	if (!count || count > IOV_MOST)
		return NULL;
	*n = (int)count;
	if (o->is_sendmsg || !o->buf)
		return is_readable(a, iov, count * sizeof(*iov)) ? iov : NULL;
	return iov;
}

/* Up to `len` bytes of them, copied to `out` where they can be read. */
static int cut(struct asked *a, struct iovec *out, const struct iovec *iov, int n,
	       size_t len)
{
	int got = 0;

	for (; n && len && got < OTR_PIECES; iov++, n--) {
		out[got] = *iov;
		if (out[got].iov_len > len)
			out[got].iov_len = len;
		if (!is_readable(a, out[got].iov_base, out[got].iov_len))
			break;
		len -= out[got].iov_len;
		got += out[got].iov_len > 0;
	}
	return got;
}

enum otr_head otr_safe_head(const struct otr_out *o, struct otr_seen *seen)
{
	struct asked a = {.page = 1};
	int n;

	seen->all = pieces(&a, o, &seen->n_all);
	if (!seen->all)
		return OTR_HEAD_NONE;
	n = cut(&a, seen->iov, seen->all, seen->n_all, LOOK);
	if (otr_head_read(seen->iov, n, &seen->at) == OTR_HEAD_NONE)
		return OTR_HEAD_NONE;
	seen->n = cut(&a, seen->iov, seen->all, seen->n_all, OTR_HEAD_MAX + 2);
	return otr_head_read(seen->iov, seen->n, &seen->at);
}
