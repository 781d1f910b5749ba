/* SPDX-License-Identifier: Apache-2.0 */
#ifndef OTR_DOORS_H
#define OTR_DOORS_H

/*
 * doors.h - sends one message to the agent, at one of the OTR_RING_DOORS sockets of a session.
 *
 * The functions write on the stack alone, since a child made by vfork() shares our memory.
 */

#include <stddef.h>

struct msghdr;

#pragma GCC visibility push(hidden) /* not exported: see exports.map */

/* The value of OTRACE_SESSION, NAME.SECRET, borrowed; `name_len`: the length of NAME. */
struct otr_session_name {
	const char *text;
	size_t len, name_len;
};

/* Sends `msg` over `fd`, a datagram socket that is not connected yet, and whose address it sets.
 * Never waits. Returns 0 or -errno; -EAGAIN: the queues of all doors are full. */
int otr_doors_send(int fd, const struct otr_session_name *who, struct msghdr *msg);

#pragma GCC visibility pop

#endif /* OTR_DOORS_H */
