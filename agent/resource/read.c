/* SPDX-License-Identifier: Apache-2.0 */
/*
 * read.c - reads /proc of one process, and the host, as OTR_EV_META (proc(5)).
 *
 * Facts are not interpreted here. Of the environment, only the variables that OpenTelemetry defines
 * are kept, without *_HEADERS, which hold passwords: events are written to recordings. All sizes
 * are bounded. User names come from /etc/passwd alone, since a directory service may block.
 */

#include <ctype.h>
#include <errno.h>
#include <fcntl.h>
#include <pwd.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <sys/utsname.h>
#include <time.h>
#include <unistd.h>

#include "agent/base/buf.h"
#include "agent/base/foreign.h"
#include "agent/base/own.h"
#include "agent/resource/resource.h"
#include "bpf/event.h"
#include "bpf/ring.h"

_Static_assert(OTR_RING_META_ENV == OTR_META_ENV && OTR_RING_META_NAMED == OTR_META_NAMED,
	       "the library and the agent number facts alike");

#define ARGS_BYTES    4096
#define ENVIRON_BYTES (256u << 10) /* of an environment that are searched */
#define ENV_BYTES     8192	   /* of an environment that are kept */
#define SMALL_BYTES   4096
#define TICK_NS	      10000000ull
#define SECOND_NS     1000000000ull

struct reader {
	uint32_t tgid;
	uint64_t time_ns;
	otr_meta_fn put;
	void *arg;
	int n; /* facts given so far */
};

void otr_meta_put(uint32_t tgid, enum otr_meta key, struct otr_slice text, uint64_t time_ns,
		  otr_meta_fn put, void *arg)
{
	uint16_t len = text.len < UINT16_MAX ? (uint16_t)text.len : UINT16_MAX;
	struct otr_ev_meta *ev = calloc(1, sizeof(*ev) + len);

	if (!ev)
		return;
	ev->hdr.kind = OTR_EV_META;
	ev->hdr.hook = OTR_HOOK_AGENT;
	ev->hdr.size = (uint32_t)sizeof(*ev) + len;
	ev->hdr.time_ns = time_ns;
	ev->hdr.tgid = tgid;
	ev->hdr.tid = tgid;
	ev->hdr.strand = tgid;
	ev->key = (uint16_t)key;
	ev->len = len;
	if (len)
		memcpy(ev->text, text.data, len);
	put(arg, &ev->hdr);
	free(ev);
}

static void give_fact(struct reader *rd, enum otr_meta key, struct otr_slice text)
{
	if (!text.len)
		return;
	otr_meta_put(rd->tgid, key, text, rd->time_ns, rd->put, rd->arg);
	rd->n++;
}

static void fd_close(int *fd)
{
	if (*fd >= 0)
		close(*fd);
}

/* Reads up to `size` bytes of a file, which may change meanwhile. */
static struct otr_slice read_file(int dir, const char *name, char *buf, size_t size)
{
	OTR_AUTO(fd_close) int fd = otr_foreign_open_proc(dir, name);
	ssize_t n = fd < 0 ? fd : otr_foreign_slurp(fd, buf, size);

	return (struct otr_slice){buf, n > 0 ? (size_t)n : 0};
}

static void read_link(struct reader *rd, int dir, const char *name, enum otr_meta key)
{
	char buf[SMALL_BYTES];
	ssize_t n = readlinkat(dir, name, buf, sizeof(buf));

	if (n > 0)
		give_fact(rd, key, (struct otr_slice){buf, (size_t)n});
}

static void read_comm(struct reader *rd, int dir)
{
	char buf[32];
	struct otr_slice s = read_file(dir, "comm", buf, sizeof(buf));

	while (s.len && s.data[s.len - 1] == '\n')
		s.len--;
	give_fact(rd, OTR_META_COMM, s);
}

static void give_args(struct reader *rd, struct otr_slice s)
{
	while (s.len && !s.data[s.len - 1])
		s.len--; /* drop its last NUL, and those that pad a title */
	give_fact(rd, OTR_META_CMDLINE, s);
}

static bool is_wanted(struct otr_slice entry)
{
	static const char *const heads[] = {
		"OTEL_", "TRACEPARENT=", "TRACESTATE=", "BAGGAGE=", "OTRACE_SAMPLE="};
	const char *eq = entry.len ? memchr(entry.data, '=', entry.len) : NULL;
	size_t name = eq ? (size_t)(eq - entry.data) : 0;

	if (name >= 7 && !memcmp(eq - 7, "HEADERS", 7))
		return false;
	for (size_t i = 0; eq && i < OTR_ARRAY_SIZE(heads); i++)
		if (otr_slice_starts(entry, otr_slice_str(heads[i])))
			return true;
	return false;
}

/* Moves the wanted entries, whole, to the front of `all`, with NUL between. */
static struct otr_slice pick_env(char *all, size_t size)
{
	struct otr_slice rest = {all, size}, entry;
	size_t kept = 0;

	while (rest.len) {
		entry = otr_slice_sub(rest, 0, strnlen(rest.data, rest.len));
		rest = otr_slice_sub(rest, entry.len + 1, rest.len);
		if (!is_wanted(entry) || kept + entry.len + 1 > ENV_BYTES)
			continue;
		memmove(all + kept, entry.data, entry.len);
		kept += entry.len;
		all[kept++] = '\0';
	}
	return (struct otr_slice){all, kept ? kept - 1 : 0};
}

/* Files that show memory of the process, whose read may block: foreign.h. A thread reads them;
 * if it is left behind, `dir` and `text` belong to it. */
struct memory {
	int dir;
	char *text; /* the arguments, and from ARGS_BYTES on the environment */
	size_t args, env;
};

static void read_in_thread(void *io)
{
	struct memory *mem = io;

	mem->args = read_file(mem->dir, "cmdline", mem->text, ARGS_BYTES).len;
	mem->env = read_file(mem->dir, "environ", mem->text + ARGS_BYTES, ENVIRON_BYTES).len;
}

static void memory_free(void *io)
{
	struct memory *mem = io;

	fd_close(&mem->dir);
	free(mem->text);
}

/* Gives the environment, also an empty one: that removes what was known before an exec. */
static void give_env(struct reader *rd, char *text, size_t len)
{
	if (!len)
		return;
	otr_meta_put(rd->tgid, OTR_META_ENV, pick_env(text, len), rd->time_ns, rd->put, rd->arg);
	rd->n++;
}

void otr_resource_env_own(uint32_t tgid, struct otr_slice traceparent, uint64_t time_ns,
			  otr_meta_fn put, void *arg)
{
	OTR_AUTO(otr_buf_fini) struct otr_buf env = {.max = ENV_BYTES};
	struct otr_slice s;

	otr_buf_str(&env, "TRACEPARENT=");
	otr_buf_slice(&env, traceparent);
	for (char **entry = environ; *entry; entry++) {
		s = otr_slice_str(*entry);
		if (!is_wanted(s) || otr_slice_starts(s, OTR_SLICE("TRACEPARENT=")) ||
		    env.len + s.len + 1 > ENV_BYTES)
			continue;
		otr_buf_byte(&env, 0);
		otr_buf_slice(&env, s);
	}
	if (!env.rc)
		otr_meta_put(tgid, OTR_META_ENV, otr_buf_view(&env), time_ns, put, arg);
}

static void read_memory(struct reader *rd, int dir)
{
	struct memory mem = {.dir = fcntl(dir, F_DUPFD_CLOEXEC, 0),
			     .text = malloc(ARGS_BYTES + ENVIRON_BYTES)};
	int rc = -ENOMEM;

	if (mem.dir >= 0 && mem.text)
		rc = otr_foreign_within(OTR_FOREIGN_MS, read_in_thread, memory_free, &mem,
					sizeof(mem));
	if (rc == -ETIMEDOUT)
		return;
	if (!rc) {
		give_args(rd, (struct otr_slice){mem.text, mem.args});
		give_env(rd, mem.text + ARGS_BYTES, mem.env);
	}
	memory_free(&mem);
}

/* Gives the path behind the second colon of "0::/path"; of version 1, the longest path. */
static void read_cgroup(struct reader *rd, int dir)
{
	struct otr_slice best = OTR_SLICE_NONE, line, rest;
	char buf[SMALL_BYTES];

	rest = read_file(dir, "cgroup", buf, sizeof(buf));
	while (rest.len) {
		const char *end = memchr(rest.data, '\n', rest.len);
		const char *at;

		line = otr_slice_sub(rest, 0, end ? (size_t)(end - rest.data) : rest.len);
		rest = otr_slice_sub(rest, line.len + 1, rest.len);
		at = line.len ? memchr(line.data, ':', line.len) : NULL;
		at = at ? memchr(at + 1, ':', (size_t)(line.data + line.len - at - 1)) : NULL;
		if (!at)
			continue;
		line = otr_slice_sub(line, (size_t)(at + 1 - line.data), line.len);
		if (line.len > best.len)
			best = line;
	}
	give_fact(rd, OTR_META_CGROUP, best);
}

static bool passwd_name(uid_t uid, char *out, size_t size)
{
	FILE *f = fopen("/etc/passwd", "re");
	const struct passwd *pw;
	bool found = false;

	while (f && !found && (pw = fgetpwent(f))) {
		found = pw->pw_uid == uid;
		if (found)
			snprintf(out, size, "%s", pw->pw_name);
	}
	if (f)
		fclose(f);
	return found;
}

static void read_owner(struct reader *rd, int dir)
{
	char name[256];
	struct stat st;

	if (fstat(dir, &st))
		return;
	if (!passwd_name(st.st_uid, name, sizeof(name)))
		snprintf(name, sizeof(name), "%u", st.st_uid);
	give_fact(rd, OTR_META_OWNER, otr_slice_str(name));
}

static uint64_t clock_ns(clockid_t clock)
{
	struct timespec ts;

	clock_gettime(clock, &ts);
	return (uint64_t)ts.tv_sec * SECOND_NS + (uint64_t)ts.tv_nsec;
}

/* Gives the start time: field 22 of stat, in ticks since boot. The name in parentheses may hold
 * any character, so fields are counted from the last ")". */
static void read_start(struct reader *rd, int dir)
{
	char buf[SMALL_BYTES], text[32];
	struct otr_slice s = read_file(dir, "stat", buf, sizeof(buf) - 1);
	unsigned long long ticks;
	uint64_t epoch;
	const char *at;

	buf[s.len] = '\0';
	at = strrchr(buf, ')');
	for (int field = 2; at && field < 22; field++)
		at = strchr(at + 1, ' ');
	if (!at || sscanf(at, " %llu", &ticks) != 1)
		return;
	epoch = clock_ns(CLOCK_REALTIME) - clock_ns(CLOCK_BOOTTIME);
	snprintf(text, sizeof(text), "%llu",
		 (unsigned long long)(epoch - epoch % TICK_NS) +
			 ticks * (SECOND_NS / (unsigned long long)sysconf(_SC_CLK_TCK)));
	give_fact(rd, OTR_META_START, otr_slice_str(text));
}

/* All files are read through one descriptor of /proc/TGID: if the process ends and its number is
 * used again, reading fails, and gives no facts of another process. */
int otr_resource_read(uint32_t tgid, uint64_t time_ns, otr_meta_fn put, void *arg)
{
	struct reader rd = {tgid, time_ns, put, arg, 0};
	OTR_AUTO(fd_close) int dir = -1;
	char path[32];

	snprintf(path, sizeof(path), "/proc/%u", tgid);
	dir = open(path, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	if (dir < 0)
		return -ESRCH;
	read_start(&rd, dir);
	read_link(&rd, dir, "exe", OTR_META_EXE);
	read_comm(&rd, dir);
	read_link(&rd, dir, "cwd", OTR_META_CWD);
	read_memory(&rd, dir);
	read_cgroup(&rd, dir);
	read_owner(&rd, dir);
	return rd.n;
}

static void read_machine_id(struct reader *rd)
{
	char buf[64];
	struct otr_slice s = read_file(AT_FDCWD, "/etc/machine-id", buf, sizeof(buf));

	if (!s.len)
		s = read_file(AT_FDCWD, "/var/lib/dbus/machine-id", buf, sizeof(buf));
	while (s.len && isspace((unsigned char)s.data[s.len - 1]))
		s.len--;
	give_fact(rd, OTR_META_HOST_ID, s);
}

/* Returns the name of the architecture in the conventions. */
static const char *arch_of(const char *machine)
{
	if (!strcmp(machine, "x86_64"))
		return "amd64";
	if (!strcmp(machine, "aarch64"))
		return "arm64";
	return machine;
}

int otr_resource_read_host(uint64_t time_ns, otr_meta_fn put, void *arg)
{
	struct reader rd = {0, time_ns, put, arg, 0};
	struct utsname un;

	if (uname(&un))
		return 0;
	give_fact(&rd, OTR_META_HOST, otr_slice_str(un.nodename));
	give_fact(&rd, OTR_META_ARCH, otr_slice_str(arch_of(un.machine)));
	read_machine_id(&rd);
	return rd.n;
}
