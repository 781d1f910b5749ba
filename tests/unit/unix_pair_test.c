/* SPDX-License-Identifier: Apache-2.0 */
/* unix_pair_test.c - both ends of connections of AF_UNIX. */

#include "tests/unit/story.h"

static struct end unix_end(uint64_t conn, uint64_t peer, uint32_t tgid, uint8_t role)
{
	struct end e = tcp_end(conn, tgid, role, 0, 0);

	e.pos_kind = OTR_POS_OFFSET;
	e.peer = peer;
	e.pos[0] = e.pos[1] = 0;
	return e;
}

/* `by_client`, `by_server`: the peer that each end knows; 0: none. */
static void unix_pair(bool from_the_start, uint64_t by_client, uint64_t by_server)
{
	struct story s;
	struct end cl = unix_end(101, by_client, 10, OTR_ROLE_CLIENT);
	struct end sv = unix_end(102, by_server, 20, OTR_ROLE_SERVER);

	begin(&s);
	cl.unseen_open = sv.unseen_open = !from_the_start;
	cl.pos[OTR_DIR_OUT] = from_the_start ? 0 : 777;
	opens(&s.mk, &cl);
	opens(&s.mk, &sv);
	for (int i = 0; i < 2; i++) {
		sends(&s.mk, &cl, i ? GET("/c") : GET("/b"));
		gets(&s.mk, &sv, i ? GET("/c") : GET("/b"));
		sends(&s.mk, &sv, OK);
		gets(&s.mk, &cl, OK);
	}
	ticks(&s.mk, 100 * MS);
	assert_int_equal(s.n, 4);
	is_child(span_of(&s, OTR_SPAN_SERVER, "/b"), span_of(&s, OTR_SPAN_CLIENT, "/b"),
		 OTR_EVIDENCE_WIRE);
	is_child(span_of(&s, OTR_SPAN_SERVER, "/c"), span_of(&s, OTR_SPAN_CLIENT, "/c"),
		 OTR_EVIDENCE_WIRE);
	end(&s);
}

static void unix_sockets(void **state)
{
	(void)state;
	unix_pair(true, 102, 101);
	unix_pair(false, 102, 101);
	unix_pair(true, 102, 0);
	unix_pair(true, 0, 101);
}

/* An end that names one of two, or a third, is paired with none. */
static void unix_strangers(void **state)
{
	struct end cl = unix_end(101, 103, 10, OTR_ROLE_CLIENT);
	struct end sv = unix_end(102, 0, 20, OTR_ROLE_SERVER);
	struct end none = unix_end(104, 0, 10, OTR_ROLE_CLIENT);
	struct story s;

	(void)state;
	begin(&s);
	opens(&s.mk, &cl);
	opens(&s.mk, &none);
	opens(&s.mk, &sv);
	sends(&s.mk, &cl, GET("/b"));
	sends(&s.mk, &none, GET("/c"));
	gets(&s.mk, &sv, GET("/b"));
	sends(&s.mk, &sv, OK);
	gets(&s.mk, &cl, OK);
	gets(&s.mk, &none, OK);
	ticks(&s.mk, 2000 * MS);
	is_root(span_of(&s, OTR_SPAN_SERVER, "/b"));
	end(&s);
}

/* Connections at one path whose peers the kernel could not be asked for: `n` clients of one
 * process, each with its server, all open at once; `who` has connected, as the kernel says. */
static void short_ones(struct story *s, struct end *cl, struct end *sv, int n, uint32_t who)
{
	begin(s);
	for (int i = 0; i < n; i++) {
		cl[i] = unix_end(101 + 2 * (uint64_t)i, 0, 10, OTR_ROLE_CLIENT);
		sv[i] = unix_end(102 + 2 * (uint64_t)i, 0, 20, OTR_ROLE_SERVER);
		sv[i].isn_in = who;
		opens(&s->mk, &cl[i]);
		opens(&s->mk, &sv[i]);
	}
}

static void short_unix_connections(void **state)
{
	struct end cl[2], sv[2];
	struct story s;

	(void)state;
	short_ones(&s, cl, sv, 2, 10);
	for (int i = 0; i < 2; i++)
		sends(&s.mk, &cl[i], i ? GET("/c") : GET("/b"));
	for (int i = 0; i < 2; i++)
		gets(&s.mk, &sv[i], i ? GET("/c") : GET("/b"));
	for (int i = 0; i < 2; i++)
		sends(&s.mk, &sv[i], OK);
	for (int i = 0; i < 2; i++)
		gets(&s.mk, &cl[i], OK);
	ticks(&s.mk, 100 * MS);
	is_child(span_of(&s, OTR_SPAN_SERVER, "/b"), span_of(&s, OTR_SPAN_CLIENT, "/b"),
		 OTR_EVIDENCE_WIRE);
	is_child(span_of(&s, OTR_SPAN_SERVER, "/c"), span_of(&s, OTR_SPAN_CLIENT, "/c"),
		 OTR_EVIDENCE_WIRE);
	end(&s);
}

/* Two equal requests at once, or a connection by another process, are not paired. */
static void short_ones_that_are_not_known(void **state)
{
	struct end cl[2], sv[2];
	struct story s;

	(void)state;
	for (int n = 1; n <= 2; n++) {
		short_ones(&s, cl, sv, n, n == 2 ? 10 : 11);
		for (int i = 0; i < n; i++)
			sends(&s.mk, &cl[i], GET("/b"));
		for (int i = 0; i < n; i++)
			gets(&s.mk, &sv[i], GET("/b"));
		for (int i = 0; i < n; i++)
			sends(&s.mk, &sv[i], OK);
		for (int i = 0; i < n; i++)
			gets(&s.mk, &cl[i], OK);
		ticks(&s.mk, 2000 * MS);
		assert_int_equal(s.n, 2 * n);
		for (size_t i = 0; i < s.n; i++)
			is_root(s.spans[i]);
		end(&s);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(unix_sockets),
		cmocka_unit_test(unix_strangers),
		cmocka_unit_test(short_unix_connections),
		cmocka_unit_test(short_ones_that_are_not_known),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
