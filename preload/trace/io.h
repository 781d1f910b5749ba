/* SPDX-License-Identifier: Apache-2.0 */
#ifndef OTR_IO_H
#define OTR_IO_H

/*
 * io.h - one call that moves bytes, whatever it is called.
 *
 * The wrappers of exports.c describe their call and hand it over; what the caller gets
 * back (value, errno, bytes) is what it would have had without us.
 */

#include <stddef.h>
#include <stdint.h>
#include <sys/socket.h>
#include <sys/uio.h>

#include "preload/parse/inject.h"

#define OTR_PIECES 48 /* of a call we look into; of longer ones only so many */

#pragma GCC visibility push(hidden) /* exports.map: nothing of ours gets out */

/* What a call that sends was. */
struct otr_out {
	int fd;
	int flags;
	int is_message; /* send, sendto, sendmsg; else write, writev */
	int is_sendmsg; /* the pieces are those of `msg`, the caller's own */
	const struct msghdr *msg;
	const struct iovec *iov; /* ours if `buf` is set, else the caller's own */
	int n;
	/* The call itself, as it was made. */
	ssize_t (*call)(const struct otr_out *o);
	const void *buf;
	size_t len;
};

struct otr_in {
	int fd;
	int flags;
	const struct iovec *iov;
	int n;
};

/* What was found in a call before it was made. */
struct otr_seen {
	const struct iovec *all; /* the caller's pieces; NULL: not to be read */
	int n_all;
	size_t at; /* where a header goes in */
	int n;
	struct iovec *iov; /* the first bytes of them, safe to read */
};

/* The first `len` bytes of `iov`, in pieces. Returns how many pieces. */
int otr_trim(struct iovec *out, const struct iovec *iov, int n, size_t len);

/* Handlers of signals have as little as 2 KB of stack: room for the pieces that there are,
 * and of a message for as many as there may be. */
static inline size_t otr_n_pieces(int is_sendmsg, int n)
{
	if (is_sendmsg || n > OTR_PIECES)
		return OTR_PIECES;
	return n > 0 ? (size_t)n : 0;
}

/* user_copy.c: `len` bytes of the caller's; returns 0 where they cannot be read. */
int otr_user_copy(void *to, const void *from, size_t len);
/* user_copy.c: otr_head_read() of bytes of which nobody has said yet that they can be read. */
enum otr_head otr_user_copy_head(const struct otr_out *o, struct otr_seen *seen);

/* In a program with threads, before a call that sends `iov` (NULL: what `o` says) on `f` (NULL:
 * not known yet): a
 * copy of what will be looked at, until otr_shed_is_wanted(). NULL: nothing will be. */
struct otr_self;
struct otr_copy;
struct otr_fd;
struct otr_copy *otr_keep(const struct otr_self *self, const struct otr_fd *f,
			  const struct otr_out *o, const struct iovec *iov, int n);
/* The call sent so many bytes: those of them that were kept. There is room for three pieces;
 * one without a place is not to be read. Returns how many. */
int otr_kept(const struct otr_copy *c, struct iovec *out, size_t moved);
void otr_shed_is_wanted(struct otr_copy *c);

/*
 * decide.c: `o` is about to send on `f`, which is held: does a header go with it? Then *header
 * is claimed, its length is returned, and `seen` says where it goes in. 0: none, and the reason
 * is counted.
 */
struct otr_header;
size_t otr_decide(struct otr_self *self, const struct otr_out *o, struct otr_fd *f, uint64_t now,
		  struct otr_seen *seen, struct otr_header **header);

/* Makes the call, perhaps with a header put in. */
ssize_t otr_out(const struct otr_out *o);

/*
 * What is said on `f`, the socket `fd`, is about to go out: `iov`. Which header goes with it? Writes it to `out`,
 * OTR_HEADER_MAX bytes, and returns its length, and in *at where it goes in; 0: none, and the reason is counted. `plain`: the
 * call is one that may be changed.
 */
size_t otr_header_for(struct otr_self *self, int fd, struct otr_fd *f, const struct iovec *iov,
		      int n, int plain, uint64_t now, size_t *at, char *out);

/* Does a header go into a request with this head, by a call that may be changed (`plain`)?
 * If not, the reason is counted. */
int otr_is_wanted(enum otr_head head, int plain);

/* After a call that received: `ret` and errno are as it left them, and stay so. */
void otr_in(const struct otr_in *in, ssize_t ret);

/* After a call that sent what cannot be looked at (sendfile, splice), or received it. */
void otr_out_unseen(int fd, ssize_t ret);
void otr_in_unseen(int fd, ssize_t ret);

/* After a call that sent what nothing was put into. */
void otr_out_reported(int fd, const struct iovec *iov, int n, ssize_t ret);

/* Before any call that sends: what is left of a header goes first, also when nothing else
 * is done any more. Returns 0, or -1 with errno where it cannot go yet. */
int otr_out_first(int fd, int is_message, int flags);

#pragma GCC visibility pop

#endif /* OTR_IO_H */
