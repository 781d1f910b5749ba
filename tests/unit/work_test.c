/* SPDX-License-Identifier: Apache-2.0 */
/*
 * work_test.c - R6c, as small stories: which of a worker's requests were sent for whom.
 *
 * Handlers a, b and c read requests, leave the work to a pool of workers 1, 2 and 3, and wait. A
 * story is a line of steps; each worker that wakes a handler adds to `claims` how many of its
 * requests are claimed for that handler's exchange.
 *
 *	a< a>       a request comes to handler a; is answered
 *	a1          a queues a job and wakes worker 1, which was asleep
 *	1> 1<       worker 1 sends a request; reads the answer
 *	1a          worker 1 wakes handler a, who waits for its job
 *	1x          worker 1 ends
 */

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

#include "bpf/causality.h"

#define ASKS 64

struct handler {
	uint64_t entry_ns; /* when it read its request */
	struct otr_work work;
};

struct worker {
	struct otr_work work;
	uint64_t sent_ns[ASKS];
	size_t n;
};

struct pool {
	struct otr_proc_state proc;
	struct handler handlers[3];
	struct worker workers[3];
	uint64_t now;
	char claims[16];
};

static uint32_t tid_of_handler(int i)
{
	return 10 + (uint32_t)i;
}

static void asks(struct pool *p, struct worker *w)
{
	assert_true(w->n < ASKS);
	w->sent_ns[w->n++] = p->now - 1; /* a library takes its time before the call */
	otr_r6c_ask(&w->work, &p->proc, p->now);
}

/* As otr_stitch_handoff() picks them: what the worker sent between two times. */
static int picked(const struct pool *p, const struct worker *w, uint64_t since)
{
	int n = 0;

	for (size_t i = 0; i < w->n; i++)
		n += w->sent_ns[i] >= since && w->sent_ns[i] <= p->now;
	return n;
}

static void wakes_handler(struct pool *p, struct worker *w, int i)
{
	struct handler *h = &p->handlers[i];
	uint64_t entry = h->entry_ns > h->work.woken_ns ? h->entry_ns : h->work.woken_ns;
	uint64_t since = otr_r6c_since(&w->work, &p->proc, tid_of_handler(i), entry);

	if (since && since < h->entry_ns)
		since = h->entry_ns;
	p->claims[strlen(p->claims)] = (char)('0' + (since ? picked(p, w, since) : 0));
	otr_r6c_end(&w->work, &p->proc, tid_of_handler(i), p->now);
	otr_r6c_border(&h->work, 1, 0, p->now);
}

static void handler_step(struct pool *p, int i, char what)
{
	if (what == '<') {
		p->handlers[i].entry_ns = p->now;
		p->proc.open++;
	} else if (what == '>') {
		p->proc.open--;
	} else {
		otr_r6c_begin(&p->workers[what - '1'].work, &p->proc, tid_of_handler(i), p->now);
	}
}

static void worker_step(struct pool *p, struct worker *w, char what)
{
	if (what == '>')
		asks(p, w);
	else if (what == '<')
		w->work.got_ns = p->now;
	else if (what == 'x')
		otr_r6c_taken(&w->work, &p->proc);
	else
		wakes_handler(p, w, what - 'a');
}

static void play(struct pool *p, const char *steps)
{
	char line[256], *save = NULL, *s;

	snprintf(line, sizeof(line), "%s", steps);
	for (s = strtok_r(line, " ", &save); s; s = strtok_r(NULL, " ", &save)) {
		p->now += 1000;
		if (*s >= 'a')
			handler_step(p, *s - 'a', s[1]);
		else
			worker_step(p, &p->workers[*s - '1'], s[1]);
	}
}

static void begin(struct pool *p)
{
	memset(p, 0, sizeof(*p));
	otr_proc_state_init(&p->proc);
	p->now = 1000000;
}

struct tale {
	const char *what, *steps, *claims;
};

static const struct tale stories[] = {
	{"a job with one request", "a< a1 1> 1< 1a", "1"},
	{"a job with two, nobody else is there", "a< a1 1> 1< 1> 1< 1a", "2"},
	{"a job with two, all other jobs are begun", "b< b2 2> a< a1 1> 1< 1> 1< 1a 2< 2b", "21"},
	{"another exchange came between the two", "a< a1 1> b< b2 1< 1> 1< 1a", "2"},
	{"two jobs, each seen to end", "a< b< a1 b2 1> 1< 1a 2> 2< 2b", "11"},
	{"the worker did not sleep: the last one", "a< b< a1 1> 1< 1a 1> 1< 1b", "11"},
	/* Job b ended when b did not wait yet, so nothing shows where job a began. */
	{"the worker was woken for the request before", "a< a1 b< 1> 1< a> a< 1> 1< 1> 1< 1a", "1"},
	{"it takes a job for which another was woken, which sleeps still",
	 "b< b2 a< a1 1> 1< 1> 1< 1a", "1"},
	{"it was woken in the midst of a job", "b< b1 1> 1< a< a1 1> 1< 1> 1< 1a", "1"},
	{"it was woken by another than it works for", "a< b< a1 1> 1< 1> 1< 1b", "1"},
	{"it was woken for another job of the same request", "b< a< a1 2> 2< 2a 1> 1< 1> 1< 1a",
	 "11"},
	{"two handlers, a worker that was robbed sleeps on", "a< a1 2> 2< 2a b< b3 3> 3< 3> 3< 3b",
	 "11"},
	{"so it does until it has begun a job", "a< a1 2> 2< 2a a1 1> 1< 1a b< b3 3> 3< 3> 3< 3b",
	 "112"},
	{"or has ended", "a< a1 2> 2< 2a 1x b< b3 3> 3< 3> 3< 3b", "12"},
	{"woken twice, it is counted once", "a< a1 a1 1> 1< 1a b< b3 3> 3< 3> 3< 3b", "12"},
	{"a job that asked nothing", "a< a1 1a", "0"},
	{"nor is the last job's request asked for it", "a< b< a1 1> 1< 1a 1b", "10"},
	{"sent before the request came", "b< b1 1> 1< a< 1a", "0"},
};

static void all_stories(void **state)
{
	struct pool p;

	(void)state;
	for (size_t i = 0; i < sizeof(stories) / sizeof(*stories); i++) {
		begin(&p);
		play(&p, stories[i].steps);
		if (strcmp(p.claims, stories[i].claims))
			fail_msg("%s: %s: %s, not %s", stories[i].what, stories[i].steps, p.claims,
				 stories[i].claims);
	}
}

static const char *claims_of(struct pool *p, const char *steps)
{
	memset(p->claims, 0, sizeof(p->claims));
	play(p, steps);
	return p->claims;
}

/* Where many jobs ask nothing, and borders are missed, the last request may be of the job before:
 * b's, which ended when b did not wait yet. */
static void idle_jobs(void **state)
{
	struct pool p;

	(void)state;
	begin(&p);
	assert_string_equal(claims_of(&p, "a< a1 1> 1< 1a a>"), "1");
	assert_string_equal(claims_of(&p, "b< a< 1> 1< 1> 1< 1a b> a>"), "1");
	assert_int_equal(p.proc.joint, OTR_DOUBT_AFTER_JOINT - 1);
	for (int i = 0; i <= OTR_IDLE_MANY / OTR_IDLE_JOB; i++)
		assert_string_equal(claims_of(&p, "a< a1 1a a>"), "0");
	assert_string_equal(claims_of(&p, "a< b< 1> 1< 1a b> a>"), "0");
	assert_string_equal(claims_of(&p, "b< a< a1 1> 1< 1a b> a>"), "1");
	for (int i = 0; i < OTR_IDLE_MANY; i++) {
		assert_true(p.proc.idle < 2 * OTR_IDLE_MANY);
		p.workers[0].n = 0;
		claims_of(&p, "a< b< 1> 1< 1a b> a>");
	}
	assert_string_equal(p.claims, "1");
}

/* A second wake-up for one job, by the lock that it held, is no job that asked nothing. */
static void a_wake_up_by_a_lock_is_no_idle_job(void **state)
{
	struct pool p;

	(void)state;
	begin(&p);
	assert_string_equal(claims_of(&p, "a< a1 1> 1< 1a 1a 1a"), "100");
	assert_int_equal(p.proc.idle, 0);
	assert_string_equal(claims_of(&p, "a1 1a"), "0");
	assert_int_equal(p.proc.idle, OTR_IDLE_JOB);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(all_stories),
		cmocka_unit_test(idle_jobs),
		cmocka_unit_test(a_wake_up_by_a_lock_is_no_idle_job),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
