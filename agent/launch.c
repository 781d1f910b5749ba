/* SPDX-License-Identifier: Apache-2.0 */
/* launch.c - starting a program with the library in it; see launch.h. */

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

#define NAME	"libotrace.so"
#define SCRIPTS 4 /* one may be run by another, so often */

#define HEADERS_MAX   256 /* program headers that are read */
#define NOTES	      16  /* of a segment, so many are read */
#define NOTE_GO_BUILD 4

/* The loader takes LD_PRELOAD apart at blanks and colons. */
static int cannot_name(const char *path, struct otr_err *err)
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
			return strpbrk(out, " :") ? cannot_name(out, err) : 0;
		if (errno == EACCES)
			break;
	}
	n = -errno;
	otr_err_set(err, "%s: %s", out, strerror(-(int)n));
	otr_err_hint(err, "it belongs beside otrace, or into ../lib/otrace, readable by "
			  "all: make install");
	return (int)n;
}

/* Every Go program has a note of this type and name, however it was linked: cmd/internal/buildid.
 * Notes: elf(5). */
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

/* Has it a program header that names a loader? And is it Go's? */
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

/* "#! /usr/bin/python3 -u": the path. */
static bool interpreter(const char *line, char *out, size_t size)
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

struct whose {
	uid_t uid;
	gid_t gid;
};

static struct whose whose_of(const char *user)
{
	const struct passwd *pw = user ? getpwnam(user) : NULL;

	return pw ? (struct whose){pw->pw_uid, pw->pw_gid} : (struct whose){getuid(), getgid()};
}

/* Would it run with the rights of another user or group, or with capabilities that who starts it
 * has not? Then the loader takes no library from the environment: ld.so(8), AT_SECURE. */
static bool gains_rights(int fd, const struct whose *who)
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
	const struct whose who = whose_of(user);
	enum otr_launch can = OTR_LAUNCH_UNKNOWN;
	char next[PATH_MAX];
	union {
		Elf64_Ehdr eh;
		char line[512];
	} head;
	ssize_t n;
	int fd;

	for (int i = 0; i < SCRIPTS; i++) {
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
		if (can != OTR_LAUNCH_UNKNOWN || !interpreter(head.line, next, sizeof(next)))
			break;
		path = next;
	}
	return can;
}

/* Behind what the variable holds, so that what comes first stays first. */
static void append(const char *name, const char *value)
{
	const char *have = getenv(name);
	char *text = NULL;

	if (!have || !have[0])
		setenv(name, value, 1);
	else if (asprintf(&text, "%s:%s", have, value) > 0)
		setenv(name, text, 1);
	free(text);
}

static void hex(char *out, const uint8_t *bytes, size_t n)
{
	for (size_t i = 0; i < n; i++)
		snprintf(out + 2 * i, 3, "%02x", bytes[i]);
}

/* As long as the stitcher keeps it together: see process.c there. */
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
	hex(trace, has ? outer.trace_id : own.trace_id, 16);
	hex(span, own.span_id, 8);
	if (has)
		hex(above, outer.span_id, 8);
	sampled = otr_sample_low(own.trace_id) >= threshold;
	snprintf(root->parent, sizeof(root->parent), "00-%s-%s-%02x", trace, span,
		 has ? outer.flags : sampled);
	if (!has && sampled && threshold)
		otr_sample_state(threshold, root->state);
	snprintf(root->run, sizeof(root->run), "%s-%s-", span, above);
	snprintf(root->names, sizeof(root->names), "%s%s%.55s", root->parent, has ? " " : "",
		 has ? had : "");
}

/* Its time begins now: to attach the probes may have taken long, in an emulated machine more
 * than TOGETHER_NS. */
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

	append("LD_PRELOAD", library);
	/* A program built with gcc's address sanitizer ends at once where another library is
	 * loaded before its own. Ours stays out of its way. */
	append("ASAN_OPTIONS", "verify_asan_link_order=0");
	setenv("OTRACE_SESSION", session, 1);
	if (follow)
		return;
	snprintf(only, sizeof(only), "%d", getpid());
	setenv("OTRACE_ONLY", only, 1);
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
