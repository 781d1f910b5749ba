/* SPDX-License-Identifier: Apache-2.0 */
/* spool_test.c - batches that wait on disk: their order, their limit, and what is left of them after
 * every kind of end. */

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <errno.h>
#include <fcntl.h>
#include <ftw.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include "agent/base/buf.h"
#include "agent/base/err.h"
#include "agent/base/loss.h"
#include "exporters/spool.h"

#define MIB (1ull << 20)

static char base[64], dir[80];
static struct otr_spool *sp;
static struct otr_err err;
static struct otr_buf body;

static int begin(void **state)
{
	(void)state;
	strcpy(base, "/tmp/otrace-spool.XXXXXX");
	assert_non_null(mkdtemp(base));
	snprintf(dir, sizeof(dir), "%s/spool", base);
	return 0;
}

static int forget(const char *path, const struct stat *st, int flag, struct FTW *ftw)
{
	(void)st, (void)flag, (void)ftw;
	return remove(path);
}

static int end(void **state)
{
	(void)state;
	otr_spool_close(&sp);
	otr_buf_fini(&body);
	memset(&body, 0, sizeof(body));
	return nftw(base, forget, 8, FTW_DEPTH | FTW_PHYS);
}

static void reopen(uint64_t max)
{
	otr_spool_close(&sp);
	if (otr_spool_open(&sp, dir, max, "test", &err))
		fail_msg("%s", err.text);
}

static uint64_t put(const char *text, uint32_t spans)
{
	uint64_t dropped = 99;

	assert_int_equal(otr_spool_put(sp, otr_slice_str(text), spans, &dropped), 0);
	return dropped;
}

/* Takes the oldest batch, which is `text`. */
static void take(const char *text, uint32_t spans)
{
	uint32_t n = 0;

	assert_int_equal(otr_spool_first(sp, &body, &n), 0);
	otr_buf_byte(&body, '\0');
	assert_string_equal(body.data, text);
	assert_int_equal(n, spans);
	otr_spool_done(sp);
}

static void is_empty(void)
{
	struct otr_spool_stats st;
	uint32_t n;

	assert_int_equal(otr_spool_first(sp, &body, &n), -ENOENT);
	otr_spool_stats(sp, &st);
	assert_int_equal(st.batches + st.spans + st.bytes, 0);
}

static void path_of(char *out, size_t size, int id)
{
	snprintf(out, size, "%s/%020d.batch", dir, id);
}

static void batches_keep_their_order_over_runs(void **state)
{
	(void)state;
	reopen(MIB);
	is_empty();
	put("one", 1);
	put("two", 2);
	take("one", 1);
	put("three", 3);
	reopen(MIB);
	put("four", 4);
	take("two", 2);
	take("three", 3);
	take("four", 4);
	is_empty();
	reopen(MIB);
	is_empty();
}

/* A batch that was read but not done is there again: it may be sent twice, never left out. */
static void a_batch_stays_until_it_is_done(void **state)
{
	uint32_t n;

	(void)state;
	reopen(MIB);
	put("one", 1);
	assert_int_equal(otr_spool_first(sp, &body, &n), 0);
	assert_int_equal(otr_spool_first(sp, &body, &n), 0);
	reopen(MIB);
	take("one", 1);
}

static void a_killed_process_loses_no_batch(void **state)
{
	char text[16];
	int status;
	pid_t pid;

	(void)state;
	pid = fork();
	if (!pid) {
		reopen(MIB);
		for (int i = 0; i < 100; i++) {
			snprintf(text, sizeof(text), "batch %d", i);
			put(text, 1);
		}
		raise(SIGKILL);
	}
	waitpid(pid, &status, 0);
	assert_true(WIFSIGNALED(status) && WTERMSIG(status) == SIGKILL);
	reopen(MIB);
	for (int i = 0; i < 100; i++) {
		snprintf(text, sizeof(text), "batch %d", i);
		take(text, 1);
	}
	is_empty();
}

static void beyond_the_limit_the_oldest_are_dropped(void **state)
{
	struct otr_spool_stats st;
	char text[200];
	uint32_t n;

	(void)state;
	memset(text, 'x', sizeof(text));
	text[136] = '\0'; /* with its head, 200 bytes */
	reopen(1000);
	for (uint32_t i = 1; i <= 5; i++) {
		text[0] = (char)('0' + i);
		assert_int_equal(put(text, i), 0);
	}
	text[0] = '6';
	assert_int_equal(put(text, 6), 1);
	/* The one that is being sent is not dropped. */
	assert_int_equal(otr_spool_first(sp, &body, &n), 0);
	assert_int_equal(n, 2);
	text[0] = '7';
	assert_int_equal(put(text, 7), 3);
	otr_spool_done(sp);
	text[0] = '4';
	take(text, 4);
	otr_spool_stats(sp, &st);
	assert_int_equal(st.batches, 3);
	assert_int_equal(st.spans, 5 + 6 + 7);
	assert_int_equal(st.bytes, 600);
	for (char c = '5'; c <= '7'; c++) {
		text[0] = c;
		take(text, (uint32_t)(c - '0'));
	}
	is_empty();
}

/* And nothing is dropped for it. */
static void a_batch_larger_than_the_spool_is_refused(void **state)
{
	static char text[2000];
	uint64_t dropped;
	uint32_t n;

	(void)state;
	memset(text, 'x', sizeof(text) - 1);
	reopen(1000);
	put("one", 1);
	put("two", 2);
	assert_int_equal(otr_spool_put(sp, otr_slice_str(text), 9, &dropped), -EMSGSIZE);
	assert_int_equal(dropped, 0);
	/* Beside the one that is being sent there are 933 bytes, 64 of which are the head. */
	assert_int_equal(otr_spool_first(sp, &body, &n), 0);
	text[870] = '\0';
	assert_int_equal(otr_spool_put(sp, otr_slice_str(text), 9, &dropped), -EAGAIN);
	assert_int_equal(dropped, 0);
	text[869] = '\0';
	assert_int_equal(put(text, 9), 2);
	take("one", 1);
	take(text, 9);
	is_empty();
}

/* Changes a byte of a file, or its length. */
static void damage(int id, off_t at, off_t len)
{
	char path[128];
	int fd;

	path_of(path, sizeof(path), id);
	fd = open(path, O_RDWR);
	assert_true(fd >= 0);
	if (len >= 0)
		assert_int_equal(ftruncate(fd, len), 0);
	else
		assert_int_equal(pwrite(fd, "\xff", 1, at), 1);
	close(fd);
}

static void damaged_batches_are_counted_and_left_out(void **state)
{
	uint64_t before = otr_loss_get(OTR_LOSS_EXPORT);
	uint32_t n;

	(void)state;
	reopen(MIB);
	for (uint32_t i = 1; i <= 6; i++)
		put("body", i);
	damage(1, 64, -1); /* the body */
	damage(2, 0, -1);  /* the magic word */
	damage(3, 0, 66);  /* cut short */
	damage(4, 0, 0);   /* empty, as after a power cut */
	damage(6, 19, -1); /* a length of 4 GiB */
	reopen(MIB);
	assert_int_equal(otr_spool_first(sp, &body, &n), -EBADMSG);
	take("body", 5);
	is_empty();
	/* 1 and 3 say how many spans they have; the others count as one. */
	assert_int_equal(otr_loss_get(OTR_LOSS_EXPORT) - before, 1 + 1 + 3 + 1 + 1);
}

/* What cannot be read now, or not by this version, is neither damaged nor removed. */
static void a_batch_that_cannot_be_read_now_stays(void **state)
{
	uint64_t lost = otr_loss_get(OTR_LOSS_EXPORT);
	struct rlimit before;
	char path[128];
	uint32_t n;
	int rc;

	(void)state;
	reopen(MIB);
	put("one", 1);
	getrlimit(RLIMIT_NOFILE, &before);
	assert_int_equal(setrlimit(RLIMIT_NOFILE, &(struct rlimit){0, before.rlim_max}), 0);
	rc = otr_spool_first(sp, &body, &n);
	setrlimit(RLIMIT_NOFILE, &before);
	assert_int_equal(rc, -EMFILE);
	take("one", 1);
	path_of(path, sizeof(path), 7);
	assert_int_equal(mkdir(path, 0700), 0); /* read(2) fails with EISDIR */
	otr_spool_close(&sp);
	assert_int_equal(otr_spool_open(&sp, dir, MIB, "test", &err), -EISDIR);
	assert_int_equal(rmdir(path), 0);
	assert_int_equal(otr_loss_get(OTR_LOSS_EXPORT), lost);
}

static void batches_of_another_version_are_refused(void **state)
{
	char path[128];

	(void)state;
	reopen(MIB);
	put("one", 1);
	damage(1, 8, -1); /* the version */
	otr_spool_close(&sp);
	assert_int_equal(otr_spool_open(&sp, dir, MIB, "test", &err), -EINVAL);
	assert_non_null(strstr(err.text, "it holds batches in format 255, and this otrace reads "
					 "format 1"));
	path_of(path, sizeof(path), 1);
	assert_int_equal(access(path, F_OK), 0);
}

static void other_files_are_left_alone(void **state)
{
	static const char *const names[] = {"notes.txt", "1.batch", "0000000000000000000x.batch",
					    "18446744073709551615.batch"};
	char path[160];

	(void)state;
	reopen(MIB);
	for (size_t i = 0; i < 4; i++) {
		snprintf(path, sizeof(path), "%s/%s", dir, names[i]);
		close(open(path, O_CREAT | O_WRONLY, 0600));
	}
	reopen(MIB);
	is_empty();
	put("one", 1);
	take("one", 1);
	for (size_t i = 0; i < 4; i++) {
		snprintf(path, sizeof(path), "%s/%s", dir, names[i]);
		assert_int_equal(access(path, F_OK), 0);
	}
}

static void a_folder_is_one_export_of_one_kind(void **state)
{
	struct otr_spool *other = NULL;

	(void)state;
	reopen(MIB);
	put("one", 1);
	assert_int_equal(otr_spool_open(&other, dir, MIB, "test", &err), -EBUSY);
	assert_non_null(strstr(err.text, "another otrace uses it"));
	otr_spool_close(&sp);
	assert_int_equal(otr_spool_open(&other, dir, MIB, "more", &err), -EINVAL);
	assert_non_null(strstr(err.text, "it holds spans as test, and this export sends more"));
	reopen(MIB);
	take("one", 1);
	otr_spool_close(&sp);
	assert_int_equal(otr_spool_open(&sp, dir, MIB, "more", &err), 0);
}

/* Returns what is said of `path`. */
static const char *refused(int rc, const char *path)
{
	err.text[0] = '\0';
	assert_int_equal(otr_spool_open(&sp, path, MIB, "test", &err), rc);
	return err.text;
}

/* `dir` is a folder of ours, which holds links of another user and of ours. */
static void links_of_others_are_not_followed(void **state)
{
	char path[256], theirs[160], own[160];

	(void)state;
	if (geteuid())
		skip();
	snprintf(own, sizeof(own), "%s/own", dir);
	snprintf(theirs, sizeof(theirs), "%s/theirs", dir);
	assert_int_equal(mkdir(dir, 0755) | mkdir(own, 0755), 0);
	assert_int_equal(symlink("own", theirs) | lchown(theirs, 65534, 65534), 0);
	snprintf(path, sizeof(path), "%s/spool", theirs);
	assert_non_null(strstr(refused(-EPERM, path), "/theirs/spool: a symbolic link on the way "
						      "belongs to user 65534, and otrace runs as"));
	assert_int_equal(lchown(theirs, 0, 0), 0);
	snprintf(path, sizeof(path), "%s/spool//", theirs);
	assert_int_equal(otr_spool_open(&sp, path, MIB, "test", &err), 0);
	otr_spool_close(&sp);
	assert_non_null(strstr(refused(-ENOTDIR, theirs), "/theirs: a symbolic link\nright: "));
	snprintf(path, sizeof(path), "%s/spool/lock", own);
	assert_non_null(strstr(refused(-ENOTDIR, path), "/spool/lock: no folder\nright: "));
	snprintf(path, sizeof(path), "%s/none/spool", own);
	assert_non_null(strstr(refused(-ENOENT, path), "/none/spool: No such file or directory"));
	assert_non_null(strstr(refused(-ENOENT, "/"), "spool /: no folder is named"));
	assert_int_equal(chown(own, 65534, 65534), 0);
	assert_non_null(strstr(refused(-EPERM, own), "/own: it belongs to user 65534, and otrace"));
}

static void a_folder_of_others_is_refused(void **state)
{
	(void)state;
	assert_int_equal(mkdir(dir, 0777), 0);
	assert_int_equal(chmod(dir, 0777), 0);
	assert_int_equal(otr_spool_open(&sp, dir, MIB, "test", &err), -EPERM);
	assert_non_null(strstr(err.text, "others may write to it"));
	snprintf(dir, sizeof(dir), "%s/link", base);
	assert_int_equal(symlink(base, dir), 0);
	assert_int_equal(otr_spool_open(&sp, dir, MIB, "test", &err), -ENOTDIR);
	snprintf(dir, sizeof(dir), "%s/no/spool", base);
	assert_int_equal(otr_spool_open(&sp, dir, MIB, "test", &err), -ENOENT);
	assert_non_null(strstr(err.text, "No such file"));
}

/* Where a file cannot be written to its end, nothing of it is left. */
static void a_full_disk_leaves_no_part_of_a_batch(void **state)
{
	const struct rlimit small = {100, RLIM_INFINITY};
	struct rlimit before;
	static char text[500];
	uint64_t dropped;
	int rc;

	(void)state;
	memset(text, 'x', sizeof(text) - 1);
	reopen(MIB);
	signal(SIGXFSZ, SIG_IGN);
	getrlimit(RLIMIT_FSIZE, &before);
	setrlimit(RLIMIT_FSIZE, &small);
	rc = otr_spool_put(sp, otr_slice_str(text), 9, &dropped);
	setrlimit(RLIMIT_FSIZE, &before);
	assert_int_equal(rc, -EFBIG);
	is_empty();
	put("one", 1);
	reopen(MIB);
	take("one", 1);
	is_empty();
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(batches_keep_their_order_over_runs, begin, end),
		cmocka_unit_test_setup_teardown(a_batch_stays_until_it_is_done, begin, end),
		cmocka_unit_test_setup_teardown(a_killed_process_loses_no_batch, begin, end),
		cmocka_unit_test_setup_teardown(beyond_the_limit_the_oldest_are_dropped, begin,
						end),
		cmocka_unit_test_setup_teardown(a_batch_larger_than_the_spool_is_refused, begin,
						end),
		cmocka_unit_test_setup_teardown(damaged_batches_are_counted_and_left_out, begin,
						end),
		cmocka_unit_test_setup_teardown(a_batch_that_cannot_be_read_now_stays, begin, end),
		cmocka_unit_test_setup_teardown(batches_of_another_version_are_refused, begin, end),
		cmocka_unit_test_setup_teardown(other_files_are_left_alone, begin, end),
		cmocka_unit_test_setup_teardown(a_folder_is_one_export_of_one_kind, begin, end),
		cmocka_unit_test_setup_teardown(links_of_others_are_not_followed, begin, end),
		cmocka_unit_test_setup_teardown(a_folder_of_others_is_refused, begin, end),
		cmocka_unit_test_setup_teardown(a_full_disk_leaves_no_part_of_a_batch, begin, end),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
