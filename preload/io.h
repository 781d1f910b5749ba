/* SPDX-License-Identifier: Apache-2.0 */
#ifndef OTR_IO_H
#define OTR_IO_H

/*
 * io.h - one call that moves bytes, whatever it is called.
 *
 * The wrappers of exports.c describe their call and hand it over; what the caller gets
 * back (value, errno, bytes) is what it would have had without us.
 */

#include <sys/socket.h>
#include <sys/uio.h>

#define OTR_PIECES 60 /* of a call we look into; of longer ones only so many */

#pragma GCC visibility push(hidden) /* exports.map: nothing of ours gets out */

/* What a call that sends was. */
struct otr_out {
	int fd;
	int flags;
	int is_message; /* send, sendto, sendmsg; else write, writev */
	const struct msghdr *msg;
	const struct iovec *iov;
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

/* Makes the call, perhaps with a header put in. */
ssize_t otr_out(const struct otr_out *o);

/* After a call that received: `ret` and errno are as it left them, and stay so. */
void otr_in(const struct otr_in *in, ssize_t ret);

/* After a call that sent what cannot be looked at (sendfile, splice), or received it. */
void otr_out_unseen(int fd, ssize_t ret);
void otr_in_unseen(int fd, ssize_t ret);

/* After a call that sent what nothing was put into. */
void otr_out_told(int fd, const struct iovec *iov, int n, ssize_t ret);

/* Before such a call: what is left of a header goes first. Returns 0, or -1 with errno
 * where it cannot go yet. */
int otr_out_first(int fd);

#pragma GCC visibility pop

#endif /* OTR_IO_H */
