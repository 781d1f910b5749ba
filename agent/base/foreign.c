/* SPDX-License-Identifier: Apache-2.0 */
/* foreign.c - reads files that belong to others; see foreign.h. */

#include "agent/base/foreign.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#define HOW  (O_RDONLY | O_CLOEXEC | O_NONBLOCK | O_NOCTTY)
#define LINE 16384

/* O_PATH finds the file without opening it. Its type is read from the inode in memory, and only
 * then the same file is opened. */
int otr_foreign_open(int dir, const char *path)
{
	int at = openat(dir, path, O_PATH | O_CLOEXEC), fd, rc;
	struct statx sx;
	char self[40];

	if (at < 0)
		return -errno;
	rc = statx(at, "", AT_EMPTY_PATH | AT_STATX_DONT_SYNC, STATX_TYPE, &sx) ? -errno : 0;
	if (!rc && !S_ISREG(sx.stx_mode))
		rc = -EINVAL;
	snprintf(self, sizeof(self), "/proc/self/fd/%d", at);
	fd = rc ? rc : open(self, HOW);
	if (!rc && fd < 0)
		fd = -errno;
	close(at);
	return fd;
}

int otr_foreign_open_proc(int dir, const char *name)
{
	int fd = openat(dir, name, HOW | O_NOFOLLOW);

	return fd < 0 ? -errno : fd;
}

ssize_t otr_foreign_slurp(int fd, char *out, size_t size)
{
	size_t len = 0;
	ssize_t n = 1;

	while (n > 0 && len < size) {
		n = read(fd, out + len, size - len);
		if (n > 0)
			len += (size_t)n;
		else if (n < 0 && errno == EINTR)
			n = 1;
	}
	return n < 0 && !len ? -errno : (ssize_t)len;
}

bool otr_foreign_at(int fd, uint64_t at, void *out, size_t size)
{
	size_t len = 0;
	ssize_t n = 1;

	while (at <= INT64_MAX - size && n > 0 && len < size) {
		n = pread(fd, (char *)out + len, size - len, (off_t)(at + len));
		if (n > 0)
			len += (size_t)n;
	}
	return len == size;
}

/* Gives the whole lines of `text`; returns how many bytes these were, SIZE_MAX to stop. */
static size_t give_lines(char *text, size_t len, bool all, bool (*fn)(void *, char *), void *arg)
{
	size_t at = 0, n;

	while (at < len) {
		char *end = memchr(text + at, '\n', len - at);

		if (!end && !all)
			break;
		n = end ? (size_t)(end - text) - at : len - at;
		text[at + n] = 0;
		if (!fn(arg, text + at))
			return SIZE_MAX;
		at += end ? n + 1 : n;
	}
	return at;
}

int otr_foreign_lines(int fd, size_t max, bool (*fn)(void *arg, char *line), void *arg)
{
	char text[LINE + 1];
	size_t len = 0, used;
	ssize_t n = 1;
	bool skip = false; /* the rest of a line whose beginning was given */

	while (n > 0 && max) {
		n = read(fd, text + len, LINE - len < max ? LINE - len : max);
		if (n < 0)
			return errno == EINTR ? 0 : -errno;
		max -= (size_t)n;
		len += (size_t)n;
		if (skip) {
			char *end = memchr(text, '\n', len);

			used = end ? (size_t)(end - text) + 1 : len;
			skip = !end;
		} else {
			used = give_lines(text, len, !n, fn, arg);
			if (!used && len == LINE) {
				used = give_lines(text, len, true, fn, arg);
				skip = true;
			}
		}
		if (used == SIZE_MAX)
			return 0;
		len -= used;
		memmove(text, text + used, len);
	}
	return 0;
}

/* A read of a process's own memory, by a thread that may be left behind. */
struct reading {
	int fd;
	char *text;
	size_t size;
	ssize_t n;
};

static void read_memory(void *io)
{
	struct reading *rd = io;

	rd->n = otr_foreign_slurp(rd->fd, rd->text, rd->size);
}

static void reading_free(void *io)
{
	struct reading *rd = io;

	close(rd->fd);
	free(rd->text);
}

ssize_t otr_foreign_memory(int dir, const char *name, char *out, size_t size)
{
	struct reading rd = {.size = size, .text = malloc(size)};
	int rc;

	if (!rd.text)
		return -ENOMEM;
	rd.fd = otr_foreign_open_proc(dir, name);
	if (rd.fd < 0) {
		free(rd.text);
		return rd.fd;
	}
	rc = otr_foreign_within(OTR_FOREIGN_MS, read_memory, reading_free, &rd, sizeof(rd));
	if (rc == -ETIMEDOUT)
		return rc; /* the rest is its thread's */
	if (!rc && rd.n > 0)
		memcpy(out, rd.text, (size_t)rd.n);
	reading_free(&rd);
	return rc ? rc : rd.n;
}

/* Of these a process's own memory is read. */
static bool is_memory(const char *name)
{
	return !strcmp(name, "cmdline") || !strcmp(name, "environ");
}

static ssize_t slurp_name(const char *path, char *out, size_t size)
{
	int fd = otr_foreign_open_proc(AT_FDCWD, path);
	ssize_t n;

	if (fd < 0)
		return fd;
	n = otr_foreign_slurp(fd, out, size);
	close(fd);
	return n;
}

ssize_t otr_foreign_proc(uint32_t pid, const char *name, char *out, size_t size)
{
	char path[64];
	ssize_t n;

	snprintf(path, sizeof(path), "/proc/%u/%s", pid, name);
	n = is_memory(name) ? otr_foreign_memory(AT_FDCWD, path, out, size - 1)
			    : slurp_name(path, out, size - 1);
	if (n == -ENOENT || n == -ESRCH)
		return -1;
	out[n > 0 ? n : 0] = 0;
	return n > 0 ? n : 0;
}
