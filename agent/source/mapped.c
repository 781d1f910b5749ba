/* SPDX-License-Identifier: Apache-2.0 */
/* mapped.c - rings in the memory of processes; see mapped.h and proc(5). */

#include "agent/source/mapped.h"

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

#include "bpf/ring.h"

#define LINES 131072 /* of one process; the kernel's own limit is half of that */
#define OURS  "/memfd:" OTR_RING_NAME " (deleted)"

bool otr_mapped_line(const char *line, unsigned int major, unsigned int minor,
		     struct otr_mapped_range *range)
{
	unsigned int ma, mi;
	unsigned long at;
	int path = 0;

	if (sscanf(line, "%lx-%lx rw-s %lx %x:%x %*u %n", &range->from, &range->to, &at, &ma,
		   &mi, &path) != 5 ||
	    !path)
		return false;
	return !at && ma == major && mi == minor && !strcmp(line + path, OURS);
}

/* On which memory that has a descriptor lies. */
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

/* What lies there by now may be another thing: it is looked up, asked for its device, and
 * opened only then. Returns -1 where it is none of ours. */
static int open_range(uint32_t pid, const struct otr_mapped_range *range, unsigned int ma,
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
		fd = open(path, O_RDWR | O_CLOEXEC);
	close(at);
	return fd < 0 ? -ENOENT : fd;
}

static int look_at(uint32_t pid, const char *line, unsigned int ma, unsigned int mi,
		   struct otr_mapped *out)
{
	struct otr_mapped_range range;
	int fd;

	if (strstr(line, "/libotrace.so"))
		out->carries = true;
	if (out->n == OTR_MAPPED_RINGS || !otr_mapped_line(line, ma, mi, &range))
		return 0;
	fd = open_range(pid, &range, ma, mi);
	if (fd >= 0)
		out->fds[out->n++] = fd;
	return fd == -EPERM ? -EPERM : 0;
}

static int read_maps(uint32_t pid, struct otr_mapped *out)
{
	unsigned int ma, mi;
	char path[64], *line = NULL;
	size_t cap = 0, left = LINES;
	int rc = 0;
	FILE *f;

	snprintf(path, sizeof(path), "/proc/%u/maps", pid);
	f = device(&ma, &mi) ? fopen(path, "re") : NULL;
	if (!f)
		return errno == EACCES ? -EPERM : -ESRCH;
	while (!rc && left-- && getline(&line, &cap, f) > 0) {
		line[strcspn(line, "\n")] = 0;
		rc = look_at(pid, line, ma, mi, out);
	}
	free(line);
	fclose(f);
	return rc;
}

/* Its own number is the last one of NSpid. */
static int read_status(uint32_t pid, struct otr_mapped *out)
{
	char path[64], line[512];
	const char *last;
	int got = 0;
	FILE *f;

	snprintf(path, sizeof(path), "/proc/%u/status", pid);
	f = fopen(path, "re");
	if (!f)
		return -ESRCH;
	while (fgets(line, sizeof(line), f)) {
		line[strcspn(line, "\n")] = 0;
		last = strrchr(line, '\t');
		if (last && !strncmp(line, "NSpid:", 6))
			got += sscanf(last, "%u", &out->pid);
		if (!strncmp(line, "Uid:", 4))
			got += sscanf(line, "Uid: %u", &out->uid);
	}
	fclose(f);
	return got == 2 ? 0 : -ESRCH;
}

static bool lives(int pidfd)
{
	struct pollfd pf = {.fd = pidfd, .events = POLLIN};

	return poll(&pf, 1, 0) == 0;
}

int otr_mapped_find(uint32_t pid, struct otr_mapped *out)
{
	int rc;

	memset(out, 0, sizeof(*out));
	out->pidfd = (int)syscall(SYS_pidfd_open, (pid_t)pid, 0);
	if (out->pidfd < 0)
		return -errno;
	rc = read_status(pid, out);
	if (!rc)
		rc = read_maps(pid, out);
	/* All that was read is this process's, and no later one's of its number. */
	if (!rc && !lives(out->pidfd))
		rc = -ESRCH;
	if (rc)
		otr_mapped_fini(out);
	return rc;
}

void otr_mapped_fini(struct otr_mapped *m)
{
	while (m->n)
		close(m->fds[--m->n]);
	if (m->pidfd >= 0)
		close(m->pidfd);
	m->pidfd = -1;
}
