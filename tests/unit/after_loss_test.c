/* SPDX-License-Identifier: Apache-2.0 */

/*
 * after_loss_test.c - records of reused connections are lost at random: there are fewer spans, but
 * each has its own answer, or none and is marked.
 */

#define MAX_SPANS 256
#include "tests/unit/story.h"

#define ASKED 200 /* requests of one run */

enum source {
	PLAIN,
	RUNS,
	PAUSES
};

struct lossy {
	struct story s;
	enum source source;
	uint32_t seed;
	uint32_t one_in, longest; /* how often a burst is lost, of how many records */
	uint32_t burst;		  /* records of the burst that are still to be lost */
	struct otr_ev_run run;	  /* the run of the bytes that were lost */
	uint64_t lost, shed;
};

static uint32_t dice(struct lossy *t, uint32_t sides)
{
	t->seed = t->seed * 1664525u + 1013904223u;
	return (t->seed >> 8) % sides;
}

static void emit_lost(struct lossy *t, uint32_t cause, uint32_t n)
{
	struct otr_ev_lost lost = {
		.hdr = stamp(&t->s.mk, NULL, OTR_EV_LOST, sizeof(lost)),
		.cause = cause,
		.n = n,
	};

	feed(&t->s, &lost.hdr);
}

/* Reports, as the library does, how many bytes moved whose records were lost. */
static void keep_run(struct lossy *t, const struct otr_ev_data *da)
{
	t->run = (struct otr_ev_run){.hdr = da->hdr};
	t->run.hdr.kind = OTR_EV_RUN;
	t->run.hdr.size = sizeof(t->run);
	t->run.pos = da->pos;
	t->run.bytes = da->moved;
	t->run.first_ns = t->run.last_ns = da->hdr.time_ns;
	t->run.pos_kind = da->pos_kind;
	t->run.dir = da->dir;
}

static int lose(struct lossy *t, const struct otr_event *ev)
{
	t->lost++;
	memset(&t->run, 0, sizeof(t->run));
	if (t->source == RUNS && ev->kind == OTR_EV_DATA)
		keep_run(t, (const void *)ev);
	if (!--t->burst)
		emit_lost(t, OTR_LOSS_RING, 1);
	return 0;
}

/* Loses bursts of records, as a ring does that is full for a moment. */
static int lossy(void *arg, const struct otr_event *ev)
{
	const struct otr_ev_data *da = (const void *)ev;
	struct lossy *t = arg;

	if (ev->kind != OTR_EV_DATA && ev->kind != OTR_EV_CONN_OPEN)
		return feed(&t->s, ev);
	if (!t->burst && !dice(t, t->one_in))
		t->burst = 1 + dice(t, t->longest);
	if (t->burst)
		return lose(t, ev);
	if (t->run.hdr.kind && ev->kind == OTR_EV_DATA && da->dir != t->run.dir) {
		t->run.hdr.time_ns = ev->time_ns - 1;
		feed(&t->s, &t->run.hdr);
	}
	memset(&t->run, 0, sizeof(t->run));
	return feed(&t->s, ev);
}

static size_t message(char *out, char type, const char *body, size_t len)
{
	const char head[5] = {type, 0, 0, 0, (char)(len + 4)};

	memcpy(out, head, sizeof(head));
	memcpy(out + sizeof(head), body, len);
	return sizeof(head) + len;
}

/* Writes a request or an answer with its number in it; for SQL the number of rows. */
static size_t make(char out[200], const char *proto, bool answer, int n)
{
	char text[64];
	size_t len;

	if (*proto == 'h' && answer)
		return (size_t)snprintf(out, 200,
					"HTTP/1.1 %d OK\r\n"
					"Content-Length: 2\r\n\r\nok",
					n);
	if (*proto == 'h')
		return (size_t)snprintf(out, 200, GET("/%d"), n);
	len = (size_t)snprintf(text, sizeof(text), answer ? "SELECT %d" : "SELECT a FROM t%d", n);
	len = message(out, answer ? 'C' : 'Q', text, len + 1);
	return answer ? len + message(out + len, 'Z', "I", 1) : len;
}

static void exchange(struct lossy *t, struct end *e, const char *proto, int n)
{
	int asker = e->role == OTR_ROLE_SERVER ? OTR_DIR_IN : OTR_DIR_OUT;
	char text[200];

	for (int answer = 0; answer < 2; answer++) {
		size_t len = make(text, proto, answer, 400 + n);

		move(&t->s.mk, e, answer ? !asker : asker, text, len, len);
	}
}

/* The source pauses: the exchanges of that time are not recorded. */
static void pause_for(struct lossy *t, struct end *e, uint32_t n)
{
	emit_lost(t, OTR_LOSS_BUDGET, 0);
	t->shed += n;
	e->pos[OTR_DIR_IN] += 40 * n;
	e->pos[OTR_DIR_OUT] += 50 * n;
}

static void converse(struct lossy *t, struct end e, const char *proto)
{
	opens(&t->s.mk, &e);
	for (int n = 0; n < ASKED; n++) {
		if (t->source == PAUSES && !dice(t, 15))
			pause_for(t, &e, dice(t, 3));
		exchange(t, &e, proto, n);
		if (!dice(t, 20))
			ticks(&t->s.mk, 30 * MS);
	}
	t->one_in = UINT32_MAX;
	while (t->burst)
		lose(t, &(struct otr_event){0});
	ticks(&t->s.mk, 100 * MS);
	closes(&t->s.mk, &e, 0);
	ticks(&t->s.mk, 2000 * MS);
}

static int number(struct otr_slice text)
{
	char last[4] = "";

	assert_true(text.len > 3);
	memcpy(last, text.data + text.len - 3, 3);
	return atoi(last);
}

/* Returns how many requests have their own answer. */
static uint64_t check(const struct lossy *t, bool http)
{
	uint64_t right = 0;

	for (size_t i = 0; i < t->s.n; i++) {
		const struct otr_span *sp = t->s.spans[i];
		bool server = sp->kind == OTR_SPAN_SERVER;
		int asked = number(otr_span_string(sp, !http	? OTR_KEY_DB_QUERY_SUMMARY
						       : server ? OTR_KEY_URL_PATH
								: OTR_KEY_URL_FULL));
		int got = (int)otr_span_int(sp,
					    http ? OTR_KEY_HTTP_RESPONSE_STATUS_CODE
						 : OTR_KEY_DB_RESPONSE_RETURNED_ROWS,
					    0);

		if (got)
			assert_int_equal(got, asked);
		else
			assert_true(sp->cut);
		right += got > 0;
	}
	return right;
}

/* A loss costs the exchanges that were lost and those next to them. */
static void one(struct end e, const char *proto, enum source source, uint32_t seed)
{
	static const uint32_t often[] = {5, 15, 45, 135}, longest[] = {1, 4, 16, 64};
	static struct lossy t;
	uint64_t right;

	memset(&t, 0, sizeof(t));
	begin(&t.s);
	t.source = source;
	t.seed = seed * 7919;
	t.one_in = often[seed % 4];
	t.longest = longest[seed / 4 % 4];
	t.s.mk.sink = lossy;
	t.s.mk.arg = &t;
	converse(&t, e, proto);
	right = check(&t, *proto == 'h');
	assert_true(right + 3 * t.lost >= ASKED);
	end(&t.s);
}

static struct end of_unix(struct end e)
{
	e.pos_kind = OTR_POS_OFFSET;
	e.isn_in = e.isn_out = 0;
	e.pos[0] = e.pos[1] = 0;
	return e;
}

static void each(const char *proto, enum source source)
{
	for (uint32_t seed = 0; seed < 16 * 20; seed++) {
		one(tcp_client(100, 10, 1), proto, source, seed);
		one(of_unix(tcp_client(100, 10, 1)), proto, source, seed);
		if (*proto == 'h')
			one(tcp_server(100, 10, 1), proto, source, seed);
	}
}

static void http(void **state)
{
	(void)state;
	each("http", PLAIN);
}

static void http_of_the_library(void **state)
{
	(void)state;
	each("http", RUNS);
}

static void http_with_pauses(void **state)
{
	(void)state;
	each("http", PAUSES);
}

static void statements(void **state)
{
	(void)state;
	each("pgsql", PLAIN);
}

static void statements_of_the_library(void **state)
{
	(void)state;
	each("pgsql", RUNS);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(http),
		cmocka_unit_test(http_of_the_library),
		cmocka_unit_test(http_with_pauses),
		cmocka_unit_test(statements),
		cmocka_unit_test(statements_of_the_library),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
