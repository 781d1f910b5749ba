/* SPDX-License-Identifier: Apache-2.0 */
/* process_env_test.c - the parent in the environment of a process, its failed connects and its end. */

#include "tests/unit/process.h"

#define CONTEXT(id) "TRACEPARENT=00-0af7651916cd43dd8448eb211c80319c-" id "-01"

static void the_environment_is_its_parent(void **state)
{
	static const uint8_t up[8] = {0x11, 0x11, 0x11, 0x11, 0x11, 0x11, 0x11, 0x11};
	static const uint8_t own[8] = {0x22, 0x22, 0x22, 0x22, 0x22, 0x22, 0x22, 0x22};
	const struct otr_span *root, *third;
	struct story s;

	(void)state;
	runs(&s, "/bin/ci.sh");
	meta(&s, RUN, OTR_META_ENV, CONTEXT("1111111111111111"));
	forks(&s, 11, RUN);
	executes(&s, 11, "/usr/bin/curl");
	meta(&s, 11, OTR_META_ENV, CONTEXT("1111111111111111"));
	asks(&s, 11, "/one");
	forks(&s, 12, RUN);
	asks(&s, 12, "/two");
	forks(&s, 13, RUN);
	executes(&s, 13, "/usr/bin/curl");
	meta(&s, 13, OTR_META_ENV, CONTEXT("2222222222222222"));
	asks(&s, 13, "/three");
	exits(&s, RUN, 0);
	ticks(&s.mk, 2 * SECOND);
	assert_int_equal(s.n, 4);
	root = process_of(&s);
	assert_memory_equal(root->parent_id, up, 8);
	assert_int_equal(root->evidence, OTR_EVIDENCE_EXEC);
	assert_true(root->parent_remote);
	is_child(span_of(&s, OTR_SPAN_CLIENT, "/one"), root, OTR_EVIDENCE_EXEC);
	is_child(span_of(&s, OTR_SPAN_CLIENT, "/two"), root, OTR_EVIDENCE_CLONE);
	third = span_of(&s, OTR_SPAN_CLIENT, "/three");
	assert_memory_equal(third->parent_id, own, 8);
	end(&s);
}

#define OWN   "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01"
#define OUTER "00-0af7651916cd43dd8448eb211c80319c-00f067aa0ba902b7-01"

static void carries(struct story *s, uint32_t tgid, uint32_t ppid, const char *env)
{
	struct end e = {.tgid = tgid, .tid = tgid};
	struct otr_ev_proc pr = {.ppid = ppid};

	s->mk.now_ns += MS;
	pr.hdr = stamp(&s->mk, &e, OTR_EV_PROC_EXEC, sizeof(pr));
	pr.hdr.hook = OTR_HOOK_PRELOAD;
	give(&s->mk, &pr);
	meta(s, tgid, OTR_META_ENV, env);
}

static void runs_named(struct story *s, const char *names)
{
	begin(s);
	meta(s, RUN, OTR_META_RUN_ROOT, names);
	executes(s, RUN, "/home/me/deploy.sh");
}

/* The library reports no forks: a process is a descendant if its environment names the run. */
static void the_environment_names_the_first_process(void **state)
{
	const struct otr_span *root;
	struct story s;

	(void)state;
	runs_named(&s, OWN " " OUTER);
	carries(&s, RUN, 1, "TRACEPARENT=" OWN);
	carries(&s, 21, 20, "TRACEPARENT=" OWN);
	asks(&s, 21, "/below");
	carries(&s, 22, 20, "");
	asks(&s, 22, "/cleared");
	carries(&s, 23, 20,
		"TRACEPARENT=00-11111111111111111111111111111111-"
		"2222222222222222-01");
	asks(&s, 23, "/other");
	exits(&s, RUN, 3 << 8);
	ticks(&s.mk, 2 * SECOND);
	root = process_of(&s);
	is_text(root->name, "deploy.sh");
	assert_int_equal(root->span_id[0], 0xb7);
	assert_int_equal(root->parent_id[1], 0xf0);
	assert_int_equal(root->trace_id[0], 0x0a);
	is_child(span_of(&s, OTR_SPAN_CLIENT, "/below"), root, OTR_EVIDENCE_EXEC);
	is_root(span_of(&s, OTR_SPAN_CLIENT, "/cleared"));
	assert_int_equal(span_of(&s, OTR_SPAN_CLIENT, "/other")->parent_id[0], 0x22);
	end(&s);
}

/* Environments name the first process after it was released: then its parent is meant. */
static void after_the_release_the_name_means_the_parent(void **state)
{
	struct story s;

	(void)state;
	runs_named(&s, OWN);
	carries(&s, RUN, 1, "TRACEPARENT=" OWN);
	asks(&s, RUN, "/start");
	serves(&s, RUN);
	asks(&s, RUN, "/timer");
	exits(&s, RUN, 0);
	ticks(&s.mk, 2 * SECOND);
	assert_null(process_of(&s));
	is_root(span_of(&s, OTR_SPAN_CLIENT, "/start"));
	is_root(span_of(&s, OTR_SPAN_CLIENT, "/timer"));
	end(&s);
	runs_named(&s, OWN " " OUTER);
	carries(&s, RUN, 1, "TRACEPARENT=" OWN);
	serves(&s, RUN);
	asks(&s, RUN, "/timer");
	exits(&s, RUN, 0);
	ticks(&s.mk, 2 * SECOND);
	assert_int_equal(span_of(&s, OTR_SPAN_CLIENT, "/timer")->parent_id[1], 0xf0);
	end(&s);
}

/* A call of `tgid` into which the library has injected the trace id of the run. */
static void asks_in_its_trace(struct story *s, uint32_t tgid, uint8_t id)
{
	struct end cl = tcp_client(700u + id, tgid, 700u + id);
	char text[160];

	cl.cause.ids = OTR_IDS_INJECTED;
	memset(cl.cause.span_id, id, sizeof(cl.cause.span_id));
	snprintf(text, sizeof(text),
		 "GET /%d HTTP/1.1\r\nHost: a\r\ntraceparent: "
		 "00-0af7651916cd43dd8448eb211c80319c-%02x%02x%02x%02x%02x%02x%02x%02x-01\r\n\r\n",
		 id, id, id, id, id, id, id, id, id);
	opens(&s->mk, &cl);
	sends(&s->mk, &cl, text);
	gets(&s->mk, &cl, OK);
}

/* A process that has the run's id in its environment may call in its trace after the release. */
static void each_root_has_a_trace(void **state)
{
	struct story s;

	(void)state;
	runs_named(&s, OWN);
	carries(&s, RUN, 1, "TRACEPARENT=" OWN);
	carries(&s, 21, RUN, "TRACEPARENT=" OWN);
	asks_in_its_trace(&s, RUN, 1);
	serves(&s, RUN);
	asks_in_its_trace(&s, RUN, 3);
	asks_in_its_trace(&s, 21, 4);
	asks_in_its_trace(&s, 21, 5);
	exits(&s, RUN, 0);
	ticks(&s.mk, 2 * SECOND);
	assert_int_equal(s.n, 5);
	for (size_t i = 0; i < s.n; i++) {
		is_root(s.spans[i]);
		for (size_t j = 0; j < i; j++)
			assert_memory_not_equal(s.spans[i]->trace_id, s.spans[j]->trace_id, 16);
	}
	end(&s);
}

/* A connect() of `tgid` was refused, as the source `hook` reports. */
static void is_refused(struct story *s, uint32_t tgid, uint16_t hook)
{
	struct end e = {.tgid = tgid, .tid = tgid, .conn = 47};
	struct otr_ev_failed fa = {.remote = addr4(2, 80), .error = 111 /* refused */};

	fa.start_ns = s->mk.now_ns++;
	fa.hdr = stamp(&s->mk, &e, OTR_EV_CONN_FAILED, sizeof(fa));
	fa.hdr.hook = hook;
	give(&s->mk, &fa);
}

/* It is the first event of a process: the environment comes after it. */
static void a_failed_connect_is_its_child(void **state)
{
	struct story s;

	(void)state;
	for (int both = 0; both < 2; both++) {
		runs_named(&s, OWN);
		is_refused(&s, RUN, OTR_HOOK_SOCKET);
		carries(&s, RUN, 1, "TRACEPARENT=" OWN);
		is_refused(&s, RUN, both ? OTR_HOOK_PRELOAD : OTR_HOOK_SOCKET);
		exits(&s, RUN, 7 << 8);
		ticks(&s.mk, 2 * SECOND);
		assert_int_equal(s.n, 2);
		is_child(s.spans[s.spans[0] == process_of(&s)], process_of(&s), OTR_EVIDENCE_EXEC);
		end(&s);
	}
}

/* The library cannot report how its process ended; the process that started it does. */
static void the_end_is_reported_by_the_process_that_ran_it(void **state)
{
	struct end e = {.tgid = RUN, .tid = RUN};
	struct otr_ev_proc pr = {.ppid = 1};
	struct story s;

	(void)state;
	runs_named(&s, OWN);
	carries(&s, RUN, 1, "TRACEPARENT=" OWN);
	asks(&s, RUN, "/x");
	pr.hdr = stamp(&s.mk, &e, OTR_EV_PROC_EXIT, sizeof(pr));
	pr.hdr.hook = OTR_HOOK_PRELOAD;
	give(&s.mk, &pr);
	exits(&s, RUN, 3 << 8);
	ticks(&s.mk, 2 * SECOND);
	assert_int_equal(otr_span_int(process_of(&s), OTR_KEY_PROCESS_EXIT_CODE, -1), 3);
	end(&s);
}

/* `run` reports one first process; a recording may hold anything. */
static void impossible_records_of_processes_are_harmless(void **state)
{
	struct story s;

	(void)state;
	begin(&s);
	executes(&s, RUN, "/bin/a");
	meta(&s, RUN, OTR_META_RUN_ROOT, "");
	meta(&s, 12, OTR_META_RUN_ROOT, "00-zz");
	exits(&s, RUN, 0);
	exits(&s, RUN, 0);
	meta(&s, RUN, OTR_META_RUN_ROOT, "");
	executes(&s, RUN, "/");
	executes(&s, RUN, "");
	asks(&s, RUN, "/x");
	forks(&s, RUN, RUN);
	exits(&s, RUN, -1);
	executes(&s, RUN, "/bin/b");
	otr_pipeline_flush(s.pl);
	assert_int_equal(s.n, 2);
	end(&s);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(the_environment_is_its_parent),
		cmocka_unit_test(the_environment_names_the_first_process),
		cmocka_unit_test(after_the_release_the_name_means_the_parent),
		cmocka_unit_test(each_root_has_a_trace),
		cmocka_unit_test(a_failed_connect_is_its_child),
		cmocka_unit_test(the_end_is_reported_by_the_process_that_ran_it),
		cmocka_unit_test(impossible_records_of_processes_are_harmless),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
