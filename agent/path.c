/* SPDX-License-Identifier: Apache-2.0 */
/* path.c - a program, found as a shell finds it. */

#include "agent/path.h"

#include <dirent.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "agent/base/err.h"
#include "agent/base/text.h"

#define DEFAULT_PATH "/usr/local/bin:/usr/bin:/bin"

static int usable(const char *path)
{
	struct stat st;

	if (stat(path, &st))
		return -ENOENT;
	if (!S_ISREG(st.st_mode) || access(path, X_OK))
		return -EACCES;
	return 0;
}

/* The name in `dir` that is nearest to `name`, if nearer than *best. */
static void nearest(const char *dir, const char *name, char *out, size_t size, unsigned int *best)
{
	DIR *d = opendir(dir);
	struct dirent *de;
	unsigned int far;

	while (d && (de = readdir(d))) {
		far = otr_text_distance(name, de->d_name);
		if (far >= *best)
			continue;
		*best = far;
		snprintf(out, size, "%s", de->d_name);
	}
	if (d)
		closedir(d);
}

static int missing(const char *name, const char *dirs, struct otr_err *err)
{
	char meant[256] = "", list[4096], *save = NULL;
	unsigned int best = 3;

	snprintf(list, sizeof(list), "%s", dirs);
	for (char *dir = strtok_r(list, ":", &save); dir; dir = strtok_r(NULL, ":", &save))
		nearest(dir, name, meant, sizeof(meant), &best);
	otr_err_set(err, "%s: not found in PATH (%s)%s%s%s", name, dirs,
		    meant[0] ? "; did you mean " : "", meant, meant[0] ? "?" : "");
	return -ENOENT;
}

static int as_given(const char *name, char *out, size_t size, struct otr_err *err)
{
	int rc = usable(name);

	if (rc == -ENOENT)
		otr_err_set(err, "%s: no such file", name);
	else if (rc)
		otr_err_set(err, "%s: cannot be executed: not an executable file", name);
	snprintf(out, size, "%s", name);
	return rc;
}

int otr_path_find(const char *name, char *out, size_t size, struct otr_err *err)
{
	const char *dirs = getenv("PATH");
	char list[4096], *save = NULL;
	int denied = 0, rc;

	if (strchr(name, '/'))
		return as_given(name, out, size, err);
	if (!dirs)
		dirs = DEFAULT_PATH;
	snprintf(list, sizeof(list), "%s", dirs);
	for (char *dir = strtok_r(list, ":", &save); dir; dir = strtok_r(NULL, ":", &save)) {
		snprintf(out, size, "%s/%s", dir, name);
		rc = usable(out);
		if (!rc)
			return 0;
		denied |= rc == -EACCES;
	}
	if (!denied)
		return missing(name, dirs, err);
	otr_err_set(err, "%s: found in PATH (%s), but not executable", name, dirs);
	return -EACCES;
}
