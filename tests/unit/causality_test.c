/* SPDX-License-Identifier: Apache-2.0 */
/*
 * causality_test.c - the rules of causality (R1 to R10), on short sequences of events.
 *
 * A sequence is a line of steps. For each request that is sent, `claims` has one character: the
 * inbound connection that is claimed as its parent, '-' for none.
 *
 *	a< a> ax    a request arrives on inbound connection a (to d); is answered; is closed
 *	1> 1< 1x    a request is sent on connection 1 (to 4); an answer arrives; it is closed
 *	1c 1? 1!    connect() = EINPROGRESS; a look at the idle connection; a look where it
 *	            is not known whether the connection is idle
 *	w w0 p      a wait for many without end; with timeout 0; for one descriptor
 *	w9 wx       a wait of at most 9 ms; one that timed out
 *	W3          a wait without end that returned 3 descriptors; the others return 1
 *	e           a descriptor comes to its end
 *	L> L<       the notify slot is written; is read
 *	s1 k1       the next steps are on strand 1 (to 3); this strand creates strand 1
 *	f1 F1       strand 1 waits, and this strand wakes it, without waiting for an answer;
 *	            waiting for one. What that is evidence of is in `claims` too
 *	+6          6 ms pass
 *	D G N       the process has passed its tests; is written in Go; sockets do not block
 *	A           has one more test to pass before work at the end of a turn is believed
 */

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

#include "bpf/causality.h"
#include "tests/unit/causality_stories.h"

#define MS 1000000ull

struct world {
	struct otr_proc_state proc;
	struct otr_strand strands[4];
	struct otr_exch exchs[4];  /* of inbound connections 1 to 4 */
	struct otr_asked asked[4]; /* of outbound connections */
	char last[2][4];	   /* direction of the last bytes: '<' or '>' */
	struct otr_look looks[4];
	uint32_t moved[2][4]; /* bytes of each connection: sent, received */
	struct otr_notify_token token;
	uint64_t now, place;
	int self, nonblock;
	char claims[16];
};

static struct otr_exch *exch_of(struct world *w, uint64_t conn)
{
	return conn ? &w->exchs[conn - 1] : NULL;
}

static struct otr_strand *self(struct world *w)
{
	return &w->strands[w->self];
}

/* Drops the current exchange if it is over, as the callers of the rules do. */
static struct otr_strand *fresh(struct world *w)
{
	otr_refresh(self(w), exch_of(w, self(w)->cur.conn));
	return self(w);
}

static void request(struct world *w, int i)
{
	struct otr_xref ref = {.conn = i + 1, .pos = ++w->place};
	struct otr_strand *st = self(w);

	if (w->last[0][i] == '<') {
		ref.pos = w->exchs[i].pos;
		otr_r1_more(st, &w->exchs[i], &ref, w->now);
		return;
	}
	w->last[0][i] = '<';
	otr_r1_first(st, &w->proc, &w->exchs[i], &ref, exch_of(w, st->last_read.conn), w->nonblock,
		     w->self, w->now);
}

static void answer(struct world *w, int i)
{
	struct otr_xref ref = {.conn = i + 1, .pos = w->exchs[i].pos};

	w->last[0][i] = '>';
	if (w->exchs[i].open)
		otr_r3_answer(self(w), &w->proc, &w->exchs[i], &ref,
			      w->exchs[i].reader != (uint64_t)w->self, w->now);
}

static void ask(struct world *w, int i)
{
	struct otr_asked *asked = &w->asked[i];
	struct otr_strand *st = self(w);
	struct otr_xref parent;
	size_t n = strlen(w->claims);
	int why;

	w->last[1][i] = '>';
	if (!asked->pending && w->looks[i].claim.conn) {
		otr_r10_looked(asked, &w->looks[i], w->moved[0][i], w->moved[1][i]);
		w->looks[i].claim.conn = 0;
	}
	w->moved[0][i]++;
	why = otr_r4_ask(st, &w->proc, asked, exch_of(w, asked->claim.conn),
			 exch_of(w, asked->born.conn), exch_of(w, st->cur.conn), w->nonblock,
			 100 + i, w->now, &parent);
	otr_r4_book(&w->proc, asked, &parent, exch_of(w, parent.conn));
	w->claims[n] = why ? (char)('a' + parent.conn - 1) : '-';
}

static void answered(struct world *w, int i)
{
	struct otr_asked *asked = &w->asked[i];

	w->moved[1][i]++;
	if (w->last[1][i] == '<') {
		otr_r2_more(self(w), &w->proc, asked, exch_of(w, asked->answered.conn), 100 + i,
			    w->now);
		return;
	}
	w->last[1][i] = '<';
	otr_r2_answer(fresh(w), &w->proc, asked, exch_of(w, asked->believed.conn), 100 + i, w->now);
}

static void wait_many(struct world *w, char how)
{
	int64_t timeout = how == ' ' ? -1 : how == 'x' ? (int64_t)MS : (how - '0') * (int64_t)MS;
	struct otr_strand *st = fresh(w);

	otr_r5_wait(st, exch_of(w, st->turn.conn), timeout, how != 'x', w->now);
}

static void wait_found(struct world *w, int n)
{
	struct otr_strand *st = fresh(w);

	otr_r5_wait(st, exch_of(w, st->turn.conn), -1, n, w->now);
}

static void notify(struct world *w, char dir)
{
	if (dir == '>')
		otr_r9_write(fresh(w), &w->token, w->now);
	else
		otr_r9_read(fresh(w), &w->proc, &w->token, exch_of(w, w->token.from.conn), 99,
			    w->now);
}

static void wake(struct world *w, int i, int asking)
{
	size_t n = strlen(w->claims);
	struct otr_strand *woken = &w->strands[i];

	w->claims[n] =
		otr_r6c_woken(self(w), &w->proc, asking) ? (char)('a' + woken->cur.conn - 1) : '-';
}

static void inbound(struct world *w, int i, char what)
{
	if (what == '<')
		request(w, i);
	else if (what == '>')
		answer(w, i);
	else
		otr_exch_end(&w->exchs[i], &w->proc);
}

/* A look where the state of the connection cannot be read. */
static void look(struct world *w, int i)
{
	if (otr_r10_claims(fresh(w), &w->proc, w->now))
		w->looks[i] = (struct otr_look){
			.claim = self(w)->cur, .sent = w->moved[0][i], .got = w->moved[1][i]};
}

static void close_outbound(struct world *w, int i)
{
	struct otr_asked *asked = &w->asked[i];

	w->last[1][i] = 0;
	otr_r8_asked(&w->proc, asked, exch_of(w, asked->believed.conn),
		     exch_of(w, asked->born.conn));
}

static void outbound(struct world *w, int i, char what)
{
	struct otr_strand *st = self(w);

	if (what == '>')
		ask(w, i);
	else if (what == '<')
		answered(w, i);
	else if (what == 'c')
		otr_r4_born(st, &w->proc, &w->asked[i], exch_of(w, st->cur.conn), w->now);
	else if (what == '!')
		look(w, i);
	else if (what == 'x')
		close_outbound(w, i);
	else
		otr_r10_touch(fresh(w), &w->proc, &w->asked[i], w->now);
}

static void setting(struct world *w, char what)
{
	switch (what) {
	case 'D':
		w->proc.doubt = 0;
		w->proc.doubt_born = 0;
		w->proc.doubt_again = 0;
		w->proc.relays = 0;
		break;
	case 'A':
		w->proc.doubt_again = 1;
		break;
	case 'G':
		w->proc.go = 1;
		break;
	case 'N':
		w->nonblock = 1;
		break;
	default:
		fail_msg("no step %c", what);
	}
}

static void step(struct world *w, const char *s)
{
	char what = s[1] ? s[1] : ' ';

	w->now += 1000;
	if (*s >= 'a' && *s <= 'd')
		inbound(w, *s - 'a', what);
	else if (*s >= '1' && *s <= '4')
		outbound(w, *s - '1', what);
	else if (*s == 'w')
		wait_many(w, what);
	else if (*s == 'W')
		wait_found(w, what - '0');
	else if (*s == 'p')
		otr_r5_one(self(w), w->now);
	else if (*s == 'L')
		notify(w, what);
	else if (*s == 's')
		w->self = what - '0';
	else if (*s == 'k')
		otr_r7_clone(fresh(w), &w->strands[what - '0'], OTR_EVIDENCE_CLONE);
	else if (*s == 'f' || *s == 'F')
		wake(w, what - '0', *s == 'F');
	else if (*s == '+')
		w->now += (what - '0') * MS;
	else if (*s == 'e')
		otr_handle(self(w), 98);
	else
		setting(w, *s);
}

/* The counters agree with the state after any steps. */
static void counts_hold(const struct world *w, const char *steps)
{
	uint32_t open = 0, starving = 0, orphans = 0;

	for (int i = 0; i < 4; i++) {
		open += w->exchs[i].open;
		starving += w->exchs[i].open && !w->exchs[i].inflight;
		orphans += w->asked[i].pending && !w->asked[i].believed.conn;
	}
	if (w->proc.open != open || w->proc.starving != starving || w->proc.orphans != orphans)
		fail_msg("%s: %u open, %u starving, %u orphans, not %u, %u, %u", steps,
			 w->proc.open, w->proc.starving, w->proc.orphans, open, starving, orphans);
}

static void emit(struct world *w, const char *steps)
{
	char line[128], *save = NULL, *s;

	memset(w, 0, sizeof(*w));
	otr_proc_state_init(&w->proc);
	w->now = 1000 * MS;
	snprintf(line, sizeof(line), "%s", steps);
	for (s = strtok_r(line, " ", &save); s; s = strtok_r(NULL, " ", &save)) {
		step(w, s);
		counts_hold(w, steps);
	}
}

static void all_stories(void **state)
{
	struct world w;

	(void)state;
	for (size_t i = 0; i < sizeof(stories) / sizeof(*stories); i++) {
		emit(&w, stories[i].steps);
		if (strcmp(w.claims, stories[i].claims))
			fail_msg("%s: %s gave %s, not %s", stories[i].what, stories[i].steps,
				 w.claims, stories[i].claims);
	}
}

static void doubt_is(const char *steps, uint32_t doubt)
{
	struct world w;

	emit(&w, steps);
	if (w.proc.doubt != doubt)
		fail_msg("%s: doubt %u, not %u", steps, w.proc.doubt, doubt);
}

static void doubt(void **state)
{
	(void)state;
	doubt_is("", OTR_DOUBT_AT_START);
	doubt_is("w a< w b< b>", OTR_DOUBT_AT_START - 1);
	doubt_is("D w a< w b< b>", 0);
	doubt_is("w a< a>", OTR_DOUBT_AT_START);	/* one open request is no test */
	doubt_is("w a< w b< w b>", OTR_DOUBT_AT_START); /* an answer without a belief is no test */
	doubt_is("D w a< w b< a>", OTR_DOUBT_AFTER_ERROR);
	doubt_is("D a< s1 b< s0 a>", 0);		  /* threads that block */
	doubt_is("D a< s1 b< a>", OTR_DOUBT_AFTER_ERROR); /* a pool that steals work */
	doubt_is("D a< s1 a>", 0);			  /* a thread that only writes */
	doubt_is("G D a< s1 b< a>", 0);
	doubt_is("D a< b< a>", 0); /* its waits are not seen yet */
	doubt_is("w a< w b< 1> w 1< b>", OTR_DOUBT_AT_START - 1);
	doubt_is("w a< w b< 1c w 1> w 1< b>", OTR_DOUBT_AT_START); /* of another turn */
	doubt_is("D w a< w b< 1c w 1> w 1< a>", OTR_DOUBT_AFTER_ERROR);
}

/* What connect() remembered has a test, and a belief, of its own. */
static void born_has_a_doubt_of_its_own(void **state)
{
	struct world w;

	(void)state;
	emit(&w, "w a<");
	for (int i = 0; i < OTR_DOUBT_AT_START; i++) {
		const char *const steps[] = {"w", "b<", "1c", "w", "1>", "w", "1<", "b>"};

		for (size_t k = 0; k < sizeof(steps) / sizeof(*steps); k++)
			step(&w, steps[k]);
		assert_string_equal(w.claims, "-");
		memset(w.claims, 0, sizeof(w.claims));
	}
	step(&w, "w");
	step(&w, "b<");
	step(&w, "1>");
	step(&w, "2c");
	step(&w, "w");
	step(&w, "2>");
	assert_string_equal(w.claims, "-b");
}

static void mux_is(const char *steps, int mux)
{
	struct world w;

	emit(&w, steps);
	assert_int_equal(w.proc.mux, mux);
}

static void mux(void **state)
{
	(void)state;
	mux_is("a< b<", 1);
	mux_is("a< a> b<", 0);
	mux_is("a< s1 b<", 0);
	mux_is("a< ax b<", 0);
	mux_is("G a< b<", 0);
}

/* After OTR_DOUBT_AT_START passed tests, a loop is believed. */
static void probation_ends(void **state)
{
	struct world w;

	(void)state;
	emit(&w, "w a<");
	for (int i = 0; i < OTR_DOUBT_AT_START; i++) {
		step(&w, "w");
		step(&w, "b<");
		step(&w, "1>");
		step(&w, "1<");
		assert_string_equal(w.claims, "-");
		step(&w, "b>");
		memset(w.claims, 0, sizeof(w.claims));
	}
	step(&w, "w");
	step(&w, "b<");
	step(&w, "1>");
	assert_string_equal(w.claims, "b");
}

/* After enough wake-ups a pool is believed; a lock that is handed on is none. */
static void a_pool_is_believed_after_enough_plain_wake_ups(void **state)
{
	struct world w;

	(void)state;
	emit(&w, "a< s1 b< s2");
	w.proc.relays = OTR_DOUBT_AFTER_RELAY;
	for (int i = 0; i < OTR_DOUBT_AFTER_RELAY; i++) {
		step(&w, "f0");
		assert_string_equal(w.claims, "-");
		memset(w.claims, 0, sizeof(w.claims));
	}
	step(&w, "f0");
	step(&w, "F0");
	step(&w, "f0");
	assert_string_equal(w.claims, "a--");
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(all_stories),
		cmocka_unit_test(doubt),
		cmocka_unit_test(mux),
		cmocka_unit_test(probation_ends),
		cmocka_unit_test(born_has_a_doubt_of_its_own),
		cmocka_unit_test(a_pool_is_believed_after_enough_plain_wake_ups),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
