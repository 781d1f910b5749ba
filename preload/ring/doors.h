/* SPDX-License-Identifier: Apache-2.0 */
#ifndef OTR_DOORS_H
#define OTR_DOORS_H

/*
 * doors.h - one message to the agent, at one of the OTR_RING_DOORS sockets of a session.
 *
 * Nothing here writes outside the stack, since a child made by vfork() shares our memory.
 */

#include <stddef.h>

struct msghdr;

#pragma GCC visibility push(hidden) /* exports.map: nothing of ours gets out */

/* The value of OTRACE_SESSION: NAME.SECRET, of `len` bytes. Borrowed from the environment. */
struct otr_session_name {
	const char *text;
	size_t len, name_len;
};

/* Sends `msg` over `fd`, a datagram socket that is not connected yet. Never waits. Returns 0
 * or -errno; -EAGAIN: the queues of all sockets are full. */
int otr_doors_send(int fd, const struct otr_session_name *who, struct msghdr *msg);

#pragma GCC visibility pop

#endif /* OTR_DOORS_H */
