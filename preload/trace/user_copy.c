/* SPDX-License-Identifier: Apache-2.0 */
/*
 * user_copy.c - reads what a caller wants sent, before the kernel has said that it can be read.
 *
 * write(fd, bad, n) fails with EFAULT; reading `bad` here would crash the program. The kernel
 * is asked page by page, by a system call that reads 8 bytes and then fails with EINVAL.
 *
 * After a call the bytes may be gone: the receiver may have let another thread free them. So
 * where there are threads they are copied before the call: at that time they are valid, or the
 * caller is wrong, which the kernel is asked as well.
 */

#include "preload/trace/user_copy.h"

#include <errno.h>
#include <signal.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "preload/base/alloc.h"
#include "preload/base/real.h"
#include "preload/base/shim.h"
#include "preload/base/sys.h"
#include "preload/base/thread.h"
#include "preload/parse/inject.h"
#include "preload/trace/call.h"
#include "preload/trace/capture.h"

#define PAGE	 4096u /* or a whole number of pages */
#define IOV_MOST 1024  /* the kernel refuses more */
#define LOOK	 16    /* first bytes, by which most of what is no request is known */

/* The page that was checked last, so that each is checked once. */
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
		if (otr_sys(SYS_rt_sigprocmask, ~0, at, NULL, 8) != -EINVAL)
			return 0;
		a->page = at;
	}
	return 1;
}

int otr_user_copy(void *to, const void *from, size_t len)
{
	struct asked a = {.page = OTR_NO_PAGE};

	if (!is_readable(&a, from, len))
		return 0;
	memcpy(to, from, len);
	return 1;
}

/* The pieces of a call, if their list can be read. */
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

/* Writes the pieces of the first `len` bytes to `out`, as far as they can be read. */
static int readable_pieces(struct asked *a, struct iovec *out, const struct iovec *iov, int n,
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

static size_t length(const struct iovec *iov, int n)
{
	size_t all = 0;

	for (int i = 0; i < n; i++)
		all += iov[i].iov_len;
	return all;
}

/* How many bytes of a call that begins at `from` lie in the pages of its first LOOK bytes? */
static size_t in_first_pages(const void *from)
{
	return LOOK + (PAGE - 1) - ((uintptr_t)from + LOOK - 1) % PAGE;
}

/* Nearly every head lies in the page where it begins: the others are not asked for then. */
static enum otr_head read_head(struct asked *a, const struct otr_out *o, struct otr_out_view *view)
{
	enum otr_head head;
	size_t sure;
	int n;

	view->caller_iov = pieces(a, o, &view->n_caller_iov);
	if (!view->caller_iov)
		return OTR_HEAD_NONE;
	n = readable_pieces(a, view->iov, view->caller_iov, view->n_caller_iov, LOOK);
	if (!otr_head_begins(view->iov, n))
		return OTR_HEAD_NONE;
	sure = in_first_pages(view->iov->iov_base);
	view->n = readable_pieces(a, view->iov, view->caller_iov, view->n_caller_iov, sure);
	head = otr_head_read(view->iov, view->n, &view->facts);
	if (head != OTR_HEAD_SPLIT || length(view->iov, view->n) < sure)
		return head;
	view->n = readable_pieces(a, view->iov, view->caller_iov, view->n_caller_iov,
				  OTR_HEAD_MAX + 2);
	return otr_head_read(view->iov, view->n, &view->facts);
}

enum otr_head otr_user_copy_head(const struct otr_out *o, struct otr_out_view *view)
{
	struct asked a = {.page = OTR_NO_PAGE};
	enum otr_head head = read_head(&a, o, view);

	view->page = a.page;
	return head;
}

#define COPIES 256 /* at once */

struct otr_copy {
	int32_t tid; /* 0: free */
	int32_t has_tail;
	size_t got, all; /* bytes in `head`, and of the call */
	char *head;	 /* OTR_DATA_MAX bytes, once they were needed */
	char tail[OTR_TAIL];
};

int otr_copies_alloc(void)
{
	otr_shim.copies = otr_alloc(COPIES * sizeof(*otr_shim.copies));
	return otr_shim.copies != NULL;
}

void otr_copies_forked(void)
{
	for (int i = 0; i < COPIES; i++)
		if (otr_shim.copies[i].tid)
			otr_shim.copies[i].tid = 0;
}

static int take(struct otr_copy *at, int32_t was, int32_t tid)
{
	return __atomic_compare_exchange_n(&at->tid, &was, tid, 0, __ATOMIC_ACQUIRE,
					   __ATOMIC_RELAXED);
}

/* A copy whose thread was cancelled in its call is reused when all are taken: one check for
 * each call. */
static struct otr_copy *reuse_slot(int32_t tid)
{
	static uint32_t next;
	uint32_t at = __atomic_fetch_add(&next, 1, __ATOMIC_RELAXED);
	struct otr_copy *c = &otr_shim.copies[at % COPIES];
	int32_t was = __atomic_load_n(&c->tid, __ATOMIC_RELAXED);

	return otr_has_ended(was) && take(c, was, tid) ? c : NULL;
}

static struct otr_copy *take_slot(int32_t tid)
{
	struct otr_copy *at;
	int32_t was;

	for (uint32_t i = 0; i < COPIES; i++) {
		at = &otr_shim.copies[((uint32_t)tid + i) % COPIES];
		was = otr_get(&at->tid);
		if (was == tid) /* left by longjmp() */
			return at;
		if (!was && take(at, 0, tid))
			return at;
	}
	return reuse_slot(tid);
}

/* Is this piece a header of ours? */
static int is_header(const void *at)
{
	return otr_shim.headers && (uintptr_t)at - (uintptr_t)otr_shim.headers <
					   OTR_HEADERS * sizeof(*otr_shim.headers);
}

/* Returns how many of `len` bytes could be read. */
static size_t copy(struct asked *a, char *to, size_t len, const struct iovec *iov, int n)
{
	size_t got = 0, k;

	for (; n && got < len; iov++, n--) {
		k = iov->iov_len < len - got ? iov->iov_len : len - got;
		if (!is_header(iov->iov_base) && !is_readable(a, iov->iov_base, k))
			break;
		memcpy(to + got, iov->iov_base, k);
		got += k;
	}
	return got;
}

/* Copies the last bytes of a call, where a chunked body ends. */
static void copy_tail(struct asked *a, struct otr_copy *c, const struct iovec *last)
{
	const struct iovec end = {(char *)last->iov_base + last->iov_len - OTR_TAIL, OTR_TAIL};

	c->has_tail = c->got < c->all && last->iov_len >= OTR_TAIL &&
		      copy(a, c->tail, OTR_TAIL, &end, 1) == OTR_TAIL;
	if (c->has_tail && c->got > c->all - OTR_TAIL)
		c->got = c->all - OTR_TAIL;
}

/* Where nearly all bytes are copied, all are, so that the last ones need no place of their own. */
static void fill(struct asked *a, struct otr_copy *c, size_t want, const struct iovec *iov, int n)
{
	c->all = length(iov, n);
	if (c->all <= want + OTR_TAIL && c->all <= OTR_DATA_MAX)
		want = c->all;
	c->got = copy(a, c->head, want, iov, n);
	copy_tail(a, c, &iov[n - 1]);
}

static struct otr_copy *take_copy(int32_t tid)
{
	struct otr_copy *c = take_slot(tid);

	if (!c || otr_alloc_once(&c->head, OTR_DATA_MAX))
		return c;
	otr_copy_free(c);
	return NULL;
}

/* Where it is not known what the call will send, nothing is copied. */
struct otr_copy *otr_copy_keep(const struct otr_self *self, const struct otr_fd *f,
			       const struct otr_out *o, const struct iovec *iov, int n,
			       uintptr_t page)
{
	size_t want = otr_is_single_threaded() ? 0 : f ? otr_wanted(f) : OTR_DATA_MAX;
	struct asked a = {.page = page};
	int error = errno;
	struct otr_copy *c;

	if (want && !iov)
		iov = pieces(&a, o, &n);
	c = want && iov ? take_copy(self->tid) : NULL;
	if (c)
		fill(&a, c, want, iov, n);
	errno = error;
	return c;
}

int otr_copy_read(const struct otr_copy *c, struct iovec *out, size_t moved)
{
	out[0] = (struct iovec){(char *)c->head, c->got < moved ? c->got : moved};
	if (!c->has_tail || moved != c->all)
		return out[0].iov_len > 0;
	out[1] = (struct iovec){NULL, c->all - c->got - OTR_TAIL};
	out[2] = (struct iovec){(char *)c->tail, OTR_TAIL};
	return 3;
}

void otr_copy_free(struct otr_copy *c)
{
	if (c)
		__atomic_store_n(&c->tid, 0, __ATOMIC_RELEASE);
}
