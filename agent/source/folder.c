/* SPDX-License-Identifier: Apache-2.0 */
/*
 * folder.c - the runtime folder of a session; see folder.h.
 *
 * An abstract socket belongs to a network namespace, a socket in the file system to a mount
 * namespace and a root directory; a process that cannot reach the one mostly reaches the other.
 * Everybody may enter the folder of root, since programs of a session change their user (nginx,
 * PostgreSQL); only its user may enter any other folder.
 */

#include "agent/source/folder.h"

#include <dirent.h>
#include <errno.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/random.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <unistd.h>

#include "bpf/ring.h"

#define PREFIX	 "otrace-"
#define BASE_MAX 32 /* so that the session fits into OTR_RING_SESSION */
#define LEFT_MAX 64 /* folders looked at when one is made */

static bool is_root(void)
{
	return geteuid() == 0;
}

static void path_of(struct sockaddr_un *at, const char *folder, uint32_t door)
{
	*at = (struct sockaddr_un){.sun_family = AF_UNIX};
	snprintf(at->sun_path, sizeof(at->sun_path), "%.90s/%x", folder, door);
}

void otr_folder_remove(const char *folder)
{
	struct sockaddr_un at;

	if (folder[0] != '/')
		return;
	for (uint32_t i = 0; i < OTR_RING_DOORS; i++) {
		path_of(&at, folder, i);
		unlink(at.sun_path);
	}
	rmdir(folder);
}

/* Is the socket there, without a process that has it open? */
static bool is_abandoned(const char *folder)
{
	int fd = socket(AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
	struct sockaddr_un at;
	bool is;

	path_of(&at, folder, 0);
	is = fd >= 0 && connect(fd, (void *)&at, sizeof(at)) && errno == ECONNREFUSED;
	if (fd >= 0)
		close(fd);
	return is;
}

static bool is_mine(const char *folder)
{
	struct stat st;

	return !lstat(folder, &st) && S_ISDIR(st.st_mode) && st.st_uid == geteuid();
}

static void remove_abandoned(const char *base)
{
	char folder[OTR_RING_SESSION];
	int left = LEFT_MAX;
	struct dirent *at;
	DIR *dir = opendir(base);

	while (dir && left && (at = readdir(dir))) {
		if (strncmp(at->d_name, PREFIX, strlen(PREFIX)) ||
		    strlen(at->d_name) >= sizeof(folder) - BASE_MAX)
			continue;
		left--;
		snprintf(folder, sizeof(folder), "%.*s/%.64s", BASE_MAX, base, at->d_name);
		if (is_mine(folder) && is_abandoned(folder))
			otr_folder_remove(folder);
	}
	if (dir)
		closedir(dir);
}

/* A dot ends the name in OTRACE_SESSION. */
static bool make_in(const char *base, const char *name, char *out, size_t size)
{
	if (!base || base[0] != '/' || strchr(base, '.') || strlen(base) > BASE_MAX)
		return false;
	remove_abandoned(base);
	snprintf(out, size, "%s/%s", base, name);
	if (mkdir(out, 0700))
		return false;
	if (is_root() && chmod(out, 0711)) {
		rmdir(out);
		return false;
	}
	return true;
}

int otr_folder_make(char *out, size_t size)
{
	const char *runtime = is_root() ? "/run" : getenv("XDG_RUNTIME_DIR");
	char name[32];
	uint32_t bits;

	if (getrandom(&bits, sizeof(bits), 0) != sizeof(bits))
		return -errno;
	snprintf(name, sizeof(name), PREFIX "%d-%08x", getpid(), bits);
	if (!make_in(runtime, name, out, size) && !make_in("/tmp", name, out, size))
		snprintf(out, size, "%s", name);
	return 0;
}

int otr_folder_bind(int fd, const struct sockaddr_un *at)
{
	if (bind(fd, (const void *)at, sizeof(*at)) || (is_root() && chmod(at->sun_path, 0666)))
		return -errno;
	return 0;
}
