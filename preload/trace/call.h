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

#pragma GCC visibility push(hidden) /* not exported: see exports.map */

/* A call that sends. All pointers are borrowed for the call. */
struct otr_out {
	int fd;
	int flags;
	int is_message; /* 1: send, sendto or sendmsg; 0: write or writev */
	int is_sendmsg; /* 1: the pieces are those of `msg`, which is the caller's memory */
	const struct msghdr *msg;
	const struct iovec *iov; /* the wrapper's if `buf` is set, else the caller's */
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

/* What is read of a call that sends, before the call is made. */
struct otr_out_view {
	const struct iovec *caller_iov; /* of the call; NULL: its list cannot be read */
	int n_caller_iov;
	int n;			     /* pieces in `iov` */
	struct otr_head_facts facts; /* of the request head with which `iov` begins */
	struct iovec *iov; /* the first bytes of `caller_iov`: those that were found readable */
	uintptr_t page;	   /* the page that was found readable last; OTR_NO_PAGE: none */
};

/* How many pieces to make room for on the stack: no more than there are, since a signal handler may
 * have 2 KB. The number of pieces of a sendmsg() is not known yet: room for OTR_PIECES. */
static inline size_t otr_n_pieces(int is_sendmsg, int n)
{
	if (is_sendmsg || n > OTR_PIECES)
		return OTR_PIECES;
	return n > 0 ? (size_t)n : 0;
}

#pragma GCC visibility pop

#endif /* OTR_CALL_H */
