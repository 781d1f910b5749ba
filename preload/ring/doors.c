/* SPDX-License-Identifier: Apache-2.0 */
/* doors.c - the sockets of the agent at which a process offers its ring; see doors.h and
 * bpf/ring.h. */

#include "preload/ring/doors.h"

#include <errno.h>
#include <stddef.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <sys/un.h>

#include "preload/base/shim.h"
#include "preload/base/sys.h"

/* Sets *to to the address of one door: a path, or an abstract name, which begins with a NUL. */
static socklen_t door_address(struct sockaddr_un *to, const struct otr_session_name *who,
			      int is_path, uint32_t door)
{
	char *at = to->sun_path + !is_path;

	memset(to->sun_path, 0, sizeof(to->sun_path));
	memcpy(at, who->text, who->name_len);
	at += who->name_len;
	if (is_path)
		*at++ = '/';
	*at++ = "0123456789abcdef"[door % OTR_RING_DOORS];
	return (socklen_t)(at + is_path - (char *)to);
}

/* Processes that start together have consecutive pids: each tries another door first, then all
 * others. Returns 0 or -errno; -EAGAIN: the queues of all doors are full. */
static int send_to_any(int fd, const struct otr_session_name *who, struct msghdr *msg, int is_path)
{
	struct sockaddr_un to = {.sun_family = AF_UNIX};
	long n = -EAGAIN;

	for (uint32_t i = 0; n == -EAGAIN && i < OTR_RING_DOORS; i++) {
		msg->msg_namelen = door_address(&to, who, is_path, (uint32_t)otr_shim.pid + i);
		msg->msg_name = &to;
		n = 0;
		/* An offer is sent over a connected socket: by its peer the kernel side knows that
		 * it is an offer, and from this call on leaves the bytes of this process to the
		 * library (bpf/lib.bpf.h). */
		if (msg->msg_controllen) {
			n = otr_sys(SYS_connect, fd, &to, msg->msg_namelen);
			msg->msg_name = NULL;
			msg->msg_namelen = 0;
		}
		if (!n)
			n = otr_sys(SYS_sendmsg, fd, msg, MSG_NOSIGNAL | MSG_DONTWAIT);
	}
	return n < 0 ? (int)n : 0;
}

/* A path also names the doors in another network namespace, an abstract name in another root
 * directory. */
int otr_doors_send(int fd, const struct otr_session_name *who, struct msghdr *msg)
{
	const size_t room = sizeof(((struct sockaddr_un *)0)->sun_path) - 3;
	int rc = -ENOENT;

	if (who->name_len > room)
		return rc;
	if (who->text[0] == '/')
		rc = send_to_any(fd, who, msg, 1);
	return rc && rc != -EAGAIN ? send_to_any(fd, who, msg, 0) : rc;
}
