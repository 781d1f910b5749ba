/* SPDX-License-Identifier: Apache-2.0 */
/*
 * confine.c - capabilities(7), no_new_privs and seccomp(2) of the agent; see confine.h.
 *
 * The filter denies by name and lets all else pass: libcurl, OpenSSL and glibc may call what we
 * do not know, and a call that is denied returns an error, it ends nobody. Calls are judged by
 * number alone, so that the kernel keeps the verdicts in a bitmap and a call costs nothing.
 */

#include "agent/base/confine.h"

#include <cap-ng.h>
#include <errno.h>
#include <linux/seccomp.h>
#include <seccomp.h>
#include <stdio.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <unistd.h>

#include "agent/base/foreign.h"
#include "agent/base/own.h"

#define NEVER 0x80000000u

static const struct {
	unsigned int cap;
	unsigned int needs; /* 0: always */
	const char *name;
} kept[] = {
	{CAP_BPF, OTR_CONFINE_PROBES, "BPF"},
	{CAP_PERFMON, OTR_CONFINE_PROBES, "PERFMON"},
	{CAP_SYS_PTRACE, 0, "SYS_PTRACE"},
	{CAP_DAC_READ_SEARCH, 0, "DAC_READ_SEARCH"},
	{CAP_CHECKPOINT_RESTORE, OTR_CONFINE_ADOPT, "CHECKPOINT_RESTORE"},
	{CAP_KILL, OTR_CONFINE_CHILD, "KILL"},
	{CAP_SYS_ADMIN, NEVER, "SYS_ADMIN"}, /* only in place of another one; see is_kept() */
};

static const int denied[] = {
	/* other programs */
	SCMP_SYS(execve),
	SCMP_SYS(execveat),
	SCMP_SYS(fork),
	SCMP_SYS(vfork),
	/* other processes */
	SCMP_SYS(ptrace),
	SCMP_SYS(process_vm_readv),
	SCMP_SYS(process_vm_writev),
	SCMP_SYS(process_madvise),
	SCMP_SYS(pidfd_getfd),
	SCMP_SYS(kcmp),
	SCMP_SYS(setns),
	SCMP_SYS(unshare),
	SCMP_SYS(personality),
	/* files past their names, mounts */
	SCMP_SYS(open_by_handle_at),
	SCMP_SYS(name_to_handle_at),
	SCMP_SYS(mount),
	SCMP_SYS(umount2),
	SCMP_SYS(pivot_root),
	SCMP_SYS(chroot),
	SCMP_SYS(move_mount),
	SCMP_SYS(fsopen),
	SCMP_SYS(fsconfig),
	SCMP_SYS(fsmount),
	SCMP_SYS(fspick),
	SCMP_SYS(open_tree),
	SCMP_SYS(mount_setattr),
	SCMP_SYS(swapon),
	SCMP_SYS(swapoff),
	SCMP_SYS(quotactl),
	SCMP_SYS(quotactl_fd),
	SCMP_SYS(mknod),
	SCMP_SYS(mknodat),
	SCMP_SYS(chown),
	SCMP_SYS(lchown),
	SCMP_SYS(fchown),
	SCMP_SYS(fchownat),
	SCMP_SYS(fanotify_init),
	/* users */
	SCMP_SYS(setuid),
	SCMP_SYS(setgid),
	SCMP_SYS(setreuid),
	SCMP_SYS(setregid),
	SCMP_SYS(setresuid),
	SCMP_SYS(setresgid),
	SCMP_SYS(setfsuid),
	SCMP_SYS(setfsgid),
	SCMP_SYS(setgroups),
	SCMP_SYS(add_key),
	SCMP_SYS(request_key),
	SCMP_SYS(keyctl),
	/* the machine */
	SCMP_SYS(kexec_load),
	SCMP_SYS(kexec_file_load),
	SCMP_SYS(init_module),
	SCMP_SYS(finit_module),
	SCMP_SYS(delete_module),
	SCMP_SYS(reboot),
	SCMP_SYS(acct),
	SCMP_SYS(settimeofday),
	SCMP_SYS(clock_settime),
	SCMP_SYS(adjtimex),
	SCMP_SYS(clock_adjtime),
	SCMP_SYS(sethostname),
	SCMP_SYS(setdomainname),
	SCMP_SYS(iopl),
	SCMP_SYS(ioperm),
	SCMP_SYS(modify_ldt),
	SCMP_SYS(vhangup),
	SCMP_SYS(syslog),
	/* large and unused */
	SCMP_SYS(userfaultfd),
	SCMP_SYS(io_uring_setup),
	SCMP_SYS(io_uring_enter),
	SCMP_SYS(io_uring_register),
};

/* Installs the filter for all threads. Calls of other architectures and of x32 return ENOSYS. */
static int filter(void)
{
	scmp_filter_ctx ctx = seccomp_init(SCMP_ACT_ALLOW);
	int rc = 0;

	if (!ctx)
		return -ENOMEM;
	seccomp_attr_set(ctx, SCMP_FLTATR_ACT_BADARCH, SCMP_ACT_ERRNO(ENOSYS));
	seccomp_attr_set(ctx, SCMP_FLTATR_CTL_TSYNC, 1);
	seccomp_attr_set(ctx, SCMP_FLTATR_CTL_SSB, 1);
	seccomp_attr_set(ctx, SCMP_FLTATR_CTL_OPTIMIZE, 2);
	for (size_t i = 0; !rc && i < OTR_ARRAY_SIZE(denied); i++)
		rc = seccomp_rule_add(ctx, SCMP_ACT_ERRNO(EPERM), denied[i], 0);
	if (!rc)
		rc = seccomp_load(ctx);
	seccomp_release(ctx);
	return rc;
}

static bool has_capability(unsigned int cap)
{
	return capng_have_capability(CAPNG_PERMITTED, cap);
}

/* Where a right has no capability of its own (before Linux 5.8 and 5.9), or that was not given,
 * SYS_ADMIN is kept in its place. */
static bool is_kept(unsigned int cap, unsigned int by, unsigned int needs)
{
	if (cap == CAP_SYS_ADMIN &&
	    ((needs & OTR_CONFINE_PROBES &&
	      (!has_capability(CAP_BPF) || !has_capability(CAP_PERFMON))) ||
	     (needs & OTR_CONFINE_ADOPT && !has_capability(CAP_CHECKPOINT_RESTORE))))
		return true;
	return !by || by & needs;
}

/* The bounding set goes first, since that takes a capability. A process without any has nothing
 * to give up. */
static int keep_capabilities(unsigned int needs)
{
	bool keep[OTR_ARRAY_SIZE(kept)];

	if (capng_get_caps_process())
		return -EIO;
	for (size_t i = 0; i < OTR_ARRAY_SIZE(kept); i++)
		keep[i] = has_capability(kept[i].cap) && is_kept(kept[i].cap, kept[i].needs, needs);
	capng_clear(CAPNG_SELECT_ALL);
	for (size_t i = 0; i < OTR_ARRAY_SIZE(kept); i++)
		if (keep[i])
			capng_update(CAPNG_ADD, CAPNG_EFFECTIVE | CAPNG_PERMITTED, kept[i].cap);
	capng_apply(CAPNG_SELECT_BOUNDS);
	prctl(PR_CAP_AMBIENT, PR_CAP_AMBIENT_CLEAR_ALL, 0, 0, 0);
	return capng_apply(CAPNG_SELECT_CAPS) ? -EPERM : 0;
}

int otr_confine(unsigned int needs)
{
	int rc, filtered;

	otr_foreign_end(); /* capabilities are those of a thread */
	rc = keep_capabilities(needs);
	if (prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0))
		return -errno;
	filtered = filter();
	return rc ? rc : filtered;
}

void otr_confine_thread(void)
{
	capng_get_caps_process();
	capng_clear(CAPNG_SELECT_ALL);
	capng_apply(CAPNG_SELECT_BOUNDS);
	prctl(PR_CAP_AMBIENT, PR_CAP_AMBIENT_CLEAR_ALL, 0, 0, 0);
	capng_apply(CAPNG_SELECT_CAPS);
	prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0);
}

static void confine_and_report(unsigned int needs, struct otr_confined *is)
{
	size_t len = 0;
	int rc = otr_confine(needs);

	capng_get_caps_process();
	for (size_t i = 0; i < OTR_ARRAY_SIZE(kept); i++)
		if (has_capability(kept[i].cap))
			len += (size_t)snprintf(is->keeps + len, sizeof(is->keeps) - len, "%s%s",
						len ? " " : "", kept[i].name);
	is->no_new_privs = prctl(PR_GET_NO_NEW_PRIVS, 0, 0, 0, 0) == 1;
	is->seccomp = !rc && prctl(PR_GET_SECCOMP) == SECCOMP_MODE_FILTER;
}

int otr_confine_try(unsigned int needs, struct otr_confined *out)
{
	struct otr_confined is = {.keeps = ""};
	ssize_t n = -1;
	int ends[2];
	pid_t pid;

	if (pipe(ends))
		return -errno;
	pid = fork();
	if (!pid) {
		confine_and_report(needs, &is);
		_exit(write(ends[1], &is, sizeof(is)) != sizeof(is));
	}
	close(ends[1]);
	if (pid > 0) {
		n = read(ends[0], &is, sizeof(is));
		waitpid(pid, NULL, 0);
	}
	close(ends[0]);
	if (n != sizeof(is))
		return -EIO;
	*out = is;
	return 0;
}
