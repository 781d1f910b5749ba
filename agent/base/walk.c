/* SPDX-License-Identifier: Apache-2.0 */
/* walk.c - the directory that holds what a path names; walk.h says which links it follows. */

#include "agent/base/walk.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "agent/base/err.h"

#define MAX_LINKS 40 /* as many as the kernel follows */

struct walk {
	struct otr_err *err;
	int dir;	     /* the directory that was reached */
	char rest[PATH_MAX]; /* of the path, from there */
	unsigned int links;
	char *name;
};

static int refuse(const struct walk *w, int rc)
{
	otr_err_set(w->err, "%s", strerror(-rc));
	return rc;
}

static int refuse_link(const struct walk *w, uid_t owner)
{
	otr_err_set(w->err,
		    "a symbolic link on the way belongs to user %u, and otrace runs as user %u",
		    owner, geteuid());
	otr_err_hint(w->err, "right: a path without that link");
	return -EPERM;
}

/* Cuts the first part of `rest` off. Returns 0, or -errno where it is no name. */
static int next_name(struct walk *w)
{
	char *from = w->rest + strspn(w->rest, "/");
	size_t len = strcspn(from, "/");

	if (len > NAME_MAX)
		return refuse(w, -ENAMETOOLONG);
	memcpy(w->name, from, len);
	w->name[len] = 0;
	memmove(w->rest, from + len, strlen(from + len) + 1);
	return 0;
}

static void go_to(struct walk *w, int dir)
{
	if (w->dir >= 0)
		close(w->dir);
	w->dir = dir;
}

/* Follows the link that `fd` is: its text is read from the descriptor, so that no other link can
 * replace it meanwhile. */
static int follow(struct walk *w, int fd, uid_t owner)
{
	char target[PATH_MAX], rest[PATH_MAX];
	ssize_t n;
	int len;

	if (owner && owner != geteuid())
		return refuse_link(w, owner);
	n = readlinkat(fd, "", target, sizeof(target) - 1);
	if (n < 0)
		return refuse(w, -errno);
	target[n] = 0;
	len = snprintf(rest, sizeof(rest), "%s%s", target, w->rest);
	if (++w->links > MAX_LINKS || len >= (int)sizeof(rest))
		return refuse(w, -ELOOP);
	memcpy(w->rest, rest, (size_t)len + 1);
	if (*target == '/')
		go_to(w, open("/", O_PATH | O_DIRECTORY | O_CLOEXEC));
	return w->dir < 0 ? refuse(w, -errno) : 0;
}

static int enter(struct walk *w)
{
	int fd = openat(w->dir, w->name, O_PATH | O_NOFOLLOW | O_CLOEXEC), rc = 0;
	struct stat st;

	if (fd < 0 || fstat(fd, &st)) {
		rc = refuse(w, -errno);
	} else if (S_ISLNK(st.st_mode)) {
		rc = follow(w, fd, st.st_uid);
	} else {
		go_to(w, fd);
		return 0;
	}
	if (fd >= 0)
		close(fd);
	return rc;
}

int otr_walk(const char *path, char name[NAME_MAX + 1], struct otr_err *err)
{
	struct walk w = {.err = err, .name = name};
	int rc;

	if (strlen(path) >= sizeof(w.rest))
		return refuse(&w, -ENAMETOOLONG);
	strcpy(w.rest, path);
	w.dir = open(*path == '/' ? "/" : ".", O_PATH | O_DIRECTORY | O_CLOEXEC);
	if (w.dir < 0)
		return refuse(&w, -errno);
	rc = next_name(&w);
	while (!rc && *w.rest) {
		rc = *name ? enter(&w) : 0;
		if (!rc)
			rc = next_name(&w);
	}
	if (!rc)
		return w.dir;
	go_to(&w, -1);
	return rc;
}
