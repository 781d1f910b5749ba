/* SPDX-License-Identifier: Apache-2.0 */
/* program.c - programs into which the library cannot be loaded; see program.h, elf(5),
 * execve(2). */

#include "preload/ring/program.h"

#include <elf.h>
#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/uio.h>
#include <unistd.h>

#include "preload/base/shim.h"
#include "preload/base/sys.h"
#include "preload/parse/environ.h"
#include "preload/ring/doors.h"

extern char **environ;

#define SCRIPTS	    4  /* interpreters that are scripts themselves, at most */
#define HEADERS_MAX 64 /* program headers that are read at most */
#define PATH_LEN    512
#define LINE_LEN    256 /* of a script's first line: execve(2) */

/* The first bytes of a program. */
union start {
	Elf64_Ehdr eh;
	char line[LINE_LEN];
};

int otr_program_find(const char *file, char *out, size_t size)
{
	const char *at = otr_env_get(environ, "PATH");
	size_t len, n = strlen(file);

	if (strchr(file, '/')) {
		if (n >= size)
			return -ENAMETOOLONG;
		memcpy(out, file, n + 1);
		return 0;
	}
	for (at = at ? at : "/bin:/usr/bin";; at += len + 1) {
		len = strcspn(at, ":");
		if (len && len + n + 2 <= size) {
			memcpy(out, at, len);
			out[len] = '/';
			memcpy(out + len + 1, file, n + 1);
			if (!otr_sys(SYS_faccessat, AT_FDCWD, out, X_OK))
				return 0;
		}
		if (!at[len])
			return -ENOENT;
	}
}

static int read_at(int fd, void *out, size_t size, uint64_t at)
{
	return otr_sys(SYS_pread64, fd, out, size, (off_t)at) == (long)size;
}

/* Notes are aligned to 4 bytes. */
static uint64_t aligned(uint64_t n)
{
	return (n + 3) & ~3ull;
}

#define NOTES	      16 /* notes of a segment that are read at most */
#define NOTE_GO_BUILD 4	 /* type of the note "Go": cmd/internal/buildid of Go */

/* Has the segment the note with Go's build id, which each Go program has? */
static int has_go_note(int fd, const Elf64_Phdr *ph)
{
	uint64_t at = ph->p_offset, end = at + ph->p_filesz;
	struct {
		Elf64_Nhdr nh;
		char name[4];
	} note;

	for (int i = 0; i < NOTES && at < end && read_at(fd, &note, sizeof(note), at); i++) {
		if (note.nh.n_type == NOTE_GO_BUILD && !memcmp(note.name, "Go", 3))
			return 1;
		at += sizeof(note.nh) + aligned(note.nh.n_namesz) + aligned(note.nh.n_descsz);
	}
	return 0;
}

struct kind {
	int has_loader, is_go;
};

/* Reads the program headers. A program without PT_INTERP is static, or is itself a loader. */
static struct kind read_kind(int fd, const Elf64_Ehdr *eh)
{
	struct kind is = {0, 0};
	Elf64_Phdr ph;

	for (unsigned int i = 0; i < eh->e_phnum && i < HEADERS_MAX; i++) {
		if (!read_at(fd, &ph, sizeof(ph), eh->e_phoff + i * sizeof(ph)))
			return (struct kind){1, 0}; /* not readable: assume that it can carry the
						     * library */
		is.has_loader |= ph.p_type == PT_INTERP;
		is.is_go |= ph.p_type == PT_NOTE && has_go_note(fd, &ph);
	}
	return is;
}

static int is_loader(const char *path)
{
	const char *base = strrchr(path, '/');

	base = base ? base + 1 : path;
	return !strncmp(base, "ld-", 3) || !strncmp(base, "ld.", 3);
}

/* Returns why the library cannot be loaded into this ELF file; 0: it can. */
static int why_of_elf(int fd, const char *path, const Elf64_Ehdr *eh)
{
	struct kind is;

	if (eh->e_ident[EI_CLASS] == ELFCLASS32)
		return OTR_UNCARRIED_32BIT;
	if (eh->e_phentsize != sizeof(Elf64_Phdr) || is_loader(path))
		return 0;
	is = read_kind(fd, eh);
	if (!is.has_loader)
		return OTR_UNCARRIED_STATIC;
	return is.is_go ? OTR_UNCARRIED_GO : 0;
}

/* Does the program run with more privileges than this process? Then its loader ignores
 * LD_PRELOAD. */
static int gains_privileges(const char *path, const struct stat *st)
{
	uid_t uid = (uid_t)otr_sys(SYS_getuid);

	if (uid && otr_sys(SYS_getxattr, path, "security.capability", NULL, 0L) > 0)
		return 1;
	return (st->st_mode & S_ISUID && st->st_uid != uid) ||
	       (st->st_mode & S_ISGID && st->st_mode & S_IXGRP &&
		st->st_gid != (gid_t)otr_sys(SYS_getgid));
}

/* Copies the path of the interpreter of a script: "#! /usr/bin/python3 -u". Returns 0 if it is
 * none. */
static int interpreter(const char *line, char *out, size_t size)
{
	size_t len;

	if (line[0] != '#' || line[1] != '!')
		return 0;
	line += 2 + strspn(line + 2, " \t");
	len = strcspn(line, " \t\r\n");
	if (!len || len >= size)
		return 0;
	memcpy(out, line, len);
	out[len] = 0;
	return 1;
}

/* Checks one file, if it is a regular one, and sets *why. Returns 1 if it is a script: then its
 * interpreter, `next`, has to be checked. */
static int check_file(const char *path, int *why, char *next, size_t size)
{
	union start start;
	struct stat st;
	long n;
	int fd;

	*why = 0;
	if (otr_sys(SYS_newfstatat, AT_FDCWD, path, &st, 0) || !S_ISREG(st.st_mode))
		return 0;
	fd = (int)otr_sys(SYS_openat, AT_FDCWD, path, O_RDONLY | O_CLOEXEC | O_NONBLOCK | O_NOCTTY);
	if (fd < 0)
		return 0;
	memset(&start, 0, sizeof(start));
	n = otr_sys(SYS_pread64, fd, &start, sizeof(start) - 1, (off_t)0);
	if (n >= (long)sizeof(Elf32_Ehdr) && !memcmp(start.eh.e_ident, ELFMAG, SELFMAG))
		*why = why_of_elf(fd, path, &start.eh);
	otr_sys_close(fd);
	if (n > 0 && !*why && gains_privileges(path, &st))
		*why = OTR_UNCARRIED_SETUID;
	return interpreter(start.line, next, size);
}

int otr_program_why(const char *path)
{
	char at[PATH_LEN], next[LINE_LEN];
	int why = 0, more = check_file(path, &why, next, sizeof(next));

	for (int i = 1; more && i < SCRIPTS; i++) {
		memcpy(at, next, sizeof(next));
		more = check_file(at, &why, next, sizeof(next));
	}
	return why;
}

/* Reads a value of OTRACE_SESSION. Returns 0 if it is not valid. */
static int read_name(struct otr_session_name *who, const char *text)
{
	const char *dot = text ? strchr(text, '.') : NULL;

	who->text = text;
	who->len = text ? strlen(text) : 0;
	who->name_len = dot ? (size_t)(dot - text) : 0;
	return dot && who->len < OTR_RING_SESSION;
}

static void send_to(const struct otr_session_name *who, int why, const char *path)
{
	char kind[2] = {0, (char)why};
	size_t len = strlen(path);
	size_t skip = len > OTR_UNCARRIED_PATH ? len - OTR_UNCARRIED_PATH : 0;
	struct iovec parts[] = {{(char *)who->text, who->len},
				{kind, sizeof(kind)},
				{(char *)path + skip, len - skip}};
	struct msghdr msg = {.msg_iov = parts, .msg_iovlen = 3};
	int fd = (int)otr_sys(SYS_socket, AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);

	if (fd < 0)
		return;
	otr_doors_send(fd, who, &msg);
	otr_sys_close(fd);
}

/* In a shell the library is off and has read no session, but the environment names one. */
void otr_program_emit(int why, const char *path, char *const *env)
{
	struct otr_session_name who;

	if (read_name(&who, otr_env_get(env, "OTRACE_SESSION")) ||
	    (otr_shim.session_len && read_name(&who, otr_shim.session)))
		send_to(&who, why, path);
}

/* Is this a TCP socket? */
static int is_of_network(int fd)
{
	int family = 0, type = 0;
	socklen_t len = sizeof(int);

	return !otr_sys_getsockopt(fd, SOL_SOCKET, SO_TYPE, &type, &len) &&
	       !otr_sys_getsockopt(fd, SOL_SOCKET, SO_DOMAIN, &family, &len) &&
	       type == SOCK_STREAM && (family == AF_INET || family == AF_INET6);
}

uint8_t otr_program_denied;

void otr_program_denied_emit(int fd)
{
	int error = errno;

	if (otr_get(&otr_program_denied) && !otr_get(&otr_shim.has_seccomp) && fd >= 0 &&
	    is_of_network(fd)) {
		otr_put(&otr_program_denied, 0);
		otr_program_emit(OTR_UNCARRIED_LEFT_OUT, otr_shim.exe, environ);
	}
	errno = error;
}
