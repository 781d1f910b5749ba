/* SPDX-License-Identifier: Apache-2.0 */
// needs: preload/parse/pqwire.c preload/parse/comment.c
/* pqwire_test.c - the agent reads what the library records of libpq's calls. */

#include "tests/unit/pqwire.h"

static void server_sends(struct story *s, struct end *e, const char *bytes, size_t n)
{
	assert_in_range(n, 5, OTR_PQ_ANSWER);
	move(&s->mk, e, OTR_DIR_IN, bytes, n, n);
}

static void done(struct story *s, struct end *e, const char *tag)
{
	char out[OTR_PQ_ANSWER];

	server_sends(s, e, out, otr_pq_complete(out, tag));
}

static void fails(struct story *s, struct end *e, const char *severity, const char *code)
{
	char out[OTR_PQ_ANSWER];

	server_sends(s, e, out, otr_pq_error(out, severity, code));
}

static void says(struct story *s, struct end *e, char type)
{
	char out[OTR_PQ_ANSWER];

	server_sends(s, e, out, otr_pq_short(out, type));
}

static struct end begins(struct story *s)
{
	struct end e = client(OTR_LAYER_LIB);

	begin(s);
	s->mk.head = 1u << 30; /* calls are copied, not heads of runs */
	opens(&s->mk, &e);
	starts(s, &e, "me", "shop");
	return e;
}

static void every_kind(void **state)
{
	struct story s;
	struct end e = begins(&s);

	(void)state;
	asks(&s, &e, OTR_PQ_QUERY, NULL, "SELECT * FROM a", 1);
	done(&s, &e, "SELECT 5");
	says(&s, &e, 'Z');
	asks(&s, &e, OTR_PQ_PARAMS, NULL, "SELECT * FROM b WHERE c = $1", 1);
	done(&s, &e, "SELECT 0");
	says(&s, &e, 'Z');
	asks(&s, &e, OTR_PQ_PREPARE, "p", "SELECT * FROM d WHERE c = $1", 1);
	says(&s, &e, '1');
	says(&s, &e, 'Z');
	asks(&s, &e, OTR_PQ_PREPARED, "p", NULL, 1);
	done(&s, &e, "SELECT 7");
	says(&s, &e, 'Z');
	asks(&s, &e, OTR_PQ_PREPARED, "p", NULL, 1);
	fails(&s, &e, "ERROR", "22012");
	says(&s, &e, 'Z');
	asks(&s, &e, OTR_PQ_FUNCTION, NULL, NULL, 1);
	says(&s, &e, 'Z');
	asks(&s, &e, OTR_PQ_QUERY, NULL, "", 1);
	says(&s, &e, 'I');
	says(&s, &e, 'Z');
	asks(&s, &e, OTR_PQ_QUERY, NULL, "UPDATE f SET g = 1", 1);
	fails(&s, &e, "FATAL", "57P01");
	ends(&s);
	assert_int_equal(s.n, 8);
	is(&s, 0, "SELECT a", 5, "");
	is(&s, 1, "SELECT b", 0, "");
	is(&s, 2, "PREPARE SELECT d", -1, "");
	is(&s, 3, "SELECT d", 7, "");
	is(&s, 4, "SELECT d", -1, "22012");
	is(&s, 5, "shop", -1, "");
	is(&s, 6, "shop", -1, "");
	is(&s, 7, "UPDATE f", -1, "57P01");
	end(&s);
}

static void in_a_pipeline(void **state)
{
	struct story s;
	struct end e = begins(&s);

	(void)state;
	asks(&s, &e, OTR_PQ_PARAMS, NULL, "SELECT * FROM a", 0);
	asks(&s, &e, OTR_PQ_PARAMS, NULL, "SELECT * FROM b", 0);
	asks(&s, &e, OTR_PQ_PARAMS, NULL, "SELECT * FROM c", 0);
	asks(&s, &e, OTR_PQ_SYNC, NULL, NULL, 1);
	asks(&s, &e, OTR_PQ_QUERY, NULL, "SELECT * FROM d", 0);
	asks(&s, &e, OTR_PQ_SYNC, NULL, NULL, 1);
	done(&s, &e, "SELECT 1");
	fails(&s, &e, "ERROR", "42P01");
	says(&s, &e, 'Z');
	done(&s, &e, "SELECT 4");
	says(&s, &e, 'Z');
	asks(&s, &e, OTR_PQ_PREPARE, "p", "SELECT * FROM f", 0);
	asks(&s, &e, OTR_PQ_FLUSH, NULL, NULL, 0);
	says(&s, &e, '1');
	closes(&s.mk, &e, 0);
	ends(&s);
	assert_int_equal(s.n, 5);
	is(&s, 0, "SELECT a", 1, "");
	is(&s, 1, "SELECT b", -1, "42P01");
	is(&s, 2, "SELECT c", -1, "");
	assert_false(s.spans[2]->failed); /* the statement was not executed */
	is(&s, 3, "SELECT d", 4, "");
	is(&s, 4, "PREPARE SELECT f", -1, "");
	end(&s);
}

/* A text that was cut is marked; what follows is read. */
static void longer_than_announced(void **state)
{
	static const enum otr_pq_kind kinds[] = {OTR_PQ_QUERY, OTR_PQ_PARAMS, OTR_PQ_PREPARE};
	char *text = malloc(1 << 20), name[100];
	struct story s;
	struct end e = begins(&s);

	(void)state;
	memset(text, 'x', 1 << 20);
	memcpy(text, "SELECT * FROM a WHERE b = '", 27);
	text[(1 << 20) - 1] = 0;
	memset(name, 'n', sizeof(name) - 1);
	name[sizeof(name) - 1] = 0;
	for (size_t i = 0; i < OTR_ARRAY_SIZE(kinds); i++) {
		asks(&s, &e, kinds[i], kinds[i] == OTR_PQ_PREPARE ? name : NULL, text, 1);
		done(&s, &e, "SELECT 3");
		says(&s, &e, 'Z');
	}
	asks(&s, &e, OTR_PQ_PREPARED, name, NULL, 1);
	done(&s, &e, "SELECT 4");
	says(&s, &e, 'Z');
	ends(&s);
	free(text);
	assert_int_equal(s.n, 4);
	is(&s, 0, "SELECT a", 3, "");
	is(&s, 3, "SELECT a", 4, "");
	for (size_t i = 0; i < s.n; i++)
		assert_true(otr_slice_eq(otr_span_string(s.spans[i], OTR_KEY_OTRACE_CUT),
					 OTR_SLICE("statement")));
	starts(&s, &e, name, name);
	end(&s);
}

/* An answer that was not seen is paired with no other request. */
static void an_unseen_answer_is_not_paired(void **state)
{
	struct story s;
	struct end e = begins(&s);

	(void)state;
	asks(&s, &e, OTR_PQ_QUERY, NULL, "SELECT * FROM a", 1);
	pours(&s.mk, &e, OTR_DIR_IN, 1);
	run_is(&s.mk, &e, OTR_DIR_IN, false, "");
	asks(&s, &e, OTR_PQ_QUERY, NULL, "SELECT * FROM b", 1);
	done(&s, &e, "SELECT 2");
	says(&s, &e, 'Z');
	asks(&s, &e, OTR_PQ_QUERY, NULL, "SELECT * FROM c", 1);
	done(&s, &e, "SELECT 3");
	says(&s, &e, 'Z');
	closes(&s.mk, &e, 0);
	ends(&s);
	assert_int_equal(s.n, 3);
	is(&s, 0, "SELECT a", -1, "");
	is(&s, 1, "SELECT b", 2, "");
	is(&s, 2, "SELECT c", 3, "");
	end(&s);
}

static int lose(void *arg, const struct otr_event *ev)
{
	(void)arg;
	(void)ev;
	return 0;
}

/* One statement, whose number is in its text and in its rows. */
static void ask_numbered(struct story *s, struct end *e, int i, bool lost_out, bool lost_in)
{
	otr_event_fn sink = s->mk.sink;
	char text[64], tag[32];

	snprintf(text, sizeof(text), "SELECT * FROM t%d", i);
	snprintf(tag, sizeof(tag), "SELECT %d", i);
	s->mk.sink = lost_out ? lose : sink;
	asks(s, e, OTR_PQ_QUERY, NULL, text, 1);
	s->mk.sink = lost_in ? lose : sink;
	done(s, e, tag);
	says(s, e, 'Z');
	s->mk.sink = sink;
}

/* Behind a loss, an answer is paired with its own request, or with none. */
static void after_a_loss_answers_have_their_own_request_or_none(void **state)
{
	(void)state;
	for (int what = 1; what < 4; what++) {
		struct story s;
		struct end e = begins(&s);
		size_t n = 0;

		for (int i = 0; i < 900; i++) {
			bool lost = i >= 100 && i < 150;

			ask_numbered(&s, &e, i, lost && what & 1, lost && what & 2);
			if (i % 30 == 0)
				ticks(&s.mk, MS / 10);
		}
		closes(&s.mk, &e, 0);
		ends(&s);
		for (size_t i = 0; i < s.n; i++) {
			int64_t rows =
				otr_span_int(s.spans[i], OTR_KEY_DB_RESPONSE_RETURNED_ROWS, -1);
			char name[32];

			snprintf(name, sizeof(name), "SELECT t%d", (int)rows);
			assert_false(s.spans[i]->failed);
			assert_true(rows == -1 ||
				    otr_slice_eq(s.spans[i]->name, otr_slice_str(name)));
			n += rows >= 0;
		}
		assert_in_range(n, 840, 850);
		end(&s);
	}
}

/* The bytes of the connection repeat the calls: they are muted from the first record of the
 * library on. */
static void bytes_are_muted_where_calls_are_recorded(void **state)
{
	static const char q[] = "Q\0\0\0\x14SELECT * FROM x",
			  z[] = "C\0\0\0\x0dSELECT 9\0Z\0\0\0\5I";
	struct end e = client(OTR_LAYER_LIB), wire = client(OTR_LAYER_SOCKET);
	struct story s;
	char out[OTR_PQ_ANSWER];
	size_t n = otr_pq_startup(out, "me", "shop");

	(void)state;
	begin(&s);
	s.mk.head = 1u << 30;
	opens(&s.mk, &wire);
	move(&s.mk, &wire, OTR_DIR_OUT, out, n, n);
	move(&s.mk, &wire, OTR_DIR_OUT, q, sizeof(q), sizeof(q));
	move(&s.mk, &wire, OTR_DIR_IN, z, sizeof(z) - 1, sizeof(z) - 1);
	starts(&s, &e, "me", "shop");
	for (int i = 0; i < 3; i++) {
		asks(&s, &e, OTR_PQ_QUERY, NULL, "SELECT * FROM a", 1);
		move(&s.mk, &wire, OTR_DIR_OUT, q, sizeof(q), sizeof(q));
		move(&s.mk, &wire, OTR_DIR_IN, z, sizeof(z) - 1, sizeof(z) - 1);
		done(&s, &e, "SELECT 1");
		says(&s, &e, 'Z');
	}
	closes(&s.mk, &e, 0);
	ends(&s);
	assert_int_equal(s.n, 4);
	is(&s, 0, "SELECT x", 9, "");
	for (size_t i = 1; i < s.n; i++)
		is(&s, i, "SELECT a", 1, "");
	end(&s);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(every_kind),
		cmocka_unit_test(in_a_pipeline),
		cmocka_unit_test(longer_than_announced),
		cmocka_unit_test(an_unseen_answer_is_not_paired),
		cmocka_unit_test(after_a_loss_answers_have_their_own_request_or_none),
		cmocka_unit_test(bytes_are_muted_where_calls_are_recorded),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
