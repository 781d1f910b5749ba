/* SPDX-License-Identifier: Apache-2.0 */
/* offer.c - the socket at which rings are offered; see offer.h. */

#include "agent/source/offer.h"

#include <arpa/inet.h>
#include <errno.h>
#include <linux/filter.h>
#include <stdio.h>
#include <string.h>
#include <sys/random.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#define SECRET_WORDS 8u /* of 32 characters, compared four at once */
#define FDS	     4	/* of a message that are looked at; the kernel closes more */

static int make_names(char *session, size_t size)
{
	uint64_t bits[3];

	if (getrandom(bits, sizeof(bits), 0) != sizeof(bits))
		return -errno;
	snprintf(session, size, "otrace-%d-%08x.%016llx%016llx", getpid(),
		 (unsigned int)bits[0], (unsigned long long)bits[1],
		 (unsigned long long)bits[2]);
	return 0;
}

/* The kernel drops whatever does not say the secret: nobody else can fill the few places
 * where offers wait. */
static int only_with_secret(int fd, const char *session)
{
	struct sock_filter code[2 * SECRET_WORDS + 2];
	uint32_t at = (uint32_t)strcspn(session, ".") + 1, word;
	unsigned short n = 0;
	struct sock_fprog prog = {.len = 2 * SECRET_WORDS + 2, .filter = code};

	for (uint8_t i = 0; i < SECRET_WORDS; i++, at += 4) {
		memcpy(&word, session + at, sizeof(word));
		code[n++] = (struct sock_filter)BPF_STMT(BPF_LD | BPF_W | BPF_ABS, at);
		code[n++] = (struct sock_filter)BPF_JUMP(
			BPF_JMP | BPF_JEQ | BPF_K, ntohl(word), 0,
			(uint8_t)(2 * (SECRET_WORDS - 1 - i) + 1));
	}
	code[n++] = (struct sock_filter)BPF_STMT(BPF_RET | BPF_K, UINT32_MAX);
	code[n++] = (struct sock_filter)BPF_STMT(BPF_RET | BPF_K, 0);
	return setsockopt(fd, SOL_SOCKET, SO_ATTACH_FILTER, &prog, sizeof(prog));
}

int otr_offer_open(char *session, size_t size)
{
	int rc = make_names(session, size), fd;
	struct sockaddr_un at = {.sun_family = AF_UNIX};
	size_t len = strcspn(session, ".");

	if (rc)
		return rc;
	fd = socket(AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
	if (fd < 0)
		return -errno;
	memcpy(at.sun_path + 1, session, len); /* abstract: a NUL comes first */
	if (setsockopt(fd, SOL_SOCKET, SO_PASSCRED, &(int){1}, sizeof(int)) ||
	    only_with_secret(fd, session) ||
	    bind(fd, (void *)&at,
		 (socklen_t)(offsetof(struct sockaddr_un, sun_path) + 1 + len))) {
		rc = -errno;
		close(fd);
		return rc;
	}
	return fd;
}

/* The last of the descriptors that came (others are closed), and who sent it. */
static int unpack(struct msghdr *msg, uint32_t *tgid)
{
	int fds[FDS], fd = -1;
	struct ucred who;
	size_t n;

	for (struct cmsghdr *cm = CMSG_FIRSTHDR(msg); cm; cm = CMSG_NXTHDR(msg, cm)) {
		if (cm->cmsg_level != SOL_SOCKET)
			continue;
		if (cm->cmsg_type == SCM_CREDENTIALS) {
			memcpy(&who, CMSG_DATA(cm), sizeof(who));
			*tgid = (uint32_t)who.pid;
		}
		if (cm->cmsg_type != SCM_RIGHTS)
			continue;
		n = (cm->cmsg_len - CMSG_LEN(0)) / sizeof(int);
		memcpy(fds, CMSG_DATA(cm), (n < FDS ? n : FDS) * sizeof(int));
		for (size_t i = 0; i < n && i < FDS; i++) {
			if (fd >= 0)
				close(fd);
			fd = fds[i];
		}
	}
	return fd;
}

int otr_offer_next(int fd, const char *session, uint32_t *tgid)
{
	char text[128], space[CMSG_SPACE(sizeof(struct ucred)) +
			      CMSG_SPACE(FDS * sizeof(int))];
	struct iovec one = {text, sizeof(text)};
	struct msghdr msg = {.msg_iov = &one,
			     .msg_iovlen = 1,
			     .msg_control = space,
			     .msg_controllen = sizeof(space)};
	ssize_t n = recvmsg(fd, &msg, MSG_CMSG_CLOEXEC);
	int given;

	if (n < 0)
		return errno == EINTR ? -EINVAL : -EAGAIN;
	*tgid = 0;
	given = unpack(&msg, tgid);
	if ((size_t)n == strlen(session) && !memcmp(text, session, (size_t)n) && *tgid)
		return given < 0 ? -EINVAL : given;
	if (given >= 0)
		close(given);
	return -EINVAL;
}
