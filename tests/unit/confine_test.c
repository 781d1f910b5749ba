/* SPDX-License-Identifier: Apache-2.0 */
/* confine_test.c - which calls a confined process may make. Each case is a child process. */

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <errno.h>
#include <fcntl.h>
#include <netdb.h>
#include <pthread.h>
#include <sched.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mount.h>
#include <sys/prctl.h>
#include <sys/ptrace.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include "agent/base/confine.h"
#include "agent/base/foreign.h"

/* Returns 0, or the line whose condition is false. */
#define MUST(is)                         \
	do                               \
		if (!(is))               \
			return __LINE__; \
	while (0)

static unsigned long long status_of(const char *name)
{
	char path[64], line[256];
	unsigned long long value = ~0ull;
	FILE *f;

	snprintf(path, sizeof(path), "/proc/self/task/%ld/status", syscall(SYS_gettid));
	f = fopen(path, "r");
	while (f && fgets(line, sizeof(line), f))
		if (!strncmp(line, name, strlen(name)) && line[strlen(name)] == ':')
			value = strtoull(line + strlen(name) + 1, NULL, 16);
	if (f)
		fclose(f);
	return value;
}

static int in_child(int (*fn)(void))
{
	int status;
	pid_t pid = fork();

	if (!pid) {
		int line = fn();

		if (line)
			fprintf(stderr, "%s:%d: errno %d\n", __FILE__, line, errno);
		_exit(line != 0);
	}
	waitpid(pid, &status, 0);
	return status;
}

static int denied(void)
{
	char *const args[] = {(char *)"true", NULL};
	int before = open("/dev/null", O_RDONLY);

	MUST(!otr_confine(OTR_CONFINE_PROBES | OTR_CONFINE_ADOPT));
	MUST(before >= 0);
	MUST(execv("/bin/true", args) == -1 && errno == EPERM);
	MUST(fexecve(before, args, environ) == -1 && errno == EPERM);
	MUST(ptrace(PTRACE_TRACEME, 0, 0, 0) == -1 && errno == EPERM);
	MUST(mount("none", "/mnt", "tmpfs", 0, NULL) == -1 && errno == EPERM);
	MUST(unshare(CLONE_NEWUSER) == -1 && errno == EPERM);
	MUST(setns(before, 0) == -1 && errno == EPERM);
	MUST(syscall(SYS_init_module, NULL, 0, "") == -1 && errno == EPERM);
	MUST(syscall(SYS_kexec_load, 0, 0, NULL, 0) == -1 && errno == EPERM);
	MUST(syscall(SYS_open_by_handle_at, 0, NULL, 0) == -1 && errno == EPERM);
	MUST(setuid(getuid()) == -1 && errno == EPERM);
	MUST(syscall(SYS_io_uring_setup, 1, NULL) == -1 && errno == EPERM);
	MUST(prctl(PR_GET_NO_NEW_PRIVS, 0, 0, 0, 0) == 1);
	MUST(status_of("Seccomp") == 2);
	return 0;
}

static void *work(void *arg)
{
	*(unsigned long long *)arg = status_of("Seccomp");
	return arg;
}

/* Calls that libcurl, TLS, glibc and otrace need are allowed. */
static int allowed(void)
{
	unsigned long long seccomp = 0;
	struct addrinfo *list = NULL;
	pthread_t thread;
	int fds[2];

	MUST(!otr_confine(0));
	MUST(!pthread_create(&thread, NULL, work, &seccomp) && !pthread_join(thread, NULL));
	MUST(seccomp == 2);
	MUST(!getaddrinfo("localhost", "80", NULL, &list));
	freeaddrinfo(list);
	MUST(!socketpair(AF_UNIX, SOCK_STREAM, 0, fds) && write(fds[0], "x", 1) == 1);
	MUST(open("/proc/1/status", O_RDONLY) >= 0);
	MUST(malloc(1 << 20));
	return 0;
}

#define BIT(cap) (1ull << (cap))

static int capabilities(void)
{
	const unsigned long long all = BIT(2) | BIT(19) | BIT(38) | BIT(39) | BIT(40);
	unsigned long long had = status_of("CapPrm");

	MUST(!otr_confine(OTR_CONFINE_PROBES | OTR_CONFINE_ADOPT));
	/* SYS_ADMIN is kept in place of a capability that was not given. */
	MUST((had & all) != all || status_of("CapPrm") == all);
	MUST(status_of("CapPrm") == status_of("CapEff"));
	MUST(!status_of("CapInh") && !status_of("CapAmb"));
	MUST(!(had & BIT(8)) || !status_of("CapBnd"));
	return 0;
}

static int no_probes(void)
{
	unsigned long long had = status_of("CapPrm");

	MUST(!otr_confine(OTR_CONFINE_CHILD));
	MUST(status_of("CapPrm") == (had & (BIT(2) | BIT(5) | BIT(19))));
	return 0;
}

static pthread_barrier_t both;

static void *exporter(void *arg)
{
	otr_confine_thread();
	*(int *)arg = status_of("CapPrm") || status_of("CapEff") || status_of("CapInh") ||
		      status_of("CapAmb") || status_of("NoNewPrivs") != 1;
	pthread_barrier_wait(&both);
	pthread_barrier_wait(&both);
	*(int *)arg |=
		status_of("Seccomp") != 2; /* the filter is installed for all threads at once */
	return arg;
}

/* A thread drops its own capabilities; other threads keep theirs. */
static int threads(void)
{
	unsigned long long had = status_of("CapEff");
	pthread_t thread;
	int bad = 1;

	pthread_barrier_init(&both, NULL, 2);
	MUST(!pthread_create(&thread, NULL, exporter, &bad));
	pthread_barrier_wait(&both);
	MUST(!bad && status_of("CapEff") == had && status_of("NoNewPrivs") == 0);
	MUST(!otr_confine(0));
	pthread_barrier_wait(&both);
	MUST(!pthread_join(thread, NULL) && !bad);
	return 0;
}

/* An ordinary user has no capabilities to drop, and gets the filter. */
static int as_nobody(void)
{
	MUST(geteuid() || !setuid(65534));
	MUST(!otr_confine(OTR_CONFINE_PROBES));
	MUST(!status_of("CapPrm") && status_of("Seccomp") == 2);
	return 0;
}

static void note_rights(void *io)
{
	*(unsigned long long *)io = status_of("CapEff");
}

/* A worker that was started before has no more rights than the thread it works for. */
static int worker(void)
{
	unsigned long long rights = ~0ull;

	MUST(!otr_foreign_within(60000, note_rights, NULL, &rights, sizeof(rights)));
	MUST(rights == status_of("CapEff"));
	MUST(!otr_confine(0));
	MUST(!otr_foreign_within(60000, note_rights, NULL, &rights, sizeof(rights)));
	MUST(rights == status_of("CapEff") && !(rights & BIT(21)));
	return 0;
}

static void each_in_a_child(void **state)
{
	static int (*const all[])(void) = {denied,  allowed,   capabilities, no_probes,
					   threads, as_nobody, worker};

	(void)state;
	for (size_t i = 0; i < sizeof(all) / sizeof(all[0]); i++)
		assert_int_equal(in_child(all[i]), 0);
}

static void doctor_sees_it_and_stays_as_it_is(void **state)
{
	unsigned long long had = status_of("CapEff");
	struct otr_confined is;

	(void)state;
	assert_int_equal(otr_confine_try(0, &is), 0);
	assert_true(is.no_new_privs && is.seccomp);
	assert_string_equal(is.keeps, had & BIT(19) && had & BIT(2) ? "SYS_PTRACE DAC_READ_SEARCH"
								    : is.keeps);
	assert_true(status_of("CapEff") == had);
	assert_int_equal(status_of("Seccomp"), 0);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(each_in_a_child),
		cmocka_unit_test(doctor_sees_it_and_stays_as_it_is),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
