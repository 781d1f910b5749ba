/* SPDX-License-Identifier: Apache-2.0 */
/* out_file.c - opens what otrace writes; out_file.h says which files it takes. */

#include "agent/base/out_file.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/random.h>
#include <sys/stat.h>
#include <sys/sysmacros.h>
#include <unistd.h>

#include "agent/base/err.h"
#include "agent/base/walk.h"

#define MODE 0600
#define HOW  (O_WRONLY | O_CLOEXEC | O_NOCTTY | O_NOFOLLOW | O_NONBLOCK)

struct out {
	const char *option, *path;
	unsigned int flags;
	struct otr_err *err;
	int dir; /* that holds the file */
	char name[NAME_MAX + 1];
};

static int refuse(struct out *o, int rc, const char *why)
{
	if (o->option)
		otr_err_set(o->err, "%s%s: %s", o->option, o->path, why);
	else
		otr_err_set(o->err, "%s", why);
	return rc;
}

static int failed(struct out *o)
{
	int rc = -errno;

	return refuse(o, rc, rc == -ENXIO ? "a pipe that nobody reads" : strerror(-rc));
}

static int refuse_owner(struct out *o, uid_t owner, const char *what)
{
	char why[128];

	snprintf(why, sizeof(why), "%s belongs to user %u, and otrace runs as user %u", what, owner,
		 geteuid());
	refuse(o, -EPERM, why);
	otr_err_hint(o->err, "right: a new name, or a file of user %u", geteuid());
	return -EPERM;
}

static int refuse_link(struct out *o)
{
	refuse(o, -ELOOP, "a symbolic link: otrace writes to no file that a link chooses");
	otr_err_hint(o->err, "right: the name of the file itself");
	return -ELOOP;
}

/* Memory devices that take or refuse whatever is written: linux/Documentation/admin-guide/
 * devices.txt. */
static bool is_harmless(dev_t dev)
{
	return major(dev) == 1 && (minor(dev) == 3 || minor(dev) == 5 || minor(dev) == 7);
}

/* `fd` is -1 while nothing is open yet: a device acts when it is opened. */
static int check(struct out *o, const struct stat *st, int fd)
{
	if (S_ISLNK(st->st_mode))
		return refuse_link(o);
	if (S_ISDIR(st->st_mode))
		return refuse(o, -EISDIR, strerror(EISDIR));
	if (S_ISCHR(st->st_mode) && (fd < 0 || is_harmless(st->st_rdev) || isatty(fd)))
		return 0;
	if (!S_ISREG(st->st_mode) && !S_ISFIFO(st->st_mode))
		return refuse(o, -EINVAL, "neither a file, a pipe, a terminal nor /dev/null");
	if (st->st_uid != geteuid())
		return refuse_owner(o, st->st_uid, S_ISREG(st->st_mode) ? "it" : "the pipe");
	if (S_ISREG(st->st_mode) && st->st_nlink > 1)
		return refuse(o, -EMLINK,
			      "it has another name, too (a hard link): otrace would "
			      "empty both");
	return 0;
}

static int name_temporary(const struct out *o, char *name, size_t size)
{
	unsigned int r = 0;

	if (getrandom(&r, sizeof(r), 0) != sizeof(r))
		return -EIO;
	snprintf(name, size, ".%.200s.%08x", o->name, r);
	return 0;
}

/* A new file that takes the name. Returns -EACCES where the directory takes no new file. */
static int open_instead(struct out *o)
{
	char name[NAME_MAX + 1];
	int fd, rc = name_temporary(o, name, sizeof(name));

	if (rc)
		return rc;
	fd = openat(o->dir, name, HOW | O_APPEND | O_CREAT | O_EXCL, MODE);
	if (fd < 0)
		return -errno;
	if (!renameat(o->dir, name, o->dir, o->name))
		return fd;
	rc = -errno;
	unlinkat(o->dir, name, 0);
	close(fd);
	return rc;
}

static int refuse_shared(struct out *o, int rc)
{
	char why[128];

	snprintf(why, sizeof(why), "others can read it, and its mode cannot be made 0600: %s",
		 strerror(-rc));
	refuse(o, rc, why);
	otr_err_hint(o->err, "right: a new name, or a file system that keeps modes");
	return rc;
}

/* Sets the mode first, so that a file whose mode cannot be changed keeps its content. */
static int empty(struct out *o, int fd, mode_t mode)
{
	if (mode & 077 && fchmod(fd, MODE))
		return refuse_shared(o, -errno);
	return ftruncate(fd, 0) ? failed(o) : 0;
}

/* In place; checked again, since the name may lead to another file by now. */
static int open_as_it_is(struct out *o)
{
	int fd = openat(o->dir, o->name, HOW | O_APPEND), rc;
	struct stat st;

	if (fd < 0)
		return failed(o);
	rc = fstat(fd, &st) ? failed(o) : check(o, &st, fd);
	if (!rc && S_ISREG(st.st_mode))
		rc = empty(o, fd, st.st_mode);
	if (!rc)
		return fd;
	close(fd);
	return rc;
}

static int open_existing(struct out *o)
{
	struct stat st;
	int rc, fd;

	if (fstatat(o->dir, o->name, &st, AT_SYMLINK_NOFOLLOW))
		return failed(o);
	rc = check(o, &st, -1);
	if (rc)
		return rc;
	fd = o->flags & OTR_OUT_REPLACE && S_ISREG(st.st_mode) ? open_instead(o) : -EACCES;
	return fd >= 0 ? fd : open_as_it_is(o);
}

static int open_last(struct out *o)
{
	int fd = openat(o->dir, o->name, HOW | O_APPEND | O_CREAT | O_EXCL, MODE);

	if (fd >= 0)
		return fd;
	return errno == EEXIST || errno == EISDIR ? open_existing(o) : failed(o);
}

/* Returns the number of a descriptor of this process that `path` names, or -1. */
static int own_descriptor(const char *path)
{
	static const char *const folders[] = {"/dev/fd/", "/proc/self/fd/"};
	char *end;
	long n;

	if (!strcmp(path, "-") || !strcmp(path, "/dev/stdout"))
		return STDOUT_FILENO;
	if (!strcmp(path, "/dev/stderr"))
		return STDERR_FILENO;
	for (int i = 0; i < 2; i++) {
		if (strncmp(path, folders[i], strlen(folders[i])))
			continue;
		path += strlen(folders[i]);
		n = strtol(path, &end, 10);
		return *path >= '0' && *path <= '9' && !*end && n <= INT_MAX ? (int)n : -1;
	}
	return -1;
}

/* A pipe can be opened anew, so that it need not wait where its other writers do. */
static int duplicate(struct out *o, int own)
{
	char path[32];
	struct stat st;
	int fd = -1;

	if (o->flags & OTR_OUT_NONBLOCK && !fstat(own, &st) && S_ISFIFO(st.st_mode)) {
		snprintf(path, sizeof(path), "/proc/self/fd/%d", own);
		fd = open(path, O_WRONLY | O_CLOEXEC | O_NONBLOCK);
	}
	if (fd < 0)
		fd = fcntl(own, F_DUPFD_CLOEXEC, 3);
	return fd < 0 ? failed(o) : fd;
}

/* To the directory that holds the file. */
static int walk(struct out *o)
{
	struct otr_err why = {""};
	int rc;

	o->dir = otr_walk(o->path, o->name, &why);
	rc = o->dir < 0 ? refuse(o, o->dir, why.text) : 0;
	if (!rc && !*o->name)
		rc = refuse(o, *o->path ? -EISDIR : -ENOENT,
			    *o->path ? strerror(EISDIR) : "no file is named");
	return rc;
}

static int open_path(struct out *o)
{
	int fd = walk(o);

	if (!fd)
		fd = open_last(o);
	if (o->dir >= 0)
		close(o->dir);
	/* O_NONBLOCK was for the opening: a pipe without a reader must not stop the start. */
	if (fd >= 0 && !(o->flags & OTR_OUT_NONBLOCK))
		fcntl(fd, F_SETFL, O_APPEND);
	return fd;
}

int otr_out_open(const char *option, const char *path, unsigned int flags, struct otr_err *err)
{
	struct out o = {.option = option, .path = path, .flags = flags, .err = err, .dir = -1};
	int own = own_descriptor(path);

	return own < 0 ? open_path(&o) : duplicate(&o, own);
}
