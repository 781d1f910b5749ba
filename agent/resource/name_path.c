/* SPDX-License-Identifier: Apache-2.0 */
/* name_path.c - names in the path of a program; see name_path.h. */

#include "agent/resource/name_path.h"

#include <ctype.h>

struct otr_slice otr_name_base(struct otr_slice path)
{
	size_t n = path.len;

	while (n && path.data[n - 1] != '/')
		n--;
	return otr_slice_sub(path, n, path.len);
}

struct otr_slice otr_name_exe(struct otr_slice link)
{
	static const char suffix[] = " (deleted)";
	size_t n = sizeof(suffix) - 1;

	if (link.len > n && !memcmp(link.data + link.len - n, suffix, n))
		link.len -= n;
	return link;
}

struct otr_slice otr_name_family(struct otr_slice exe)
{
	struct otr_slice s = otr_name_base(exe);
	size_t n;

	/* npm installs bun.exe on every system. */
	if (s.len > 4 && !memcmp(s.data + s.len - 4, ".exe", 4))
		s.len -= 4;
	for (n = s.len; n && (isdigit((unsigned char)s.data[n - 1]) || s.data[n - 1] == '.');)
		n--;
	return n ? otr_slice_sub(s, 0, n) : s;
}
