/* SPDX-License-Identifier: Apache-2.0 */
#ifndef OTR_PROOF_H
#define OTR_PROOF_H

/*
 * proof.h - may what this process is about to send on a connection be taken for an HTTP
 * request? A head that looks like one proves nothing: it may be a body, or a file. A header
 * goes in only where all of this holds:
 *
 *	this process has connected the socket (not accepted, inherited or received it), and
 *	has seen each byte of it since then		otr_fd.began
 *	the peer has not spoken first, as FTP and SMTP servers do	otr_fd.greeted
 *	no byte was ever sent past the library, by the kernel's own count; and before the
 *	first request none was received			otr_is_proved()
 *	no other call sends on it at this moment	otr_fd.sending
 *	the last request has ended where we stand	request_boundary.h
 *	the head is valid by RFC 9110 and 9112		otr_head_read()
 *	the peer is no FTP server's host, whose data connections carry files
 *	the kernel takes all up to the end of our line at once, so that nothing of it is left for
 *	a later call, which the program may make past the library	otr_is_proved(), `room`
 */

#include <sys/socket.h>
#include <sys/uio.h>

#pragma GCC visibility push(hidden) /* exports.map: nothing of ours gets out */

struct otr_fd;

/*
 * Has the kernel counted as many bytes as we have? One system call. `f`: the socket `fd`, held;
 * `upper`: what is said on it. 0 also where the kernel has no count (AF_UNIX, before Linux 4.19).
 * Else *room: so many bytes of the next call will be taken, if there are as many.
 */
int otr_is_proved(int fd, const struct otr_fd *f, const struct otr_fd *upper, size_t *room);

/* `f` was connected by this process, to `to`, which the kernel took. */
void otr_peer_connected(struct otr_fd *f, const struct sockaddr *to, socklen_t len);

enum otr_greeting { /* otr_fd.greeted */
	OTR_GREETING_NONE,
	OTR_GREETING_OTHER,
	OTR_GREETING_220, /* as FTP servers do; not answered yet */
};

/* The peer has spoken before anything was sent to it. */
void otr_peer_spoke_first(struct otr_fd *f, const struct iovec *iov, int n);
/* The first bytes in answer to OTR_GREETING_220. */
void otr_greeting_answered(struct otr_fd *f, const struct iovec *iov, int n);

/* Does the peer's host run what may be an FTP server? */
int otr_host_may_be_ftp(const struct otr_fd *f);

/* Is the request for an address of cloud metadata, through a proxy? */
int otr_target_is_denied(const struct iovec *iov, int n);

#pragma GCC visibility pop

#endif /* OTR_PROOF_H */
