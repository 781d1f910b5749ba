/* SPDX-License-Identifier: Apache-2.0 */
// needs: preload/ring/ring.c preload/ring/behind.c preload/ring/doors.c preload/ring/offer.c
// needs: preload/base/shim.c preload/base/real.c preload/base/find.c
// needs: tests/unit/shim_fakes.c
/* shims_test.c - a process and the agent at both ends of a ring: switches reach the process at
 * once, and its counters are believed only within limits. */

#include "tests/unit/ring_ends.h"

static uint64_t threshold_of(void *arg, uint32_t tgid)
{
	(void)arg;
	return tgid ? 9 : 0;
}

static void switches_reach_the_ring(void **state)
{
	struct otr_ring_switches switches = {.flags = OTR_RING_NO_INJECT};

	(void)state;
	switches.hosts.n = 1;
	strcpy(switches.hosts.name[0], "a.example");
	otr_shims_set_switches(shims, &switches);
	otr_shims_on_threshold(shims, threshold_of, NULL);
	otr_shims_pause(shims, true);
	joins(); /* a process that joins after the switch was set */
	assert_true(otr_switch_is_on(OTR_RING_NO_INJECT));
	assert_false(otr_switch_is_on(OTR_RING_NO_OBSERVE));
	assert_true(otr_shim.ring->paused);
	assert_int_equal(otr_shim.ring->switches.threshold, 9);
	assert_string_equal(otr_shim.ring->switches.hosts.name[0], "a.example");
	otr_shims_pause(shims, false);
	assert_false(otr_shim.ring->paused);
	switches.flags = OTR_RING_NO_OBSERVE;
	switches.hosts.n = 2;
	strcpy(switches.hosts.name[1], "b");
	otr_shims_set_switches(shims, &switches);
	assert_true(otr_switch_is_on(OTR_RING_NO_OBSERVE));
	assert_false(otr_switch_is_on(OTR_RING_NO_INJECT));
	assert_int_equal(otr_shim.ring->switches.hosts.n, 2);
	otr_shim.switches.flags = OTR_RING_NO_INJECT; /* set by its environment: that holds, too */
	assert_true(otr_switch_is_on(OTR_RING_NO_INJECT));
}

/* The count of late evidence continues, whatever else is switched meanwhile. */
static void late_evidence_is_counted_across_switches(void **state)
{
	struct otr_ring_switches switches = {.flags = 0};

	(void)state;
	joins();
	assert_int_equal(otr_shim.ring->late_evidence, 0);
	otr_shims_late(shims);
	otr_shims_set_switches(shims, &switches);
	assert_int_equal(otr_shim.ring->late_evidence, 1);
	otr_shims_handoff(shims, 1); /* of another process */
	assert_int_equal(otr_shim.ring->late_evidence, 1);
	otr_shims_handoff(shims, (uint32_t)getpid());
	otr_shims_handoff(shims, (uint32_t)getpid());
	assert_int_equal(otr_shim.ring->late_evidence, 3);
	otr_shims_set_switches(shims, &switches);
	assert_int_equal(otr_shim.ring->late_evidence, 3);
}

static void one_process_is_switched_off(void **state)
{
	(void)state;
	joins();
	otr_shims_off(shims, 1);
	assert_false(*otr_shim.off);
	assert_false(otr_shims_on_again(shims, (uint32_t)getpid(), 2));
	otr_shims_off(shims, (uint32_t)getpid());
	assert_true(*otr_shim.off);
	assert_false(otr_shims_on_again(shims, 1, 2));
	assert_true(otr_shims_on_again(shims, (uint32_t)getpid(), 2));
	assert_false(*otr_shim.off);
}

static void counters_of_the_ring_are_losses(void **state)
{
	(void)state;
	joins();
	otr_count(OTR_SHIM_SHED);
	otr_count(OTR_SHIM_SHED);
	otr_count(OTR_SHIM_DROPPED);
	otr_shims_poll(shims, 2, came, NULL);
	otr_shims_poll(shims, 3, came, NULL);
	assert_int_equal(lost[OTR_LOSS_BUDGET], 2);
	assert_int_equal(lost[OTR_LOSS_RING], 1);
	assert_in_range(otr_shims_cost_ns(shims), 1, 10000);
	otr_shim.ring->counts[OTR_SHIM_SHED] = 0; /* a counter that decreases counts as nothing */
	otr_shims_poll(shims, 4, came, NULL);
	assert_int_equal(lost[OTR_LOSS_BUDGET], 2);
}

static uint64_t cpu_ns(void)
{
	return otr_clock(CLOCK_PROCESS_CPUTIME_ID);
}

/* The process may write any time that the library spent; no more is counted than the CPU that
 * the process used. */
static void the_cost_is_no_more_than_the_cpu_used(void **state)
{
	uint64_t from = cpu_ns(), spent;

	(void)state;
	joins();
	for (uint64_t i = 1; i <= 1000; i++) {
		otr_shim.ring->counts[OTR_SHIM_SHED] = i << 50;
		otr_shim.ring->counts[OTR_SHIM_DROPPED] = i << 50;
		otr_shims_poll(shims, i, came, NULL);
	}
	spent = cpu_ns() - from + 1000000; /* the first ms is believed */
	assert_in_range(otr_shims_cost_ns(shims), 1, spent);
	assert_true(lost[OTR_LOSS_BUDGET] + lost[OTR_LOSS_RING] < 2 * spent / 50);
}

/* CPU that the process used earlier, for other work, is not counted as spent by the library. */
static void cpu_that_was_used_earlier_is_no_cost(void **state)
{
	uint64_t from;

	(void)state;
	joins();
	for (from = cpu_ns(); cpu_ns() < from + 300000000;)
		;
	otr_shim.ring->counts[OTR_SHIM_DROPPED] = 1ull << 50;
	otr_shims_poll(shims, 2, came, NULL);
	assert_in_range(otr_shims_cost_ns(shims), 90000000, 100000000);
}

/* The agent alone decides the switches, and does not read them back from the ring. */
static void switches_are_not_read_back_from_the_ring(void **state)
{
	struct otr_ring_switches switches = {.flags = OTR_RING_NO_INJECT};

	(void)state;
	otr_shims_set_switches(shims, &switches);
	joins();
	memset(&otr_shim.ring->tail, 0xff, sizeof(otr_shim.ring->tail));
	memset(&otr_shim.ring->switches, 0xff, sizeof(otr_shim.ring->switches));
	otr_shims_drain(shims, 2, came, NULL);
	otr_shims_pause(shims, true);
	otr_shims_set_switches(shims, &switches);
	assert_int_equal(otr_shim.ring->switches.flags, OTR_RING_NO_INJECT);
	assert_int_equal(otr_shim.ring->switches.hosts.n, 0);
	assert_int_equal(otr_shim.ring->paused, 1);
	otr_shim.ring->magic = 0;
	otr_shim.ring->bytes = 1u << 31;
	otr_shims_poll(shims, 3, came, NULL);
	assert_int_equal(otr_shims_alive(shims), 1);
}

/* What a process counted last, before its end, counts. */
static void counts_right_before_the_end_count(void **state)
{
	(void)state;
	joins();
	otr_count(OTR_SHIM_SHED);
	joins(); /* the process executes another program */
	assert_int_equal(otr_shims_alive(shims), 1);
	assert_int_equal(lost[OTR_LOSS_BUDGET], 1);
	assert_int_equal(otr_shims_count(shims, OTR_SHIM_SHED), 1);
}

/* Without one more descriptor, the agent would not learn when the process ends: it refuses the
 * ring, and switches the process off, so that it names no span that is not emitted. */
static void without_a_descriptor_the_ring_is_refused(void **state)
{
	struct rlimit had, few;
	uint64_t was = otr_loss_get(OTR_LOSS_EVICT);
	int next = dup(0);

	(void)state;
	say_session();
	otr_shim.pid = getpid();
	assert_true(otr_ring_ready());
	assert_false(*otr_shim.off);
	getrlimit(RLIMIT_NOFILE, &had);
	few = had;
	few.rlim_cur = (rlim_t)next + 1; /* for the ring itself */
	close(next);
	setrlimit(RLIMIT_NOFILE, &few);
	otr_shims_drain(shims, 1, came, NULL);
	setrlimit(RLIMIT_NOFILE, &had);
	assert_int_equal(otr_shims_alive(shims), 0);
	assert_int_equal(otr_loss_get(OTR_LOSS_EVICT), was + 1);
	assert_true(*otr_shim.off);
}

/* The processes of one user leave slots for those of others. */
static void another_user_has_a_quarter_of_the_rings(void **state)
{
	const size_t quarter = OTR_SHIM_RINGS / 4;

	(void)state;
	assert_true(otr_shims_room(quarter, quarter - 1, geteuid() + 1));
	assert_false(otr_shims_room(quarter, quarter, geteuid() + 1));
	assert_true(otr_shims_room(quarter, quarter, geteuid()));
	assert_true(otr_shims_room(OTR_SHIM_RINGS - 1, 0, geteuid() + 1));
	assert_false(otr_shims_room(OTR_SHIM_RINGS, 0, geteuid()));
}

#define TEST(f) cmocka_unit_test_setup_teardown(f, begin, end)

static void a_child_that_is_made_meanwhile(void **state)
{
	(void)state;
	child = closes;
	joins();
	child = keeps;
	joins();
	child = NULL;
	assert_int_equal(rings_open(), 0);
}

static uint64_t reported_after(uint64_t time_ns, uint64_t now_ns)
{
	emit_at_ring(time_ns);
	otr_shims_drain(shims, now_ns, came, NULL);
	return reported_ns;
}

/* The rings are read once in a while: records keep their times, by which those of the kernel are
 * ordered, too. */
static void records_keep_their_times(void **state)
{
	uint64_t now = otr_now(), at;

	(void)state;
	joins();
	assert_int_equal(reported_after(now - 7, now), now - 7);
	assert_int_equal(reported_after(now, now - 5 * OTR_NS_PER_MS), now);
	at = reported_after(now + 60 * OTR_NS_PER_S, now);
	assert_in_range(at, now, otr_now());
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(switches_reach_the_ring),
		TEST(late_evidence_is_counted_across_switches),
		TEST(one_process_is_switched_off),
		TEST(counters_of_the_ring_are_losses),
		TEST(the_cost_is_no_more_than_the_cpu_used),
		TEST(cpu_that_was_used_earlier_is_no_cost),
		TEST(switches_are_not_read_back_from_the_ring),
		TEST(counts_right_before_the_end_count),
		TEST(another_user_has_a_quarter_of_the_rings),
		TEST(without_a_descriptor_the_ring_is_refused),
		TEST(a_child_that_is_made_meanwhile),
		TEST(records_keep_their_times),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
