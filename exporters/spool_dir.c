/* SPDX-License-Identifier: Apache-2.0 */
/* spool_dir.c - the folder of a spool, opened and locked; see spool_dir.h. */

#include "exporters/spool_dir.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdbool.h>
#include <string.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <unistd.h>

#include "agent/base/err.h"
#include "agent/base/walk.h"

/* Without slashes at its end, which would leave no last part. */
static int walk_to(const char *path, char name[NAME_MAX + 1], struct otr_err *err)
{
	struct otr_err why = {""};
	size_t n = strlen(path);
	char text[PATH_MAX];
	int dir;

	if (n >= sizeof(text))
		return -ENAMETOOLONG;
	memcpy(text, path, n + 1);
	while (n && text[n - 1] == '/')
		text[--n] = '\0';
	dir = otr_walk(text, name, &why);
	if (dir >= 0 && *name)
		return dir;
	otr_err_set(err, "spool %s: %s", path, dir < 0 ? why.text : "no folder is named");
	if (dir < 0)
		return dir;
	close(dir);
	return -ENOENT;
}

static int refuse_last(const char *path, const struct stat *st, struct otr_err *err)
{
	bool is_link = S_ISLNK(st->st_mode);

	otr_err_set(err, "spool %s: %s", path, is_link ? "a symbolic link" : "no folder");
	otr_err_hint(err, "right: the name of a folder%s", is_link ? " itself" : "");
	return -ENOTDIR;
}

/* Opens the folder, which it makes if it is missing. */
static int open_dir(const char *path, struct otr_err *err)
{
	char name[NAME_MAX + 1];
	int at = walk_to(path, name, err), rc = 0, dir = -1;
	struct stat st;

	if (at < 0)
		return at;
	if (mkdirat(at, name, 0700) && errno != EEXIST)
		rc = -errno;
	else if (fstatat(at, name, &st, AT_SYMLINK_NOFOLLOW))
		rc = -errno;
	else if (!S_ISDIR(st.st_mode))
		rc = refuse_last(path, &st, err);
	if (!rc)
		dir = openat(at, name, O_RDONLY | O_DIRECTORY | O_CLOEXEC | O_NOFOLLOW);
	if (!rc && dir < 0)
		rc = -errno;
	close(at);
	return rc ? rc : dir;
}

/* What is in the folder is sent as it is, so it must be ours alone. */
static int check_owner(int dir, const char *path, struct otr_err *err)
{
	struct stat st;

	if (fstat(dir, &st))
		return -errno;
	if (st.st_uid != geteuid())
		otr_err_set(err, "spool %s: it belongs to user %u, and otrace runs as user %u",
			    path, st.st_uid, geteuid());
	else if (st.st_mode & 022)
		otr_err_set(err, "spool %s: others may write to it (mode %04o)", path,
			    st.st_mode & 07777);
	else
		return 0;
	otr_err_hint(err, "right: a folder of the user that runs otrace, with mode 0700");
	return -EPERM;
}

static int lock(int dir, const char *path, struct otr_err *err)
{
	int fd = openat(dir, "lock", O_RDWR | O_CREAT | O_CLOEXEC | O_NOFOLLOW, 0600);

	if (fd < 0)
		return -errno;
	if (!flock(fd, LOCK_EX | LOCK_NB))
		return fd;
	close(fd);
	otr_err_set(err, "spool %s: another otrace uses it", path);
	otr_err_hint(err, "right: a folder for each export");
	return -EBUSY;
}

int otr_spool_dir_open(const char *path, int *lock_fd, struct otr_err *err)
{
	int dir = open_dir(path, err), rc;

	if (dir < 0)
		return dir;
	rc = check_owner(dir, path, err);
	if (!rc)
		rc = *lock_fd = lock(dir, path, err);
	if (rc >= 0)
		return dir;
	close(dir);
	return rc;
}
