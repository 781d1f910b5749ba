/* SPDX-License-Identifier: Apache-2.0 */
// needs: tests/unit/make_spans.c
/* tree_test.c - trees of traces: whole, broken, deep, wide. */

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "agent/base/buf.h"
#include "agent/base/own.h"
#include "agent/view/fold.h"
#include "agent/view/hist.h"
#include "agent/view/label.h"
#include "agent/view/units.h"
#include "agent/view/words.h"
#include "bpf/event.h"
#include "tests/unit/make_spans.h"

#define S OTR_SPAN_SERVER
#define C OTR_SPAN_CLIENT

struct bench {
	struct otr_span **spans;
	size_t n;
	struct otr_tree tree;
	struct otr_rows rows;
};

static int begin(void **state)
{
	struct bench *b = calloc(1, sizeof(*b));

	b->spans = calloc(60000, sizeof(*b->spans));
	*state = b;
	return 0;
}

static int end(void **state)
{
	struct bench *b = *state;

	otr_rows_fini(&b->rows);
	otr_tree_fini(&b->tree);
	for (size_t i = 0; i < b->n; i++)
		otr_span_unref(&b->spans[i]);
	free(b->spans);
	free(b);
	return 0;
}

static void add(struct bench *b, const struct make *m)
{
	b->spans[b->n++] = make_span(1, m);
}

static void build(struct bench *b, uint32_t max)
{
	assert_int_equal(
		otr_tree_build(&b->tree, (const struct otr_span *const *)b->spans, b->n, true), 0);
	otr_tree_time(&b->tree);
	assert_int_equal(otr_rows_build(&b->rows, &b->tree, max), 0);
}

static struct otr_node *named(struct bench *b, uint32_t id)
{
	uint8_t want[8] = {(uint8_t)(id >> 24), (uint8_t)(id >> 16), (uint8_t)(id >> 8),
			   (uint8_t)id};

	for (uint32_t i = 0; i < b->tree.n; i++)
		if (!memcmp(b->tree.nodes[i].span->span_id, want, 8))
			return &b->tree.nodes[i];
	fail_msg("no node %u", id);
	return NULL;
}

static void joins_both_ends(void **state)
{
	struct bench *b = *state;

	b->n = make_checkout(1, b->spans);
	build(b, 30);
	assert_int_equal(b->tree.spans, 58);
	assert_int_equal(b->tree.n, 55); /* three servers share a node */
	assert_int_equal(b->tree.failed, 4);
	assert_int_equal(b->tree.services, 4);
	assert_int_equal(b->tree.weak, 1);
	assert_non_null(named(b, 5)->server);
	assert_int_equal(b->rows.n, 8);
	assert_int_equal(b->rows.row[4].count, 48);
	assert_true(b->rows.row[4].in_turn);
}

static void finds_self_time_and_critical_path(void **state)
{
	struct bench *b = *state;

	add(b, &(struct make){S, 0, 1, 0, "a", "r", 0, 100});
	add(b, &(struct make){C, 0, 2, 1, "a", "x", 10, 30});
	add(b, &(struct make){C, 0, 3, 1, "a", "y", 20, 40}); /* overlaps x */
	add(b, &(struct make){C, 0, 4, 1, "a", "z", 70, 20});
	build(b, 30);
	assert_int_equal(named(b, 1)->self_ns, 30000000); /* 0-10 60-70 90-100 */
	assert_true(named(b, 1)->critical && named(b, 4)->critical);
	assert_true(named(b, 3)->critical);
	assert_false(named(b, 2)->critical);
	assert_int_equal(b->tree.fan_width, 2);
}

static void words_name_the_critical_path_and_the_first_error(void **state)
{
	OTR_AUTO(otr_buf_fini) struct otr_buf out = {0};
	struct bench *b = *state;

	add(b, &(struct make){S, 0, 1, 0, "web", "GET /", 0, 100, 200});
	for (uint32_t i = 0; i < 3; i++)
		add(b, &(struct make){C, 0, 2 + i, 1, "web", "GET /a", 1, 98, 503, .host = "api",
				      .error = "503"});
	build(b, 30);
	otr_words(&out, &b->tree, &b->rows);
	otr_buf_byte(&out, '\0');
	assert_string_equal(out.data, "98% of the time: api:8080 GET /a, under web GET /\n"
				      "first error: api:8080 GET /a 503, under web GET /\n");
}

static void survives_cycles_and_lost_parents(void **state)
{
	struct bench *b = *state;

	add(b, &(struct make){S, 0, 1, 3, "a", "one", 0, 9});
	add(b, &(struct make){S, 0, 2, 1, "a", "two", 1, 9});
	add(b, &(struct make){S, 0, 3, 2, "a", "three", 2, 9});
	add(b, &(struct make){S, 0, 4, 4, "a", "self", 3, 9});
	add(b, &(struct make){S, 0, 5, 77, "a", "lost", 4, 9});
	add(b, &(struct make){S, 0, 5, 1, "a", "twin", 5, 9}); /* same id */
	add(b, &(struct make){C, 0, 6, 7, "a", "c", 6, 1});
	add(b, &(struct make){S, OTR_EVIDENCE_WIRE, 7, 6, "a", "s", 6, 1});
	build(b, 30);
	assert_int_equal(b->rows.n, 7);
	assert_int_equal(b->rows.rest, 0);
	assert_true(named(b, 5)->lost_parent);
}

static void a_tree_may_be_very_deep(void **state)
{
	struct bench *b = *state;

	for (uint32_t i = 1; i <= 50000; i++)
		add(b, &(struct make){S, OTR_EVIDENCE_STRAND, i, i - 1, "a", "deep", i * 0.001,
				      100 - i * 0.001, .error = i == 40000 ? "500" : NULL});
	build(b, 30);
	assert_int_equal(b->rows.n, 30);
	assert_int_equal(b->rows.rest, 50000 - 30);
	assert_true(named(b, 50000)->critical);
	for (uint32_t i = 0; i < 30; i++)
		if (b->tree.nodes[b->rows.row[i].node].failed)
			return;
	fail_msg("the error was folded away");
}

static void keeps_errors_and_the_critical_path(void **state)
{
	struct bench *b = *state;
	char name[32];
	int failed = 0, critical = 0;

	add(b, &(struct make){S, 0, 1, 0, "a", "r", 0, 5000});
	for (uint32_t i = 2; i <= 3000; i++) {
		snprintf(name, sizeof(name), "n%u", i);
		add(b, &(struct make){C, 0, i, 1, "a", name, 1, i * 0.1,
				      .error = i % 1000 == 7 ? "500" : NULL});
	}
	build(b, 10);
	assert_int_equal(b->rows.n, 10);
	for (uint32_t i = 0; i < 10; i++) {
		failed += b->tree.nodes[b->rows.row[i].node].failed;
		critical += b->rows.row[i].critical;
	}
	assert_int_equal(failed, 3);
	assert_int_equal(critical, 2);
	assert_int_equal(b->rows.rest, 3000 - 10);
}

static void counts_in_three_digits(void **state)
{
	static const struct {
		uint64_t ns;
		const char *text;
	} rows[] = {
		{0, "0 ns"},
		{999, "999 ns"},
		{412000, "412 us"},
		{999499, "999 us"},
		{999500, "1.00 ms"},
		{8100000, "8.10 ms"},
		{96000000, "96.0 ms"},
		{9996000, "10.0 ms"},
		{310000000, "310 ms"},
		{1820000000, "1.82 s"},
		{42300000000, "42.3 s"},
		{3600000000000, "60.0 m"},
	};
	char out[OTR_UNITS];

	(void)state;
	for (size_t i = 0; i < OTR_ARRAY_SIZE(rows); i++)
		assert_string_equal(otr_units_duration(rows[i].ns, out), rows[i].text);
	assert_string_equal(otr_units_count(1234567, out), "1,234,567");
	assert_string_equal(otr_units_count(999, out), "999");
}

static void finds_quantiles(void **state)
{
	struct otr_hist *h = calloc(1, sizeof(*h));
	uint64_t q;

	(void)state;
	assert_int_equal(otr_hist_quantile(h, 0.5), 0);
	for (uint64_t i = 1; i <= 10000; i++)
		otr_hist_add(h, i * 100000);
	for (double share = 0.05; share < 1; share += 0.05) {
		q = otr_hist_quantile(h, share);
		assert_true((double)q >= share * 1e9 * 0.9999);
		assert_true((double)q <= share * 1e9 * 1.065);
	}
	otr_hist_add(h, UINT64_MAX);
	otr_hist_add(h, 0);
	assert_true(otr_hist_quantile(h, 1) == UINT64_MAX);
	free(h);
}

static void ignores_routes(void **state)
{
	OTR_AUTO(otr_span_unref) struct otr_span *sp = NULL;
	char *list[] = {(char *)(uintptr_t) "GET /health", (char *)(uintptr_t) "GET /static/*",
			NULL};

	(void)state;
	sp = make_span(1, &(struct make){S, 0, 1, 0, "a", "GET /static/x", 0, 1});
	assert_true(otr_label_ignored(list, sp));
	list[1] = NULL;
	assert_false(otr_label_ignored(list, sp));
	assert_false(otr_label_ignored(NULL, sp));
}

/* A few spans, each with any parent or none; some parents are not there, some make a cycle. */
static void add_at_random(struct bench *b)
{
	uint32_t n = 1 + (uint32_t)random() % 6;

	for (uint32_t i = 1; i <= n; i++)
		add(b,
		    &(struct make){random() % 2 ? S : C, random() % 4 ? 0 : OTR_EVIDENCE_WIRE, i,
				   (uint32_t)random() % (n + 2), "a", "r", (double)(random() % 5),
				   (double)(random() % 5), .status = random() % 8 ? 200 : 500,
				   .cut = random() % 5 == 0});
}

/* What is told of a trace before its tree is complete is what the complete tree tells. */
static void an_outline_tells_the_same(void **state)
{
	struct bench *b = *state;
	size_t outlined = 0;

	srandom(1);
	for (int turn = 0; turn < 5000; turn++) {
		const struct otr_span *const *spans = (const struct otr_span *const *)b->spans;
		struct otr_node root;
		struct otr_tree was;

		add_at_random(b);
		assert_int_equal(otr_tree_build(&b->tree, spans, b->n, turn % 2), 0);
		was = b->tree;
		root = was.nodes[was.root];
		outlined += was.outlined;
		otr_tree_time(&b->tree);
		assert_false(b->tree.outlined);
		assert_ptr_equal(b->tree.nodes[b->tree.root].span, root.span);
		assert_ptr_equal(b->tree.nodes[b->tree.root].server, root.server);
		assert_int_equal(b->tree.nodes[b->tree.root].start_ns, root.start_ns);
		assert_int_equal(b->tree.nodes[b->tree.root].end_ns, root.end_ns);
		assert_int_equal(b->tree.nodes[b->tree.root].answered, root.answered);
		assert_int_equal(b->tree.spans, was.spans);
		assert_int_equal(b->tree.failed, was.failed);
		assert_int_equal(b->tree.cut, was.cut);
		assert_int_equal(b->tree.first_error, was.first_error);
		while (b->n)
			otr_span_unref(&b->spans[--b->n]);
	}
	assert_in_range(outlined, 500, 4500);
}

int main(void)
{
#define T(f) cmocka_unit_test_setup_teardown(f, begin, end)
	const struct CMUnitTest tests[] = {
		T(joins_both_ends),
		T(finds_self_time_and_critical_path),
		T(words_name_the_critical_path_and_the_first_error),
		T(survives_cycles_and_lost_parents),
		T(a_tree_may_be_very_deep),
		T(keeps_errors_and_the_critical_path),
		cmocka_unit_test(counts_in_three_digits),
		cmocka_unit_test(finds_quantiles),
		cmocka_unit_test(ignores_routes),
		cmocka_unit_test_setup_teardown(an_outline_tells_the_same, begin, end),
	};

	return cmocka_run_group_tests_name("tree", tests, NULL, NULL);
}
