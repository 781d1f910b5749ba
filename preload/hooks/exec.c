/* SPDX-License-Identifier: Apache-2.0 */
/*
 * exec.c - wrappers of functions that start programs: the environment of a child names the trace in
 * which the child is started.
 *
 * A child made by vfork() shares the memory of its parent, so the wrappers write on the stack
 * alone. A trace that the program itself has put into the environment stays: it is the nearer
 * parent.
 */

#include <alloca.h>
#include <errno.h>
#include <fcntl.h>
#include <spawn.h>
#include <stdarg.h>
#include <stddef.h>
#include <string.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "preload/base/clock.h"
#include "preload/base/inbound.h"
#include "preload/base/real.h"
#include "preload/base/shim.h"
#include "preload/base/sys.h"
#include "preload/base/thread.h"
#include "preload/parse/environ.h"
#include "preload/ring/program.h"
#include "preload/ring/ring.h"

extern char **environ;

/* Returns the exchange that this thread works for, and its ids; NULL: it is not known. Its lists do
 * not change while it is the current of this thread. */
static const struct otr_inbound *current(uint64_t now, struct otr_span_ids *ids)
{
	const struct otr_self *self = otr_self_peek();
	const struct otr_inbound *inbound;
	uint32_t seq;

	if (!self || !self->strand.cur.conn)
		return NULL;
	inbound = otr_inbound_of(self->strand.cur.conn);
	if (!inbound || !otr_ids_read(inbound, self->strand.cur.conn, ids, &seq) ||
	    !otr_xref_open(&self->strand.cur, &inbound->exch))
		return NULL;
	return otr_current(&self->strand, &otr_shim.proc, now) ? inbound : NULL;
}

/* Has the program itself put this TRACEPARENT into the environment? */
static int is_of_program(const char *parent)
{
	const struct otr_started *st = &otr_shim.started;

	return parent && (!st->known || strcmp(parent, st->parent) != 0);
}

/* Chooses the trace in the environment of the child. Returns 0 if the environment stays as it
 * is. */
static int choose(struct otr_carry *carry, char *const *env)
{
	const struct otr_started *st = &otr_shim.started;
	uint64_t now = otr_clock_ns();
	struct otr_span_ids ids;
	const struct otr_inbound *inbound = current(now, &ids);
	const char *parent;

	if (!inbound && !otr_run_is_over(st, otr_get(&otr_shim.is_server), now))
		return 0;
	parent = otr_env_get(env, "TRACEPARENT");
	if (is_of_program(parent) || (!inbound && !parent))
		return 0;
	carry->parent[0] = 0;
	if (inbound) {
		otr_carry_parent(carry, ids.trace_id, ids.span_id, ids.flags);
		otr_carry_lists(carry, inbound->state, ids.state_len, inbound->baggage,
				ids.baggage_len);
		return 1;
	}
	if (st->run.has_outer)
		otr_carry_parent(carry, st->trace_id, st->run.outer, st->flags);
	otr_carry_lists(carry, st->state, st->run.has_outer ? st->state_len : 0, st->baggage,
			st->baggage_len);
	return 1;
}

static int is_out_of_reach(const char *path)
{
	long rc = otr_sys(SYS_faccessat, AT_FDCWD, path, R_OK);

	return rc == -ENOENT || rc == -EACCES;
}

/* Can the child not open the library's file, after chroot() or setuid()? Then the loader would
 * print an error on the child's standard error. */
static int is_library_gone(char *const *env)
{
	char path[512];
	size_t len = 0;
	const char *at = otr_preload_path(otr_env_get(env, "LD_PRELOAD"), &len);

	if (!at || len >= sizeof(path))
		return 0;
	memcpy(path, at, len);
	path[len] = 0;
	return is_out_of_reach(path);
}

/* This process has the library. Returns why the environment of the child does not name it; 0: it
 * does, or it is switched off. */
static int why_unnamed(char *const *env)
{
	const char *off = otr_env_get(env, "OTRACE_DISABLED");
	size_t len;

	if ((off && !strcmp(off, "1")) || otr_preload_path(otr_env_get(env, "LD_PRELOAD"), &len))
		return 0;
	return otr_env_get(env, "OTRACE_SESSION") ? OTR_UNCARRIED_PRELOAD : OTR_UNCARRIED_CLEARED;
}

/* Returns why the library will not be loaded into the program; 0: it will be, or it is switched
 * off. A loader that cannot load a library in LD_PRELOAD prints an error on the child's standard
 * error: then the library is taken out of LD_PRELOAD. */
static int unload(struct otr_carry *carry, const char *path, char *const *env)
{
	int why;

	carry->unloaded = 0;
	carry->preload[0] = 0;
	why = path ? otr_program_why(path) : 0;
	if ((!why || why == OTR_UNCARRIED_GO) && is_library_gone(env))
		why = OTR_UNCARRIED_ROOT;
	if (why == OTR_UNCARRIED_32BIT || why == OTR_UNCARRIED_ROOT)
		carry->unloaded = (uint8_t)otr_carry_unload(carry, otr_env_get(env, "LD_PRELOAD"));
	return why ? why : why_unnamed(env);
}

/* Takes the library out of LD_PRELOAD if need be, and reports a program into which it cannot be
 * loaded. */
static void check_program(struct otr_carry *carry, const char *file, char *const *env)
{
	char path[512];
	int why, found = file && !otr_program_find(file, path, sizeof(path)) &&
			 !otr_sys(SYS_faccessat, AT_FDCWD, path, X_OK);

	why = unload(carry, found ? path : NULL, env);
	if (found && why && !otr_shim.no_follow && !otr_env_get(environ, "OTRACE_ONLY"))
		otr_program_emit(why, path, env);
}

/* Returns how many pointers a changed environment of the child takes; 0: it stays as it is, also if
 * it is too long to copy. `file`: as execvp() finds it; NULL: a descriptor is executed. */
static size_t prepare(struct otr_carry *carry, const char *file, char *const *env)
{
	int error = errno;
	size_t n = 0;

	carry->has_trace = !otr_is_off() && choose(carry, env);
	check_program(carry, file, env);
	n = carry->has_trace || carry->unloaded ? otr_carry_room(env) : 0;
	errno = error;
	return n;
}

/* Is the call made without any change? It is on an alternate signal stack, which has no room for a
 * copy of the environment. */
static int is_unchanged(char *const *env)
{
	int error = errno, unchanged;

	if (otr_get(&otr_shim.has_seccomp) || !env)
		return 1;
	if (!otr_is_off() && otr_get(&otr_shim.is_server))
		otr_mark_propagates();
	unchanged = otr_on_other_stack();
	errno = error;
	return unchanged;
}

/* Not inlined, so that an unchanged call needs no room for a copy on the stack. */
#define APART __attribute__((noinline)) static

/* Sets the variable `env` to the changed environment, whose copy lies in the frame of the
 * function. */
#define CARRY(env, carry, n)                                                          \
	do {                                                                          \
		if (n)                                                                \
			env = otr_carry_copy(carry, env, alloca((n) * sizeof(*env))); \
	} while (0)

APART int execve_carrying(const char *path, char *const argv[], char *const envp[])
{
	struct otr_carry carry;
	size_t n = prepare(&carry, path, envp);

	CARRY(envp, &carry, n);
	return otr_real.execve(path, argv, envp);
}

int execve(const char *path, char *const argv[], char *const envp[])
{
	return is_unchanged(envp) ? otr_real.execve(path, argv, envp)
				  : execve_carrying(path, argv, envp);
}

APART int execv_carrying(const char *path, char *const argv[])
{
	struct otr_carry carry;
	char *const *envp = environ;
	size_t n = prepare(&carry, path, envp);

	if (!n)
		return otr_real.execv(path, argv);
	CARRY(envp, &carry, n);
	return otr_real.execve(path, argv, envp);
}

int execv(const char *path, char *const argv[])
{
	return is_unchanged(environ) ? otr_real.execv(path, argv) : execv_carrying(path, argv);
}

APART int execvpe_carrying(const char *file, char *const argv[], char *const envp[])
{
	struct otr_carry carry;
	size_t n = prepare(&carry, file, envp);

	CARRY(envp, &carry, n);
	return otr_real.execvpe(file, argv, envp);
}

int execvpe(const char *file, char *const argv[], char *const envp[])
{
	return is_unchanged(envp) ? otr_real.execvpe(file, argv, envp)
				  : execvpe_carrying(file, argv, envp);
}

APART int execvp_carrying(const char *file, char *const argv[])
{
	struct otr_carry carry;
	char *const *envp = environ;
	size_t n = prepare(&carry, file, envp);

	if (!n)
		return otr_real.execvp(file, argv);
	CARRY(envp, &carry, n);
	return otr_real.execvpe(file, argv, envp);
}

int execvp(const char *file, char *const argv[])
{
	return is_unchanged(environ) ? otr_real.execvp(file, argv) : execvp_carrying(file, argv);
}

APART int fexecve_carrying(int fd, char *const argv[], char *const envp[])
{
	struct otr_carry carry;
	size_t n = prepare(&carry, NULL, envp);

	CARRY(envp, &carry, n);
	return otr_real.fexecve(fd, argv, envp);
}

int fexecve(int fd, char *const argv[], char *const envp[])
{
	return is_unchanged(envp) ? otr_real.fexecve(fd, argv, envp)
				  : fexecve_carrying(fd, argv, envp);
}

int posix_spawn(pid_t *pid, const char *path, const posix_spawn_file_actions_t *actions,
		const posix_spawnattr_t *attr, char *const argv[], char *const envp[])
{
	struct otr_carry carry;
	size_t n = is_unchanged(envp) ? 0 : prepare(&carry, path, envp);

	CARRY(envp, &carry, n);
	return otr_real.posix_spawn(pid, path, actions, attr, argv, envp);
}

int posix_spawnp(pid_t *pid, const char *file, const posix_spawn_file_actions_t *actions,
		 const posix_spawnattr_t *attr, char *const argv[], char *const envp[])
{
	struct otr_carry carry;
	size_t n = is_unchanged(envp) ? 0 : prepare(&carry, file, envp);

	CARRY(envp, &carry, n);
	return otr_real.posix_spawnp(pid, file, actions, attr, argv, envp);
}

/*
 * Collects the arguments of a variadic call (execl) in the frame of the function, as libc does:
 * counts them, then copies them with the NULL at their end. After that `args` is at the argument
 * after the NULL. A macro, since the memory belongs to the frame, and since a va_list cannot be
 * used after another function has read it.
 */
#define COLLECT(argv, first, args)                        \
	do {                                              \
		size_t n_ = 1;                            \
		va_start(args, first);                    \
		while (va_arg(args, const char *))        \
			n_++;                             \
		va_end(args);                             \
		argv = alloca((n_ + 1) * sizeof(char *)); \
		argv[0] = (char *)first;                  \
		va_start(args, first);                    \
		for (size_t i_ = 1; i_ <= n_; i_++)       \
			argv[i_] = va_arg(args, char *);  \
	} while (0)

int execl(const char *path, const char *first, ...)
{
	va_list args;
	char **argv;

	COLLECT(argv, first, args);
	va_end(args);
	return execv(path, argv);
}

int execlp(const char *file, const char *first, ...)
{
	va_list args;
	char **argv;

	COLLECT(argv, first, args);
	va_end(args);
	return execvp(file, argv);
}

int execle(const char *path, const char *first, ...)
{
	char **argv, *const *envp;
	va_list args;

	COLLECT(argv, first, args);
	envp = va_arg(args, char *const *);
	va_end(args);
	return execve(path, argv, envp);
}
