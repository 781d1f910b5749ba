/* SPDX-License-Identifier: Apache-2.0 */
/* launch.c - starts a program with the library in it; see launch.h. */

#include "agent/launch.h"

#include <elf.h>
#include <errno.h>
#include <fcntl.h>
#include <grp.h>
#include <limits.h>
#include <pwd.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/random.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <sys/xattr.h>
#include <unistd.h>

#include "agent/base/clock.h"
#include "agent/base/err.h"
#include "agent/base/foreign.h"
#include "agent/proto/trace_context.h"

#define NAME	     "libotrace.so"
#define SCRIPT_DEPTH 4 /* the interpreter of a script may be a script, this often */

#define HEADERS_MAX   256 /* program headers that are read, at most */
#define NOTES	      16  /* notes of one segment that are read, at most */
#define NOTE_GO_BUILD 4

/* The loader splits LD_PRELOAD at blanks and colons. */
static int cannot_preload(const char *path, struct otr_err *err)
{
	otr_err_set(err, "%s: a path with a blank or a colon cannot be preloaded", path);
	otr_err_hint(err, "put otrace and its library where the path has none");
	return -EINVAL;
}

int otr_launch_library(char *out, size_t size, struct otr_err *err)
{
	static const char *const places[] = {"", "../lib/otrace/"};
	char self[PATH_MAX];
	ssize_t n = readlink("/proc/self/exe", self, sizeof(self) - 1);
	char *slash;

	self[n > 0 ? n : 0] = 0;
	slash = strrchr(self, '/');
	if (slash)
		slash[1] = 0;
	for (size_t i = 0; slash && i < 2; i++) {
		snprintf(out, size, "%s%s" NAME, self, places[i]);
		if (!access(out, R_OK))
			return strpbrk(out, " :") ? cannot_preload(out, err) : 0;
		if (errno == EACCES)
			break;
	}
	n = -errno;
	otr_err_set(err, "%s: %s", out, strerror(-(int)n));
	otr_err_hint(err, "put it into the folder of otrace or into ../lib/otrace, readable by "
			  "all: make install");
	return (int)n;
}

/* Each Go program has a note of this type and name, however it was linked
 * (cmd/internal/buildid). The format of notes is in elf(5). */
static bool has_go_note(int fd, const Elf64_Phdr *ph)
{
	uint64_t at = ph->p_offset, left = ph->p_filesz, size;
	struct {
		Elf64_Nhdr nh;
		char name[4];
	} note;

	for (int i = 0; i < NOTES && left >= sizeof(note); i++) {
		if (!otr_foreign_at(fd, at, &note, sizeof(note)))
			return false;
		if (note.nh.n_type == NOTE_GO_BUILD && !memcmp(note.name, "Go", 3))
			return true;
		size = sizeof(note.nh) + ((note.nh.n_namesz + 3ull) & ~3ull) +
		       ((note.nh.n_descsz + 3ull) & ~3ull);
		if (size > left)
			return false;
		at += size;
		left -= size;
	}
	return false;
}

/* Reads the program headers: does one name a loader, and is it a Go program? */
static enum otr_launch read_elf(int fd, const Elf64_Ehdr *eh)
{
	bool has_loader = false, is_go = false;
	Elf64_Phdr ph;

	if (eh->e_ident[EI_CLASS] == ELFCLASS32)
		return OTR_LAUNCH_32BIT;
	if (eh->e_ident[EI_CLASS] != ELFCLASS64 || eh->e_phentsize != sizeof(ph))
		return OTR_LAUNCH_UNKNOWN;
	for (unsigned int i = 0; i < eh->e_phnum && i < HEADERS_MAX; i++) {
		if (!otr_foreign_at(fd, eh->e_phoff + i * sizeof(ph), &ph, sizeof(ph)))
			return OTR_LAUNCH_UNKNOWN;
		has_loader |= ph.p_type == PT_INTERP;
		is_go |= ph.p_type == PT_NOTE && has_go_note(fd, &ph);
	}
	if (!has_loader)
		return OTR_LAUNCH_STATIC;
	return is_go ? OTR_LAUNCH_GO : OTR_LAUNCH_YES;
}

/* Reads the path off "#! /usr/bin/python3 -u". False if the line is none of that form. */
static bool read_interpreter(const char *line, char *out, size_t size)
{
	size_t len;

	if (strncmp(line, "#!", 2))
		return false;
	line += 2 + strspn(line + 2, " \t");
	len = strcspn(line, " \t\r\n");
	if (!len || len >= size)
		return false;
	memcpy(out, line, len);
	out[len] = 0;
	return true;
}

struct user_ids {
	uid_t uid;
	gid_t gid;
};

static struct user_ids user_ids_of(const char *user)
{
	const struct passwd *pw = user ? getpwnam(user) : NULL;

	return pw ? (struct user_ids){pw->pw_uid, pw->pw_gid}
		  : (struct user_ids){getuid(), getgid()};
}

/* Does the program run with the rights of another user or group, or with capabilities that `who`
 * lacks? Then its loader takes no library from the environment: ld.so(8), AT_SECURE. */
static bool gains_rights(int fd, const struct user_ids *who)
{
	struct stat st;

	if (fstat(fd, &st))
		return false;
	return (st.st_mode & S_ISUID && st.st_uid != who->uid) ||
	       (st.st_mode & S_ISGID && st.st_mode & S_IXGRP && st.st_gid != who->gid) ||
	       (who->uid && fgetxattr(fd, "security.capability", NULL, 0) > 0);
}

enum otr_launch otr_launch_can(const char *path, const char *user)
{
	const struct user_ids who = user_ids_of(user);
	enum otr_launch can = OTR_LAUNCH_UNKNOWN;
	char next[PATH_MAX];
	union {
		Elf64_Ehdr eh;
		char line[512];
	} head;
	ssize_t n;
	int fd;

	for (int i = 0; i < SCRIPT_DEPTH; i++) {
		memset(&head, 0, sizeof(head));
		fd = otr_foreign_open(AT_FDCWD, path);
		if (fd < 0)
			return OTR_LAUNCH_UNKNOWN;
		n = otr_foreign_slurp(fd, (char *)&head, sizeof(head) - 1);
		if (n >= (ssize_t)sizeof(head.eh) && !memcmp(head.eh.e_ident, ELFMAG, SELFMAG))
			can = read_elf(fd, &head.eh);
		if ((can == OTR_LAUNCH_YES || can == OTR_LAUNCH_GO) && gains_rights(fd, &who))
			can = OTR_LAUNCH_SETUID;
		close(fd);
		if (can != OTR_LAUNCH_UNKNOWN || !read_interpreter(head.line, next, sizeof(next)))
			break;
		path = next;
	}
	return can;
}

/* Appends to the variable, so that the libraries in it stay first. */
static void append_path(const char *name, const char *value)
{
	const char *have = getenv(name);
	char *text = NULL;

	if (!have || !have[0])
		setenv(name, value, 1);
	else if (asprintf(&text, "%s:%s", have, value) > 0)
		setenv(name, text, 1);
	free(text);
}

static void write_hex(char *out, const uint8_t *bytes, size_t n)
{
	for (size_t i = 0; i < n; i++)
		snprintf(out + 2 * i, 3, "%02x", bytes[i]);
}

/* How long the stitcher keeps the trace of a run together: together_ns of pipeline.c. */
#define TOGETHER_NS (30 * OTR_NS_PER_S)

void otr_launch_root(struct otr_launch_root *root, uint64_t threshold)
{
	const char *had = getenv("TRACEPARENT");
	struct otr_traceparent outer = {.flags = 1}, own;
	char trace[33], span[17], above[17] = "0000000000000000";
	bool has = had && otr_traceparent_read(&outer, otr_slice_str(had)), sampled;

	memset(root, 0, sizeof(*root));
	if (getrandom(&own, sizeof(own), 0) != sizeof(own))
		return;
	own.span_id[0] |= 1; /* not zero */
	own.trace_id[0] |= 1;
	write_hex(trace, has ? outer.trace_id : own.trace_id, 16);
	write_hex(span, own.span_id, 8);
	if (has)
		write_hex(above, outer.span_id, 8);
	sampled = otr_sample_low(own.trace_id) >= threshold;
	snprintf(root->parent, sizeof(root->parent), "00-%s-%s-%02x", trace, span,
		 has ? outer.flags : sampled);
	if (!has && sampled && threshold)
		otr_sample_state(threshold, root->state);
	snprintf(root->run, sizeof(root->run), "%s-%s-", span, above);
	snprintf(root->names, sizeof(root->names), "%s%s%.55s", root->parent, has ? " " : "",
		 has ? had : "");
}

/* The time of the run begins here, not in otr_launch_root(): to attach the probes may take
 * longer than TOGETHER_NS in an emulated machine. */
void otr_launch_named(const struct otr_launch_root *root)
{
	char run[sizeof(root->run) + 16];

	if (!root->parent[0])
		return;
	snprintf(run, sizeof(run), "%s%016llx", root->run,
		 (unsigned long long)(otr_now() + TOGETHER_NS));
	setenv("TRACEPARENT", root->parent, 1);
	setenv("OTRACE_RUN", run, 1);
	if (root->state[0])
		setenv("TRACESTATE", root->state, 1);
}

void otr_launch_environment(const char *library, const char *session, bool follow)
{
	char only[16];

	append_path("LD_PRELOAD", library);
	/* A program built with the address sanitizer of gcc ends at once if another library is
	 * loaded before the sanitizer. libotrace.so does not interfere with it. */
	append_path("ASAN_OPTIONS", "verify_asan_link_order=0");
	setenv("OTRACE_SESSION", session, 1);
	if (follow)
		return;
	snprintf(only, sizeof(only), "%d", getpid());
	setenv("OTRACE_ONLY", only, 1);
}

void otr_launch_sample(const char *rate)
{
	if (rate && (getenv("OTRACE_SAMPLE") || getenv("OTEL_TRACES_SAMPLER")))
		setenv("OTRACE_SAMPLE", rate, 1);
}

int otr_launch_become(const char *name)
{
	struct passwd *pw;

	errno = 0;
	pw = getpwnam(name);
	if (!pw || initgroups(name, pw->pw_gid) || setgid(pw->pw_gid) || setuid(pw->pw_uid))
		return -1;
	setenv("HOME", pw->pw_dir, 1);
	setenv("USER", name, 1);
	setenv("LOGNAME", name, 1);
	return 0;
}

bool otr_launch_readable(const char *library, const char *user)
{
	int status = 0;
	pid_t pid = fork();

	if (!pid)
		_exit(!otr_launch_become(user) && access(library, R_OK) ? 1 : 0);
	return pid < 0 || waitpid(pid, &status, 0) != pid || !status;
}
