/* SPDX-License-Identifier: Apache-2.0 */
/*
 * load.c - the constructor: may the library be active in this process, and with which state?
 *
 * The environment is read only here, since some programs (nginx) clear it later.
 */

#include <errno.h>
#include <fcntl.h>
#include <link.h>
#include <signal.h>
#include <stddef.h>
#include <stdlib.h>
#include <string.h>
#include <sys/auxv.h>
#include <sys/mman.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "bpf/sample.h"
#include "preload/base/alloc.h"
#include "preload/base/clock.h"
#include "preload/base/real.h"
#include "preload/base/shim.h"
#include "preload/base/sys.h"
#include "preload/base/thread.h"
#include "preload/parse/env_lists.h"
#include "preload/parse/environ.h"
#include "preload/ring/program.h"
#include "preload/ring/ring.h"
#include "preload/trace/enter.h"
#include "preload/trace/pq.h"
#include "preload/trace/tls_session.h"
#include "preload/trace/user_copy.h"

extern char **environ;

/* Programs of the system that are never traced: their traffic is of no interest, or they observe
 * other processes. */
static const char *const never_traced[] = {
	"sshd", "sudo", "su",	   "gdb",     "strace", "ltrace", "perf", "ld",	      "as",
	"cc1",	"dpkg", "apt-get", "systemd", "sh",	"tmux",	  "dash", "ldconfig",
};

/* A sanitizer replaces the same functions, and has to be loaded first: the library stays off. */
extern void __asan_init(void) __attribute__((weak));
extern void __tsan_init(void) __attribute__((weak));
extern void __msan_init(void) __attribute__((weak));

/* Does a sanitizer or valgrind, which preloads libraries of its own, observe the process? */
static int is_observed(void)
{
	const char *preload = getenv("LD_PRELOAD");

	return __asan_init || __tsan_init || __msan_init ||
	       (preload && strstr(preload, "/vgpreload_"));
}

/* The last component of a path. */
static const char *base_of(const char *path)
{
	const char *slash = strrchr(path, '/');

	return slash ? slash + 1 : path;
}

/* Is this a path at which distributions install programs? A program elsewhere may have any name. */
static int is_of_system(const char *exe)
{
	static const char *const places[] = {"/usr/", "/bin/", "/sbin/", "/lib"};

	for (size_t i = 0; i < sizeof(places) / sizeof(places[0]); i++)
		if (!strncmp(exe, places[i], strlen(places[i])))
			return strncmp(exe, "/usr/local/", 11) != 0;
	return 0;
}

static int is_never_traced(const char *exe)
{
	const char *base = base_of(exe);

	if (!strcmp(base, "otrace"))
		return 1; /* at any path */
	if (!is_of_system(exe))
		return 0;
	for (size_t i = 0; i < sizeof(never_traced) / sizeof(never_traced[0]); i++)
		if (!strcmp(base, never_traced[i]))
			return 1;
	return !strncmp(base, "valgrind", 8);
}

/* For dl_iterate_phdr(): is another copy of this library loaded after this one (`otrace run` within
 * `otrace run`, of another version)? Our wrappers call those of the other copy, which then traces
 * the process. */
static int is_next_copy(struct dl_phdr_info *lib, size_t size, void *arg)
{
	uintptr_t here = (uintptr_t)is_next_copy, at;
	int *passed = arg;

	(void)size;
	if (*passed)
		return !strcmp(base_of(lib->dlpi_name), "libotrace.so");
	for (int i = 0; i < lib->dlpi_phnum; i++) {
		at = lib->dlpi_addr + lib->dlpi_phdr[i].p_vaddr;
		*passed |= lib->dlpi_phdr[i].p_type == PT_LOAD && here >= at &&
			   here - at < lib->dlpi_phdr[i].p_memsz;
	}
	return 0;
}

static int has_next_copy(void)
{
	int passed = 0;

	return dl_iterate_phdr(is_next_copy, &passed);
}

/* Reads the command line as the agent does, from /proc. */
static void read_cmd(char *cmd, size_t size)
{
	int fd = (int)otr_sys(SYS_openat, AT_FDCWD, "/proc/self/cmdline", O_RDONLY | O_CLOEXEC);
	long n = fd < 0 ? 0 : otr_sys(SYS_read, fd, cmd, size - 1);

	if (fd >= 0)
		otr_sys_close(fd);
	cmd[n > 0 ? n : 0] = 0;
	for (long i = 0; i + 1 < n; i++)
		if (!cmd[i])
			cmd[i] = ' ';
}

/* Does OTRACE_RULE exclude this program? Also reads which share of the traces that begin here is
 * sampled; OTRACE_SAMPLE takes precedence over a rule. */
static int is_refused(void)
{
	const char *rules = getenv("OTRACE_RULE"), *share = getenv("OTRACE_SAMPLE");
	char exe[512], cmd[1024];
	uint64_t threshold = 0;
	int refused = 0;
	ssize_t n;

	if (rules && *rules) {
		n = otr_sys_readlink("/proc/self/exe", exe, sizeof(exe) - 1);
		exe[n > 0 ? n : 0] = 0;
		read_cmd(cmd, sizeof(cmd));
		refused = otr_rules_refuse(rules, exe, cmd, &threshold);
	}
	if (share)
		otr_sample_share(share, strlen(share), &threshold);
	otr_shim.switches.threshold = threshold;
	return refused;
}

/* Is the switch set to 1? `otrace run` has checked and normalised the values. */
static int is_set(const char *name)
{
	const char *value = getenv(name);

	return value && !strcmp(value, "1");
}

static void read_switches(struct otr_ring_switches *switches)
{
	if (is_set("OTRACE_NO_INJECT"))
		switches->flags |= OTR_RING_NO_INJECT;
	if (is_set("OTRACE_NO_OBSERVE"))
		switches->flags |= OTR_RING_NO_OBSERVE;
	otr_hosts_read(&switches->hosts, getenv("OTRACE_NO_INJECT_TO"));
}

/* Reads OTRACE_SESSION. Returns 0 if there is no session, and OTRACE_WAIT does not ask to wait for
 * one. */
static int read_session(void)
{
	const char *agent = getenv("OTRACE_SESSION");
	size_t len = agent ? strlen(agent) : 0;
	const char *dot = agent ? strchr(agent, '.') : NULL;

	if (!dot || len >= sizeof(otr_shim.session))
		return is_set("OTRACE_WAIT");
	memcpy(otr_shim.session, agent, len);
	otr_shim.session_len = (uint16_t)len;
	otr_shim.name_len = (uint16_t)(dot - agent);
	return 1;
}

/* May the library be active in this process? */
static int may_be_active(const char *exe)
{
	const char *only = getenv("OTRACE_ONLY"); /* --no-follow: children are not traced */

	if (getauxval(AT_SECURE) || is_observed() || has_next_copy() || is_set("OTRACE_DISABLED"))
		return 0;
	otr_shim.no_follow = only != NULL;
	if (only && atoi(only) != otr_sys_getpid())
		return 0;
	otr_program_denied = (uint8_t)is_never_traced(exe);
	if (otr_program_denied || !read_session())
		return 0;
	read_switches(&otr_shim.switches);
	return 1;
}

/* glibc calls a constructor with the arguments of main(); musl does not. */
extern const char *gnu_get_libc_version(void) __attribute__((weak));

/* In a child after fork, `off` is that in the ring of its parent. The child has to begin its own
 * state, so it reads its own word. */
static void after_fork(void)
{
	if (!otr_shim.has_seccomp)
		otr_shim.off = &otr_shim.idle;
}

/* On musl, which has no such function, a child of a process whose ring is off stays off until that
 * ring is switched on. */
static void watch_forks(void)
{
	int (*at_fork)(void (*)(void), void (*)(void), void (*)(void), void *) =
		otr_real_symbol("__register_atfork");

	if (at_fork)
		at_fork(NULL, NULL, after_fork, NULL);
}

/* Makes the library active. Without a session it waits until an agent finds its ring. */
static void activate(void)
{
	otr_started_read(&otr_shim.started, environ);
	otr_process_begin();
	watch_forks();
	if (!otr_shim.session_len)
		otr_ring_ready();
	if (!otr_shim.session_len && !otr_shim.is_offered)
		return;
	__atomic_store_n(&otr_shim.idle, 0, __ATOMIC_RELEASE);
}

static int alloc_all(void)
{
	otr_threads_find();
	return otr_alloc_tables() && otr_tls_alloc() && otr_copies_alloc() &&
	       otr_pq_alloc(is_set("OTRACE_SQL_COMMENT"));
}

__attribute__((constructor)) static void otr_constructor(int argc, char **argv)
{
	const char *exe = (const char *)getauxval(AT_EXECFN);
	int error = errno;

	otr_real_find();
	otr_clock_find();
	otr_shim.exe = exe ? exe : "";
	otr_shim.argv = gnu_get_libc_version && argc > 0 ? argv : NULL;
	if (may_be_active(otr_shim.exe) && !is_refused() && alloc_all())
		activate();
	if (otr_program_denied && is_refused())
		otr_program_denied = 0;
	errno = error;
}
