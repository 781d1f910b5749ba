/* SPDX-License-Identifier: Apache-2.0 */
// needs: preload/trace/unsent.c preload/base/header_slot.c
/* rest_test.c - the rest of a header is sent before the caller's next bytes, by one thread, and
 * no thread waits for a rest that nobody sends. */

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "preload/base/fd.h"
#include "preload/base/header_slot.h"
#include "preload/base/hold.h"
#include "preload/base/shim.h"
#include "preload/base/thread.h"
#include "preload/parse/request_boundary.h"
#include "preload/trace/enter.h"
#include "preload/trace/flow.h"
#include "preload/trace/unsent.h"

#define LINE	  "traceparent: 00-x\r\n"
#define OTHER_TID 77

struct otr_shim otr_shim;
static const volatile uint32_t on;
static struct otr_header headers[OTR_HEADERS];
static struct otr_self self;
static struct otr_fd fd, heir;
static int ends[2];
static int enters, holds, is_other, moved; /* what the fakes answer; bytes emitted */
static int ended; /* the other thread ends when it is asked for so often; -1: never */

struct otr_self *otr_enter(void)
{
	return enters ? &self : NULL;
}

void otr_leave(struct otr_self *s)
{
	(void)s;
}

const struct otr_self *otr_self_peek(void)
{
	return enters ? &self : NULL;
}

int otr_hold(struct otr_fd *f)
{
	(void)f;
	return holds;
}

void otr_hold_count_unread(struct otr_fd *f, int dir, ssize_t n)
{
	f->unread_bytes[dir] += (uint64_t)n;
}

struct otr_fd *otr_fd_of(int number)
{
	(void)number;
	return &fd;
}

struct otr_fd *otr_fd_home(int number)
{
	(void)number;
	return &fd;
}

struct otr_fd *otr_fd_heir(struct otr_fd *f, uint64_t inode, uint32_t *gen)
{
	(void)inode;
	if (f->gen == *gen)
		return f;
	*gen = heir.gen;
	return heir.inode ? &heir : NULL;
}

int otr_fd_is_other(int number, const struct otr_fd *f)
{
	(void)number, (void)f;
	return is_other;
}

void otr_fd_count_unread(int number, int dir, ssize_t n)
{
	(void)number, (void)dir, (void)n;
}

int otr_has_ended(int32_t tid)
{
	if (ended > 0)
		ended--;
	return tid == OTHER_TID && !ended;
}

int otr_is_single_threaded(void)
{
	return 1;
}

void otr_moved(struct otr_self *s, int number, struct otr_fd *f, int dir, uint64_t n,
	       uint64_t start_ns, const struct iovec *iov, int pieces)
{
	(void)s, (void)number, (void)f, (void)dir, (void)start_ns, (void)iov, (void)pieces;
	moved += (int)n;
}

void otr_not_moved(struct otr_self *s, int number, struct otr_fd *f, int dir, ssize_t ret,
		   int error)
{
	(void)s, (void)number, (void)f, (void)dir, (void)ret, (void)error;
}

void otr_boundary_sent(struct otr_boundary *b, uint64_t n, const struct iovec *iov, int pieces)
{
	(void)b, (void)n, (void)iov, (void)pieces;
}

static int begin(void **state)
{
	(void)state;
	alarm(10); /* a thread that waits for ever fails the test */
	memset(&otr_shim, 0, sizeof(otr_shim));
	memset(headers, 0, sizeof(headers));
	memset(&fd, 0, sizeof(fd));
	memset(&heir, 0, sizeof(heir));
	otr_shim.off = &on;
	otr_shim.headers = headers;
	self.tid = 7;
	fd.gen = 3;
	enters = holds = 1;
	is_other = moved = 0;
	ended = -1;
	return socketpair(AF_UNIX, SOCK_STREAM, 0, ends);
}

static int end(void **state)
{
	(void)state;
	alarm(0);
	return close(ends[0]) | close(ends[1]);
}

/* All but the first `went` bytes of a header have to be sent. */
static void leave_rest(size_t went)
{
	struct otr_header *h = otr_header_claim(&fd);

	assert_non_null(h);
	memcpy(h->text, LINE, strlen(LINE));
	otr_header_set_unsent(&fd, strlen(LINE) - went, went);
	assert_int_equal(otr_shim.n_unsent, 1);
}

static void assert_is_sent(const char *bytes)
{
	char got[64];
	ssize_t n = recv(ends[1], got, sizeof(got), MSG_DONTWAIT);

	assert_int_equal(n < 0 ? 0 : n, strlen(bytes));
	assert_memory_equal(got, bytes, strlen(bytes));
}

static void assert_is_over(void)
{
	assert_int_equal(otr_shim.n_unsent, 0);
	assert_int_equal(fd.header_word, 0);
	assert_int_equal(fd.unsent_sender, 0);
	for (size_t i = 0; i < OTR_HEADERS; i++)
		assert_int_equal(headers[i].taken, 0);
}

static void the_rest_goes_first(void **state)
{
	(void)state;
	leave_rest(10);
	assert_int_equal(otr_unsent_send(ends[0], 1, 0), 0);
	assert_is_sent(LINE + 10);
	assert_is_over();
	assert_int_equal(moved, strlen(LINE) - 10);
}

/* A thread has sent a part of a header, and another one closes the connection before the first
 * keeps the rest: nothing is left that a later connection on this number would send. */
static void a_closed_connection_keeps_no_rest(void **state)
{
	(void)state;
	assert_non_null(otr_header_claim(&fd));
	otr_header_free(&fd);
	otr_header_set_unsent_unheld(&fd, fd.gen, 5, 10); /* `gen` is still the old one */
	assert_is_over();
	assert_int_equal(otr_unsent_send(ends[0], 1, 0), 0);
	assert_is_sent("");
}

/* The same, where a later connection has a header of its own by then. */
static void a_later_header_is_left_alone(void **state)
{
	uint32_t gen = fd.gen++;
	struct iovec rest;

	(void)state;
	assert_non_null(otr_header_claim(&fd));
	fd.gen = gen; /* the first thread reads the number just before it changes */
	otr_header_set_unsent_unheld(&fd, gen, 5, 10);
	assert_int_equal(otr_header_get_unsent(&fd, &rest), 0);
	assert_int_equal(otr_shim.n_unsent, 0);
	assert_int_equal(fd.header, 1);
}

/* A thread without a slot, a handler of a signal in a wrapper, a child that is not followed. */
static void a_thread_that_cannot_enter_sends_it(void **state)
{
	(void)state;
	enters = holds = 0;
	leave_rest(10);
	assert_int_equal(otr_unsent_send(ends[0], 1, 0), 0);
	assert_is_sent(LINE + 10);
	assert_is_over();
	assert_int_equal(fd.unread_bytes[OTR_DIR_OUT], strlen(LINE) - 10);
}

/* The sender cannot hold the connection after its call: the next thread need not wait for it. */
static void the_turn_of_a_sender_ends_without_a_hold(void **state)
{
	char bytes[4096] = {0};

	(void)state;
	holds = 0;
	leave_rest(10);
	while (send(ends[0], bytes, sizeof(bytes), MSG_DONTWAIT) > 0)
		;
	assert_int_equal(otr_unsent_send(ends[0], 1, MSG_DONTWAIT), -1);
	assert_int_equal(errno, EAGAIN);
	assert_int_equal(fd.unsent_sender, 0);
	assert_int_equal(fd.unsent, strlen(LINE) - 10);
}

static void another_thread_sends_it(void **state)
{
	(void)state;
	leave_rest(10);
	fd.unsent_sender = OTHER_TID;
	assert_int_equal(otr_unsent_send(ends[0], 1, MSG_DONTWAIT), -1);
	assert_int_equal(errno, EAGAIN);
	otr_shim.has_seccomp = 1; /* a filter may forbid to wait */
	assert_int_equal(otr_unsent_send(ends[0], 1, 0), -1);
	assert_int_equal(errno, EAGAIN);
	assert_is_sent("");
	otr_shim.has_seccomp = 0;
	ended = 3; /* soon: a caller that does not block gets no EAGAIN that is not the kernel's */
	assert_int_equal(otr_unsent_send(ends[0], 1, MSG_DONTWAIT), 0);
	assert_is_sent(LINE + 10);
	assert_is_over();
}

static void a_number_of_another_socket_ends_the_rest(void **state)
{
	(void)state;
	is_other = 1;
	leave_rest(10);
	assert_int_equal(otr_unsent_send(ends[0], 1, 0), 0);
	assert_is_sent("");
	assert_is_over();
}

/* The number that kept the state is closed: another number of the socket has the rest. */
static void the_rest_moves_to_another_number_of_the_socket(void **state)
{
	struct iovec rest;

	(void)state;
	leave_rest(10);
	fd.unsent_sender = OTHER_TID;
	heir.gen = 9;
	otr_header_pass_on(&fd, &heir);
	fd.gen++;
	assert_int_equal(fd.header_word, 0);
	assert_int_equal(heir.unsent_sender, OTHER_TID);
	assert_true(otr_header_get_unsent(&heir, &rest));
	assert_int_equal(otr_shim.n_unsent, 1);
	otr_header_set_unsent_unheld(&heir, 9, 0, 0);
	assert_int_equal(heir.header_word, 0);
	assert_int_equal(otr_shim.n_unsent, 0);
}

#define TEST(f) cmocka_unit_test_setup_teardown(f, begin, end)

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(the_rest_goes_first),
		TEST(a_closed_connection_keeps_no_rest),
		TEST(a_later_header_is_left_alone),
		TEST(a_thread_that_cannot_enter_sends_it),
		TEST(the_turn_of_a_sender_ends_without_a_hold),
		TEST(another_thread_sends_it),
		TEST(a_number_of_another_socket_ends_the_rest),
		TEST(the_rest_moves_to_another_number_of_the_socket),
	};

	return cmocka_run_group_tests_name("rest", tests, NULL, NULL);
}
