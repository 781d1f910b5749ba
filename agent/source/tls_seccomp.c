/* SPDX-License-Identifier: Apache-2.0 */
/*
 * tls_seccomp.c - may the kernel kill a process for a probe at the return of a function?
 *
 * On x86-64, Linux 6.11 to 6.13 return from such a probe by a system call, and a process whose
 * filter denies it is killed. It may set that filter long after it got the probe. Later kernels, and
 * those that have the fix, let the call pass each filter: a child that denies it to itself shows
 * which. See seccomp(2).
 */

#include "agent/source/tls_attach.h"

#if defined(__x86_64__)

#include <errno.h>
#include <linux/filter.h>
#include <linux/seccomp.h>
#include <signal.h>
#include <stddef.h>
#include <stdio.h>
#include <sys/prctl.h>
#include <sys/syscall.h>
#include <sys/utsname.h>
#include <sys/wait.h>
#include <unistd.h>

#include "agent/base/own.h"

#define NR_URETPROBE 335

/* Ends by SIGILL where the call passes the filter, since it is for the kernel's own code alone. */
static _Noreturn void call_denied(void)
{
	struct sock_filter filter[] = {
		BPF_STMT(BPF_LD | BPF_W | BPF_ABS, offsetof(struct seccomp_data, nr)),
		BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, NR_URETPROBE, 0, 1),
		BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_ERRNO | EPERM),
		BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_ALLOW),
	};
	struct sock_fprog program = {OTR_ARRAY_SIZE(filter), filter};

	prctl(PR_SET_DUMPABLE, 0);
	signal(SIGILL, SIG_DFL);
	if (!prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) &&
	    !prctl(PR_SET_SECCOMP, SECCOMP_MODE_FILTER, &program))
		syscall(NR_URETPROBE);
	syscall(SYS_exit_group, 1);
	__builtin_unreachable();
}

/* The child sends no SIGCHLD when it ends: `run` takes that for the end of its program. */
static bool is_denied(void)
{
	pid_t pid = (pid_t)syscall(SYS_clone, 0, NULL, NULL, NULL, 0);
	int status = 0;

	if (!pid)
		call_denied();
	while (pid > 0 && waitpid(pid, &status, __WALL) < 0 && errno == EINTR)
		;
	return pid < 0 || !WIFSIGNALED(status) || WTERMSIG(status) != SIGILL;
}

bool otr_tls_return_kills(void)
{
	struct utsname host;
	int major, minor;

	if (uname(&host) || sscanf(host.release, "%d.%d", &major, &minor) != 2 || major != 6 ||
	    minor < 11 || minor > 13)
		return false;
	return is_denied();
}

#else

bool otr_tls_return_kills(void)
{
	return false;
}

#endif
