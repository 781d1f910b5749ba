/* SPDX-License-Identifier: Apache-2.0 */
/*
 * tls_attach.c - see tls_attach.h and perf_event_open(2).
 *
 * The file is opened once, through the process's own mapping of it (so also where the file was
 * deleted or lies in a container), and the kernel gets that descriptor as the path of the probe:
 * what was read is what is probed. A probe with a process has its breakpoints in the memory of
 * that process alone.
 */

#include "agent/source/tls_attach.h"

#include <bpf/bpf.h>
#include <errno.h>
#include <fcntl.h>
#include <linux/perf_event.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "agent/base/foreign.h"
#include "agent/base/own.h"
#include "agent/source/tls_place.h"

#define MAPS	(16u << 20) /* bytes of the maps of one process: as many lines as the kernel allows */
#define PMU	"/sys/bus/event_source/devices/uprobe/type"
#define DELETED " (deleted)"

bool otr_tls_maps_line(const char *line, const char *other, char range[40], const char **path)
{
	unsigned long from, to;
	const char *name;
	char perms[5];
	int at = 0;

	if (sscanf(line, "%lx-%lx %4s %*x %*x:%*x %*u %n", &from, &to, perms, &at) != 3 || !at ||
	    perms[2] != 'x' || line[at] != '/')
		return false;
	name = strrchr(line + at, '/') + 1;
	if (other ? strncmp(name, other, strlen(other))
		  : strncmp(name, "libssl", 6) && strncmp(name, "libgnutls", 9))
		return false;
	snprintf(range, 40, "%lx-%lx", from, to);
	*path = line + at;
	return true;
}

static void close_fd(int *fd)
{
	if (*fd >= 0)
		close(*fd);
}

/* The part of union bpf_attr that BPF_LINK_CREATE takes for this kind (Linux 6.6). */
struct link_create {
	uint32_t program, target, type, flags;
	uint64_t path, offsets, counters, cookies;
	uint32_t n, is_return, pid, pad;
};

static int create_link(int program, struct link_create *lc)
{
	int fd;

	lc->program = (uint32_t)program;
	lc->type = OTR_UPROBE_MULTI;
	fd = (int)syscall(SYS_bpf, BPF_LINK_CREATE, lc, sizeof(*lc));
	return fd < 0 ? -errno : fd;
}

static bool is_at_return(enum otr_tls_program which)
{
	return which != OTR_TLS_ENTER && which != OTR_TLS_FREED && which != OTR_TLS_BIO_ENTER;
}

/* One link for all places of a file at which a program runs. */
struct batch {
	uint64_t offsets[OTR_TLS_SITES], cookies[OTR_TLS_SITES];
	uint32_t n;
};

static int attach_many(const struct otr_tls_attached *at, int file, const struct batch *many,
		       enum otr_tls_program which)
{
	struct link_create lc = {.n = many->n, .pid = at->pid};
	char path[32];

	snprintf(path, sizeof(path), "/proc/self/fd/%d", file);
	lc.path = (uint64_t)(uintptr_t)path;
	lc.offsets = (uint64_t)(uintptr_t)many->offsets;
	lc.cookies = (uint64_t)(uintptr_t)many->cookies;
	lc.is_return = is_at_return(which);
	return create_link(at->programs[which], &lc);
}

/* The number of the kind of event, or -errno. It does not change while the system is up. */
static int pmu_type(void)
{
	static int type;
	char text[16] = "";
	OTR_AUTO(close_fd) int fd = -1;

	if (type)
		return type;
	fd = open(PMU, O_RDONLY | O_CLOEXEC);
	if (fd < 0 || read(fd, text, sizeof(text) - 1) <= 0)
		return -EOPNOTSUPP;
	type = atoi(text);
	return type;
}

/* The same for one place, before Linux 6.6. */
static int attach_one(const struct otr_tls_attached *at, int file, uint64_t offset, uint64_t cookie,
		      enum otr_tls_program which)
{
	LIBBPF_OPTS(bpf_link_create_opts, opts, .perf_event.bpf_cookie = cookie);
	struct perf_event_attr attr = {.size = sizeof(attr)};
	OTR_AUTO(close_fd) int event = -1;
	int type = pmu_type(), link;
	char path[32];

	if (type < 0)
		return type;
	snprintf(path, sizeof(path), "/proc/self/fd/%d", file);
	attr.type = (uint32_t)type;
	attr.config = is_at_return(which);
	attr.uprobe_path = (uint64_t)(uintptr_t)path;
	attr.probe_offset = offset;
	event = (int)syscall(SYS_perf_event_open, &attr, (pid_t)at->pid, -1, -1,
			     PERF_FLAG_FD_CLOEXEC);
	if (event < 0)
		return -errno;
	link = bpf_link_create(at->programs[which], event, BPF_PERF_EVENT, &opts);
	if (link < 0)
		return link;
	if (!ioctl(event, PERF_EVENT_IOC_ENABLE, 0))
		return link; /* it holds the event */
	close(link);
	return -errno;
}

static int keep(struct otr_tls_attached *at, int link)
{
	if (link < 0)
		return link;
	at->links[at->n_links++] = link;
	return 0;
}

static int attach(struct otr_tls_attached *at, int file, const struct batch *many,
		  enum otr_tls_program which)
{
	int rc = 0;

	if (!many->n)
		return 0;
	if (at->n_links + (at->has_multi ? 1 : many->n) > at->max_links)
		return -ENOSPC;
	if (at->has_multi)
		return keep(at, attach_many(at, file, many, which));
	for (uint32_t i = 0; i < many->n && !rc; i++)
		rc = keep(at, attach_one(at, file, many->offsets[i], many->cookies[i], which));
	return rc;
}

static void put(struct batch *many, const struct otr_tls_site *site)
{
	many->offsets[many->n] = site->offset;
	many->cookies[many->n++] = site->cookie | (site->is_emulated ? 0 : OTR_TLS_STEPPED);
}

/* Sorts the places by the programs that run there. */
static void sort(const struct otr_tls_site *sites, size_t n, struct batch by[OTR_TLS_PROGRAMS])
{
	static const enum otr_tls_program returns[] = {
		[OTR_TLS_READ] = OTR_TLS_READ_RET,
		[OTR_TLS_WRITE] = OTR_TLS_WRITE_RET,
		[OTR_TLS_HANDSHAKE] = OTR_TLS_SHOOK_RET,
		[OTR_TLS_BIO] = OTR_TLS_BIO_RET,
	};

	for (size_t i = 0; i < n; i++) {
		if (sites[i].what == OTR_TLS_FREE) {
			put(&by[OTR_TLS_FREED], &sites[i]);
			continue;
		}
		put(&by[sites[i].what == OTR_TLS_BIO ? OTR_TLS_BIO_ENTER : OTR_TLS_ENTER],
		    &sites[i]);
		put(&by[returns[sites[i].what]], &sites[i]);
	}
}

static void close_links(struct otr_tls_attached *at, size_t from)
{
	while (at->n_links > from)
		close(at->links[--at->n_links]);
}

/* All of these probes, or none. The returns come first: an entry whose return is not seen would be
 * taken for a call that goes on. */
static int attach_sites(struct otr_tls_attached *at, int file, const struct otr_tls_site *sites,
			size_t n)
{
	static const enum otr_tls_program order[] = {
		OTR_TLS_FREED, OTR_TLS_READ_RET, OTR_TLS_WRITE_RET, OTR_TLS_SHOOK_RET,
		OTR_TLS_ENTER, OTR_TLS_BIO_RET,	 OTR_TLS_BIO_ENTER,
	};
	struct batch by[OTR_TLS_PROGRAMS] = {0};
	size_t before = at->n_links;
	int rc = 0;

	sort(sites, n, by);
	for (size_t i = 0; i < OTR_ARRAY_SIZE(order) && !rc; i++)
		rc = attach(at, file, &by[order[i]], order[i]);
	if (rc)
		close_links(at, before);
	return rc;
}

static int attach_file(struct otr_tls_attached *at, int file)
{
	struct otr_tls_site sites[OTR_TLS_SITES];
	size_t n;

	if (at->is_off_sockets)
		return attach_sites(at, file, sites, otr_tls_bio_sites(file, sites));
	n = otr_tls_sites(file, sites);
	if (n && at->programs[OTR_TLS_ENTER] < 0) {
		at->is_found = true;
		return 0;
	}
	return attach_sites(at, file, sites, n);
}

/* Has the file its probes already, or is there no room for another? */
static bool is_known(const struct otr_tls_attached *at, const struct otr_tls_file *id)
{
	for (size_t i = 0; i < at->n_files; i++)
		if (at->files[i].dev == id->dev && at->files[i].ino == id->ino)
			return true;
	return at->n_files == OTR_TLS_FILES;
}

/* Is the same to be tried again when the process is looked at next? */
static bool may_pass(int rc)
{
	return rc == -ENOSPC || rc == -EMFILE || rc == -ENFILE || rc == -ENOMEM || rc == -EAGAIN ||
	       rc == -EINTR;
}

static void take_file(struct otr_tls_attached *at, int file, const char *path)
{
	struct otr_tls_file id;
	struct stat st;
	int rc;

	if (file < 0 || fstat(file, &st))
		return;
	id = (struct otr_tls_file){st.st_dev, st.st_ino};
	if (is_known(at, &id))
		return;
	rc = attach_file(at, file);
	if (!may_pass(rc))
		at->files[at->n_files++] = id;
	if (!rc)
		return;
	at->error = -rc;
	snprintf(at->path, sizeof(at->path), "%s", path);
}

/* By the mapping, which needs a right of its own; else by name, below the root directory of the
 * process. */
static int open_mapped(uint32_t pid, const char *range, const char *path)
{
	size_t len = strlen(path), end = sizeof(DELETED) - 1;
	char name[512];
	int fd;

	snprintf(name, sizeof(name), "/proc/%u/map_files/%s", pid, range);
	fd = otr_foreign_open(AT_FDCWD, name);
	if (fd >= 0 || (len > end && !strcmp(path + len - end, DELETED)) ||
	    (size_t)snprintf(name, sizeof(name), "/proc/%u/root%s", pid, path) >= sizeof(name))
		return fd;
	return otr_foreign_open(AT_FDCWD, name);
}

/* What the memory map says: the code of TLS libraries. */
struct mapped {
	struct {
		char range[40], path[256];
	} libs[OTR_TLS_FILES];
	size_t n;
	bool carries;	   /* the process carries otrace's own library */
	const char *other; /* what to look for instead */
};

static bool look_at_line(void *arg, char *line)
{
	struct mapped *mp = arg;
	const char *path;
	char range[40];

	mp->carries |= strstr(line, "/libotrace.so") != NULL;
	if (mp->n == OTR_TLS_FILES || !otr_tls_maps_line(line, mp->other, range, &path))
		return true;
	snprintf(mp->libs[mp->n].range, sizeof(range), "%s", range);
	snprintf(mp->libs[mp->n++].path, sizeof(mp->libs[0].path), "%s", path);
	return true;
}

static void take_mapped(struct otr_tls_attached *at, const char *range, const char *path)
{
	OTR_AUTO(close_fd) int file = open_mapped(at->pid, range, path);

	if (file < 0) {
		at->error = -file;
		snprintf(at->path, sizeof(at->path), "%s", path);
	}
	take_file(at, file, path);
}

/* Does the process execute otrace still? It is one that `run` has made, and has not started its
 * program. */
static bool is_own(int exe)
{
	struct stat own, st;

	return !stat("/proc/self/exe", &own) && !fstat(exe, &st) && own.st_dev == st.st_dev &&
	       own.st_ino == st.st_ino;
}

static int open_exe(uint32_t pid)
{
	char path[32];

	snprintf(path, sizeof(path), "/proc/%u/exe", pid);
	return otr_foreign_open(AT_FDCWD, path);
}

static void look(void *io)
{
	struct otr_tls_attached *at = io;
	OTR_AUTO(close_fd) int maps = -1;
	OTR_AUTO(close_fd) int exe = open_exe(at->pid);
	struct mapped mp = {.n = 0, .libs = {{{0}, {0}}}};
	char path[32];

	snprintf(path, sizeof(path), "/proc/%u/maps", at->pid);
	maps = otr_foreign_open_proc(AT_FDCWD, path);
	at->is_gone = maps < 0;
	if (at->is_gone)
		return;
	if (at->is_off_sockets)
		mp.other = "libcrypto";
	otr_foreign_lines(maps, MAPS, look_at_line, &mp);
	if ((mp.carries && !at->is_unread) || is_own(exe))
		return;
	take_file(at, exe, "its program"); /* which may hold the library itself */
	for (size_t i = 0; i < mp.n; i++)
		take_mapped(at, mp.libs[i].range, mp.libs[i].path);
}

static void undo(void *io)
{
	close_links(io, 0);
}

/* Tries a probe in a directory, which is no file of a program. */
static int try_directory(int program, uint32_t pid)
{
	uint64_t offset = 0;
	struct link_create lc = {.n = 1,
				 .path = (uint64_t)(uintptr_t) "/",
				 .offsets = (uint64_t)(uintptr_t)&offset,
				 .pid = pid};
	int fd = create_link(program, &lc);

	if (fd >= 0)
		close(fd);
	return fd;
}

/* The kernel refuses it with EBADF where this kind of link is known, else with EINVAL. Kernels that
 * take the process for a thread do not look whether its number can be one: -1 is refused with
 * EINVAL by the others alone. libbpf does the same for its own probes. */
bool otr_tls_has_multi(void)
{
	LIBBPF_OPTS(bpf_prog_load_opts, opts, .expected_attach_type = OTR_UPROBE_MULTI);
	const struct bpf_insn insns[] = {
		{.code = BPF_ALU64 | BPF_MOV | BPF_K, .dst_reg = BPF_REG_0},
		{.code = BPF_JMP | BPF_EXIT},
	};
	OTR_AUTO(close_fd)
	int program = bpf_prog_load(BPF_PROG_TYPE_KPROBE, "otr_tls_try", "GPL", insns,
				    OTR_ARRAY_SIZE(insns), &opts);

	return program >= 0 && try_directory(program, 0) == -EBADF &&
	       try_directory(program, UINT32_MAX) == -EINVAL;
}

int otr_tls_attach(struct otr_tls_attached *at)
{
	int rc;

	at->n_links = 0;
	at->error = 0;
	at->is_gone = false;
	rc = otr_foreign_within(OTR_FOREIGN_MS, look, undo, at, sizeof(*at));
	return rc ? rc : (int)at->n_links;
}
