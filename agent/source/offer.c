/* SPDX-License-Identifier: Apache-2.0 */
/* offer.c - the doors at which rings are offered; see offer.h. */

#include "agent/source/offer.h"

#include <arpa/inet.h>
#include <errno.h>
#include <fcntl.h>
#include <linux/filter.h>
#include <pthread.h>
#include <signal.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/random.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#include "agent/source/folder.h"

#ifndef SO_PASSPIDFD /* linux/socket.h; not yet in Debian 12's */
#define SO_PASSPIDFD 76
#endif
#ifndef SCM_PIDFD
#define SCM_PIDFD 4
#endif

#define SECRET_WORDS 8u			     /* of 32 characters, compared four at once */
#define SECRET_LEN   (4u * SECRET_WORDS + 1) /* and the dot before it */
#define FDS	     253 /* descriptors in one message, at most: the kernel closes none itself */
#define CLOSERS	     16	 /* threads that may block at once */

static int make_names(char *session, size_t size)
{
	uint64_t bits[2];
	int rc = otr_folder_make(session, size - SECRET_LEN);
	size_t len = rc ? 0 : strlen(session);

	if (rc)
		return rc;
	if (getrandom(bits, sizeof(bits), 0) != sizeof(bits))
		return -errno;
	snprintf(session + len, size - len, ".%016llx%016llx", (unsigned long long)bits[0],
		 (unsigned long long)bits[1]);
	return 0;
}

/* Attaches a filter that drops each datagram without the secret, so that no other process can
 * fill the queue. */
static int only_with_secret(int fd, const char *session)
{
	struct sock_filter code[2 * SECRET_WORDS + 2];
	uint32_t at = (uint32_t)strcspn(session, ".") + 1, word;
	unsigned short n = 0;
	struct sock_fprog prog = {.len = 2 * SECRET_WORDS + 2, .filter = code};

	for (uint8_t i = 0; i < SECRET_WORDS; i++, at += 4) {
		memcpy(&word, session + at, sizeof(word));
		code[n++] = (struct sock_filter)BPF_STMT(BPF_LD | BPF_W | BPF_ABS, at);
		code[n++] = (struct sock_filter)BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, ntohl(word), 0,
							 (uint8_t)(2 * (SECRET_WORDS - 1 - i) + 1));
	}
	code[n++] = (struct sock_filter)BPF_STMT(BPF_RET | BPF_K, UINT32_MAX);
	code[n++] = (struct sock_filter)BPF_STMT(BPF_RET | BPF_K, 0);
	return setsockopt(fd, SOL_SOCKET, SO_ATTACH_FILTER, &prog, sizeof(prog));
}

static int bind_abstract(int fd, const struct otr_offers *o, uint32_t door)
{
	struct sockaddr_un at = {.sun_family = AF_UNIX};
	size_t len = strcspn(o->session, ".");

	memcpy(at.sun_path + 1, o->session, len); /* abstract: a NUL comes first */
	at.sun_path[1 + len] = "0123456789abcdef"[door];
	return bind(fd, (void *)&at, (socklen_t)(offsetof(struct sockaddr_un, sun_path) + 2 + len))
		       ? -errno
		       : 0;
}

static int bind_path(int fd, const struct otr_offers *o, uint32_t door)
{
	struct sockaddr_un at = {.sun_family = AF_UNIX};

	snprintf(at.sun_path, sizeof(at.sun_path), "%.*s/%x", (int)strcspn(o->session, "."),
		 o->session, door);
	return otr_folder_bind(fd, &at);
}

/* Returns a descriptor or -errno. */
static int open_door(struct otr_offers *o, uint32_t door)
{
	int rc = 0, fd = socket(AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);

	if (fd < 0)
		return -errno;
	if (setsockopt(fd, SOL_SOCKET, SO_PASSCRED, &(int){1}, sizeof(int)) ||
	    only_with_secret(fd, o->session))
		rc = -errno;
	else if (door < OTR_RING_DOORS)
		rc = bind_abstract(fd, o, door);
	else
		rc = bind_path(fd, o, door - OTR_RING_DOORS);
	if (!rc) {
		o->pidfds = !setsockopt(fd, SOL_SOCKET, SO_PASSPIDFD, &(int){1}, sizeof(int));
		return fd;
	}
	close(fd);
	return rc;
}

/* Without a folder there are abstract sockets only. */
static uint32_t doors_of(const struct otr_offers *o)
{
	return o->session[0] == '/' ? OTR_OFFER_DOORS : OTR_RING_DOORS;
}

static int open_all(struct otr_offers *o)
{
	struct epoll_event ev = {.events = EPOLLIN};

	for (uint32_t i = 0; i < doors_of(o); i++) {
		o->door[i] = open_door(o, i);
		if (o->door[i] < 0)
			return o->door[i];
		ev.data.fd = o->door[i];
		if (epoll_ctl(o->epoll, EPOLL_CTL_ADD, o->door[i], &ev))
			return -errno;
	}
	return 0;
}

int otr_offers_open(struct otr_offers *o)
{
	int rc;

	memset(o->door, 0xff, sizeof(o->door));
	o->session[0] = 0;
	o->epoll = epoll_create1(EPOLL_CLOEXEC);
	if (o->epoll < 0)
		return -errno;
	rc = make_names(o->session, sizeof(o->session));
	if (!rc)
		rc = open_all(o);
	if (rc)
		otr_offers_close(o);
	return rc;
}

void otr_offers_close(struct otr_offers *o)
{
	char folder[OTR_RING_SESSION];

	for (uint32_t i = 0; i < OTR_OFFER_DOORS; i++)
		if (o->door[i] >= 0)
			close(o->door[i]);
	if (o->epoll >= 0)
		close(o->epoll);
	snprintf(folder, sizeof(folder), "%.*s", (int)strcspn(o->session, "."), o->session);
	otr_folder_remove(folder);
	memset(o->door, 0xff, sizeof(o->door));
	o->epoll = -1;
}

static uint32_t closers; /* threads that have not ended */

static void *closes(void *fd)
{
	close((int)(intptr_t)fd);
	__atomic_fetch_sub(&closers, 1, __ATOMIC_RELEASE);
	return NULL;
}

static int start_closer(int fd)
{
	sigset_t all, before;
	pthread_t thread;
	int rc;

	sigfillset(&all);
	pthread_sigmask(SIG_SETMASK, &all, &before);
	rc = pthread_create(&thread, NULL, closes, (void *)(intptr_t)fd);
	pthread_sigmask(SIG_SETMASK, &before, NULL);
	if (!rc)
		pthread_detach(thread);
	return rc;
}

/* Closes what is no memory. The last close may block for as long as the sender likes: a socket
 * that lingers, a file of a file system in user space. */
void otr_offers_discard(int fd)
{
	if (fcntl(fd, F_GET_SEALS) >= 0) {
		close(fd);
		return;
	}
	__atomic_fetch_add(&closers, 1, __ATOMIC_RELAXED);
	if (start_closer(fd)) {
		__atomic_fetch_sub(&closers, 1, __ATOMIC_RELAXED);
		close(fd);
	}
}

/* While many such threads wait, no offer is accepted: each may bring more of them. */
static bool may_take(struct otr_offers *o)
{
	struct epoll_event ev = {.events = EPOLLIN};
	bool may = __atomic_load_n(&closers, __ATOMIC_ACQUIRE) < CLOSERS;

	if (o->shut != may)
		return may;
	o->shut = !may;
	for (uint32_t i = 0; i < doors_of(o); i++) {
		ev.data.fd = o->door[i];
		epoll_ctl(o->epoll, may ? EPOLL_CTL_ADD : EPOLL_CTL_DEL, o->door[i], &ev);
	}
	return may;
}

static int take_fds(const struct cmsghdr *cm, int had)
{
	size_t n = (cm->cmsg_len - CMSG_LEN(0)) / sizeof(int);
	int fd;

	for (size_t i = 0; i < n; i++) {
		memcpy(&fd, CMSG_DATA(cm) + i * sizeof(fd), sizeof(fd));
		if (had >= 0)
			otr_offers_discard(had);
		had = fd;
	}
	return had;
}

/* Gives the last one of the descriptors that came (others are closed), and the process that sent
 * it. */
static int unpack(struct msghdr *msg, struct otr_offerer *who)
{
	struct ucred cred;
	int fd = -1;

	for (struct cmsghdr *cm = CMSG_FIRSTHDR(msg); cm; cm = CMSG_NXTHDR(msg, cm)) {
		if (cm->cmsg_level != SOL_SOCKET)
			continue;
		if (cm->cmsg_type == SCM_CREDENTIALS) {
			memcpy(&cred, CMSG_DATA(cm), sizeof(cred));
			who->tgid = (uint32_t)cred.pid;
			who->uid = (uint32_t)cred.uid;
		}
		if (cm->cmsg_type == SCM_PIDFD)
			memcpy(&who->pidfd, CMSG_DATA(cm), sizeof(who->pidfd));
		if (cm->cmsg_type == SCM_RIGHTS)
			fd = take_fds(cm, fd);
	}
	return fd;
}

static int no_offer(int given, const struct otr_offerer *who)
{
	if (given >= 0)
		otr_offers_discard(given);
	if (who->pidfd >= 0)
		close(who->pidfd);
	return -EINVAL;
}

/* Behind the session stand a NUL, the reason, the path. */
static void hear(const struct otr_offers *o, uint32_t tgid, const char *text, size_t n)
{
	char path[OTR_UNCARRIED_PATH + 1];

	if (!o->uncarried || n < 2 || n - 2 >= sizeof(path) || text[0] ||
	    memchr(text + 2, 0, n - 2))
		return;
	memcpy(path, text + 2, n - 2);
	path[n - 2] = 0;
	o->uncarried(o->uncarried_arg, tgid, text[1], path);
}

int otr_offers_next(struct otr_offers *o, struct otr_offerer *who)
{
	char text[OTR_RING_SESSION + 2 + OTR_UNCARRIED_PATH],
		space[CMSG_SPACE(sizeof(struct ucred)) + CMSG_SPACE(sizeof(int)) +
		      CMSG_SPACE(FDS * sizeof(int))];
	struct iovec one = {text, sizeof(text)};
	struct msghdr msg = {.msg_iov = &one,
			     .msg_iovlen = 1,
			     .msg_control = space,
			     .msg_controllen = sizeof(space)};
	struct epoll_event at;
	size_t len;
	ssize_t n;
	int given;

	if (!may_take(o) || epoll_wait(o->epoll, &at, 1, 0) <= 0)
		return -EAGAIN;
	n = recvmsg(at.data.fd, &msg, MSG_CMSG_CLOEXEC);
	if (n < 0)
		return errno == EINTR ? -EINVAL : -EAGAIN;
	*who = (struct otr_offerer){.pidfd = o->pidfds ? -ESRCH : OTR_OFFER_NO_PIDFD};
	given = unpack(&msg, who);
	len = strlen(o->session);
	if ((size_t)n >= len && !memcmp(text, o->session, len) && who->tgid) {
		if ((size_t)n == len && given >= 0)
			return given;
		if ((size_t)n > len)
			hear(o, who->tgid, text + len, (size_t)n - len);
	}
	return no_offer(given, who);
}
