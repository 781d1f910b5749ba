/* SPDX-License-Identifier: Apache-2.0 */
/*
 * user_copy.c - reads the bytes of a call that sends, before the kernel has said whether they are
 * readable.
 *
 * write(fd, bad, n) fails with EFAULT, while reading `bad` here would crash the program. So each
 * page is first checked by a system call that reads 8 bytes of it and then fails with EINVAL.
 *
 * After the call the bytes may be invalid: as soon as the peer has received them, another thread
 * may free them. So if the process has several threads, the bytes are copied before the call.
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

#define PAGE	 4096u /* the smallest page of any machine */
#define IOV_MOST 1024  /* the kernel refuses a call with more pieces */
#define FIRST	 16    /* first bytes, which show of most calls that they send no request */

/* The page that was found readable last, so that each page is checked once. */
struct checked {
	uintptr_t page;
};

static int is_readable(struct checked *a, const void *from, size_t len)
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
	struct checked a = {.page = OTR_NO_PAGE};

	if (!is_readable(&a, from, len))
		return 0;
	memcpy(to, from, len);
	return 1;
}

/* Returns the pieces of a call, and their number in *n; NULL: their list is not readable. */
static const struct iovec *pieces(struct checked *a, const struct otr_out *o, int *n)
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

/* Writes the pieces of the first `len` bytes to `out`, up to the first one that is not readable.
 * Returns the number of pieces. */
static int readable_pieces(struct checked *a, struct iovec *out, const struct iovec *iov, int n,
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

/* The number of bytes from `from` to the end of the page of the FIRST-th byte. */
static size_t in_first_pages(const void *from)
{
	return FIRST + (PAGE - 1) - ((uintptr_t)from + FIRST - 1) % PAGE;
}

/* Nearly every head ends in the page where it begins: then no other page is checked. */
static enum otr_head read_head(struct checked *a, const struct otr_out *o,
			       struct otr_out_view *view)
{
	enum otr_head is;
	size_t in_page;
	int n;

	view->caller_iov = pieces(a, o, &view->n_caller_iov);
	if (!view->caller_iov)
		return OTR_HEAD_NONE;
	n = readable_pieces(a, view->iov, view->caller_iov, view->n_caller_iov, FIRST);
	if (!otr_head_begins(view->iov, n))
		return OTR_HEAD_NONE;
	in_page = in_first_pages(view->iov->iov_base);
	view->n = readable_pieces(a, view->iov, view->caller_iov, view->n_caller_iov, in_page);
	is = otr_head_read(view->iov, view->n, &view->facts);
	if (is != OTR_HEAD_SPLIT || length(view->iov, view->n) < in_page)
		return is;
	view->n = readable_pieces(a, view->iov, view->caller_iov, view->n_caller_iov,
				  OTR_HEAD_MAX + 2);
	return otr_head_read(view->iov, view->n, &view->facts);
}

enum otr_head otr_user_copy_head(const struct otr_out *o, struct otr_out_view *view)
{
	struct checked a = {.page = OTR_NO_PAGE};
	enum otr_head is = read_head(&a, o, view);

	view->page = a.page;
	return is;
}

#define COPIES 256 /* calls whose bytes are kept at a time */

struct otr_copy {
	int32_t tid;	  /* the thread that makes the call; 0: the slot is free */
	int32_t has_tail; /* 1: `tail` has the last bytes of the call, which are not in `bytes` */
	uintptr_t frame;  /* an address on the stack of the call */
	size_t got, all;  /* number of bytes in `bytes`, and in the call */
	char *bytes;	  /* the first bytes; OTR_DATA_MAX, allocated when they are first needed */
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

/* When all slots are taken: checks one of them, and takes it if its thread was cancelled in the
 * call. */
static struct otr_copy *reuse_slot(int32_t tid)
{
	static uint32_t next;
	uint32_t at = __atomic_fetch_add(&next, 1, __ATOMIC_RELAXED);
	struct otr_copy *c = &otr_shim.copies[at % COPIES];
	int32_t was = __atomic_load_n(&c->tid, __ATOMIC_RELAXED);

	return otr_has_ended(was) && take(c, was, tid) ? c : NULL;
}

/* A slot of this thread: was its call left by longjmp()? If not, a signal has interrupted the call,
 * and the handler makes this one, so its frame lies deeper. A handler on a stack of its own leaves
 * all slots alone. */
static int is_left(const struct otr_copy *at, uintptr_t frame)
{
	return at->frame <= frame && !otr_on_other_stack();
}

static struct otr_copy *take_slot(int32_t tid, uintptr_t frame)
{
	struct otr_copy *at;
	int32_t was;

	for (uint32_t i = 0; i < COPIES; i++) {
		at = &otr_shim.copies[((uint32_t)tid + i) % COPIES];
		was = otr_get(&at->tid);
		if (was == tid && is_left(at, frame))
			return at;
		if (!was && take(at, 0, tid))
			return at;
	}
	return reuse_slot(tid);
}

/* Is this piece one of our headers, which is always readable? */
static int is_header(const void *at)
{
	return otr_shim.headers && (uintptr_t)at - (uintptr_t)otr_shim.headers <
					   OTR_HEADERS * sizeof(*otr_shim.headers);
}

/* Copies up to `len` bytes, as far as they are readable. Returns their number. */
static size_t copy(struct checked *a, char *to, size_t len, const struct iovec *iov, int n)
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

/* Copies the last bytes of a call, which show the end of a chunked body. */
static void copy_tail(struct checked *a, struct otr_copy *c, const struct iovec *last)
{
	const struct iovec end = {(char *)last->iov_base + last->iov_len - OTR_TAIL, OTR_TAIL};

	c->has_tail = c->got && c->got < c->all && last->iov_len >= OTR_TAIL &&
		      copy(a, c->tail, OTR_TAIL, &end, 1) == OTR_TAIL;
	if (c->has_tail && c->got > c->all - OTR_TAIL)
		c->got = c->all - OTR_TAIL;
}

/* Copies all bytes of a call if `want` is nearly all, so that no tail is needed. */
static void fill_copy(struct checked *a, struct otr_copy *c, size_t want, const struct iovec *iov,
		      int n)
{
	c->all = length(iov, n);
	if (c->all <= want + OTR_TAIL && c->all <= OTR_DATA_MAX)
		want = c->all;
	c->got = copy(a, c->bytes, want, iov, n);
	copy_tail(a, c, &iov[n - 1]);
}

static struct otr_copy *take_copy(int32_t tid, uintptr_t frame)
{
	struct otr_copy *c = take_slot(tid, frame);

	if (c && !otr_alloc_once(&c->bytes, OTR_DATA_MAX)) {
		otr_copy_free(c);
		return NULL;
	}
	if (c)
		c->frame = frame;
	return c;
}

struct otr_copy *otr_copy_keep(const struct otr_self *self, const struct otr_fd *f,
			       const struct otr_out *o, const struct iovec *iov, int n,
			       uintptr_t page)
{
	size_t want = otr_is_single_threaded() ? 0 : f ? otr_capture_wanted(f) : OTR_DATA_MAX;
	struct checked a = {.page = page};
	int error = errno;
	struct otr_copy *c;

	if (want && !iov)
		iov = pieces(&a, o, &n);
	c = want && iov ? take_copy(self->tid, (uintptr_t)o) : NULL;
	if (c)
		fill_copy(&a, c, want, iov, n);
	errno = error;
	return c;
}

int otr_copy_read(const struct otr_copy *c, struct iovec *out, size_t moved)
{
	out[0] = (struct iovec){(char *)c->bytes, c->got < moved ? c->got : moved};
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
