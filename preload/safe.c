/* SPDX-License-Identifier: Apache-2.0 */
/*
 * safe.c - reading what a caller wants sent, before the kernel has said that it can be read.
 *
 * write(fd, bad, n) fails with EFAULT: it must not crash here. The kernel is asked page by
 * page, by a call that reads 8 bytes and then refuses what it was asked for.
 *
 * After a call the bytes may be gone: who has them at the other end may have told another
 * thread, which gave their memory back. So they are copied by the kernel, which finds that out
 * without a crash; where it may not be asked (a filter of system calls), the moment between
 * the question and the copy is short.
 */

#include <errno.h>
#include <signal.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "preload/inject.h"
#include "preload/io.h"
#include "preload/real.h"
#include "preload/shim.h"

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

#define COPIES 64 /* at once */
#define TAIL   8

struct otr_copy {
	int32_t tid; /* 0: free */
	int32_t pad;
	char head[OTR_DATA_MAX], tail[TAIL];
};

/* Of libc since glibc 2.32: has there been one thread alone? */
static const char *alone;
static int may_ask; /* for a copy */

int otr_copies_room(void)
{
	alone = otr_real_symbol("__libc_single_threaded");
	may_ask = otr_real.prctl(PR_GET_SECCOMP, 0, 0, 0, 0) <= 0;
	otr_shim.copies = otr_room(COPIES * sizeof(*otr_shim.copies));
	return otr_shim.copies != NULL;
}

void otr_copies_forked(void)
{
	for (int i = 0; i < COPIES; i++)
		if (otr_shim.copies[i].tid)
			otr_shim.copies[i].tid = 0;
}

static struct otr_copy *claim(int32_t tid)
{
	struct otr_copy *at;
	int32_t none;

	for (uint32_t i = 0; i < COPIES; i++) {
		at = &otr_shim.copies[((uint32_t)tid + i) % COPIES];
		none = 0;
		if (__atomic_compare_exchange_n(&at->tid, &none, tid, 0, __ATOMIC_ACQUIRE,
						__ATOMIC_RELAXED) ||
		    none == tid) /* left by longjmp() */
			return at;
	}
	return NULL;
}

/* Returns how many of `len` bytes. */
static size_t copy(char *to, size_t len, const struct iovec *iov, int n)
{
	const struct iovec here = {to, len};
	struct asked a = {.page = 1};
	size_t got = 0, k;
	ssize_t ret;

	if (may_ask) {
		ret = syscall(SYS_process_vm_readv, otr_shim.pid, &here, 1, iov, n, 0);
		return ret > 0 ? (size_t)ret : 0;
	}
	for (; n && got < len; iov++, n--) {
		k = iov->iov_len < len - got ? iov->iov_len : len - got;
		if (!is_readable(&a, iov->iov_base, k))
			break;
		memcpy(to + got, iov->iov_base, k);
		got += k;
	}
	return got;
}

/* The last bytes of a call tell that chunks end: what lies between is a piece without a
 * place. Returns how many pieces. */
static int put_tail(struct otr_copy *c, struct iovec *iov, size_t all, size_t got,
		    const struct iovec *last)
{
	const struct iovec end = {(char *)last->iov_base + last->iov_len - TAIL, TAIL};

	if (got < OTR_DATA_MAX || all < got + TAIL || last->iov_len < TAIL ||
	    copy(c->tail, TAIL, &end, 1) != TAIL)
		return 1;
	iov[1] = (struct iovec){NULL, all - got - TAIL};
	iov[2] = (struct iovec){c->tail, TAIL};
	return 3;
}

/* Not at ciphertext, nor at answers that are not told. */
static int is_looked_at(const struct otr_fd *f)
{
	return !f->opaque && (f->role != OTR_ROLE_SERVER ||
			      !(f->let_go || f->way[OTR_DIR_OUT].capture == OTR_CAPTURE_MUTE));
}

int otr_sent(const struct otr_self *self, const struct otr_fd *f, struct iovec *iov, int n,
	     struct otr_copy **held)
{
	struct iovec last;
	size_t all = 0, got;

	*held = NULL;
	if (!n || !is_looked_at(f))
		return 0;
	if (alone && *alone)
		return n;
	*held = claim(self->tid);
	if (!*held)
		return 0;
	for (int i = 0; i < n; i++)
		all += iov[i].iov_len;
	got = copy((*held)->head, all < OTR_DATA_MAX ? all : OTR_DATA_MAX, iov, n);
	if (!got)
		return 0;
	last = iov[n - 1];
	iov[0] = (struct iovec){(*held)->head, got};
	return put_tail(*held, iov, all, got, &last);
}

void otr_sent_over(struct otr_copy *held)
{
	if (held)
		__atomic_store_n(&held->tid, 0, __ATOMIC_RELEASE);
}
