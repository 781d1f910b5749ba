/* SPDX-License-Identifier: Apache-2.0 */
/* procfs.c - the processes that run now, as /proc lists them; see proc(5). */

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
#include "agent/base/foreign.h"
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

#define ENVIRON_BYTES (256u << 10) /* of an environment; the rest is not read */

size_t otr_procfs_environ(uint32_t pid, char **out)
{
	char *text = malloc(ENVIRON_BYTES);
	ssize_t len = text ? otr_foreign_proc(pid, "environ", text, ENVIRON_BYTES) : 0;

	*out = text;
	return len > 0 ? (size_t)len : 0;
}

bool otr_procfs_env_has(uint32_t pid, const char *entry)
{
	char *text;
	size_t len = otr_procfs_environ(pid, &text);
	bool has = false;

	for (size_t at = 0; at < len && !has; at += strlen(text + at) + 1)
		has = !strcmp(text + at, entry);
	free(text);
	return has;
}

bool otr_procfs_uid(uint32_t pid, uint32_t *uid)
{
	char text[4096];
	const char *at;

	if (otr_foreign_proc(pid, "status", text, sizeof(text)) <= 0)
		return false;
	at = strstr(text, "\nUid:");
	return at && sscanf(at, "\nUid: %*u %u", uid) == 1;
}

uint32_t otr_procfs_parent(uint32_t pid)
{
	char text[512];
	unsigned int parent = 0;
	const char *end;

	/* The command in parentheses may hold any character: skip to the last ")". */
	if (otr_foreign_proc(pid, "stat", text, sizeof(text)) <= 0)
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

	if (otr_foreign_proc(pid, "stat", text, sizeof(text)) <= 0)
		return 0;
	end = strrchr(text, ')');
	if (!end || sscanf(end, ") %*c %*d %*d %*d %*d %*d %*u %*u %*u %*u %*u %llu %llu", &user,
			   &sys) != 2)
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
	ssize_t n = otr_foreign_proc(pid, "cmdline", out, size);

	return n > 0 ? (size_t)n : 0;
}

bool otr_procfs_cgroup(uint32_t pid, char *out, size_t size)
{
	char text[PATH_MAX + 16];
	const char *at;
	size_t len;

	if (otr_foreign_proc(pid, "cgroup", text, sizeof(text)) <= 0)
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

/* A server may have replaced its arguments by a title: "redis-server *:6379". */
static bool is_title_of(const char *title, const char *name)
{
	size_t n = strlen(name);

	return !strncmp(base_of(title), name, n) && base_of(title)[n] == ' ';
}

/* Of Java: the next argument is a list of paths. */
static bool is_class_path(const char *arg)
{
	return !strcmp(arg, "-cp") || !strcmp(arg, "-classpath") || !strcmp(arg, "--class-path");
}

/* Is `name` the base name of one of the first two arguments that are neither options nor a class
 * path: the program, or the script or main class that it runs? */
static bool names_it(const char *args, size_t len, const char *name)
{
	bool is_path = false;
	int seen = 0;

	for (size_t at = 0; at < len && seen < 2; at += strlen(args + at) + 1) {
		if (seen && (args[at] == '-' || is_path)) {
			is_path = is_class_path(args + at);
			continue;
		}
		seen++;
		if (!strcmp(base_of(args + at), name) || (seen == 1 && is_title_of(args, name)))
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

#define FDS 16384 /* descriptors that are looked at; a process may have a million open */

int otr_procfs_fds(uint32_t pid, const char *kind)
{
	char path[64], is[64];
	struct dirent *de;
	int n = 0, left = FDS;
	ssize_t len;
	DIR *dir;

	snprintf(path, sizeof(path), "/proc/%u/fd", pid);
	dir = opendir(path);
	if (!dir)
		return -1;
	while (left-- && (de = readdir(dir))) {
		len = readlinkat(dirfd(dir), de->d_name, is, sizeof(is) - 1);
		if (len <= 0)
			continue;
		is[len] = 0;
		n += !strncmp(is, kind, strlen(kind));
	}
	closedir(dir);
	return n;
}

struct maps {
	uint32_t pid;
	char name[64];
};

static bool is_tls(void *arg, char *line)
{
	static const char *const names[] = {"/libssl.so", "/libgnutls.so", "/libnss3.so"};
	struct maps *maps = arg;
	const char *at;

	for (size_t i = 0; i < sizeof(names) / sizeof(names[0]); i++) {
		at = strstr(line, names[i]);
		if (at)
			snprintf(maps->name, sizeof(maps->name), "%.*s", (int)strcspn(at + 1, " "),
				 at + 1);
	}
	return !maps->name[0];
}

static void read_maps(void *io)
{
	struct maps *maps = io;
	char path[64];
	int fd;

	snprintf(path, sizeof(path), "/proc/%u/maps", maps->pid);
	fd = otr_foreign_open_proc(AT_FDCWD, path);
	if (fd < 0)
		return;
	otr_foreign_lines(fd, OTR_PROCFS_MAPS, is_tls, maps);
	close(fd);
}

void otr_procfs_tls(uint32_t pid, char *out, size_t size)
{
	struct maps maps = {.pid = pid};

	out[0] = 0;
	if (!otr_foreign_within(OTR_FOREIGN_MS, read_maps, NULL, &maps, sizeof(maps)))
		snprintf(out, size, "%s", maps.name);
}

/* Writes the base name of the program and its arguments, without secrets. */
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
	if (!n && otr_foreign_proc(pid, "comm", text, sizeof(text)) > 0)
		n = strcspn(text, "\n");
	if (n)
		title_of((struct otr_slice){text, n}, out, size);
}
