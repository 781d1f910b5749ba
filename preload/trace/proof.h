/* SPDX-License-Identifier: Apache-2.0 */
#ifndef OTR_PROOF_H
#define OTR_PROOF_H

/*
 * proof.h - is it proved that the next bytes that a process sends begin an HTTP request?
 * Bytes that look like a head prove nothing: they may be a part of a body, or of a file. A header
 * goes in only if all of this is true:
 *
 *	this process has connected the socket (not accepted, inherited or received it)
 *							otr_fd.connected_by
 *	the peer has not sent first, as FTP and SMTP servers do	otr_fd.greeting
 *	every byte that the kernel counts as sent passed through the library, and no byte
 *	was received before the first request		otr_is_proved()
 *	no other call sends on it at this moment	otr_fd.senders
 *	the last request has ended at this byte		request_boundary.h
 *	the beginning of each answer was read, is HTTP, and says where
 *	the answer ends					otr_boundary_answered()
 *	the head is valid by RFC 9110 and 9112		otr_head_read()
 *	the peer is no server of cloud metadata, and its host is not one that gets no header
 *							otr_fd.is_denied, otr_header_denied()
 *	the peer's host is not known to run an FTP server, whose data connections carry files
 *							otr_host_may_be_ftp()
 *	the kernel takes all bytes up to the end of the header at once, so that no unsent part is
 *	left for a later call, which the library may not see	otr_is_proved(), `room`
 */

#include <sys/socket.h>
#include <sys/uio.h>

#pragma GCC visibility push(hidden) /* not exported: see exports.map */

struct otr_fd;

/*
 * Has the kernel counted as many sent bytes as the library has? One system call. `f`: the socket
 * `fd`, held; `upper`: otr_fd_upper(f). Returns 0 also if the kernel has no count (AF_UNIX, before
 * Linux 4.19). If it returns 1, the kernel takes up to *room bytes of the next call at once.
 */
int otr_is_proved(int fd, const struct otr_fd *f, const struct otr_fd *upper, size_t *room);

/* This process has connected `f` to the address `to`, of `len` bytes, which the kernel accepted. */
void otr_peer_connected(struct otr_fd *f, const struct sockaddr *to, socklen_t len);

enum otr_greeting { /* otr_fd.greeting */
	OTR_GREETING_NONE,
	OTR_GREETING_OTHER, /* the peer sent first */
	OTR_GREETING_220,   /* the peer sent first, 220 as FTP servers do; not answered yet */
};

/* The peer has sent `iov` before any byte was sent to it. */
void otr_peer_spoke_first(struct otr_fd *f, const struct iovec *iov, int n);
/* `iov` has the first bytes that answer OTR_GREETING_220. */
void otr_greeting_answered(struct otr_fd *f, const struct iovec *iov, int n);

/* May the peer's host run an FTP server? */
int otr_host_may_be_ftp(const struct otr_fd *f);

/* Does the request-target name a server of cloud metadata, which a proxy would ask? */
int otr_target_is_denied(const struct iovec *iov, int n);

#pragma GCC visibility pop

#endif /* OTR_PROOF_H */
