/* SPDX-License-Identifier: Apache-2.0 */
/*
 * out_file_test.c - which files otrace writes, and which it refuses. It has to run as root, since
 * it makes files of another user.
 */

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "agent/base/err.h"
#include "agent/base/out_file.h"

#define OTHER 65534

static char home[] = "/tmp/otrace-out.XXXXXX";

static void put(const char *path, const char *text)
{
	int fd = open(path, O_WRONLY | O_CREAT | O_TRUNC, 0644);

	assert_true(fd >= 0);
	assert_int_equal(write(fd, text, strlen(text)), (int)strlen(text));
	close(fd);
}

static const char *get(const char *path)
{
	static char text[64];
	int fd = open(path, O_RDONLY);
	ssize_t n = fd < 0 ? -1 : read(fd, text, sizeof(text) - 1);

	text[n > 0 ? n : 0] = 0;
	if (fd >= 0)
		close(fd);
	return text;
}

static int mode_of(const char *path)
{
	struct stat st;

	return stat(path, &st) ? -1 : (int)(st.st_mode & 07777);
}

static int open_and_write(const char *path, unsigned int flags, struct otr_err *err)
{
	int fd = otr_out_open("-o ", path, flags, err);

	if (fd < 0)
		return fd;
	assert_int_equal(write(fd, "new", 3), 3);
	close(fd);
	return 0;
}

static int begin(void **state)
{
	(void)state;
	if (geteuid())
		return 0;
	umask(022);
	return !mkdtemp(home) || chdir(home) || mkdir("own", 0755) || mkdir("theirs", 0755) ||
	       chown("theirs", OTHER, OTHER) || mkfifo("fifo", 0600) || mkfifo("theirfifo", 0666) ||
	       chown("theirfifo", OTHER, OTHER) || symlink("own/secret", "link") ||
	       symlink("own", "road") || symlink("../own", "theirs/road") ||
	       lchown("theirs/road", OTHER, OTHER) || symlink("ring", "ring");
}

static int end(void **state)
{
	char cmd[64];

	(void)state;
	snprintf(cmd, sizeof(cmd), "rm -rf %s", home);
	return chdir("/") || system(cmd);
}

static void new_files_are_ours_alone(void **state)
{
	struct otr_err err;

	(void)state;
	if (geteuid())
		skip();
	assert_int_equal(open_and_write("new1", 0, &err), 0);
	assert_int_equal(open_and_write("new2", OTR_OUT_REPLACE, &err), 0);
	assert_int_equal(open_and_write("theirs/new3", OTR_OUT_NONBLOCK, &err), 0);
	assert_int_equal(open_and_write("road/new4", 0, &err), 0);
	assert_int_equal(mode_of("new1"), 0600);
	assert_int_equal(mode_of("new2"), 0600);
	assert_int_equal(mode_of("theirs/new3"), 0600);
	assert_string_equal(get("own/new4"), "new");
}

/* Opening is refused, and nothing was written. */
static void others_files_stay_as_they_are(void **state)
{
	static const struct {
		const char *path, *looks, *why;
		int rc;
	} rows[] = {
		{"theirs/file", "theirs/file", "belongs to user 65534", -EPERM},
		{"link", "own/secret", "a symbolic link", -ELOOP},
		{"ring", "own/secret", "a symbolic link", -ELOOP},
		{"ring/x", "own/secret", "Too many levels of symbolic links", -ELOOP},
		{"theirs/road/secret", "own/secret", "a symbolic link on the way", -EPERM},
		{"theirs/road/fresh", "own/secret", "a symbolic link on the way", -EPERM},
		{"hard", "own/secret", "another name", -EMLINK},
		{"own", "own/secret", "Is a directory", -EISDIR},
		{"own/", "own/secret", "Is a directory", -EISDIR},
		{"", "own/secret", "no file is named", -ENOENT},
		{"none/x", "own/secret", "No such file", -ENOENT},
		{"theirfifo", "own/secret", "the pipe belongs to", -EPERM},
		{"fifo", "own/secret", "a pipe that nobody reads", -ENXIO},
		{"/dev/mem", "own/secret", "neither a file", -EINVAL},
		{"/dev/loop0", "own/secret", "neither a file", -EINVAL},
		{"/proc/self/fd/999", "own/secret", "Bad file descriptor", -EBADF},
	};
	static const unsigned int all[] = {0, OTR_OUT_REPLACE, OTR_OUT_NONBLOCK};
	struct otr_err err;

	(void)state;
	if (geteuid())
		skip();
	put("theirs/file", "old");
	assert_int_equal(chown("theirs/file", OTHER, OTHER), 0);
	put("own/secret", "old");
	put("own/twin", "old");
	assert_int_equal(link("own/twin", "hard"), 0);
	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		for (size_t k = 0; k < 3; k++) {
			int rc = access(rows[i].path, F_OK) && !strncmp(rows[i].path, "/dev/", 5)
					 ? rows[i].rc
					 : open_and_write(rows[i].path, all[k], &err);

			if (rc != rows[i].rc)
				fail_msg("%s: %d, not %d", rows[i].path, rc, rows[i].rc);
			if (access(rows[i].path, F_OK) && !strncmp(rows[i].path, "/dev/", 5))
				continue; /* no such device on this machine */
			if (!strstr(err.text, rows[i].why))
				fail_msg("%s: %s", rows[i].path, err.text);
			assert_string_equal(get(rows[i].looks), "old");
		}
	}
	assert_string_equal(get("own/twin"), "old");
	assert_int_equal(access("own/fresh", F_OK), -1);
}

/* They are written in place: a reader that follows one continues to read. */
static void streams_are_emptied_and_appended_to(void **state)
{
	struct otr_err err;
	struct stat was, is;
	int a, b;

	(void)state;
	put("s", "old and long");
	assert_int_equal(stat("s", &was), 0);
	a = otr_out_open("-o ", "s", 0, &err);
	b = open("s", O_WRONLY | O_APPEND);
	assert_true(a >= 0 && b >= 0);
	assert_int_equal(write(a, "1", 1) + write(b, "2", 1) + write(a, "3", 1), 3);
	assert_string_equal(get("s"), "123");
	assert_int_equal(stat("s", &is), 0);
	assert_int_equal(is.st_ino, was.st_ino);
	assert_int_equal(fcntl(a, F_GETFL) & O_NONBLOCK, 0);
	assert_int_equal(fcntl(a, F_GETFD), FD_CLOEXEC);
	close(a);
	close(b);
}

/* Also with each way to open a file, and if the directory takes no new file. */
static void files_that_were_shared_are_ours_alone(void **state)
{
	static const unsigned int all[] = {0, OTR_OUT_REPLACE, OTR_OUT_NONBLOCK};
	struct otr_err err;

	(void)state;
	for (size_t i = 0; i < sizeof(all) / sizeof(all[0]); i++) {
		put("shared", "old");
		assert_int_equal(chmod("shared", 0644), 0);
		assert_int_equal(open_and_write("shared", all[i], &err), 0);
		assert_int_equal(mode_of("shared"), 0600);
		assert_string_equal(get("shared"), "new");
	}
}

static void recordings_replace(void **state)
{
	struct otr_err err;
	int old;
	char c = 0;

	(void)state;
	put("r", "x");
	assert_int_equal(chmod("r", 0666), 0);
	old = open("r", O_RDONLY);
	assert_int_equal(open_and_write("r", OTR_OUT_REPLACE, &err), 0);
	assert_int_equal(read(old, &c, 1), 1);
	assert_int_equal(c, 'x'); /* a reader of the old file keeps it */
	close(old);
	assert_string_equal(get("r"), "new");
	assert_int_equal(mode_of("r"), 0600);
	assert_int_equal(system("ls -A | grep -q '^\\.r'"), 256); /* no temporary name is left */
}

static void pipes_and_devices(void **state)
{
	int reader, fd, ends[2];
	struct otr_err err;
	char name[32];

	(void)state;
	if (geteuid())
		skip();
	reader = open("fifo", O_RDONLY | O_NONBLOCK);
	fd = otr_out_open("-o ", "fifo", 0, &err);
	assert_true(fd >= 0 && !(fcntl(fd, F_GETFL) & O_NONBLOCK));
	close(fd);
	fd = otr_out_open("-o ", "fifo", OTR_OUT_NONBLOCK, &err);
	assert_true(fd >= 0 && fcntl(fd, F_GETFL) & O_NONBLOCK);
	close(fd);
	close(reader);
	assert_int_equal(open_and_write("/dev/null", OTR_OUT_REPLACE, &err), 0);
	fd = otr_out_open("-o ", "/dev/full", 0, &err);
	assert_true(fd >= 0 && write(fd, "x", 1) < 0 && errno == ENOSPC);
	close(fd);
	assert_int_equal(pipe(ends), 0);
	snprintf(name, sizeof(name), "/dev/fd/%d", ends[1]);
	fd = otr_out_open("-o ", name, OTR_OUT_NONBLOCK, &err);
	assert_true(fd >= 0 && fcntl(fd, F_GETFL) & O_NONBLOCK);
	assert_int_equal(fcntl(ends[1], F_GETFL) & O_NONBLOCK, 0);
	close(fd);
	close(ends[0]);
	close(ends[1]);
}

/* As `echo before >f; otrace -o /dev/fd/1 >>f`: what the file holds stays. */
static void own_descriptors_are_duplicated(void **state)
{
	struct otr_err err;
	char name[32];
	int fd = open("d", O_RDWR | O_CREAT | O_TRUNC, 0644);

	(void)state;
	assert_int_equal(write(fd, "before ", 7), 7);
	snprintf(name, sizeof(name), "/dev/fd/%d", fd);
	assert_int_equal(open_and_write(name, 0, &err), 0);
	assert_int_equal(write(fd, " after", 6), 6);
	assert_string_equal(get("d"), "before new after");
	close(fd);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(new_files_are_ours_alone),
		cmocka_unit_test(others_files_stay_as_they_are),
		cmocka_unit_test(streams_are_emptied_and_appended_to),
		cmocka_unit_test(files_that_were_shared_are_ours_alone),
		cmocka_unit_test(recordings_replace),
		cmocka_unit_test(pipes_and_devices),
		cmocka_unit_test(own_descriptors_are_duplicated),
	};

	return cmocka_run_group_tests(tests, begin, end);
}
