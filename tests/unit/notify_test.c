/* SPDX-License-Identifier: Apache-2.0 */
// needs: preload/trace/io.c preload/trace/rules.c preload/base/fd.c preload/base/hold.c
// needs: preload/base/inbound.c preload/base/header_slot.c preload/base/alloc.c preload/base/clock.c
// needs: preload/base/shim.c preload/base/real.c preload/base/next.c preload/base/find.c
// needs: preload/parse/iov.c preload/parse/inject.c preload/parse/head_scan.c
// needs: preload/parse/request_boundary.c
// needs: tests/unit/shim_fakes.c
/* notify_test.c - calls on an eventfd or a pipe, whose number another thread holds. */

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <string.h>
#include <sys/eventfd.h>
#include <unistd.h>

#include "preload/base/alloc.h"
#include "preload/base/fd.h"
#include "preload/base/hold.h"
#include "preload/base/inbound.h"
#include "preload/base/shim.h"
#include "preload/base/thread.h"
#include "preload/ring/ring.h"
#include "preload/trace/ciphertext.h"
#include "preload/trace/conn.h"
#include "preload/trace/decide.h"
#include "preload/trace/enter.h"
#include "preload/trace/flow.h"
#include "preload/trace/header.h"
#include "preload/trace/io.h"
#include "preload/trace/layer.h"
#include "preload/trace/shed.h"
#include "preload/trace/unsent.h"
#include "preload/trace/user_copy.h"

static struct otr_self self = {.tid = 9};
static uint32_t off;

struct otr_self *otr_self_now(void)
{
	return &self;
}

const struct otr_self *otr_self_peek(void)
{
	return &self;
}

struct otr_self *otr_enter(void)
{
	return &self;
}

void otr_leave(struct otr_self *s)
{
	otr_hold_release(s);
}

int otr_ring_ready(void)
{
	return 0;
}

/* No call of this test is on a socket: these are not reached. */
int otr_tls_inside(const struct otr_self *s)
{
	(void)s;
	return 0;
}

int otr_ciphertext_is(struct otr_self *s, int fd, struct otr_fd *f, const struct iovec *iov, int n)
{
	(void)s, (void)fd, (void)f, (void)iov, (void)n;
	fail();
	return 0;
}

size_t otr_decide(struct otr_self *s, const struct otr_out *o, struct otr_fd *f, uint64_t now,
		  struct otr_out_view *seen, struct otr_header **header)
{
	(void)s, (void)o, (void)f, (void)now, (void)seen, (void)header;
	fail();
	return 0;
}

void otr_moved(struct otr_self *s, int fd, struct otr_fd *f, int dir, uint64_t moved,
	       uint64_t start_ns, const struct iovec *iov, int n)
{
	(void)s, (void)fd, (void)f, (void)dir, (void)moved, (void)start_ns, (void)iov, (void)n;
	fail();
}

void otr_not_moved(struct otr_self *s, int fd, struct otr_fd *f, int dir, ssize_t ret, int error)
{
	(void)s, (void)fd, (void)f, (void)dir, (void)ret, (void)error;
	fail();
}

int otr_ask_is_shed(const struct otr_self *s, const struct otr_fd *f)
{
	(void)s, (void)f;
	return 0;
}

int otr_shed_moved(struct otr_self *s, struct otr_fd *f, int dir, uint64_t moved,
		   const struct iovec *iov, int n)
{
	(void)s, (void)f, (void)dir, (void)moved, (void)iov, (void)n;
	return 0;
}

int otr_unsent_send(int fd, int is_message, int flags)
{
	(void)fd, (void)is_message, (void)flags;
	return 0;
}

struct otr_copy *otr_copy_keep(const struct otr_self *s, const struct otr_fd *f,
			       const struct otr_out *o, const struct iovec *iov, int n,
			       uintptr_t page)
{
	(void)s, (void)f, (void)o, (void)iov, (void)n, (void)page;
	return NULL;
}

int otr_copy_read(const struct otr_copy *c, struct iovec *iov, size_t moved)
{
	(void)c, (void)iov, (void)moved;
	return 0;
}

static ssize_t make_call(const struct otr_out *o)
{
	return write(o->fd, o->iov->iov_base, o->iov->iov_len);
}

/* The thread writes while it works for the exchange of `conn`. */
static void writes(int fd, uint64_t conn)
{
	uint64_t one = 1;
	const struct iovec iov = {&one, sizeof(one)};
	const struct otr_out o = {.fd = fd, .iov = &iov, .n = 1, .call = make_call};

	self.strand.cur = (struct otr_xref){.conn = conn};
	self.strand.level = OTR_LEVEL_STRONG;
	assert_int_equal(otr_out(&o), sizeof(one));
}

static void reads(int fd)
{
	uint64_t got;
	struct iovec iov = {&got, sizeof(got)};
	const struct otr_in in = {.fd = fd, .iov = &iov, .n = 1};

	self.strand.cur.conn = 0;
	otr_in(&in, read(fd, &got, sizeof(got)));
}

static int begin(void **state)
{
	(void)state;
	memset(&otr_shim, 0, sizeof(otr_shim));
	memset(&self.strand, 0, sizeof(self.strand));
	otr_shim.off = &off;
	otr_shim.pid = getpid();
	otr_proc_state_init(&otr_shim.proc);
	assert_true(otr_alloc_tables());
	for (uint64_t conn = 1; conn <= 2; conn++)
		otr_inbound_make(conn)->exch.open = 1;
	otr_shim.proc.open = 1;
	return 0;
}

/* R9: a write is noted though another thread holds the number, so no reader believes that all
 * writers work for the same exchange. */
static void of_two_writers(int to, int from)
{
	struct otr_fd *f;

	writes(to, 1);
	reads(from);
	assert_int_equal(self.strand.cur.conn, 1);
	writes(to, 1);
	f = otr_fd_slot(to);
	f->owner = 8;
	writes(to, 2);
	f->owner = 0;
	reads(from);
	assert_int_equal(self.strand.cur.conn, 0);
}

static void an_eventfd(void **state)
{
	int fd = eventfd(0, 0);

	(void)state;
	of_two_writers(fd, fd);
	close(fd);
}

static void a_pipe(void **state)
{
	int ends[2];

	(void)state;
	assert_int_equal(pipe(ends), 0);
	of_two_writers(ends[1], ends[0]);
	close(ends[0]);
	close(ends[1]);
}

/* A read takes the token, though another thread holds the number. */
static void a_reader(void **state)
{
	int fd = eventfd(0, 0);

	(void)state;
	writes(fd, 1);
	otr_fd_slot(fd)->owner = 8;
	reads(fd);
	otr_fd_slot(fd)->owner = 0;
	assert_int_equal(self.strand.cur.conn, 1);
	writes(fd, 2); /* the token is empty again */
	reads(fd);
	assert_int_equal(self.strand.cur.conn, 2);
	close(fd);
}

#define TEST(f) cmocka_unit_test_setup(f, begin)

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(an_eventfd),
		TEST(a_pipe),
		TEST(a_reader),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
