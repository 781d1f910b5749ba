/* SPDX-License-Identifier: Apache-2.0 */
/* vouch.c - which sockets a process holds, as the kernel says; see vouch.h. */

#include "agent/source/vouch.h"

#include <dirent.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

enum otr_vouch otr_vouch(uint32_t tgid, uint64_t inode)
{
	char path[32], want[40], is[40];
	enum otr_vouch found = OTR_VOUCH_NOT;
	int left = OTR_VOUCH_FDS;
	const struct dirent *de;
	ssize_t n;
	DIR *dir;

	snprintf(path, sizeof(path), "/proc/%u/fd", tgid);
	snprintf(want, sizeof(want), "socket:[%llu]", (unsigned long long)inode);
	dir = opendir(path);
	if (!dir)
		return OTR_VOUCH_GONE;
	while (found == OTR_VOUCH_NOT && left-- && (de = readdir(dir))) {
		n = readlinkat(dirfd(dir), de->d_name, is, sizeof(is) - 1);
		is[n > 0 ? n : 0] = 0;
		if (!strcmp(is, want))
			found = OTR_VOUCH_HOLDS;
	}
	closedir(dir);
	return found;
}
