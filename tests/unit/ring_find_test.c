/* SPDX-License-Identifier: Apache-2.0 */
/* ring_find_test.c - which line of /proc/PID/maps is a ring; which agent may read it; when to
 * look for one. */

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <errno.h>
#include <sys/wait.h>
#include <unistd.h>

#include "agent/base/clock.h"
#include "agent/source/adopt_retry.h"
#include "agent/source/ring_find.h"
#include "agent/source/ring_lease.h"

static bool is(const char *line)
{
	struct otr_ring_find_range range;

	return otr_ring_find_line(line, 0, 1, &range);
}

static void lines_of_maps(void **state)
{
	struct otr_ring_find_range range;

	(void)state;
	assert_true(otr_ring_find_line("7f10a0000000-7f10a0082000 rw-s 00000000 00:01 2051     "
				       "                  /memfd:otrace-ring (deleted)",
				       0, 1, &range));
	assert_int_equal(range.from, 0x7f10a0000000);
	assert_int_equal(range.to, 0x7f10a0082000);
	assert_false(is("7f10a0082000-7f10a0102000 rw-s 00002000 00:01 2051 "
			"/memfd:otrace-ring (deleted)")); /* the second map of the slots */
	assert_false(is("1000-2000 r--s 00000000 00:01 2051 /memfd:otrace-ring (deleted)"));
	assert_false(is("1000-2000 rw-p 00000000 00:01 2051 /memfd:otrace-ring (deleted)"));
	assert_false(is("1000-2000 rw-s 00000000 fe:01 2051 /memfd:otrace-ring (deleted)"));
	assert_false(is("1000-2000 rw-s 00000000 00:02 2051 /memfd:otrace-ring (deleted)"));
	assert_false(is("1000-2000 rw-s 00000000 00:01 2051 /memfd:otrace-ring"));
	assert_false(is("1000-2000 rw-s 00000000 00:01 2051 /tmp/memfd:otrace-ring (deleted)"));
	assert_false(is("1000-2000 rw-s 00000000 00:01 1 /memfd:otrace-ring2 (deleted)"));
	assert_false(is("1000-2000 rw-s 00000000 00:01 1 /memfd:otrace-ring (deleted) "));
	assert_false(is("1000-2000 rw-s 00000000 00:01 0"));
	assert_false(is("1000-2000 rw-s 00000000 00:01"));
	assert_false(is("1000-"));
	assert_false(is(""));
}

static void a_process_without_a_ring(void **state)
{
	struct otr_ring_find m;

	(void)state;
	assert_int_equal(otr_ring_find_find((uint32_t)getpid(), &m), 0);
	assert_int_equal(m.n, 0);
	assert_int_equal(m.pid, getpid());
	assert_int_equal(m.uid, getuid());
	assert_false(m.carries);
	otr_ring_find_fini(&m);
}

static void a_process_that_has_ended(void **state)
{
	struct otr_ring_find m;
	pid_t pid = fork();

	(void)state;
	if (!pid)
		_exit(0);
	assert_int_equal(waitid(P_PID, (id_t)pid, &(siginfo_t){0}, WEXITED | WNOWAIT), 0);
	assert_int_equal(otr_ring_find_find((uint32_t)pid, &m), -ESRCH); /* its number is its own */
	waitpid(pid, NULL, 0);
	assert_int_equal(otr_ring_find_find((uint32_t)pid, &m), -ESRCH);
}

static void a_lease_has_one_owner(void **state)
{
	const uint64_t now = 100 * OTR_NS_PER_S;
	struct otr_ring ring = {0};

	(void)state;
	assert_true(otr_ring_lease_take(&ring, 1, now));
	assert_false(otr_ring_lease_take(&ring, 2, now + OTR_NS_PER_S));
	assert_false(otr_ring_lease_given(&ring, 2, now));
	assert_true(otr_ring_lease_keep(&ring, 1, now + 2 * OTR_NS_PER_S)); /* renewed */
	assert_false(otr_ring_lease_take(&ring, 2, now + 4 * OTR_NS_PER_S));
	assert_true(otr_ring_lease_take(&ring, 2, now + 6 * OTR_NS_PER_S)); /* expired */
	assert_false(otr_ring_lease_keep(&ring, 1, now + 7 * OTR_NS_PER_S));
	otr_ring_lease_drop(&ring, 1); /* the lease is not that of agent 1 */
	assert_true(otr_ring_lease_keep(&ring, 2, now + 7 * OTR_NS_PER_S));
	otr_ring_lease_drop(&ring, 2);
	assert_true(otr_ring_lease_take(&ring, 1, now + 7 * OTR_NS_PER_S)); /* without waiting */
}

/* For a few seconds a new ring is given only to the agent that it was offered to; later, any agent
 * may take it. */
static void a_new_ring_is_reserved_for_its_agent(void **state)
{
	const uint64_t now = 100 * OTR_NS_PER_S;
	struct otr_ring ring = {.beat_ns = now};

	(void)state;
	assert_false(otr_ring_lease_take(&ring, 2, now + OTR_NS_PER_S));
	assert_true(otr_ring_lease_given(&ring, 1, now + OTR_NS_PER_S));
	ring = (struct otr_ring){.beat_ns = now};
	assert_true(otr_ring_lease_take(&ring, 2, now + 4 * OTR_NS_PER_S));
	assert_false(otr_ring_lease_given(&ring, 1, now + 4 * OTR_NS_PER_S));
}

/* A lease whose time is ahead of the clock is not taken. */
static void a_lease_ahead_of_the_clock(void **state)
{
	struct otr_ring ring = {.reader = 7, .beat_ns = UINT64_MAX};

	(void)state;
	assert_false(otr_ring_lease_take(&ring, 1, OTR_NS_PER_S));
	ring.beat_ns = 5 * OTR_NS_PER_S;
	assert_false(otr_ring_lease_take(&ring, 1, 4 * OTR_NS_PER_S));
}

static void retries_become_rarer_and_end(void **state)
{
	struct otr_adopt_retry *s;
	int n = 0;

	(void)state;
	assert_int_equal(otr_adopt_retry_new(&s), 0);
	assert_true(otr_adopt_retry_due(s, 4, 1));
	assert_false(otr_adopt_retry_due(s, 4, 2));
	assert_true(otr_adopt_retry_due(s, 5, 2));
	for (uint64_t now = OTR_NS_PER_S; now < 1000 * OTR_NS_PER_S; now += OTR_NS_PER_S)
		n += otr_adopt_retry_due(s, 4, now);
	assert_in_range(n, 3, 10); /* and then no more */
	otr_adopt_retry_anew(s, 4);
	assert_true(otr_adopt_retry_due(s, 4, 3));
	otr_adopt_retry_over(s, 4);
	assert_false(otr_adopt_retry_due(s, 4, 1000 * OTR_NS_PER_S));
	for (uint32_t tgid = 100; tgid < 40000; tgid++)
		otr_adopt_retry_due(s, tgid, 4);
	otr_adopt_retry_free(&s);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(lines_of_maps),
		cmocka_unit_test(a_process_without_a_ring),
		cmocka_unit_test(a_process_that_has_ended),
		cmocka_unit_test(a_lease_has_one_owner),
		cmocka_unit_test(a_new_ring_is_reserved_for_its_agent),
		cmocka_unit_test(a_lease_ahead_of_the_clock),
		cmocka_unit_test(retries_become_rarer_and_end),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
