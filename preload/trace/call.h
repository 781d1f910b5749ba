/* SPDX-License-Identifier: Apache-2.0 */
#ifndef OTR_CALL_H
#define OTR_CALL_H

/* call.h - a call that moves bytes, as its wrapper describes it. */

#include <stddef.h>
#include <stdint.h>
#include <sys/socket.h>
#include <sys/uio.h>

#include "preload/parse/head_scan.h"
#include "preload/parse/iov.h"

#pragma GCC visibility push(hidden) /* exports.map: nothing of ours gets out */

/* A call that sends. All pointers are borrowed for the call. */
struct otr_out {
	int fd;
	int flags;
	int is_message; /* send, sendto, sendmsg; else write, writev */
	int is_sendmsg; /* the pieces are those of `msg`, the caller's memory */
	const struct msghdr *msg;
	const struct iovec *iov; /* the wrapper's if `buf` is set, else the caller's memory */
	int n;
	ssize_t (*call)(const struct otr_out *o); /* makes the call, unchanged */
	const void *buf;
	size_t len;
};

/* A call that received. */
struct otr_in {
	int fd;
	int flags;
	const struct iovec *iov;
	int n;
};

#define OTR_NO_PAGE 1 /* the address of no page */

/* What was found in a call that sends, before it was made. */
struct otr_seen {
	const struct iovec *all; /* the caller's pieces; NULL: they cannot be read */
	int n_all;
	int n;			    /* pieces in `iov` */
	struct otr_head_facts head; /* of the request that these begin; a header goes in behind its
				     * request line */
	struct iovec *iov;	    /* the first bytes of `all`, which can be read */
	uintptr_t page; /* that the kernel has found readable in this call; OTR_NO_PAGE: none */
};

/* How many pieces to make room for on the stack: as handlers of signals have as little as 2 KB,
 * as many as there are; of a message as many as there may be. */
static inline size_t otr_n_pieces(int is_sendmsg, int n)
{
	if (is_sendmsg || n > OTR_PIECES)
		return OTR_PIECES;
	return n > 0 ? (size_t)n : 0;
}

#pragma GCC visibility pop

#endif /* OTR_CALL_H */
