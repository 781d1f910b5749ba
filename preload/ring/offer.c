/* SPDX-License-Identifier: Apache-2.0 */
/* offer.c - makes the ring and offers it to the agent; see ring.h and bpf/ring.h. */

#include <errno.h>
#include <fcntl.h>
#include <linux/futex.h>
#include <linux/memfd.h>
#include <stddef.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/un.h>
#include <time.h>
#include <unistd.h>

#include "preload/base/clock.h"
#include "preload/base/fd.h"
#include "preload/base/real.h"
#include "preload/base/shim.h"
#include "preload/base/sys.h"
#include "preload/ring/doors.h"
#include "preload/ring/emit.h"
#include "preload/ring/program.h"
#include "preload/ring/reader_change.h"
#include "preload/ring/ring.h"

#define ALL (OTR_RING_HEAD + OTR_RING_BYTES)

/* Descriptors that are open while a ring is made. If another thread calls fork() then, the child
 * has them, too, and must close them. */
enum {
	RING,
	DOOR,
	OPEN_FDS
};
static struct {
	int32_t fd; /* + 1; 0: none */
	dev_t dev;
	ino_t inode;
} open_fds[OPEN_FDS];

static void note_open(int which, int fd)
{
	struct stat st;

	if (fd < 0 || otr_sys_fstat(fd, &st))
		return;
	open_fds[which].dev = st.st_dev;
	open_fds[which].inode = st.st_ino;
	__atomic_store_n(&open_fds[which].fd, fd + 1, __ATOMIC_RELEASE);
}

static void note_closed(int which, int fd)
{
	otr_sys_close(fd);
	__atomic_store_n(&open_fds[which].fd, 0, __ATOMIC_RELEASE);
}

void otr_ring_forked(void)
{
	struct stat st;
	int fd;

	for (int i = 0; i < OPEN_FDS; i++) {
		fd = open_fds[i].fd - 1;
		open_fds[i].fd = 0;
		if (fd >= 0 && !otr_sys_fstat(fd, &st) && st.st_dev == open_fds[i].dev &&
		    st.st_ino == open_fds[i].inode)
			otr_sys_close(fd);
	}
}

/* RLIMIT_FSIZE also limits a memfd: a process that exceeds it is killed (SIGXFSZ). */
static int fits_file_limit(void)
{
	struct rlimit limit;

	return !otr_sys_getrlimit(RLIMIT_FSIZE, &limit) && limit.rlim_cur >= ALL;
}

static int make_memfd(void)
{
	int fd = fits_file_limit() ? (int)otr_sys(SYS_memfd_create, OTR_RING_NAME,
						  MFD_CLOEXEC | MFD_ALLOW_SEALING)
				   : -1;

	if (fd < 0)
		return -1;
	note_open(RING, fd);
	if (otr_sys(SYS_ftruncate, fd, ALL) ||
	    otr_sys_fcntl(fd, F_ADD_SEALS, F_SEAL_SHRINK | F_SEAL_GROW | F_SEAL_SEAL)) {
		note_closed(RING, fd);
		return -1;
	}
	return fd;
}

/* The slots are mapped twice in a row, so that a record that goes over the end continues at the
 * start. */
static char *map(int fd)
{
	const int how = MAP_SHARED | MAP_FIXED, rw = PROT_READ | PROT_WRITE;
	char *at = otr_sys_mmap(NULL, ALL + OTR_RING_BYTES, PROT_NONE,
				MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);

	if (!at)
		return NULL;
	if (!otr_sys_mmap(at, ALL, rw, how, fd, 0) ||
	    !otr_sys_mmap(at + ALL, OTR_RING_BYTES, rw, how, fd, OTR_RING_HEAD)) {
		otr_sys_munmap(at, ALL + OTR_RING_BYTES);
		return NULL;
	}
	return at;
}

/* Sends the secret of the session and the descriptor of the ring in one message, without waiting.
 * Only the agent keeps the descriptor. Bare system calls, as a thread may be cancelled in a call of
 * libc. Returns 0; -1: no agent takes the ring; or 1: the queues of the agent are full. */
static int offer(int ring)
{
	const struct otr_session_name who = {otr_shim.session, otr_shim.session_len,
					     otr_shim.name_len};
	union {
		char space[CMSG_SPACE(sizeof(int))];
		struct cmsghdr align;
	} control = {.space = ""};
	struct iovec one = {.iov_base = otr_shim.session, .iov_len = otr_shim.session_len};
	struct msghdr msg = {.msg_iov = &one,
			     .msg_iovlen = 1,
			     .msg_control = &control,
			     .msg_controllen = sizeof(control)};
	struct cmsghdr *cm = CMSG_FIRSTHDR(&msg);
	int rc, fd = (int)otr_sys(SYS_socket, AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC | SOCK_NONBLOCK,
				  0);

	if (fd < 0)
		return -1;
	note_open(DOOR, fd);
	cm->cmsg_level = SOL_SOCKET;
	cm->cmsg_type = SCM_RIGHTS;
	cm->cmsg_len = CMSG_LEN(sizeof(int));
	memcpy(CMSG_DATA(cm), &ring, sizeof(ring));
	rc = otr_doors_send(fd, &who, &msg);
	note_closed(DOOR, fd);
	if (rc == -EAGAIN)
		return 1;
	return rc ? -1 : 0;
}

/* Threads that find OFFER_IN_PROGRESS wait for another state. */
enum offer_state {
	OFFER_NOT_MADE,
	OFFER_IN_PROGRESS,
	OFFER_DONE
};

static void set_offer_state(enum offer_state to)
{
	__atomic_store_n(&otr_shim.offer_state, (uint32_t)to, __ATOMIC_RELEASE);
	otr_sys(SYS_futex, &otr_shim.offer_state, FUTEX_WAKE | FUTEX_PRIVATE_FLAG, INT32_MAX);
}

/* From here on threads write into the ring, and agents can find it. By `beat_ns` the agent of the
 * session has some time before any other may take the ring. Without a session the ring is switched
 * off. */
static void publish(struct otr_ring *ring)
{
	struct otr_shim *sh = &otr_shim;

	ring->abi = OTR_ABI;
	ring->bytes = OTR_RING_BYTES;
	ring->tgid = (uint32_t)sh->pid;
	ring->policy_gen = 1;
	ring->gen = sh->reader_gen;
	ring->off = !sh->session_len;
	ring->beat_ns = sh->session_len ? otr_clock_ns() : 0;
	ring->counts[OTR_SHIM_DROPPED] = sh->lost_records;
	sh->netns = otr_netns();
	sh->seen_tail = 0;
	sh->slots = (char *)ring + OTR_RING_HEAD;
	__atomic_store_n(&ring->magic, OTR_RING_MAGIC, __ATOMIC_RELEASE);
	__atomic_store_n(&sh->ring, ring, __ATOMIC_RELEASE);
	__atomic_store_n(&sh->off, &ring->off, __ATOMIC_RELEASE);
}

/* No agent will read the ring: counts its records as lost. It stays mapped, as another thread may
 * write into it at this moment. */
static void take_back(struct otr_ring *ring)
{
	const struct otr_ring_slot *slot;
	uint64_t at = 0;

	otr_put(&ring->magic, 0);
	__atomic_store_n(&otr_shim.off, &otr_shim.idle, __ATOMIC_RELEASE);
	while (at < ring->head && at < OTR_RING_BYTES) {
		slot = (const void *)(otr_shim.slots + at);
		at += otr_ring_room(slot->size);
		__atomic_fetch_add(&otr_shim.lost_records, 1, __ATOMIC_RELAXED);
	}
}

/* The header of the ring stays mapped, with empty pages, as another thread may read it. */
void otr_ring_unmap_parents(void)
{
	struct otr_ring *ring = otr_shim.parent_ring;
	void *head;

	otr_shim.parent_ring = NULL;
	if (!ring)
		return;
	head = otr_sys_mmap(ring, OTR_RING_HEAD, PROT_READ | PROT_WRITE,
			    MAP_PRIVATE | MAP_ANONYMOUS | MAP_FIXED, -1, 0);
	if (head)
		otr_sys_munmap((char *)ring + OTR_RING_HEAD, 2 * OTR_RING_BYTES);
}

/* In a child after fork: takes over the session of the last reader of the parent's ring, which may
 * not be the one that the environment names, and unmaps that ring. */
static void learn_session(void)
{
	const struct otr_ring *ring = otr_shim.parent_ring;

	if (ring && !ring->off && ring->magic == OTR_RING_MAGIC)
		otr_take_session(ring);
	otr_ring_unmap_parents();
}

/* No agent took the ring: switches it off. An agent may find it later by its name. Until then a
 * wrapper only reads `off` and makes its call. */
static void leave_unread(struct otr_ring *ring)
{
	__atomic_store_n(&ring->off, 1, __ATOMIC_RELEASE);
	__atomic_store_n(&ring->beat_ns, 0, __ATOMIC_RELEASE);
}

/* The ring is in use before it is offered, since from the offer on the kernel side captures no
 * bytes of this process, in any thread. Returns 1 if the queues of the agent are full, else 0. */
static int publish_and_offer(int fd, struct otr_ring *ring)
{
	int rc;

	learn_session();
	publish(ring);
	if (!otr_shim.session_len)
		return 0;
	otr_emit_process();
	otr_emit_environment();
	rc = offer(fd);
	if (rc > 0)
		take_back(ring);
	if (rc < 0)
		leave_unread(ring);
	return rc > 0;
}

/* Returns 0; -1: no ring can be made; 1: the queues of the agent are full. */
static int make_ring(void)
{
	int fd = make_memfd(), rc;
	struct otr_ring *ring;

	if (fd < 0)
		return -1;
	ring = (struct otr_ring *)map(fd);
	rc = ring ? publish_and_offer(fd, ring) : -1;
	note_closed(RING, fd);
	return rc;
}

/*
 * Another thread makes and offers the ring at this moment, which takes some 100 us, once in the
 * life of a process. Until then records would be lost, and the kernel side would capture the bytes
 * and take our header for one of the program. So this thread waits, for 20 ms at most: a debugger
 * may have stopped the other thread.
 */
static int wait_for_ring(void)
{
	const struct timespec most = {.tv_nsec = 20000000};
	const struct otr_ring *ring;

	if (__atomic_load_n(&otr_shim.offer_state, __ATOMIC_ACQUIRE) == OFFER_IN_PROGRESS)
		otr_sys(SYS_futex, &otr_shim.offer_state, FUTEX_WAIT | FUTEX_PRIVATE_FLAG,
			OFFER_IN_PROGRESS, &most);
	ring = otr_ring_now();
	return ring && otr_get(&ring->magic) == OTR_RING_MAGIC; /* else take_back() was called */
}

static int make_and_offer(void)
{
	struct otr_shim *sh = &otr_shim;
	int rc = make_ring();

	if (rc > 0 && ++sh->offer_tries < OTR_OFFER_TRIES) {
		set_offer_state(OFFER_NOT_MADE);
		return 0;
	}
	if (rc) {
		otr_put(&sh->ring_failed, 1);
		otr_put(&sh->idle, 1);
	}
	__atomic_store_n(&sh->is_offered, !rc, __ATOMIC_RELEASE);
	set_offer_state(OFFER_DONE);
	return !rc && !otr_is_off();
}

int otr_ring_ready(void)
{
	struct otr_shim *sh = &otr_shim;
	uint32_t not_yet = OFFER_NOT_MADE;

	if (__atomic_load_n(&sh->is_offered, __ATOMIC_ACQUIRE))
		return 1;
	if (otr_get(&sh->has_seccomp) || otr_get(&sh->ring_failed))
		return 0;
	if (!__atomic_compare_exchange_n(&sh->offer_state, &not_yet, OFFER_IN_PROGRESS, 0,
					 __ATOMIC_ACQ_REL, __ATOMIC_RELAXED))
		return wait_for_ring();
	return make_and_offer();
}
