/* SPDX-License-Identifier: Apache-2.0 */
/* unix_peer.c - the other end of a connection of AF_UNIX; see unix_peer.h. */

#include "agent/source/unix_peer.h"

#include <errno.h>
#include <linux/netlink.h>
#include <linux/rtnetlink.h>
#include <linux/sock_diag.h>
#include <linux/unix_diag.h>
#include <stdbool.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

struct question {
	struct nlmsghdr head;
	struct unix_diag_req req;
};

/* Large enough for the answer: the message and one attribute. */
union answer {
	struct nlmsghdr head;
	char bytes[512];
};

/* The kernel answers within the call, so an answer to an earlier question would come first. */
static bool ask(int fd, uint64_t inode, union answer *out)
{
	struct question q = {
		.head = {.nlmsg_len = sizeof(q),
			 .nlmsg_type = SOCK_DIAG_BY_FAMILY,
			 .nlmsg_flags = NLM_F_REQUEST,
			 .nlmsg_seq = (uint32_t)inode},
		.req = {.sdiag_family = AF_UNIX,
			.udiag_states = ~0u,
			.udiag_ino = (uint32_t)inode,
			.udiag_show = UDIAG_SHOW_PEER,
			.udiag_cookie = {~0u, ~0u}}, /* any: only the inode is known */
	};
	ssize_t n;

	memset(out, 0, sizeof(*out));
	if (inode > UINT32_MAX || send(fd, &q, sizeof(q), MSG_DONTWAIT) != sizeof(q))
		return false;
	n = recv(fd, out, sizeof(*out), MSG_DONTWAIT);
	return n > 0 && NLMSG_OK(&out->head, (uint32_t)n) &&
	       out->head.nlmsg_seq == q.head.nlmsg_seq;
}

int otr_unix_peer_open(void)
{
	int fd = socket(AF_NETLINK, SOCK_DGRAM | SOCK_CLOEXEC, NETLINK_SOCK_DIAG);
	union answer out;
	const struct nlmsgerr *why = NLMSG_DATA(&out.head);

	if (fd < 0)
		return -errno;
	/* A kernel with CONFIG_UNIX_DIAG refuses a question without an inode; one without it
	 * returns ENOENT for any. */
	if (ask(fd, 0, &out) && out.head.nlmsg_type == NLMSG_ERROR && why->error == -EINVAL)
		return fd;
	close(fd);
	return -EOPNOTSUPP;
}

uint64_t otr_unix_peer(int fd, uint64_t inode)
{
	union answer out;
	const struct unix_diag_msg *msg = NLMSG_DATA(&out.head);
	const struct rtattr *at;
	uint32_t peer = 0;
	int left;

	if (fd < 0 || !inode || !ask(fd, inode, &out) ||
	    out.head.nlmsg_type != SOCK_DIAG_BY_FAMILY ||
	    out.head.nlmsg_len < NLMSG_LENGTH(sizeof(*msg)) || msg->udiag_ino != inode)
		return 0;
	left = (int)(out.head.nlmsg_len - NLMSG_LENGTH(sizeof(*msg)));
	for (at = (const void *)(msg + 1); RTA_OK(at, left); at = RTA_NEXT(at, left))
		if (at->rta_type == UNIX_DIAG_PEER && RTA_PAYLOAD(at) >= sizeof(peer))
			memcpy(&peer, RTA_DATA(at), sizeof(peer));
	return peer;
}
