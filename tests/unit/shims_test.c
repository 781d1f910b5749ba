/* SPDX-License-Identifier: Apache-2.0 */
// needs: preload/ring.c preload/real.c preload/find.c agent/source/ring.c agent/source/event.c
// needs: agent/source/shim.c agent/source/shim_conn.c agent/source/offer.c agent/source/watch.c
// needs: agent/source/bill.c
// needs: agent/source/shim_adopt.c agent/source/claim.c agent/source/mapped.c
// needs: agent/loss.c agent/base/err.c agent/base/buf.c agent/base/text.c
/* shims_test.c - a process and the agent at both ends of a ring: what is said reaches it at
 * once, and what it counts is believed only so far. */

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include "agent/base/clock.h"
#include "agent/base/err.h"
#include "agent/loss.h"
#include "agent/source/claim.h"
#include "agent/source/mapped.h"
#include "agent/source/shim.h"
#include "agent/source/shim_int.h"
#include "preload/real.h"
#include "preload/shim.h"

struct otr_shim otr_shim; /* shim.c's, without its constructor */
static struct otr_shims *shims;
static uint32_t born;
static uint64_t lost[OTR_LOSS_MAX];
static uint64_t told_ns; /* of the last connection */

uint64_t otr_clock_ns(void)
{
	return otr_now();
}

void otr_take_session(const struct otr_ring *ring)
{
	(void)ring;
}

void otr_tell_process(void)
{
}

void otr_tell_environment(void)
{
}

void otr_tell_behind(void)
{
}

static bool is_ring_fd(int fd)
{
	char name[64], to[64] = "";

	snprintf(name, sizeof(name), "/proc/self/fd/%d", fd);
	return readlink(name, to, sizeof(to) - 1) > 0 && strstr(to, "memfd:otrace-ring");
}

static int rings_open(void)
{
	int n = 0;

	for (int fd = 0; fd < 100; fd++)
		n += is_ring_fd(fd);
	return n;
}

/* Of the ring that is made this moment, where it is kept for another agent to find. */
static bool keep;
static int kept;

static void keep_ring(void)
{
	int fd = 0;

	while (fd < 100 && !is_ring_fd(fd))
		fd++;
	kept = dup(fd);
}

/* What a child does that is made now. */
static int (*child)(void);

static int closes(void)
{
	int was = rings_open();

	otr_ring_forked();
	return was == 1 && !rings_open();
}

/* It has closed all that it had, and the number is another's. */
static int keeps(void)
{
	struct stat st;

	for (int fd = 3; fd < 100; fd++)
		dup2(0, fd);
	otr_ring_forked();
	for (int fd = 3; fd < 100; fd++)
		if (fstat(fd, &st))
			return 0;
	return 1;
}

/* Asked for while a ring is made. */
uint32_t otr_netns(void)
{
	int status = 0;
	pid_t pid = child ? fork() : -1;

	if (keep)
		keep_ring();
	if (!pid)
		_exit(!child());
	if (pid > 0)
		waitpid(pid, &status, 0);
	assert_int_equal(status, 0);
	return 1;
}

static void is_born(void *arg, uint32_t tgid)
{
	(void)arg;
	born = tgid;
}

static int came(void *arg, const struct otr_event *ev)
{
	const struct otr_ev_lost *at = (const void *)ev;

	(void)arg;
	if (ev->kind == OTR_EV_LOST)
		lost[at->cause] += at->n;
	if (ev->kind == OTR_EV_CONN_OPEN)
		told_ns = ev->time_ns;
	return 0;
}

static void say_session(void)
{
	const char *session = otr_shims_session(shims);

	memset(&otr_shim, 0, sizeof(otr_shim));
	otr_shim.session_len = (uint16_t)strlen(session);
	otr_shim.name_len = (uint16_t)strcspn(session, ".");
	memcpy(otr_shim.session, session, otr_shim.session_len);
}

/* This process has the library, and offers its ring to itself. */
static void joins(void)
{
	say_session();
	otr_shim.pid = getpid();
	assert_true(otr_ring_ready());
	born = 0;
	otr_shims_drain(shims, 1, is_born, came, NULL);
	assert_int_equal(born, getpid());
}

static int begin(void **state)
{
	struct otr_err err;

	(void)state;
	memset(lost, 0, sizeof(lost));
	otr_real_find();
	return otr_shims_open(&shims, &err);
}

static int end(void **state)
{
	(void)state;
	otr_shims_close(&shims);
	return 0;
}

static void what_is_said_is_heard(void **state)
{
	struct otr_ring_switches say = {.flags = OTR_RING_NO_INJECT, .threshold = 9};

	(void)state;
	say.hosts.n = 1;
	strcpy(say.hosts.name[0], "a.example");
	otr_shims_say(shims, &say);
	otr_shims_pause(shims, true);
	joins(); /* after it was said */
	assert_true(otr_is_told(OTR_RING_NO_INJECT));
	assert_false(otr_is_told(OTR_RING_NO_OBSERVE));
	assert_true(otr_shim.ring->paused);
	assert_int_equal(otr_shim.ring->say.threshold, 9);
	assert_string_equal(otr_shim.ring->say.hosts.name[0], "a.example");
	otr_shims_pause(shims, false);
	assert_false(otr_shim.ring->paused);
	say.flags = OTR_RING_NO_OBSERVE;
	say.hosts.n = 2;
	strcpy(say.hosts.name[1], "b");
	otr_shims_say(shims, &say);
	assert_true(otr_is_told(OTR_RING_NO_OBSERVE));
	assert_false(otr_is_told(OTR_RING_NO_INJECT));
	assert_int_equal(otr_shim.ring->say.hosts.n, 2);
	otr_shim.say.flags = OTR_RING_NO_INJECT; /* by its environment: it holds, too */
	assert_true(otr_is_told(OTR_RING_NO_INJECT));
}

static void one_is_switched_off(void **state)
{
	(void)state;
	joins();
	otr_shims_off(shims, 1);
	assert_false(*otr_shim.off);
	otr_shims_off(shims, (uint32_t)getpid());
	assert_true(*otr_shim.off);
}

static void what_it_counts(void **state)
{
	(void)state;
	joins();
	otr_count(OTR_SHIM_LET_GO);
	otr_count(OTR_SHIM_LET_GO);
	otr_count(OTR_SHIM_DROPPED);
	otr_shims_poll(shims, 2, came, NULL);
	otr_shims_poll(shims, 3, came, NULL);
	assert_int_equal(lost[OTR_LOSS_BUDGET], 2);
	assert_int_equal(lost[OTR_LOSS_RING], 1);
	assert_in_range(otr_shims_cost_ns(shims), 1, 10000);
	otr_shim.ring->counts[OTR_SHIM_LET_GO] = 0; /* what goes back is nothing */
	otr_shims_poll(shims, 4, came, NULL);
	assert_int_equal(lost[OTR_LOSS_BUDGET], 2);
}

static uint64_t cpu_ns(void)
{
	return otr_clock(CLOCK_PROCESS_CPUTIME_ID);
}

/* It writes what it likes there, and has spent no more than it has used. */
static void what_it_cannot_have_counted(void **state)
{
	uint64_t from = cpu_ns(), spent;

	(void)state;
	joins();
	for (uint64_t i = 1; i <= 1000; i++) {
		otr_shim.ring->counts[OTR_SHIM_LET_GO] = i << 50;
		otr_shim.ring->counts[OTR_SHIM_DROPPED] = i << 50;
		otr_shims_poll(shims, i, came, NULL);
	}
	spent = cpu_ns() - from + 1000000; /* the first ms is believed */
	assert_in_range(otr_shims_cost_ns(shims), 1, spent);
	assert_true(lost[OTR_LOSS_BUDGET] + lost[OTR_LOSS_RING] < 2 * spent / 50);
}

/* What it used long ago, for something else, it cannot be billed for now. */
static void what_it_has_not_spent_of_late(void **state)
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

/* All that the agent writes there is its to write: it does not read it back. */
static void its_switches_are_not_believed(void **state)
{
	struct otr_ring_switches say = {.flags = OTR_RING_NO_INJECT};

	(void)state;
	otr_shims_say(shims, &say);
	joins();
	memset(&otr_shim.ring->tail, 0xff, sizeof(otr_shim.ring->tail));
	memset(&otr_shim.ring->say, 0xff, sizeof(otr_shim.ring->say));
	otr_shims_drain(shims, 2, is_born, came, NULL);
	otr_shims_pause(shims, true);
	otr_shims_say(shims, &say);
	assert_int_equal(otr_shim.ring->say.flags, OTR_RING_NO_INJECT);
	assert_int_equal(otr_shim.ring->say.hosts.n, 0);
	assert_int_equal(otr_shim.ring->paused, 1);
	otr_shim.ring->magic = 0;
	otr_shim.ring->bytes = 1u << 31;
	otr_shims_poll(shims, 3, came, NULL);
	assert_int_equal(otr_shims_alive(shims), 1);
}

/* What was counted last, by one that is over, counts. */
static void the_last_of_one_that_is_over(void **state)
{
	(void)state;
	joins();
	otr_count(OTR_SHIM_LET_GO);
	joins(); /* another program in the same process */
	assert_int_equal(otr_shims_alive(shims), 1);
	assert_int_equal(lost[OTR_LOSS_BUDGET], 1);
	assert_int_equal(otr_shims_count(shims, OTR_SHIM_LET_GO), 1);
}

/* Without a descriptor more nobody would know when it ends: it is refused, and switched off
 * so that it names no span that nobody sees. */
static void no_descriptor_for_it(void **state)
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
	otr_shims_drain(shims, 1, is_born, came, NULL);
	setrlimit(RLIMIT_NOFILE, &had);
	assert_int_equal(otr_shims_alive(shims), 0);
	assert_int_equal(otr_loss_get(OTR_LOSS_EVICT), was + 1);
	assert_true(*otr_shim.off);
}

/* So that one user's processes leave room for the others'. */
static void a_quarter_for_another_user(void **state)
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

static void tells_at_ring(uint64_t time_ns)
{
	struct otr_ev_conn *cn;
	uint64_t place;

	cn = otr_ring_reserve(sizeof(*cn), &place);
	memset(cn, 0, sizeof(*cn));
	cn->hdr = (struct otr_event){.kind = OTR_EV_CONN_OPEN, .hook = OTR_HOOK_PRELOAD,
				     .size = sizeof(*cn), .time_ns = time_ns, .conn = 1};
	otr_ring_commit(place);
}

static uint64_t tells_at(uint64_t time_ns, uint64_t now_ns)
{
	tells_at_ring(time_ns);
	otr_shims_drain(shims, now_ns, is_born, came, NULL);
	return told_ns;
}

/* The rings are read for a while: what was told meanwhile keeps its time, which the kernel
 * side's records are ordered by, too. */
static void its_times(void **state)
{
	uint64_t now = otr_now(), at;

	(void)state;
	joins();
	assert_int_equal(tells_at(now - 7, now), now - 7);
	assert_int_equal(tells_at(now, now - 5 * OTR_NS_PER_MS), now);
	at = tells_at(now + 60 * OTR_NS_PER_S, now);
	assert_in_range(at, now, otr_now());
}

/* Another agent looks at this process, where it finds memory with such descriptors. */
static struct otr_shims *later;
static uint32_t left_to_it;

static void is_left(void *arg, uint32_t tgid)
{
	(void)arg;
	assert_true(otr_shim.ring->off); /* it is not switched on yet */
	left_to_it = tgid;
}

static enum otr_adopt finds(int fd, uint32_t pid, uint64_t now_ns)
{
	struct otr_mapped m = {.pidfd = (int)syscall(SYS_pidfd_open, getpid(), 0),
			       .pid = pid, .fds = {fd}, .n = 1};
	enum otr_adopt is;

	is = otr_shims_adopt_found(later, &m, (uint32_t)getpid(), now_ns);
	otr_mapped_fini(&m);
	return is;
}

static int begin_later(void **state)
{
	struct otr_err err;
	int rc = begin(state);

	left_to_it = 0;
	keep = true;
	rc = rc ? rc : otr_shims_open(&later, &err);
	if (!rc)
		otr_shims_on_adopt(later, is_left, NULL);
	return rc;
}

static int end_later(void **state)
{
	keep = false;
	otr_shims_close(&later);
	return end(state);
}

/* Made here, as a process makes it; nobody is at its doors. */
static int waiting(void)
{
	memset(&otr_shim, 0, sizeof(otr_shim));
	otr_shim.pid = getpid();
	assert_false(otr_ring_ready());
	assert_true(otr_shim.given);
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
	assert_int_equal(otr_shims_count(later, OTR_SHIM_INJECTED), 0); /* before us */
	otr_count(OTR_SHIM_INJECTED);
	assert_int_equal(otr_shims_count(later, OTR_SHIM_INJECTED), 1);
	otr_shims_close(&later);
	assert_true(*otr_shim.off);
	assert_true(otr_claim_is_free(otr_shim.ring, otr_now()));
}

static void its_makers_is_not_its_own(void **state)
{
	int fd = waiting();

	(void)state;
	assert_int_equal(finds(fd, (uint32_t)getpid() + 1, otr_now()), OTR_ADOPT_LATER);
	assert_true(*otr_shim.off);
	assert_int_equal(otr_shim.ring->reader, 0);
}

/* Who offers it chose its reader. When that is halted for long another has it; it finds that
 * out, and leaves all as it is. */
static void who_came_first(void **state)
{
	uint64_t now;
	int fd;

	(void)state;
	joins();
	fd = kept;
	now = otr_now();
	otr_shims_drain(shims, now, is_born, came, NULL);
	assert_int_equal(finds(fd, (uint32_t)getpid(), now), OTR_ADOPT_HELD);
	assert_int_equal(otr_shims_held(later), 1);
	otr_shims_drain(later, now + OTR_NS_PER_S, is_born, came, NULL);
	assert_int_equal(otr_shims_alive(later), 0);
	otr_shims_drain(later, now + 4 * OTR_NS_PER_S, is_born, came, NULL);
	assert_int_equal(otr_shims_held(later), 0);
	assert_int_equal(otr_shims_alive(later), 1);
	assert_int_equal(left_to_it, getpid());
	otr_shims_drain(shims, now + 4 * OTR_NS_PER_S, is_born, came, NULL);
	assert_int_equal(otr_shims_alive(shims), 0);
	assert_false(*otr_shim.off);
	otr_shims_close(&later); /* and may have it again */
	assert_true(*otr_shim.off);
	otr_shims_drain(shims, now + 6 * OTR_NS_PER_S, is_born, came, NULL);
	assert_int_equal(otr_shims_alive(shims), 1);
	assert_false(*otr_shim.off);
}

/* What was told for another is nobody's any more; what comes then is. */
static void what_lay_in_it(void **state)
{
	int fd;

	(void)state;
	joins();
	fd = kept;
	otr_shims_close(&shims);
	told_ns = 0;
	tells_at_ring(5);
	assert_int_equal(finds(fd, (uint32_t)getpid(), otr_now()), OTR_ADOPT_TAKEN);
	otr_shims_drain(later, otr_now(), is_born, came, NULL);
	assert_int_equal(told_ns, 0);
	tells_at_ring(6);
	otr_shims_drain(later, otr_now(), is_born, came, NULL);
	assert_int_equal(told_ns, 6);
}

/* Memory of that name that is none of ours: too small, unsealed, another word, a crooked head,
 * a reader who lives for ever. */
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
	otr_shims_drain(later, otr_now() + 60 * OTR_NS_PER_S, is_born, came, NULL);
	assert_int_equal(otr_shims_alive(later), 0);
	ring->beat_ns = 1;
	otr_shims_drain(later, otr_now() + 120 * OTR_NS_PER_S, is_born, came, NULL);
	assert_int_equal(otr_shims_alive(later), 1);
	ring->reader = 3; /* it says that another has it */
	otr_shims_drain(later, otr_now() + 120 * OTR_NS_PER_S, is_born, came, NULL);
	assert_int_equal(otr_shims_alive(later), 0);
	assert_int_equal(otr_shims_held(later), 1);
	otr_shims_off(later, (uint32_t)getpid()); /* it is not wanted: nor is it later */
	otr_shims_drain(later, otr_now() + 180 * OTR_NS_PER_S, is_born, came, NULL);
	assert_int_equal(otr_shims_alive(later) + otr_shims_held(later), 0);
	munmap(ring, sizeof(*ring));
	close(fd);
}

#define LATER(f) cmocka_unit_test_setup_teardown(f, begin_later, end_later)

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(what_is_said_is_heard), TEST(one_is_switched_off),
		TEST(what_it_counts),	     TEST(what_it_cannot_have_counted),
		TEST(what_it_has_not_spent_of_late),
		TEST(its_switches_are_not_believed),
		TEST(the_last_of_one_that_is_over), TEST(a_quarter_for_another_user),
		TEST(no_descriptor_for_it), TEST(a_child_that_is_made_meanwhile),
		TEST(its_times),
		LATER(one_that_waits_is_found),
		LATER(its_makers_is_not_its_own),
		LATER(who_came_first),
		LATER(what_lay_in_it),
		LATER(forged),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
