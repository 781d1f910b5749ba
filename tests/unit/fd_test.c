/* SPDX-License-Identifier: Apache-2.0 */
// needs: preload/base/fd.c preload/base/alloc.c preload/base/header_slot.c preload/base/hold.c
// needs: preload/trace/conn.c
// needs: tests/unit/shim_fakes.c
/* fd_test.c - a socket with several numbers: one of them keeps the state, and another one takes
 * it over when that is closed. */

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <arpa/inet.h>
#include <errno.h>
#include <netinet/in.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "preload/base/clock.h"
#include "preload/base/fd.h"
#include "preload/base/header_slot.h"
#include "preload/base/hold.h"
#include "preload/base/shim.h"
#include "preload/base/thread.h"
#include "preload/ring/emit.h"
#include "preload/trace/conn.h"
#include "preload/trace/flow.h"
#include "preload/trace/rules.h"

struct otr_shim otr_shim;
static uint32_t homes[OTR_HOMES];
static struct otr_header headers[OTR_HEADERS];
static struct otr_self self;
static int numbers[3];	  /* of one socket */
static int n_closed, why; /* CONN_CLOSE that were emitted, and the error of the last */

struct otr_self *otr_self_now(void)
{
	return &self;
}

const struct otr_self *otr_self_peek(void)
{
	return &self;
}

int otr_is_single_threaded(void)
{
	return 1;
}

void otr_rules_closed(struct otr_fd *f)
{
	(void)f;
}

void otr_emit_conn(int number, struct otr_fd *f, uint16_t kind, int error)
{
	(void)number, (void)f;
	why = error;
	n_closed += kind == OTR_EV_CONN_CLOSE;
}

/* As a wrapper does: what it held is given back at its end. */
static struct otr_fd *look(int number)
{
	struct otr_fd *f = otr_fd_of(number);

	otr_hold_release(&self);
	return f;
}

static void shut(int number)
{
	otr_fd_closed(number);
	otr_hold_release(&self);
	assert_int_equal(close(number), 0);
}

static int begin(void **state)
{
	struct sockaddr_in at = {.sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
	socklen_t len = sizeof(at);
	int door = socket(AF_INET, SOCK_STREAM, 0);

	(void)state;
	memset(homes, 0, sizeof(homes));
	otr_shim = (struct otr_shim){.n_fds = OTR_FDS, .homes = homes, .headers = headers};
	otr_shim.pid = getpid();
	self = (struct otr_self){.tid = 7};
	n_closed = 0;
	numbers[0] = socket(AF_INET, SOCK_STREAM, 0);
	if (bind(door, (void *)&at, len) || listen(door, 1) ||
	    getsockname(door, (void *)&at, &len) || connect(numbers[0], (void *)&at, len))
		return -1;
	numbers[1] = dup(numbers[0]);
	numbers[2] = dup(numbers[0]);
	for (int i = 0; i < 3; i++)
		look(numbers[i]);
	look(numbers[0])->announced_by = otr_shim.pid;
	return close(door);
}

static void one_number_of_a_socket_keeps_the_state(void **state)
{
	struct otr_fd *f = look(numbers[0]);

	(void)state;
	assert_ptr_equal(f, otr_fd_slot(numbers[0]));
	assert_ptr_equal(look(numbers[1]), f);
	assert_ptr_equal(look(numbers[2]), f);
	shut(numbers[1]);
	shut(numbers[2]);
	assert_int_equal(n_closed, 0);
	f->error = EPIPE;
	shut(numbers[0]);
	assert_int_equal(n_closed, 1);
	assert_int_equal(why, EPIPE);
}

/* The messages of TLS are followed in an upper layer, which goes along. What the heir's number
 * has of an older connection is gone. */
static void the_upper_layer_moves_with_the_state(void **state)
{
	struct otr_fd *f = look(numbers[0]), *heir = otr_fd_slot(numbers[2]);

	(void)state;
	f->has_upper = 1;
	(f + OTR_FD_PAGE)->inode = f->inode;
	(f + OTR_FD_PAGE)->dirs[OTR_DIR_OUT].total = 50;
	(heir + OTR_FD_PAGE)->inode = 4711;
	(heir + OTR_FD_PAGE)->connected_by = 1;
	shut(numbers[0]);
	assert_ptr_equal(look(numbers[2]), heir);
	assert_int_equal(heir->has_upper, 1);
	assert_int_equal((heir + OTR_FD_PAGE)->inode, heir->inode);
	assert_int_equal((heir + OTR_FD_PAGE)->dirs[OTR_DIR_OUT].total, 50);
	assert_int_equal((heir + OTR_FD_PAGE)->connected_by, 0);
	shut(numbers[1]);
	shut(numbers[2]);
}

/* A thread is in a call that sends a header while the number that keeps the state is closed: it
 * finds the state, and the header's slot becomes free. */
static void a_call_finds_the_state_after_its_number_was_closed(void **state)
{
	struct otr_fd *f = look(numbers[0]);
	uint64_t inode = f->inode;
	uint32_t gen = f->gen;

	(void)state;
	f->senders = 1;
	assert_non_null(otr_header_claim(f));
	shut(numbers[0]);
	f = otr_fd_heir(f, inode, &gen);
	assert_non_null(f);
	assert_ptr_equal(f, look(numbers[2]));
	assert_int_equal(gen, f->gen);
	assert_int_equal(f->senders, 1);
	assert_int_not_equal(f->header, 0);
	otr_header_set_unsent_unheld(f, gen, 0, 0);
	assert_int_equal(f->header, 0);
	assert_int_equal(headers[0].taken, 0);
	shut(numbers[2]);
	shut(numbers[1]);
	assert_null(otr_fd_heir(f, inode, &gen));
}

/* As long as one number is open, the connection goes on, in whatever order they are closed. */
static void the_connection_ends_with_its_last_number(void **state)
{
	static const int orders[][3] = {{0, 1, 2}, {0, 2, 1}, {1, 0, 2},
					{1, 2, 0}, {2, 0, 1}, {2, 1, 0}};

	for (size_t i = 0; i < sizeof(orders) / sizeof(orders[0]); i++) {
		if (i)
			begin(state);
		shut(numbers[orders[i][0]]);
		shut(numbers[orders[i][1]]);
		assert_int_equal(n_closed, 0);
		assert_int_equal(look(numbers[orders[i][2]])->announced_by, otr_shim.pid);
		shut(numbers[orders[i][2]]);
		assert_int_equal(n_closed, 1);
	}
}

/* The highest number that is followed is one too high for 16 bits where it is kept. */
static void the_highest_number_is_kept(void **state)
{
	struct otr_fd *f = look(numbers[0]);

	(void)state;
	f->alias = OTR_FDS;
	assert_int_equal(f->alias, OTR_FDS);
	f->alias = 0;
	shut(numbers[0]);
	shut(numbers[1]);
	shut(numbers[2]);
}

#define TEST(f) cmocka_unit_test_setup(f, begin)

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(one_number_of_a_socket_keeps_the_state),
		TEST(the_upper_layer_moves_with_the_state),
		TEST(a_call_finds_the_state_after_its_number_was_closed),
		TEST(the_connection_ends_with_its_last_number),
		TEST(the_highest_number_is_kept),
	};

	return cmocka_run_group_tests_name("fd", tests, NULL, NULL);
}
