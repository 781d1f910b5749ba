/* SPDX-License-Identifier: Apache-2.0 */
/*
 * foreign_test.c - files of others are read within bounds: no regular file, lines without an end,
 * reads that never return, an executable that claims 3 GB.
 */

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <elf.h>
#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include "agent/base/foreign.h"
#include "agent/source/bpf.h"

static char home[] = "/tmp/otrace-foreign.XXXXXX";

static int begin(void **state)
{
	(void)state;
	return !mkdtemp(home) || chdir(home) || mkfifo("fifo", 0600) || mkdir("dir", 0700) ||
	       symlink("fifo", "link");
}

static int end(void **state)
{
	char cmd[64];

	(void)state;
	snprintf(cmd, sizeof(cmd), "rm -rf %s", home);
	return chdir("/") || system(cmd);
}

static void only_regular_files(void **state)
{
	static const char *const bad[] = {"fifo", "link", "dir", "/dev/null", "/dev/zero"};
	int fd;

	(void)state;
	for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++)
		assert_int_equal(otr_foreign_open(AT_FDCWD, bad[i]), -EINVAL);
	assert_int_equal(otr_foreign_open(AT_FDCWD, "none"), -ENOENT);
	fd = otr_foreign_open(AT_FDCWD, "/proc/self/exe");
	assert_true(fd >= 0);
	assert_int_equal(fcntl(fd, F_GETFD), FD_CLOEXEC);
	close(fd);
	assert_int_equal(otr_foreign_open_proc(AT_FDCWD, "/proc/self/exe"), -ELOOP);
}

struct lines {
	size_t n, longest, stop;
	char last[64];
};

static bool take(void *arg, char *line)
{
	struct lines *l = arg;
	size_t len = strlen(line);

	l->n++;
	if (len > l->longest)
		l->longest = len;
	snprintf(l->last, sizeof(l->last), "%.63s", line);
	return l->n != l->stop;
}

static struct lines lines_of(const char *make, size_t max, size_t stop)
{
	struct lines l = {.stop = stop};
	char cmd[256];
	int fd;

	snprintf(cmd, sizeof(cmd), "{ %s; } >lines", make);
	assert_int_equal(system(cmd), 0);
	fd = otr_foreign_open(AT_FDCWD, "lines");
	assert_int_equal(otr_foreign_lines(fd, max, take, &l), 0);
	close(fd);
	return l;
}

static void lines_are_bounded(void **state)
{
	struct lines l = lines_of("seq 50000", 1 << 20, 0);

	(void)state;
	assert_int_equal(l.n, 50000);
	assert_string_equal(l.last, "50000");
	l = lines_of("seq 50000", 1 << 20, 7);
	assert_string_equal(l.last, "7");
	l = lines_of("seq 50000", 1000, 0);
	assert_true(l.n < 400);
	l = lines_of("printf 'a\\nb'", 1000, 0);
	assert_int_equal(l.n, 2);
	assert_string_equal(l.last, "b");
	l = lines_of("echo a; head -c 300000 /dev/zero | tr '\\0' x; echo; echo z", 1 << 20, 0);
	assert_int_equal(l.n, 3);
	assert_int_equal(l.longest, 16384);
	assert_string_equal(l.last, "z");
}

struct wait {
	int from, undone, value;
};

static void wait_for_byte(void *io)
{
	struct wait *w = io;
	char c;

	w->value = read(w->from, &c, 1) == 1 ? c : -1;
}

static void say_undone(void *io)
{
	const struct wait *w = io;
	char c = (char)w->value;

	assert_int_equal(write(w->undone, &c, 1), 1);
}

static void a_read_that_blocks_is_left_behind(void **state)
{
	int go[2], undone[2];
	struct wait w;
	char c = 0;

	(void)state;
	assert_int_equal(pipe(go) + pipe(undone), 0);
	w = (struct wait){go[0], undone[1], 7};
	assert_int_equal(write(go[1], "x", 1), 1);
	assert_int_equal(otr_foreign_within(60000, wait_for_byte, say_undone, &w, sizeof(w)), 0);
	assert_int_equal(w.value, 'x');
	w.value = 7;
	for (int i = 0; i < OTR_FOREIGN_STUCK; i++)
		assert_int_equal(otr_foreign_within(1, wait_for_byte, say_undone, &w, sizeof(w)),
				 -ETIMEDOUT);
	/* A worker that was left behind writes to no memory of the caller. */
	assert_int_equal(w.value, 7);
	assert_int_equal(otr_foreign_within(1, wait_for_byte, say_undone, &w, sizeof(w)), -EBUSY);
	assert_int_equal(write(go[1], "yyyyyyyy", OTR_FOREIGN_STUCK), OTR_FOREIGN_STUCK);
	for (int i = 0; i < OTR_FOREIGN_STUCK; i++)
		assert_int_equal(read(undone[0], &c, 1), 1);
	assert_int_equal(c, 'y');
}

static void note_thread(void *io)
{
	*(pid_t *)io = gettid();
}

/* A worker of the test before may still count as stuck for a moment after its last word. */
static pid_t worker(void)
{
	pid_t tid = 0;
	int rc;

	do {
		rc = otr_foreign_within(60000, note_thread, NULL, &tid, sizeof(tid));
	} while (rc == -EBUSY && !usleep(1000));
	assert_int_equal(rc, 0);
	return tid;
}

static void a_worker_is_kept_until_it_is_ended_or_stuck(void **state)
{
	pid_t first = worker();
	int go[2], undone[2], status;
	struct wait w;
	char c;

	(void)state;
	assert_int_not_equal(first, gettid());
	assert_int_equal(worker(), first);
	if (!fork()) /* a child process has only its own thread, and gets a new worker */
		_exit(worker() == first);
	assert_true(wait(&status) > 0 && WIFEXITED(status) && !WEXITSTATUS(status));
	assert_int_equal(worker(), first);

	assert_int_equal(pipe(go) + pipe(undone), 0);
	w = (struct wait){go[0], undone[1], 7};
	assert_int_equal(otr_foreign_within(1, wait_for_byte, say_undone, &w, sizeof(w)),
			 -ETIMEDOUT);
	assert_int_not_equal(worker(), first);
	assert_int_equal(write(go[1], "z", 1), 1);
	assert_int_equal(read(undone[0], &c, 1), 1);

	first = worker();
	otr_foreign_end();
	assert_int_equal(syscall(SYS_tgkill, getpid(), first, 0), -1); /* it has ended */
	assert_int_equal(errno, ESRCH);
	assert_true(worker() > 0);
	for (int i = 0; i < 4; i++)
		close(i < 2 ? go[i] : undone[i - 2]);
}

/* Writes a copy of `sleep` with another section table: names, and a .go.buildinfo of 3 GB. */
static void make_hoax(const char *path, uint64_t size, uint16_t sections)
{
	static const char names[] = "\0.go.buildinfo\0.shstrtab";
	static const char info[] = "\xff Go buildinf:\x08\x02................\x08go1.26.1";
	const uint64_t at = 1 << 20;
	Elf64_Shdr sh[3] = {
		{.sh_type = SHT_NULL},
		{.sh_name = 1, .sh_type = SHT_PROGBITS, .sh_offset = at + 4096, .sh_size = size},
		{.sh_name = 15,
		 .sh_type = SHT_STRTAB,
		 .sh_offset = at + 1024,
		 .sh_size = sizeof(names)},
	};
	char cmd[128];
	Elf64_Ehdr eh;
	int fd;

	snprintf(cmd, sizeof(cmd), "cp /bin/sleep %s", path);
	assert_int_equal(system(cmd), 0);
	fd = open(path, O_RDWR);
	assert_int_equal(pread(fd, &eh, sizeof(eh), 0), sizeof(eh));
	eh.e_shoff = at;
	eh.e_shnum = sections;
	eh.e_shstrndx = 2;
	assert_int_equal(pwrite(fd, &eh, sizeof(eh), 0), sizeof(eh));
	assert_int_equal(pwrite(fd, sh, sizeof(sh), (off_t)at), sizeof(sh));
	assert_int_equal(pwrite(fd, names, sizeof(names), (off_t)at + 1024), sizeof(names));
	assert_int_equal(pwrite(fd, info, sizeof(info), (off_t)at + 4096), sizeof(info));
	assert_int_equal(ftruncate(fd, (off_t)(at + 4096 + (3ull << 30))), 0);
	close(fd);
}

static pid_t start(const char *path)
{
	int reported[2];
	char c;
	pid_t pid;

	assert_int_equal(pipe2(reported, O_CLOEXEC), 0);
	pid = fork();
	if (!pid) {
		execl(path, path, "600", NULL);
		_exit(1);
	}
	close(reported[1]);
	assert_int_equal(read(reported[0], &c, 1), 0); /* closed by the execution */
	close(reported[0]);
	return pid;
}

static uint64_t bytes_read(void)
{
	unsigned long long n = 0;
	FILE *f = fopen("/proc/self/io", "r");

	assert_int_equal(fscanf(f, "rchar: %llu", &n), 1);
	fclose(f);
	return n;
}

static void executables_are_read_to_a_bound(void **state)
{
	static const struct {
		uint64_t size;
		uint16_t sections;
		bool is_go;
	} rows[] = {
		{3ull << 30, 3, true},
		{UINT64_MAX, 3, true},
		{3, 3, false},
		{3ull << 30, 65535, false},
	};
	char path[32], version[OTR_GO_VERSION];
	uint64_t before;
	pid_t pid;

	(void)state;
	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		snprintf(path, sizeof(path), "./hoax%zu", i);
		make_hoax(path, rows[i].size, rows[i].sections);
		pid = start(path);
		before = bytes_read();
		strcpy(version, "none");
		if (rows[i].is_go) {
			assert_true(otr_go_version((uint32_t)pid, version));
			assert_string_equal(version, "go1.26.1");
		} else {
			otr_go_version((uint32_t)pid, version);
			assert_true(!strcmp(version, "none") || !version[0]);
		}
		assert_true(bytes_read() - before < 65536);
		kill(pid, SIGKILL);
		waitpid(pid, NULL, 0);
		unlink(path);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(only_regular_files),
		cmocka_unit_test(lines_are_bounded),
		cmocka_unit_test(a_read_that_blocks_is_left_behind),
		cmocka_unit_test(a_worker_is_kept_until_it_is_ended_or_stuck),
		cmocka_unit_test(executables_are_read_to_a_bound),
	};

	return cmocka_run_group_tests(tests, begin, end);
}
