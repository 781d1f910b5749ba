/* SPDX-License-Identifier: Apache-2.0 */
/*
 * config_open.c - opens the file of configuration, and looks who could have written it.
 *
 * Who writes the file decides what a process with rights of root does: which files it writes, where
 * it sends what it sees. So does a process of another user that has a capability. The checks are made on the open file, so that it is the one that is read.
 */

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/sysmacros.h>
#include <unistd.h>

#include "agent/base/err.h"
#include "agent/base/own.h"
#include "agent/base/privilege.h"
#include "agent/config/config_file.h"

static void close_fd(const int *fd)
{
	if (*fd >= 0)
		close(*fd);
}

static void release(char **text)
{
	free(*text);
}

static int check_owner(const char *path, const struct stat *st, struct otr_err *err)
{
	bool group = st->st_mode & S_IWGRP && st->st_gid;

	if (geteuid() && !otr_capabilities())
		return 0;
	if (st->st_uid && st->st_uid != geteuid()) {
		otr_err_set(err, "%s: it belongs to uid %u, not to root: not read", path,
			    (unsigned int)st->st_uid);
		otr_err_hint(err, "its owner would decide what a process with rights of root does");
		otr_err_hint(err, "try  chown root:root %s", path);
		return -EPERM;
	}
	if (group || st->st_mode & S_IWOTH) {
		otr_err_set(err, "%s: %s can write it (mode %04o): not read", path,
			    st->st_mode & S_IWOTH ? "every user" : "users of its group",
			    (unsigned int)st->st_mode & 07777);
		otr_err_hint(err, "who writes it decides what a process with rights of root does");
		otr_err_hint(err, "try  chmod go-w %s", path);
		return -EPERM;
	}
	return 0;
}

/* --config /dev/null: no file, also where the default one is there. */
static bool is_null_device(const struct stat *st)
{
	return S_ISCHR(st->st_mode) && st->st_rdev == makedev(1, 3);
}

static int check_file(const char *path, int fd, struct otr_err *err)
{
	struct stat st;

	if (fstat(fd, &st)) {
		otr_err_set(err, "%s: %s", path, strerror(errno));
		return -EIO;
	}
	if (is_null_device(&st))
		return 0;
	if (!S_ISREG(st.st_mode)) {
		otr_err_set(err, "%s: it is no regular file", path);
		otr_err_hint(err, "right: a file of YAML; try  otrace config example");
		return -EIO;
	}
	return check_owner(path, &st, err);
}

/* Reads one byte more than is allowed, so that a longer file is told from one that fits. */
static ssize_t read_all(int fd, char *text)
{
	size_t len = 0;
	ssize_t n;

	do {
		n = read(fd, text + len, OTR_CONFIG_FILE_BYTES + 1 - len);
		len += n > 0 ? (size_t)n : 0;
	} while (n > 0 || (n < 0 && errno == EINTR));
	return n < 0 ? -errno : (ssize_t)len;
}

static int open_file(const char *path, struct otr_err *err)
{
	/* Without O_NONBLOCK, a FIFO would be waited for. */
	int fd = open(path, O_RDONLY | O_CLOEXEC | O_NOCTTY | O_NONBLOCK);

	if (fd >= 0)
		return fd;
	otr_err_set(err, "%s: %s", path, strerror(errno));
	if (errno != ENOENT)
		return -EIO;
	otr_err_hint(err, "try  otrace config example >%s", path);
	return -ENOENT;
}

int otr_options_file(struct otr_options *opts, const char *path, struct otr_err *err)
{
	OTR_AUTO(release) char *text = NULL;
	OTR_AUTO(close_fd) int fd = open_file(path, err);
	int rc = fd < 0 ? fd : check_file(path, fd, err);
	ssize_t n;

	if (rc)
		return rc;
	text = malloc(OTR_CONFIG_FILE_BYTES + 1);
	if (!text) {
		otr_err_set(err, "%s: out of memory", path);
		return -ENOMEM;
	}
	n = read_all(fd, text);
	if (n < 0) {
		otr_err_set(err, "%s: %s", path, strerror((int)-n));
		return -EIO;
	}
	if (n > OTR_CONFIG_FILE_BYTES) {
		otr_err_set(err, "%s: longer than %d bytes: not read", path, OTR_CONFIG_FILE_BYTES);
		otr_err_hint(err, "right: fewer items; one with * stands for many that are alike");
		return -EFBIG;
	}
	return otr_options_yaml(opts, path, (struct otr_slice){text, (size_t)n}, err);
}
