/* SPDX-License-Identifier: Apache-2.0 */
/*
 * confine.c - runs a program under restrictions.
 *
 *	confine mdwe CMD..	no memory may be both written and executed (as systemd's
 *				MemoryDenyWriteExecute asks the kernel)
 *	confine filter CMD..	the same by a filter of system calls
 *	confine nothing CMD..	memfd_create() and sockets of AF_UNIX are refused, too
 *	confine nnp CMD..	no new privileges, and no filter
 */

#include <errno.h>
#include <linux/filter.h>
#include <linux/seccomp.h>
#include <stddef.h>
#include <stdio.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <unistd.h>

#ifndef PR_SET_MDWE
#define PR_SET_MDWE 65
#endif

#define LOAD(what)	BPF_STMT(BPF_LD | BPF_W | BPF_ABS, offsetof(struct seccomp_data, what))
#define REFUSE		BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_ERRNO | EPERM)
#define ALLOW		BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_ALLOW)
#define IS(nr, yes, no) BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, nr, yes, no)

/* Refuses mprotect() to executable, and mmap() to both writable and executable. */
static struct sock_filter run[] = {
	LOAD(nr),
	IS(SYS_mprotect, 0, 3),
	LOAD(args[2]),
	BPF_JUMP(BPF_JMP | BPF_JSET | BPF_K, PROT_EXEC, 0, 6),
	REFUSE,
	IS(SYS_mmap, 0, 4),
	LOAD(args[2]),
	BPF_STMT(BPF_ALU | BPF_AND | BPF_K, PROT_EXEC | PROT_WRITE),
	IS(PROT_EXEC | PROT_WRITE, 0, 1),
	REFUSE,
	ALLOW,
};

static struct sock_filter memfd_and_unix[] = {
	LOAD(nr),      IS(SYS_memfd_create, 3, 0), IS(SYS_socket, 0, 3),
	LOAD(args[0]), IS(AF_UNIX, 0, 1),	   REFUSE,
	ALLOW,
};

static int filter(struct sock_filter *code, size_t n)
{
	struct sock_fprog prog = {.len = (unsigned short)n, .filter = code};

	return prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) ||
	       prctl(PR_SET_SECCOMP, SECCOMP_MODE_FILTER, &prog, 0, 0);
}

int main(int argc, char **argv)
{
	int rc = 2;

	if (argc < 3)
		return 2;
	if (!strcmp(argv[1], "mdwe"))
		rc = prctl(PR_SET_MDWE, 1, 0, 0, 0);
	else if (!strcmp(argv[1], "filter"))
		rc = filter(run, sizeof(run) / sizeof(run[0]));
	else if (!strcmp(argv[1], "nothing"))
		rc = filter(run, sizeof(run) / sizeof(run[0])) ||
		     filter(memfd_and_unix, sizeof(memfd_and_unix) / sizeof(memfd_and_unix[0]));
	else if (!strcmp(argv[1], "nnp"))
		rc = prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0);
	if (!rc)
		execvp(argv[2], argv + 2);
	perror(argv[1]);
	return 9;
}
