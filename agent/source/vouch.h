/* SPDX-License-Identifier: Apache-2.0 */
#ifndef OTR_SOURCE_VOUCH_H
#define OTR_SOURCE_VOUCH_H

/*
 * vouch.h - may a process report a socket? Its ring is not to be trusted; the kernel knows which
 * sockets it holds.
 *
 * Called only where two processes report one socket: a child has the sockets of its parent, and a
 * descriptor can be sent. At most OTR_VOUCH_FDS entries of /proc/PID/fd are read; callers keep an
 * answer for 1 s.
 */

#include <stdint.h>

enum otr_vouch {
	OTR_VOUCH_HOLDS,
	OTR_VOUCH_NOT,	/* the process does not hold the socket (any more) */
	OTR_VOUCH_GONE, /* the process has ended, or may not be read */
};

#define OTR_VOUCH_FDS 4096 /* descriptors that are looked at; later ones count as not held */

/* Has process `tgid` a descriptor of the socket with this inode? */
enum otr_vouch otr_vouch(uint32_t tgid, uint64_t inode);

#endif /* OTR_SOURCE_VOUCH_H */
