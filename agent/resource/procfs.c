/* SPDX-License-Identifier: Apache-2.0 */
/* procfs.c - the processes of the machine, as /proc lists them now; see proc(5). */

#include "agent/resource/procfs.h"

#include <ctype.h>
#include <dirent.h>
#include <fcntl.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "agent/base/buf.h"
#include "agent/base/own.h"
#include "agent/base/secret.h"

void otr_procfs_each(bool (*fn)(void *arg, uint32_t pid), void *arg)
{
	DIR *dir = opendir("/proc");
	struct dirent *de;

	while (dir && (de = readdir(dir)))
		if (isdigit((unsigned char)de->d_name[0]) &&
		    !fn(arg, (uint32_t)strtoul(de->d_name, NULL, 10)))
			break;
	if (dir)
		closedir(dir);
}

/* A file of /proc/PID into `out`, NUL at its end. Returns its length, -1 if it is gone. */
static ssize_t slurp(uint32_t pid, const char *name, char *out, size_t size)
{
	char path[64];
	size_t len = 0;
	ssize_t n = 1;
	int fd;

	snprintf(path, sizeof(path), "/proc/%u/%s", pid, name);
	fd = open(path, O_RDONLY | O_CLOEXEC);
	if (fd < 0)
		return -1;
	while (n > 0 && len + 1 < size) {
		n = read(fd, out + len, size - len - 1);
		if (n > 0)
			len += (size_t)n;
	}
	close(fd);
	out[len] = 0;
	return (ssize_t)len;
}

#define ENVIRON_BYTES (256u << 10) /* what lies behind is not looked at */

bool otr_procfs_env_has(uint32_t pid, const char *entry)
{
	char *text = malloc(ENVIRON_BYTES);
	ssize_t len = text ? slurp(pid, "environ", text, ENVIRON_BYTES) : 0;
	bool has = false;

	for (ssize_t at = 0; at < len && !has; at += (ssize_t)strlen(text + at) + 1)
		has = !strcmp(text + at, entry);
	free(text);
	return has;
}

uint32_t otr_procfs_parent(uint32_t pid)
{
	char text[512];
	unsigned int parent = 0;
	const char *end;

	/* The command in parentheses may hold anything: skip to the last one. */
	if (slurp(pid, "stat", text, sizeof(text)) <= 0)
		return 0;
	end = strrchr(text, ')');
	if (!end || sscanf(end, ") %*c %u", &parent) != 1)
		return 0;
	return parent;
}

uint64_t otr_procfs_cpu_ns(uint32_t pid)
{
	unsigned long long user = 0, sys = 0;
	char text[512];
	const char *end;

	if (slurp(pid, "stat", text, sizeof(text)) <= 0)
		return 0;
	end = strrchr(text, ')');
	if (!end || sscanf(end, ") %*c %*d %*d %*d %*d %*d %*u %*u %*u %*u %*u %llu %llu",
			   &user, &sys) != 2)
		return 0;
	return (user + sys) * (1000000000ull / (uint64_t)sysconf(_SC_CLK_TCK));
}

bool otr_procfs_exe(uint32_t pid, char *out, size_t size)
{
	char path[64];
	ssize_t n;

	snprintf(path, sizeof(path), "/proc/%u/exe", pid);
	n = readlink(path, out, size - 1);
	if (n < 0)
		return false;
	out[n] = 0;
	return true;
}

size_t otr_procfs_args(uint32_t pid, char *out, size_t size)
{
	ssize_t n = slurp(pid, "cmdline", out, size);

	return n > 0 ? (size_t)n : 0;
}

bool otr_procfs_cgroup(uint32_t pid, char *out, size_t size)
{
	char text[PATH_MAX + 16];
	const char *at;
	size_t len;

	if (slurp(pid, "cgroup", text, sizeof(text)) <= 0)
		return false;
	at = strstr(text, "0::");
	if (!at)
		return false;
	at += 3;
	len = strcspn(at, "\n");
	if (len >= size)
		return false;
	memcpy(out, at, len);
	out[len] = 0;
	return true;
}

static const char *base_of(const char *path)
{
	const char *slash = strrchr(path, '/');

	return slash ? slash + 1 : path;
}

/* The first two arguments that are no option: the program, and what it runs. */
static bool names_it(const char *args, size_t len, const char *name)
{
	int seen = 0;

	for (size_t at = 0; at < len && seen < 2; at += strlen(args + at) + 1) {
		if (seen && args[at] == '-')
			continue;
		seen++;
		if (!strcmp(base_of(args + at), name))
			return true;
	}
	return false;
}

bool otr_procfs_names(const char *exe, const char *args, size_t len, const char *name)
{
	return !strcmp(base_of(exe), name) || names_it(args, len, name);
}

bool otr_procfs_is(uint32_t pid, const char *name)
{
	char exe[PATH_MAX] = "", args[4096];
	size_t len;

	otr_procfs_exe(pid, exe, sizeof(exe));
	len = otr_procfs_args(pid, args, sizeof(args));
	return otr_procfs_names(exe, args, len, name);
}

int otr_procfs_fds(uint32_t pid, const char *kind)
{
	char path[64], is[64];
	struct dirent *de;
	int n = 0;
	ssize_t len;
	DIR *dir;

	snprintf(path, sizeof(path), "/proc/%u/fd", pid);
	dir = opendir(path);
	if (!dir)
		return -1;
	while ((de = readdir(dir))) {
		len = readlinkat(dirfd(dir), de->d_name, is, sizeof(is) - 1);
		if (len <= 0)
			continue;
		is[len] = 0;
		n += !strncmp(is, kind, strlen(kind));
	}
	closedir(dir);
	return n;
}

void otr_procfs_tls(uint32_t pid, char *out, size_t size)
{
	static const char *const names[] = {"/libssl.so", "/libgnutls.so",
					    "/libnss3.so"};
	char path[64], *line = NULL;
	size_t cap = 0;
	FILE *f;

	out[0] = 0;
	snprintf(path, sizeof(path), "/proc/%u/maps", pid);
	f = fopen(path, "re");
	while (f && !out[0] && getline(&line, &cap, f) > 0)
		for (size_t i = 0; i < sizeof(names) / sizeof(names[0]); i++) {
			const char *at = strstr(line, names[i]);

			if (at)
				snprintf(out, size, "%.*s",
					 (int)strcspn(at + 1, " \n"), at + 1);
		}
	free(line);
	if (f)
		fclose(f);
}

/* The program by its base name, its arguments as they are but for secrets. */
static void title_of(struct otr_slice args, char *out, size_t size)
{
	OTR_AUTO(otr_buf_fini) struct otr_buf text = {0};
	const char *name;

	otr_secret_hide_args(&text, args);
	otr_buf_byte(&text, 0);
	if (text.rc)
		return;
	name = text.data + strcspn(text.data, " ");
	while (name > text.data && name[-1] != '/')
		name--;
	snprintf(out, size, "%s", name);
}

void otr_procfs_title(uint32_t pid, char *out, size_t size)
{
	char text[1024];
	size_t n = otr_procfs_args(pid, text, sizeof(text));

	snprintf(out, size, "process");
	if (!n && slurp(pid, "comm", text, sizeof(text)) > 0)
		n = strcspn(text, "\n");
	if (n)
		title_of((struct otr_slice){text, n}, out, size);
}
