/* SPDX-License-Identifier: Apache-2.0 */
// needs: preload/ring/reader_change.c preload/base/inbound.c preload/base/alloc.c
/* reader_change_test.c - another agent becomes the reader of a ring: what is reset, what is
 * kept, and what children inherit. */

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <string.h>
#include <sys/mman.h>

#include "preload/base/inbound.h"
#include "preload/base/shim.h"
#include "preload/ring/reader_change.h"

#define ROOM (OTR_EXCHS * sizeof(struct otr_inbound))

struct otr_shim otr_shim;
static struct otr_ring ring;
static uint8_t alive;

static int begin(void **state)
{
	(void)state;
	memset(&otr_shim, 0, sizeof(otr_shim));
	memset(&ring, 0, sizeof(ring));
	alive = OTR_ALIVE_YES;
	otr_shim.alive = &alive;
	otr_shim.ring = &ring;
	otr_shim.inbounds =
		mmap(NULL, ROOM, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	otr_shim.inbounds[7].conn = 9;
	otr_shim.inbounds[7].exch.open = 1;
	otr_shim.notify_slots[3].key = 4;
	otr_shim.proc.open = otr_shim.proc.starving = 1;
	ring.runs[2].key = 5;
	ring.gen = 1;
	strcpy(otr_shim.session, "old.secret");
	return 0;
}

static int end(void **state)
{
	(void)state;
	return munmap(otr_shim.inbounds, ROOM);
}

static void the_state_is_reset(void **state)
{
	struct otr_self self = {.tid = 4, .strand.cur.conn = 9, .tls_fd = 6};

	(void)state;
	strcpy(ring.session, "otrace-1-2.abc");
	assert_true(otr_reader_changed());
	assert_int_equal(otr_shim.reader_gen, 1);
	assert_int_equal(alive, OTR_ALIVE_YES);
	assert_int_equal(otr_shim.inbounds[7].exch.open, 0);
	assert_int_equal(otr_shim.notify_slots[3].contended, 1);
	assert_int_equal(otr_shim.proc.open, 0);
	assert_int_equal(otr_shim.proc.starving, 0);
	assert_int_equal(otr_shim.proc.doubt, OTR_DOUBT_AT_START);
	assert_int_equal(ring.runs[2].key, 0);
	assert_true(ring.propagates);
	assert_true(otr_shim.is_server);
	assert_string_equal(otr_shim.session, "otrace-1-2.abc");
	assert_int_equal(otr_shim.session_len, 14);
	assert_int_equal(otr_shim.name_len, 10);
	otr_self_forget(&self);
	assert_int_equal(self.strand.cur.conn, 0);
	assert_int_equal(self.reader_gen, 1);
	assert_int_equal(self.tid, 4);
	assert_int_equal(self.tls_fd, 6); /* it may be in a call of a TLS library */
}

/* Other threads are inside: one writes the ids of an exchange, one uses a notify slot, and one, by
 * R3, ends an exchange. What each undoes then is what it did. */
static void threads_inside_a_call_change_only_their_own_state(void **state)
{
	struct otr_inbound *sv = &otr_shim.inbounds[7];
	struct otr_exch *answered = &otr_shim.inbounds[8].exch;

	(void)state;
	assert_true(otr_inbound_lock(sv, 9));
	otr_shim.notify_slots[3].taken = 1;
	answered->open = 1;
	otr_shim.proc.open = otr_shim.proc.starving = 2;
	otr_shim.proc.mux = 1;
	assert_true(otr_reader_changed());
	otr_inbound_unlock(sv);
	otr_exch_end(answered, &otr_shim.proc);
	assert_true(otr_inbound_lock(sv, 9));
	assert_int_equal(otr_shim.notify_slots[3].key, 4);
	assert_int_equal(otr_shim.notify_slots[3].taken, 1);
	assert_int_equal(otr_shim.proc.open, 0);
	assert_int_equal(otr_shim.proc.starving, 0);
	assert_int_equal(otr_shim.proc.mux, 0);
}

/* A child has copies of the exchanges of its parent, which its own counts leave out. */
static void exchanges_of_the_parent_do_not_count(void **state)
{
	(void)state;
	otr_shim.pid = 5;
	otr_shim.proc.open = otr_shim.proc.starving = 0;
	assert_true(otr_reader_changed());
	assert_int_equal(otr_shim.inbounds[7].exch.open, 0);
	assert_int_equal(otr_shim.proc.open, 0);
	assert_int_equal(otr_shim.proc.starving, 0);
}

/* The same in another thread, or if a signal handler ran meanwhile. */
static void one_thread_resets_the_state(void **state)
{
	(void)state;
	alive = OTR_ALIVE_BEGINNING;
	assert_false(otr_reader_changed());
	assert_int_equal(otr_shim.inbounds[7].conn, 9);
	assert_int_equal(otr_shim.reader_gen, 0);
}

static void a_session_that_is_not_valid_is_ignored(void **state)
{
	static const char *const bad[] = {"", "no-dot", "no-secret."};

	(void)state;
	for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
		memset(ring.session, 0, sizeof(ring.session));
		strcpy(ring.session, bad[i]);
		otr_take_session(&ring);
		assert_string_equal(otr_shim.session, "old.secret");
	}
	memset(ring.session, '.', sizeof(ring.session)); /* without an end */
	otr_take_session(&ring);
	assert_string_equal(otr_shim.session, "old.secret");
}

/* A child of a process that is switched off resets its state; a child of one that is on keeps
 * it. */
static void a_child_of_a_process_that_is_switched_off_resets_its_state(void **state)
{
	(void)state;
	otr_reader_changed_child(NULL);
	otr_shim.reader_gen = 1;
	otr_reader_changed_child(&ring);
	assert_int_equal(otr_shim.reader_gen, 1);
	assert_int_equal(otr_shim.inbounds[7].conn, 9);
	ring.off = 1;
	otr_reader_changed_child(&ring);
	assert_int_equal(otr_shim.reader_gen, 2);
	assert_int_equal(otr_shim.inbounds[7].conn, 0);
	ring.off = 0; /* it was switched on, and has not noticed yet */
	otr_reader_changed_child(&ring);
	assert_int_equal(otr_shim.reader_gen, 3);
}

#define TEST(f) cmocka_unit_test_setup_teardown(f, begin, end)

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(the_state_is_reset),
		TEST(threads_inside_a_call_change_only_their_own_state),
		TEST(exchanges_of_the_parent_do_not_count),
		TEST(one_thread_resets_the_state),
		TEST(a_session_that_is_not_valid_is_ignored),
		TEST(a_child_of_a_process_that_is_switched_off_resets_its_state),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
