/* SPDX-License-Identifier: Apache-2.0 */
// needs: preload/ring/ring.c preload/ring/behind.c preload/ring/doors.c preload/ring/offer.c
// needs: preload/base/shim.c preload/base/real.c preload/base/find.c
// needs: tests/unit/shim_fakes.c
/* adopt_test.c - an agent finds the ring of a process that carries the library: it reads a ring
 * that has no reader, and accepts no forged one. */

#include "tests/unit/ring_ends.h"

/* Another agent. It looks for rings in this process, among the descriptors. */
static struct otr_shims *later;
static uint32_t left_to_it;

static size_t held(void)
{
	const struct shim *sh;
	size_t n = 0;

	DL_COUNT(later->held, sh, n);
	return n;
}

static void is_left(void *arg, uint32_t tgid)
{
	(void)arg;
	assert_true(otr_shim.ring->off); /* the agent has not switched it on yet */
	left_to_it = tgid;
}

static enum otr_adopt finds(int fd, uint32_t pid, uint64_t now_ns)
{
	struct otr_ring_find m = {.pidfd = (int)syscall(SYS_pidfd_open, getpid(), 0),
				  .pid = pid,
				  .fds = {fd},
				  .n = 1};
	enum otr_adopt is;

	is = otr_shims_adopt_found(later, &m, (uint32_t)getpid(), now_ns);
	otr_ring_find_fini(&m);
	return is;
}

static int begin_later(void **state)
{
	struct otr_err err;
	int rc = begin(state);

	left_to_it = 0;
	keep = true;
	rc = rc ? rc : otr_shims_open(&later, &err);
	if (rc)
		return rc;
	otr_shims_on_born(later, is_born, NULL);
	otr_shims_on_adopt(later, is_left, NULL);
	return 0;
}

static int end_later(void **state)
{
	keep = false;
	otr_shims_close(&later);
	return end(state);
}

/* Makes a ring as a process does; no agent listens at its doors. */
static int waiting(void)
{
	memset(&otr_shim, 0, sizeof(otr_shim));
	otr_shim.pid = getpid();
	assert_false(otr_ring_ready());
	assert_true(otr_shim.is_offered);
	assert_true(*otr_shim.off);
	return kept;
}

static void one_that_waits_is_found(void **state)
{
	int fd = waiting();
	uint32_t gen = otr_shim.ring->gen;

	(void)state;
	otr_count(OTR_SHIM_INJECTED);
	assert_int_equal(finds(fd, (uint32_t)getpid(), otr_now()), OTR_ADOPT_TAKEN);
	assert_int_equal(left_to_it, getpid());
	assert_false(*otr_shim.off);
	assert_int_not_equal(otr_shim.ring->gen, gen);
	assert_string_equal(otr_shim.ring->session, otr_shims_session(later));
	assert_int_equal(otr_shims_count(later, OTR_SHIM_INJECTED), 0); /* of before */
	otr_count(OTR_SHIM_INJECTED);
	assert_int_equal(otr_shims_count(later, OTR_SHIM_INJECTED), 1);
	otr_shims_close(&later);
	assert_true(*otr_shim.off);
	assert_true(otr_ring_lease_is_free(otr_shim.ring, otr_now()));
}

static void its_makers_is_not_its_own(void **state)
{
	int fd = waiting();

	(void)state;
	assert_int_equal(finds(fd, (uint32_t)getpid() + 1, otr_now()), OTR_ADOPT_LATER);
	assert_true(*otr_shim.off);
	assert_int_equal(otr_shim.ring->reader, 0);
}

/* The agent to which the ring was offered is its reader. If that agent stands still for long,
 * another becomes the reader; the first finds that out, and leaves the ring as it is. */
static void who_came_first(void **state)
{
	uint64_t now;
	int fd;

	(void)state;
	joins();
	fd = kept;
	now = otr_now();
	otr_shims_drain(shims, now, came, NULL);
	assert_int_equal(finds(fd, (uint32_t)getpid(), now), OTR_ADOPT_HELD);
	assert_int_equal(held(), 1);
	otr_shims_drain(later, now + OTR_NS_PER_S, came, NULL);
	assert_int_equal(otr_shims_alive(later), 0);
	otr_shims_drain(later, now + 4 * OTR_NS_PER_S, came, NULL);
	assert_int_equal(held(), 0);
	assert_int_equal(otr_shims_alive(later), 1);
	assert_int_equal(left_to_it, getpid());
	otr_shims_drain(shims, now + 4 * OTR_NS_PER_S, came, NULL);
	assert_int_equal(otr_shims_alive(shims), 0);
	assert_false(*otr_shim.off);
	otr_shims_close(&later); /* the first agent may be the reader again */
	assert_true(*otr_shim.off);
	otr_shims_drain(shims, now + 6 * OTR_NS_PER_S, came, NULL);
	assert_int_equal(otr_shims_alive(shims), 1);
	assert_false(*otr_shim.off);
}

/* Records that were written for an earlier reader are dropped; later ones are read. */
static void what_lay_in_it(void **state)
{
	int fd;

	(void)state;
	joins();
	fd = kept;
	otr_shims_close(&shims);
	reported_ns = 0;
	emit_at_ring(5);
	assert_int_equal(finds(fd, (uint32_t)getpid(), otr_now()), OTR_ADOPT_TAKEN);
	otr_shims_drain(later, otr_now(), came, NULL);
	assert_int_equal(reported_ns, 0);
	emit_at_ring(6);
	otr_shims_drain(later, otr_now(), came, NULL);
	assert_int_equal(reported_ns, 6);
}

/* Memory of that name that is no ring: too small, not sealed, another magic word, a wrong head,
 * a lease without an end. */
static void forged(void **state)
{
	struct otr_ring *ring;
	int fd = memfd_create(OTR_RING_NAME, MFD_ALLOW_SEALING), good;

	(void)state;
	assert_int_equal(finds(dup(fd), 1, otr_now()), OTR_ADOPT_LATER);
	assert_int_equal(ftruncate(fd, OTR_RING_HEAD + OTR_RING_BYTES), 0);
	assert_int_equal(finds(dup(fd), 1, otr_now()), OTR_ADOPT_LATER);
	fcntl(fd, F_ADD_SEALS, F_SEAL_SHRINK | F_SEAL_GROW);
	assert_int_equal(finds(dup(fd), 1, otr_now()), OTR_ADOPT_LATER);
	ring = mmap(NULL, sizeof(*ring), PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);
	ring->magic = OTR_RING_MAGIC;
	ring->abi = OTR_ABI;
	ring->bytes = OTR_RING_BYTES;
	ring->tgid = 1;
	ring->head = 7;
	good = dup(fd);
	otr_shim.ring = ring; /* for is_left() */
	assert_int_equal(finds(good, 1, otr_now()), OTR_ADOPT_NONE);
	assert_int_equal(otr_shims_alive(later), 0);
	ring->head = 0;
	ring->reader = 3;
	ring->beat_ns = UINT64_MAX;
	assert_int_equal(finds(dup(fd), 1, otr_now()), OTR_ADOPT_HELD);
	otr_shims_drain(later, otr_now() + 60 * OTR_NS_PER_S, came, NULL);
	assert_int_equal(otr_shims_alive(later), 0);
	ring->beat_ns = 1;
	otr_shims_drain(later, otr_now() + 120 * OTR_NS_PER_S, came, NULL);
	assert_int_equal(otr_shims_alive(later), 1);
	ring->reader = 3; /* the ring says that another agent reads it */
	otr_shims_drain(later, otr_now() + 120 * OTR_NS_PER_S, came, NULL);
	assert_int_equal(otr_shims_alive(later), 0);
	assert_int_equal(held(), 1);
	otr_shims_off(later, (uint32_t)getpid()); /* the process is switched off, and stays so */
	otr_shims_drain(later, otr_now() + 180 * OTR_NS_PER_S, came, NULL);
	assert_int_equal(otr_shims_alive(later) + held(), 0);
	munmap(ring, sizeof(*ring));
	close(fd);
}

#define LATER(f) cmocka_unit_test_setup_teardown(f, begin_later, end_later)

int main(void)
{
	const struct CMUnitTest tests[] = {
		LATER(one_that_waits_is_found),
		LATER(its_makers_is_not_its_own),
		LATER(who_came_first),
		LATER(what_lay_in_it),
		LATER(forged),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
