/* SPDX-License-Identifier: Apache-2.0 */
// needs: preload/trace/rules.c preload/trace/conn.c preload/base/inbound.c
// needs: tests/unit/shim_fakes.c
/* rules_test.c - the rules of causality as the library applies them to its connections: what
 * begins an exchange, what ends it, and for which exchange a request goes out. */

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "preload/base/alloc.h"
#include "preload/base/clock.h"
#include "preload/base/fd.h"
#include "preload/base/hold.h"
#include "preload/base/inbound.h"
#include "preload/base/shim.h"
#include "preload/base/thread.h"
#include "preload/ring/emit.h"
#include "preload/ring/ring.h"
#include "preload/trace/conn.h"
#include "preload/trace/flow.h"
#include "preload/trace/header.h"
#include "preload/trace/layer.h"
#include "preload/trace/rules.h"
#include "preload/trace/shed.h"

struct otr_shim otr_shim;
static struct otr_self self;
static struct otr_fd_page page; /* descriptors 0 to 255 */
static int closings;		/* records that a connection was closed */

struct otr_fd *otr_fd_slot(int fd)
{
	return &page.fds[fd];
}

struct otr_fd *otr_fd_make_slot(int fd)
{
	return otr_fd_slot(fd);
}

struct otr_fd *otr_fd_of(int fd)
{
	return otr_fd_slot(fd);
}

int otr_fd_is_same(int fd, struct otr_fd *f)
{
	(void)fd, (void)f;
	return 1;
}

int otr_fd_is_other(int fd, const struct otr_fd *f)
{
	(void)fd, (void)f;
	return 0;
}

int otr_fd_is_stale(struct otr_fd *f)
{
	(void)f;
	return 0;
}

int otr_fd_pass_on(struct otr_fd *f)
{
	return f->alias != 0;
}

void otr_fd_forget(struct otr_fd *f)
{
	memset(f, 0, sizeof(*f));
}

struct otr_fd *otr_fd_upper(struct otr_fd *f)
{
	return f->has_upper ? f + OTR_FD_PAGE : f;
}

void otr_emit_conn(int fd, struct otr_fd *f, uint16_t kind, int error)
{
	(void)fd, (void)f, (void)error;
	closings += kind == OTR_EV_CONN_CLOSE;
}

static int begin(void **state)
{
	(void)state;
	memset(&otr_shim, 0, sizeof(otr_shim));
	memset(&page, 0, sizeof(page));
	memset(&self, 0, sizeof(self));
	otr_shim.pid = getpid();
	self.tid = 9;
	otr_proc_state_init(&otr_shim.proc);
	closings = 0;
	return 0;
}

static int end(void **state)
{
	(void)state;
	free(otr_shim.inbounds);
	return 0;
}

/* A connection with the number `fd`. */
static struct otr_fd *connects(int fd, int role)
{
	struct otr_fd *f = otr_fd_slot(fd);

	f->kind = OTR_FD_STREAM;
	f->inode = 1000 + (uint64_t)fd;
	f->role = (uint8_t)role;
	f->announced_by = otr_shim.pid;
	f->connected_by = role == OTR_ROLE_CLIENT ? otr_shim.pid : 0;
	return f;
}

/* The first bytes of a request or an answer. Returns what a request was made for. */
static struct otr_cause moves(int fd, int dir)
{
	struct otr_cause cause = {.evidence = 0};
	struct otr_fd *f = otr_fd_slot(fd);

	otr_rules_moved(&self, f, dir, 1, f->dirs[dir].total, 1, NULL, 0, &cause);
	f->dirs[dir].pos = f->dirs[dir].total;
	f->dirs[dir].total += 100;
	return cause;
}

/* R8: a client closes its connection before the answer. */
static void a_closed_connection_ends_its_exchange(void **state)
{
	(void)state;
	connects(4, OTR_ROLE_SERVER);
	connects(5, OTR_ROLE_CLIENT);
	moves(4, OTR_DIR_IN);
	assert_int_equal(otr_shim.proc.open, 1);
	assert_int_equal(moves(5, OTR_DIR_OUT).parent.conn, 1004);
	moves(5, OTR_DIR_IN);
	otr_fd_closed(4);
	assert_int_equal(closings, 1);
	assert_int_equal(otr_shim.proc.open, 0);
	assert_int_equal(otr_shim.proc.starving, 0);
	assert_int_equal(moves(5, OTR_DIR_OUT).parent.conn, 0); /* background work */
	connects(6, OTR_ROLE_SERVER);
	moves(6, OTR_DIR_IN);
	assert_int_equal(otr_shim.proc.open, 1); /* it is the only one */
}

/* What another number of the socket keeps, and what the parent process has read, go on. */
static void exchanges_of_another_number_and_of_the_parent_go_on(void **state)
{
	(void)state;
	connects(4, OTR_ROLE_SERVER)->alias = 7;
	moves(4, OTR_DIR_IN);
	otr_fd_closed(4);
	assert_int_equal(otr_shim.proc.open, 1);
	connects(5, OTR_ROLE_SERVER)->announced_by = 1;
	otr_inbound_make(1005)->exch = (struct otr_exch){.tgid = 1, .open = 1};
	otr_fd_closed(5);
	assert_int_equal(otr_shim.proc.open, 1);
	assert_int_equal(otr_exch_of(1005)->open, 1);
	assert_int_equal(closings, 0);
}

/* What was asked on a connection that is closed is in flight no more. */
static void a_closed_connection_asks_no_more(void **state)
{
	(void)state;
	connects(5, OTR_ROLE_CLIENT);
	moves(5, OTR_DIR_OUT);
	assert_int_equal(otr_shim.proc.orphans, 1);
	otr_fd_closed(5);
	assert_int_equal(otr_shim.proc.orphans, 0);
	connects(4, OTR_ROLE_SERVER);
	moves(4, OTR_DIR_IN);
	connects(6, OTR_ROLE_CLIENT);
	moves(6, OTR_DIR_OUT);
	assert_int_equal(otr_shim.proc.starving, 0);
	otr_fd_closed(6);
	assert_int_equal(otr_shim.proc.starving, 1);
	connects(7, OTR_ROLE_CLIENT)->asked.pending = 1; /* the parent has asked */
	page.fds[7].connected_by = page.fds[7].announced_by = 1;
	otr_shim.proc.orphans = 1;
	otr_fd_closed(7);
	assert_int_equal(otr_shim.proc.orphans, 1);
}

/* The kernel took nothing of a request; then another thread sends on the connection. */
static void a_request_of_which_no_byte_was_sent(void **state)
{
	struct otr_self other = {.tid = 10};
	struct otr_fd *f = connects(6, OTR_ROLE_CLIENT);

	(void)state;
	connects(4, OTR_ROLE_SERVER);
	moves(4, OTR_DIR_IN);
	otr_rules_ask(&self, f, 1);
	otr_rules_recheck(&self, f); /* for the same request */
	assert_true(f->has_cause);
	self.strand.cur.conn = 0; /* by a thread that may do so for another */
	otr_rules_recheck(&self, f);
	assert_true(f->has_cause);
	self = other;
	connects(5, OTR_ROLE_SERVER);
	moves(5, OTR_DIR_IN);
	self.strand.loop = 1;
	otr_rules_recheck(&self, f);
	assert_true(f->has_cause);
	self.strand.loop = 0;
	otr_rules_recheck(&self, f); /* for another request */
	assert_false(f->has_cause);
	assert_int_equal(otr_shim.proc.starving, 2);
	assert_int_equal(moves(6, OTR_DIR_OUT).parent.conn, 1005);
	assert_int_equal(otr_shim.proc.starving, 1);
	assert_false(f->asked.mixed);
	assert_int_equal(f->asked.pending, 1);
}

/* A child of fork answers the request that its parent has read, or reads the next one. */
static void a_child_counts_its_own_exchanges(void **state)
{
	(void)state;
	for (int fd = 4; fd < 6; fd++) {
		connects(fd, OTR_ROLE_SERVER);
		moves(fd, OTR_DIR_IN);
	}
	otr_shim.pid++;
	otr_proc_state_init(&otr_shim.proc);
	moves(4, OTR_DIR_OUT);
	assert_int_equal(otr_exch_of(1004)->open, 0);
	assert_int_equal(otr_shim.proc.open, 0);
	assert_int_equal(self.strand.cur.conn, 0);
	moves(5, OTR_DIR_IN);
	assert_int_equal(otr_shim.proc.open, 1);
	assert_int_equal(otr_shim.proc.starving, 1);
	moves(5, OTR_DIR_OUT);
	assert_int_equal(otr_shim.proc.open, 0);
	assert_int_equal(otr_shim.proc.starving, 0);
}

#define TEST(f) cmocka_unit_test_setup_teardown(f, begin, end)

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(a_closed_connection_ends_its_exchange),
		TEST(exchanges_of_another_number_and_of_the_parent_go_on),
		TEST(a_closed_connection_asks_no_more),
		TEST(a_request_of_which_no_byte_was_sent),
		TEST(a_child_counts_its_own_exchanges),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
