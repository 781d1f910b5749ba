/* SPDX-License-Identifier: Apache-2.0 */
/* process_test.c - the process that `run` started, as the root of the requests of its work. */

#include "tests/unit/process.h"

/* deploy.sh: curl, a subshell, psql of a grandchild; status 3. */
static void a_script_is_one_trace(void **state)
{
	struct story s;
	const struct otr_span *root;

	(void)state;
	runs(&s, "/home/me/deploy.sh");
	meta(&s, RUN, OTR_META_EXE, "/usr/bin/dash");
	forks(&s, 11, RUN);
	executes(&s, 11, "/usr/bin/curl");
	asks(&s, 11, "/one");
	exits(&s, 11, 0);
	forks(&s, 12, RUN);
	asks(&s, 12, "/two");
	forks(&s, 13, 12);
	executes(&s, 13, "/usr/bin/wget");
	asks(&s, 13, "/three");
	asks(&s, RUN, "/four");
	ticks(&s.mk, 3 * SECOND);
	assert_int_equal(s.n, 0);
	exits(&s, RUN, 3 << 8);
	ticks(&s.mk, 2 * SECOND);
	assert_int_equal(s.n, 5);
	assert_int_equal(s.traces, 1);
	assert_false(s.proved);
	root = process_of(&s);
	assert_non_null(root);
	is_root(root);
	is_text(root->name, "deploy.sh");
	is_text(otr_span_string(root, OTR_KEY_PROCESS_EXECUTABLE_NAME), "dash");
	is_text(otr_span_string(root, OTR_KEY_ERROR_TYPE), "3");
	assert_int_equal(otr_span_int(root, OTR_KEY_PROCESS_EXIT_CODE, -1), 3);
	assert_int_equal(otr_span_int(root, OTR_KEY_PROCESS_PID, -1), RUN);
	assert_true(root->failed);
	is_child(span_of(&s, OTR_SPAN_CLIENT, "/one"), root, OTR_EVIDENCE_EXEC);
	is_child(span_of(&s, OTR_SPAN_CLIENT, "/two"), root, OTR_EVIDENCE_CLONE);
	is_child(span_of(&s, OTR_SPAN_CLIENT, "/three"), root, OTR_EVIDENCE_EXEC);
	is_child(span_of(&s, OTR_SPAN_CLIENT, "/four"), root, OTR_EVIDENCE_EXEC);
	end(&s);
}

static void status_and_signal(void **state)
{
	struct story s;

	(void)state;
	runs(&s, "/bin/a");
	asks(&s, RUN, "/x");
	exits(&s, RUN, 0);
	ticks(&s.mk, 2 * SECOND);
	assert_false(process_of(&s)->failed);
	assert_int_equal(otr_span_int(process_of(&s), OTR_KEY_PROCESS_EXIT_CODE, -1), 0);
	end(&s);
	runs(&s, "/bin/a");
	asks(&s, RUN, "/x");
	exits(&s, RUN, 15);
	ticks(&s.mk, 2 * SECOND);
	is_text(otr_span_string(process_of(&s), OTR_KEY_ERROR_TYPE), "SIGTERM");
	assert_int_equal(otr_span_int(process_of(&s), OTR_KEY_PROCESS_EXIT_CODE, -1), 143);
	end(&s);
}

static void without_children_it_is_no_span(void **state)
{
	struct story s;

	(void)state;
	runs(&s, "/bin/true");
	exits(&s, RUN, 1 << 8);
	ticks(&s.mk, 2 * SECOND);
	assert_int_equal(s.n, 0);
	assert_int_equal(s.traces, 0);
	end(&s);
}

static void strangers_and_those_with_parents_are_not_its_children(void **state)
{
	struct story s;
	struct end in = tcp_server(100, 11, 1), cl = tcp_client(101, 11, 2);
	struct end sdk = tcp_client(102, RUN, 3);

	(void)state;
	runs(&s, "/bin/a");
	asks(&s, 77, "/stranger");
	forks(&s, 11, RUN);
	opens(&s.mk, &in);
	gets(&s.mk, &in, GET("/in"));
	opens(&s.mk, &cl);
	made_for(&cl, &in, 3, OTR_EVIDENCE_STRAND);
	sends(&s.mk, &cl, GET("/out"));
	gets(&s.mk, &cl, OK);
	sends(&s.mk, &in, OK);
	asks(&s, 11, "/timer");
	forks(&s, 12, 11);
	asks(&s, 12, "/of-the-server");
	opens(&s.mk, &sdk);
	sends(&s.mk, &sdk,
	      "GET /sdk HTTP/1.1\r\nHost: a\r\ntraceparent: 00-"
	      "0af7651916cd43dd8448eb211c80319c-1111111111111111-01"
	      "\r\n\r\n");
	gets(&s.mk, &sdk, OK);
	exits(&s, RUN, 0);
	asks(&s, 12, "/later");
	ticks(&s.mk, 3 * SECOND);
	assert_null(process_of(&s));
	is_root(span_of(&s, OTR_SPAN_CLIENT, "/stranger"));
	is_root(span_of(&s, OTR_SPAN_SERVER, "/in"));
	is_child(span_of(&s, OTR_SPAN_CLIENT, "/out"), span_of(&s, OTR_SPAN_SERVER, "/in"),
		 OTR_EVIDENCE_STRAND);
	is_root(span_of(&s, OTR_SPAN_CLIENT, "/timer"));
	is_root(span_of(&s, OTR_SPAN_CLIENT, "/of-the-server"));
	is_root(span_of(&s, OTR_SPAN_CLIENT, "/later"));
	assert_int_equal(span_of(&s, OTR_SPAN_CLIENT, "/sdk")->evidence, OTR_EVIDENCE_HEADER);
	end(&s);
}

/* A test script starts its server itself: one trace, through both. */
static void a_server_among_its_children(void **state)
{
	struct story s;
	struct end cl = tcp_client(101, RUN, 2), sv = tcp_server(102, 11, 2);

	(void)state;
	runs(&s, "/bin/test.sh");
	forks(&s, 11, RUN);
	opens(&s.mk, &cl);
	opens(&s.mk, &sv);
	sends(&s.mk, &cl, GET("/b"));
	gets(&s.mk, &sv, GET("/b"));
	sends(&s.mk, &sv, OK);
	gets(&s.mk, &cl, OK);
	exits(&s, RUN, 0);
	ticks(&s.mk, 2 * SECOND);
	assert_int_equal(s.n, 3);
	assert_int_equal(s.traces, 1);
	is_child(span_of(&s, OTR_SPAN_CLIENT, "/b"), process_of(&s), OTR_EVIDENCE_EXEC);
	is_child(span_of(&s, OTR_SPAN_SERVER, "/b"), span_of(&s, OTR_SPAN_CLIENT, "/b"),
		 OTR_EVIDENCE_WIRE);
	end(&s);
}

/* It asked before it served, but that is no piece of work: it is released at once. */
static void a_server_is_no_root(void **state)
{
	struct story s;

	(void)state;
	runs(&s, "/bin/app");
	asks(&s, RUN, "/config");
	asks(&s, RUN, "/migrations");
	ticks(&s.mk, 2 * SECOND);
	assert_int_equal(s.n, 0);
	serves(&s, RUN);
	ticks(&s.mk, 2 * SECOND);
	assert_int_equal(s.n, 3);
	assert_int_equal(s.traces, 3);
	assert_null(process_of(&s));
	is_root(span_of(&s, OTR_SPAN_CLIENT, "/config"));
	is_root(span_of(&s, OTR_SPAN_CLIENT, "/migrations"));
	asks(&s, RUN, "/timer");
	exits(&s, RUN, 0);
	ticks(&s.mk, 2 * SECOND);
	assert_int_equal(s.n, 4);
	is_root(span_of(&s, OTR_SPAN_CLIENT, "/timer"));
	end(&s);
}

/* A worker that runs for longer than a trace is kept together. */
static void a_worker_is_no_root(void **state)
{
	struct story s;
	struct end cl = tcp_client(101, RUN, 2), sv = tcp_server(102, 77, 2);

	(void)state;
	runs(&s, "/bin/worker");
	opens(&s.mk, &cl);
	opens(&s.mk, &sv);
	sends(&s.mk, &cl, GET("/b"));
	gets(&s.mk, &sv, GET("/b"));
	sends(&s.mk, &sv, OK);
	gets(&s.mk, &cl, OK);
	asks(&s, RUN, "/one");
	ticks(&s.mk, 28 * SECOND);
	assert_int_equal(s.n, 0);
	ticks(&s.mk, 4 * SECOND);
	assert_int_equal(s.n, 3);
	assert_int_equal(s.traces, 2);
	is_root(span_of(&s, OTR_SPAN_CLIENT, "/one"));
	is_root(span_of(&s, OTR_SPAN_CLIENT, "/b"));
	is_child(span_of(&s, OTR_SPAN_SERVER, "/b"), span_of(&s, OTR_SPAN_CLIENT, "/b"),
		 OTR_EVIDENCE_WIRE);
	asks(&s, RUN, "/two");
	ticks(&s.mk, 2 * SECOND);
	assert_int_equal(s.n, 4);
	exits(&s, RUN, 0);
	ticks(&s.mk, 2 * SECOND);
	assert_null(process_of(&s));
	end(&s);
}

/* 5,000 calls are a load, not a piece of work: none waits for the end, and none is lost. */
static void a_load_is_no_root(void **state)
{
	static struct story s;
	struct end cl = tcp_client(101, RUN, 2);
	uint64_t evicted = otr_loss_get(OTR_LOSS_EVICT);
	size_t n = 0;

	(void)state;
	runs(&s, "/usr/bin/wrk");
	opens(&s.mk, &cl);
	for (int i = 0; i < 5000; i++) {
		sends(&s.mk, &cl, GET("/load"));
		gets(&s.mk, &cl, OK);
		if (i % 8)
			continue;
		ticks(&s.mk, 20 * MS); /* 13 s in all */
		for (n += s.n; s.n;) {
			is_root(s.spans[s.n - 1]);
			assert_int_equal(s.spans[s.n - 1]->kind, OTR_SPAN_CLIENT);
			otr_span_unref(&s.spans[--s.n]);
		}
	}
	assert_in_range(n, 1, 4999);
	assert_int_equal(otr_loss_get(OTR_LOSS_EVICT), evicted);
	end(&s);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_script_is_one_trace),
		cmocka_unit_test(status_and_signal),
		cmocka_unit_test(without_children_it_is_no_span),
		cmocka_unit_test(strangers_and_those_with_parents_are_not_its_children),
		cmocka_unit_test(a_server_among_its_children),
		cmocka_unit_test(a_server_is_no_root),
		cmocka_unit_test(a_worker_is_no_root),
		cmocka_unit_test(a_load_is_no_root),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
