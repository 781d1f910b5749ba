/* SPDX-License-Identifier: Apache-2.0 */
// needs: preload/trace/user_copy.c preload/parse/inject.c preload/parse/head_scan.c
/* user_copy_test.c - the bytes that threads send are copied before the call: as many as are
 * read, the end, and none that cannot be read. */

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>

#include "preload/base/alloc.h"
#include "preload/base/real.h"
#include "preload/base/shim.h"
#include "preload/base/thread.h"
#include "preload/trace/capture.h"
#include "preload/trace/io.h"
#include "preload/trace/user_copy.h"

#define SLOTS 256

struct otr_shim otr_shim;
static char single, other_stack, bytes[8192];
static size_t wanted;
static int32_t dead; /* a thread that has ended */
static struct otr_fd fd;

int otr_is_single_threaded(void)
{
	return single;
}

void *otr_alloc(size_t size)
{
	void *at = mmap(NULL, size, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);

	return at == MAP_FAILED ? NULL : at;
}

void *otr_alloc_once(void *place, size_t size)
{
	void **at = place;

	if (!*at)
		*at = otr_alloc(size);
	return *at;
}

size_t otr_capture_wanted(const struct otr_fd *f)
{
	assert_ptr_equal(f, &fd);
	return wanted;
}

int otr_has_ended(int32_t tid)
{
	return tid == dead;
}

int otr_on_other_stack(void)
{
	return other_stack;
}

static int begin(void **state)
{
	(void)state;
	single = other_stack = 0;
	dead = -1;
	for (size_t i = 0; i < sizeof(bytes); i++)
		bytes[i] = (char)(i * 7);
	return otr_copies_alloc() ? 0 : -1;
}

/* By a call at this address of the stack. */
static struct otr_copy *keep_at(uintptr_t frame, int32_t tid, const struct iovec *iov, int n)
{
	const struct otr_self self = {.tid = tid};

	return otr_copy_keep(&self, &fd, (const struct otr_out *)frame, iov, n, OTR_NO_PAGE);
}

static struct otr_copy *keep(int32_t tid, const struct iovec *iov, int n)
{
	return keep_at(1000, tid, iov, n);
}

/* Of `len` bytes in two segments, `want` are wanted and `moved` are sent. The copy has what was
 * sent, up to its end. */
static void sent(size_t len, size_t want, size_t moved)
{
	struct iovec iov[2] = {{bytes, len / 3}, {bytes + len / 3, len - len / 3}}, seen[3];
	size_t at = 0;
	struct otr_copy *c;
	int n;

	wanted = want;
	c = keep(1, iov, 2);
	assert_non_null(c);
	n = otr_copy_read(c, seen, moved);
	for (int i = 0; i < n; at += seen[i++].iov_len)
		if (seen[i].iov_base)
			assert_memory_equal(seen[i].iov_base, bytes + at, seen[i].iov_len);
	assert_true(at <= moved);
	if (moved < want && moved <= len)
		assert_int_equal(at, moved);
	if (moved == len && len - len / 3 >= 8)
		assert_int_equal(at, len); /* its last bytes are known */
	otr_copy_free(c);
}

static void the_head_and_the_end_are_copied(void **state)
{
	static const size_t lens[] = {1, 7, 8, 9, 24, 100, 1000, 1024, 1030, 4097, 8192};

	(void)state;
	for (size_t i = 0; i < sizeof(lens) / sizeof(lens[0]); i++)
		for (size_t want = 1; want <= 1100; want += want < 40 ? 1 : 53)
			for (size_t off = 0; off < 12 && off < lens[i]; off++)
				sent(lens[i], want, lens[i] - off);
	for (size_t moved = 1; moved <= 1000; moved++)
		sent(1000, 64, moved);
}

static void bytes_that_are_not_needed_are_not_copied(void **state)
{
	const struct iovec one = {bytes, 100};

	(void)state;
	wanted = 0;
	assert_null(keep(1, &one, 1));
	wanted = 100;
	single = 1; /* then the bytes can be read after the call, too */
	assert_null(keep(1, &one, 1));
}

static void the_copy_ends_at_unreadable_memory(void **state)
{
	char *page =
		mmap(NULL, 3 * 4096, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	struct iovec seen[3], iov[2] = {{bytes, 10}, {page + 4000, 5000}};
	struct otr_copy *c;

	(void)state;
	assert_int_equal(mprotect(page + 4096, 4096, PROT_NONE), 0);
	wanted = 1024;
	errno = EXDEV;
	c = keep(1, iov, 2);
	assert_int_equal(errno, EXDEV);
	assert_int_equal(otr_copy_read(c, seen, 5010), 3); /* its last page can be read */
	assert_int_equal(seen[0].iov_len, 10);
	otr_copy_free(c);
	munmap(page, 3 * 4096);
}

/* The first bytes are not readable: then nothing is known of the call, not its end alone. */
static void without_a_beginning_there_is_no_end(void **state)
{
	char *page =
		mmap(NULL, 2 * 4096, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	struct iovec seen[3], one = {page, 2 * 4096};
	struct otr_copy *c;

	(void)state;
	assert_int_equal(mprotect(page, 4096, PROT_NONE), 0);
	wanted = 1024;
	c = keep(1, &one, 1);
	assert_int_equal(otr_copy_read(c, seen, 2 * 4096), 0);
	otr_copy_free(c);
	munmap(page, 2 * 4096);
}

/* A signal interrupts a call that sends, and its handler sends, too: each call has its own slot. */
static void a_handler_leaves_the_interrupted_call_alone(void **state)
{
	const struct iovec one = {bytes, 100}, other = {bytes + 500, 200};
	struct otr_copy *outer, *inner;
	struct iovec seen[3];

	(void)state;
	wanted = 1000;
	outer = keep_at(1000, 7, &one, 1);
	inner = keep_at(900, 7, &other, 1);
	assert_ptr_not_equal(inner, outer);
	otr_copy_free(inner);
	assert_int_equal(otr_copy_read(outer, seen, 100), 1);
	assert_int_equal(seen[0].iov_len, 100);
	assert_memory_equal(seen[0].iov_base, bytes, 100);
	other_stack = 1; /* where addresses say nothing */
	inner = keep_at(2000, 7, &other, 1);
	assert_ptr_not_equal(inner, outer);
	other_stack = 0;
	/* The handler has left both calls by siglongjmp(). */
	assert_ptr_equal(keep_at(3000, 7, &one, 1), outer);
}

/* Each thread has one slot; the slot of a thread that was cancelled in its call is used again. */
static void each_thread_has_one_slot(void **state)
{
	const struct iovec one = {bytes, 100};
	struct otr_copy *c[SLOTS];
	int found = 0;

	(void)state;
	wanted = 100;
	for (int32_t i = 0; i < SLOTS; i++) {
		c[i] = keep(i + 1, &one, 1);
		assert_non_null(c[i]);
	}
	assert_ptr_equal(keep(7, &one, 1), c[6]); /* it left its last call by longjmp() */
	for (int i = 0; i < SLOTS; i++)
		assert_null(keep(9999, &one, 1));
	dead = 7;
	for (int i = 0; i < SLOTS && !found; i++)
		found = keep(9999, &one, 1) == c[6];
	assert_true(found);
	otr_copies_forked();
	assert_non_null(keep(1, &one, 1));
}

/* A head that ends at `end`, with `beyond` more bytes in the call; *seen is what was found. */
static enum otr_head head_before(char *end, size_t beyond, struct otr_out_view *seen)
{
	static const char head[] = "POST / HTTP/1.1\r\nHost: x\r\nContent-Length: 9000\r\n\r\n";
	static struct iovec pieces[OTR_PIECES];
	const size_t len = sizeof(head) - 1;
	const struct iovec one = {end - len, len + beyond};
	const struct otr_out o = {.iov = &one, .n = 1, .buf = end - len, .len = len + beyond};

	memcpy(end - len, head, len);
	memset(seen, 0, sizeof(*seen));
	seen->iov = pieces;
	return otr_user_copy_head(&o, seen);
}

/* The pages of a body are not asked for; those of a head are, all of them. */
static void a_head_is_read_page_by_page(void **state)
{
	char *at = mmap(NULL, 3 * 4096, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	struct otr_out_view seen;

	(void)state;
	assert_ptr_not_equal(at, MAP_FAILED);
	assert_int_equal(mprotect(at + 8192, 4096, PROT_NONE), 0);
	assert_int_equal(head_before(at + 8192, 4096, &seen), OTR_HEAD_WHOLE);
	assert_int_equal(seen.page, (uintptr_t)at + 4096);
	assert_ptr_equal((char *)seen.iov->iov_base + seen.iov->iov_len, at + 8192);
	assert_int_equal(head_before(at + 4096 + 20, 100, &seen), OTR_HEAD_WHOLE);
	assert_int_equal(seen.facts.length, 9000);
	assert_int_equal(mprotect(at + 4096, 4096, PROT_NONE), 0);
	assert_int_equal(head_before(at + 4096, 100, &seen), OTR_HEAD_WHOLE);
	assert_int_equal(mprotect(at, 4096, PROT_READ | PROT_WRITE), 0);
	memcpy(at + 4096 - 30, "GET / HTTP/1.1\r\nHost: x\r\nA: b", 30);
	seen.iov = &(struct iovec){0};
	assert_int_equal(
		otr_user_copy_head(&(struct otr_out){.iov = &(struct iovec){at + 4096 - 30, 90},
						     .n = 1,
						     .buf = at},
				   &seen),
		OTR_HEAD_NONE);
	munmap(at, 3 * 4096);
}

#define TEST(name) cmocka_unit_test_setup(name, begin)

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(the_head_and_the_end_are_copied),
		TEST(bytes_that_are_not_needed_are_not_copied),
		TEST(the_copy_ends_at_unreadable_memory),
		TEST(without_a_beginning_there_is_no_end),
		TEST(a_handler_leaves_the_interrupted_call_alone),
		TEST(each_thread_has_one_slot),
		TEST(a_head_is_read_page_by_page),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
