/* SPDX-License-Identifier: Apache-2.0 */
// needs: tests/unit/make_spans.c
/*
 * console_test.c - what the console writes, against tests/golden/console/. GOLDEN=update writes
 * these files again: read the difference before committing it.
 */

#include "tests/unit/console_bench.h"

/* No row is wider than `width`. */
static void fits(const char *text, unsigned int width)
{
	size_t len;

	for (; *text; text += len + 1) {
		len = strcspn(text, "\n");
		assert_true(otr_cells((struct otr_slice){text, len}) <= width);
		if (!text[len])
			break;
	}
}

#define GOLDEN(test, file, columns, prepare)    \
	static void test(void **state)          \
	{                                       \
		struct bench *b = *state;       \
                                                \
		prepare;                        \
		open_console(b, columns, true); \
		checkout(b, 0x7f3c91d2);        \
		compare(file, written(b));      \
	}
#define PLAIN setenv("NO_COLOR", "1", 1)

GOLDEN(draws_at_40, "40", 40, PLAIN)
GOLDEN(draws_at_60, "60", 60, PLAIN)
GOLDEN(draws_at_80, "80", 80, PLAIN)
GOLDEN(draws_at_120, "120", 120, PLAIN)
GOLDEN(draws_at_200, "200", 200, PLAIN)
GOLDEN(draws_in_ascii, "80-ascii", 80, (PLAIN, b->cfg.ascii = true))
GOLDEN(draws_in_color, "80-color", 80, (void)0)
GOLDEN(draws_evidence, "120-verbose", 120, (PLAIN, b->cfg.verbose = true))
GOLDEN(draws_all_spans, "120-spans", 120, (PLAIN, b->cfg.spans = true))
GOLDEN(prints_a_line, "line", 80, b->cfg.format = OTR_FORMAT_LINE)

static void prints_json(void **state)
{
	struct bench *b = *state;
	char *text;

	b->cfg.format = OTR_FORMAT_JSONL;
	open_console(b, 80, false);
	otr_console_start(b->con, "x", "bpf");
	checkout(b, 1);
	text = written(b);
	assert_memory_equal(text, "{\"resourceSpans\":[", 18);
	assert_string_equal(strchr(text, '\n'), "\n"); /* one line, and no other */
}

static void knows_a_file_from_a_terminal(void **state)
{
	struct bench *b = *state;

	open_console(b, 0, false);
	otr_console_start(b->con, "python3 app.py (4242)", "bpf");
	checkout(b, 0x7f3c91d2);
	compare("file", written(b));
}

static void never_exceeds_the_width(void **state)
{
	struct bench *b = *state;

	setenv("NO_COLOR", "1", 1);
	b->cfg.verbose = true;
	b->cfg.print_rate = 0;
	for (unsigned int w = 40; w <= 220; w += 7) {
		forget(b);
		open_console(b, w, true);
		checkout(b, 1);
		fits(written(b), w > 200 ? 200 : w);
		otr_console_free(&b->con);
	}
}

static void reports_orphans_and_far_parents(void **state)
{
	struct bench *b = *state;

	open_console(b, 120, false);
	give(b, 0x91ab03ce,
	     &(struct make){OTR_SPAN_CLIENT, 0, 1, 0, "orders", "GET /rates", 0, 12, 200,
			    .links = 3});
	finish(b, 0x91ab03ce);
	give(b, 0xc0ffee12,
	     &(struct make){OTR_SPAN_SERVER, OTR_EVIDENCE_HEADER, 1, 0x00f067aa, "prices",
			    "GET /price", 0, 3.1, 200, .remote = true});
	give(b, 0xc0ffee12,
	     &(struct make){OTR_SPAN_CLIENT, OTR_EVIDENCE_STRAND, 2, 1, "prices", "GET /x", 1, 1,
			    -1, .host = "api.example.com"});
	finish(b, 0xc0ffee12);
	give(b, 0xc0ffee13,
	     &(struct make){OTR_SPAN_SERVER, OTR_EVIDENCE_WIRE, 1, 0x00f067aa, "prices",
			    "GET /price", 0, 3.1, 200, .cut = true});
	finish(b, 0xc0ffee13);
	compare("parents", written(b));
}

/* The process that `run` started, and its requests. */
static void draws_a_script(void **state)
{
	static const struct make rows[] = {
		{OTR_SPAN_INTERNAL, 0, 1, 0, "deploy", "deploy.sh", 0, 96, .exit = 3, .error = "3"},
		{OTR_SPAN_CLIENT, OTR_EVIDENCE_EXEC, 2, 1, "curl", "GET", 12, 20, 200,
		 .host = "api.example.com"},
		{OTR_SPAN_CLIENT, OTR_EVIDENCE_CLONE, 3, 1, "psql", "SELECT", 60, 30,
		 .db = "postgresql", .summary = "SELECT items"},
	};
	struct bench *b = *state;

	open_console(b, 80, false);
	for (size_t i = 0; i < OTR_ARRAY_SIZE(rows); i++)
		give(b, 0xde910e, &rows[i]);
	finish(b, 0xde910e);
	compare("script", written(b));
}

static void limits_a_flood(void **state)
{
	struct bench *b = *state;

	open_console(b, 120, false);
	otr_console_tick(b->con, 5 * SECOND);
	for (uint32_t i = 1; i <= 1284; i++) {
		give(b, i,
		     &(struct make){OTR_SPAN_SERVER, 0, i, 0, "web",
				    i % 7 ? "GET /health" : "GET /", 0, 0.3, 200});
		finish(b, i);
	}
	give(b, 5000,
	     &(struct make){OTR_SPAN_SERVER, 0, 1, 0, "web", "GET /bad", 0, 1, 500,
			    .error = "500"});
	finish(b, 5000);
	assert_non_null(strstr(written(b), "!500 GET /bad"));
	forget(b);
	otr_console_tick(b->con, 6 * SECOND + 1);
	compare("flood", written(b));
}

static void filters(void **state)
{
	struct bench *b = *state;

	b->cfg.errors = true;
	b->cfg.slow_ns = SECOND;
	open_console(b, 80, false);
	give(b, 1, &(struct make){OTR_SPAN_SERVER, 0, 1, 0, "web", "GET /", 0, 1});
	finish(b, 1);
	give(b, 2,
	     &(struct make){OTR_SPAN_SERVER, 0, 1, 0, "web", "GET /", 0, 1, 500, .error = "500"});
	finish(b, 2);
	assert_string_equal(written(b), "");
	checkout(b, 3);
	assert_string_not_equal(written(b), "");
}

static void begins_on_a_fresh_line(void **state)
{
	struct bench *b = *state;
	struct otr_console_config cfg = {
		.cfg = &b->cfg, .fd = b->fd, .terminal = true, .shared = true, .width = 80};

	assert_int_equal(otr_console_new(&b->con, &cfg), 0);
	otr_console_notice(b->con, "otrace: hello\n    more\x1b[0m");
	assert_memory_equal(written(b), "          ", 10);
	assert_string_equal(written(b) + 80, "\rotrace: hello\n    more\\x1b[0m\n");
}

static void folds_what_is_large(void **state)
{
	struct bench *b = *state;
	char *text, name[32];
	int lines = 0;

	open_console(b, 80, false);
	give(b, 1, &(struct make){OTR_SPAN_SERVER, 0, 1, 0, "web", "GET /", 0, 5000});
	for (uint32_t i = 2; i <= 5000; i++) {
		snprintf(name, sizeof(name), "GET /%u", i / 3);
		give(b, 1,
		     &(struct make){OTR_SPAN_CLIENT, OTR_EVIDENCE_STRAND, i, i > 3000 ? i - 7 : 1,
				    "web", name, i, 0.9, .error = i == 4444 ? "500" : NULL});
	}
	finish(b, 1);
	text = written(b);
	for (char *c = text; *c; c++)
		lines += *c == '\n';
	assert_true(lines <= 30 + 4); /* head, rest, two of words */
	assert_non_null(strstr(text, " more spans, "));
	assert_non_null(strstr(text, "!500"));
	fits(text, 80);
}

static void shows_hostile_bytes_escaped(void **state)
{
	static const char hostile[] = "GET /\x1b]52;c;aGk=\x07\x1b[2J\xe2\x80\xae"
				      "evil\xff\xc2\x9b"
				      "31m\n\r\"";
	struct bench *b = *state;

	for (int format = OTR_FORMAT_TEXT; format <= OTR_FORMAT_LINE; format++) {
		b->cfg.format = format;
		open_console(b, 160, false);
		give(b, 1,
		     &(struct make){OTR_SPAN_SERVER, 0, 1, 0, hostile + 4, hostile, 0, 1, 500,
				    .error = "\x1b[31m"});
		give(b, 1,
		     &(struct make){OTR_SPAN_CLIENT, OTR_EVIDENCE_STRAND, 2, 1, "web", hostile, 0.1,
				    0.8, -1, .host = "\x1bPq\xe2\x80\xa8"});
		finish(b, 1);
		otr_console_summary(b->con, &(struct otr_summary){.what = "\x1b[5m"});
		otr_console_free(&b->con);
	}
	assert_null(strchr(written(b), '\x1b'));
	assert_null(strchr(b->text, '\x07'));
	assert_null(strchr(b->text, '\r'));
	assert_null(strchr(b->text, '\xff'));
	assert_null(strstr(b->text, "\xe2\x80\xae"));
	assert_null(strstr(b->text, "\xe2\x80\xa8"));
	assert_null(strstr(b->text, "\xc2\x9b"));
	assert_non_null(strstr(b->text, "\\x1b"));
}

static void forgets_what_never_ends(void **state)
{
	struct bench *b = *state;

	open_console(b, 80, false);
	for (uint32_t i = 1; i <= 6000; i++)
		give(b, i, &(struct make){OTR_SPAN_SERVER, 0, 1, 0, "w", "GET /", 0, 1});
	assert_int_equal(otr_loss_get(OTR_LOSS_EVICT), 6000 - 4096);
	otr_console_tick(b->con, 300 * SECOND);
	finish(b, 6000);
	assert_null(strstr(written(b), "GET /  "));
}

int main(void)
{
#define T(f) cmocka_unit_test_setup_teardown(f, begin, end)
	const struct CMUnitTest tests[] = {
		/* clang-format off */
		T(draws_at_40), T(draws_at_60),
		T(draws_at_80), T(draws_at_120),
		T(draws_at_200), T(draws_in_ascii),
		T(draws_in_color), T(draws_evidence),
		T(draws_all_spans), T(prints_a_line),
		T(prints_json), T(knows_a_file_from_a_terminal),
		T(never_exceeds_the_width), T(reports_orphans_and_far_parents),
		T(draws_a_script), T(limits_a_flood),
		T(filters),
		T(begins_on_a_fresh_line), T(folds_what_is_large),
		T(shows_hostile_bytes_escaped), T(forgets_what_never_ends),
		/* clang-format on */
	};

	return cmocka_run_group_tests_name("console", tests, NULL, NULL);
}
