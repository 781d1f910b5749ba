/* SPDX-License-Identifier: Apache-2.0 */
#ifndef OTR_SOURCE_VOUCH_H
#define OTR_SOURCE_VOUCH_H

/*
 * vouch.h - may a process speak of a socket? What its ring says is its own word; whose ring it
 * is, and which sockets a process holds, is the kernel's.
 *
 * Asked only where two processes tell of one socket: a child has those of its parent, and a
 * descriptor can be sent. /proc/PID/fd is read to a bound, and the answer is believed for 1 s.
 */

#include <stdint.h>

enum otr_vouch {
	OTR_VOUCH_HOLDS,
	OTR_VOUCH_NOT,	/* it does not, or not any more */
	OTR_VOUCH_GONE, /* the process has ended, or it may not be read */
};

#define OTR_VOUCH_FDS 4096 /* descriptors that are looked at; what lies behind is not held */

/* Has process `tgid` a descriptor of the socket with this inode? */
enum otr_vouch otr_vouch(uint32_t tgid, uint64_t inode);

#endif /* OTR_SOURCE_VOUCH_H */
