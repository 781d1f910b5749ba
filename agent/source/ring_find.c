/* SPDX-License-Identifier: Apache-2.0 */
/* ring_find.c - rings in the memory of processes; see ring_find.h and proc(5). */

#include "agent/source/ring_find.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/sysmacros.h>
#include <unistd.h>

#include "agent/base/foreign.h"
#include "bpf/ring.h"

#define MAPS (16u << 20) /* bytes of the maps of one process: as many lines as the kernel allows */
#define OURS "/memfd:" OTR_RING_NAME " (deleted)"

bool otr_ring_find_line(const char *line, unsigned int major, unsigned int minor,
			struct otr_ring_find_range *range)
{
	unsigned int ma, mi;
	unsigned long at;
	int path = 0;

	if (sscanf(line, "%lx-%lx rw-s %lx %x:%x %*u %n", &range->from, &range->to, &at, &ma, &mi,
		   &path) != 5 ||
	    !path)
		return false;
	return !at && ma == major && mi == minor && !strcmp(line + path, OURS);
}

/* The device of memory that has a descriptor. */
static bool device(unsigned int *major_of, unsigned int *minor_of)
{
	int fd = memfd_create("otrace", MFD_CLOEXEC);
	struct stat st;
	bool known = fd >= 0 && !fstat(fd, &st);

	if (known) {
		*major_of = major(st.st_dev);
		*minor_of = minor(st.st_dev);
	}
	if (fd >= 0)
		close(fd);
	return known;
}

/* Opens a mapped file. The mapping may have changed meanwhile: so the file is looked up, its
 * device is compared, and only then it is opened. Returns -1 where it is not memory. */
static int open_range(uint32_t pid, const struct otr_ring_find_range *range, unsigned int ma,
		      unsigned int mi)
{
	struct statx sx;
	char path[96];
	int at, fd = -1;

	snprintf(path, sizeof(path), "/proc/%u/map_files/%lx-%lx", pid, range->from, range->to);
	at = open(path, O_PATH | O_CLOEXEC);
	if (at < 0)
		return errno == EPERM || errno == EACCES ? -EPERM : -ENOENT;
	snprintf(path, sizeof(path), "/proc/self/fd/%d", at);
	if (!statx(at, "", AT_EMPTY_PATH | AT_STATX_DONT_SYNC, STATX_TYPE, &sx) &&
	    sx.stx_dev_major == ma && sx.stx_dev_minor == mi)
		fd = open(path, O_RDWR | O_CLOEXEC | O_NONBLOCK | O_NOCTTY);
	close(at);
	return fd < 0 ? -ENOENT : fd;
}

struct look {
	uint32_t pid;
	unsigned int ma, mi;
	int rc;
	struct otr_ring_find found;
};

static bool look_at(void *arg, char *line)
{
	struct look *lk = arg;
	struct otr_ring_find_range range;
	int fd;

	if (strstr(line, "/libotrace.so"))
		lk->found.carries = true;
	if (lk->found.n == OTR_MAPPED_RINGS || !otr_ring_find_line(line, lk->ma, lk->mi, &range))
		return true;
	fd = open_range(lk->pid, &range, lk->ma, lk->mi);
	if (fd >= 0)
		lk->found.fds[lk->found.n++] = fd;
	lk->rc = fd == -EPERM ? -EPERM : 0;
	return !lk->rc;
}

static void read_maps(void *io)
{
	struct look *lk = io;
	char path[64];
	int fd;

	snprintf(path, sizeof(path), "/proc/%u/maps", lk->pid);
	fd = otr_foreign_open_proc(AT_FDCWD, path);
	if (fd < 0) {
		lk->rc = fd == -EACCES ? -EPERM : -ESRCH;
		return;
	}
	otr_foreign_lines(fd, MAPS, look_at, lk);
	close(fd);
}

static void close_rings(void *io)
{
	struct look *lk = io;

	while (lk->found.n)
		close(lk->found.fds[--lk->found.n]);
}

/* A process can hold the lock of its memory map, and then a reader of its maps waits. */
static int find_rings(uint32_t pid, struct otr_ring_find *out)
{
	struct look lk = {.pid = pid, .found = *out};
	int rc = device(&lk.ma, &lk.mi) ? 0 : -ESRCH;

	if (!rc)
		rc = otr_foreign_within(OTR_FOREIGN_MS, read_maps, close_rings, &lk, sizeof(lk));
	if (rc)
		return rc;
	*out = lk.found;
	return lk.rc;
}

/* The number of the process in its own pid namespace is the last one of NSpid. */
static int read_status(uint32_t pid, struct otr_ring_find *out)
{
	char path[64], text[4096];
	const char *uid, *ns;
	ssize_t n;
	int fd;

	snprintf(path, sizeof(path), "/proc/%u/status", pid);
	fd = otr_foreign_open_proc(AT_FDCWD, path);
	if (fd < 0)
		return -ESRCH;
	n = otr_foreign_slurp(fd, text, sizeof(text) - 1);
	close(fd);
	text[n > 0 ? n : 0] = 0;
	/* The name is in the first line; the kernel escapes line ends in it. */
	uid = strstr(text, "\nUid:\t");
	ns = strstr(text, "\nNSpid:\t");
	if (!uid || !ns || sscanf(uid, "\nUid: %u", &out->uid) != 1)
		return -ESRCH;
	ns = memrchr(ns, '\t', strcspn(ns + 1, "\n") + 1);
	return ns && sscanf(ns, "%u", &out->pid) == 1 ? 0 : -ESRCH;
}

static bool lives(int pidfd)
{
	struct pollfd pf = {.fd = pidfd, .events = POLLIN};

	return poll(&pf, 1, 0) == 0;
}

int otr_ring_find_find(uint32_t pid, struct otr_ring_find *out)
{
	int rc;

	memset(out, 0, sizeof(*out));
	out->pidfd = (int)syscall(SYS_pidfd_open, (pid_t)pid, 0);
	if (out->pidfd < 0)
		return -errno;
	rc = read_status(pid, out);
	if (!rc)
		rc = find_rings(pid, out);
	/* Is all that was read of this process, and not of a later one with the same number? */
	if (!rc && !lives(out->pidfd))
		rc = -ESRCH;
	if (rc)
		otr_ring_find_fini(out);
	return rc;
}

void otr_ring_find_fini(struct otr_ring_find *m)
{
	while (m->n)
		close(m->fds[--m->n]);
	if (m->pidfd >= 0)
		close(m->pidfd);
	m->pidfd = -1;
}
