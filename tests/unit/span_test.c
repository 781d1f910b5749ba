/* SPDX-License-Identifier: Apache-2.0 */
/* span_test.c - a span is one allocation that holds all it was given. */

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "agent/base/own.h"
#include "agent/span/span_builder.h"

static void holds_what_it_was_given(void **state)
{
	OTR_AUTO(otr_sb_fini) struct otr_span_builder sb = {0};
	OTR_AUTO(otr_span_unref) struct otr_span *sp = NULL;
	char host[] = "db.local";

	(void)state;
	otr_sb_reset(&sb);
	otr_sb_name(&sb, OTR_SLICE("GET /a"));
	otr_sb_string(&sb, OTR_KEY_SERVER_ADDRESS, otr_slice_str(host));
	otr_sb_int(&sb, OTR_KEY_SERVER_PORT, 1);
	otr_sb_int(&sb, OTR_KEY_SERVER_PORT, 5432); /* replaces */
	otr_sb_error(&sb, OTR_SLICE("500"));
	memset(host, 'x', sizeof(host) - 1);

	sp = otr_sb_finish(&sb);
	assert_non_null(sp);
	assert_true(otr_slice_eq(sp->name, OTR_SLICE("GET /a")));
	assert_int_equal(sp->n_attrs, 3);
	assert_true(
		otr_slice_eq(otr_span_string(sp, OTR_KEY_SERVER_ADDRESS), OTR_SLICE("db.local")));
	assert_int_equal(otr_span_int(sp, OTR_KEY_SERVER_PORT, 0), 5432);
	assert_true(sp->failed);
}

static void cuts_long_text_at_a_character(void **state)
{
	OTR_AUTO(otr_sb_fini) struct otr_span_builder sb = {0};
	OTR_AUTO(otr_span_unref) struct otr_span *sp = NULL;
	char text[5000];

	(void)state;
	for (size_t i = 0; i + 3 <= sizeof(text); i += 3)
		memcpy(text + i, "\xe2\x82\xac", 3); /* a euro sign */
	otr_sb_reset(&sb);
	otr_sb_name(&sb, (struct otr_slice){text, 4998});
	sp = otr_sb_finish(&sb);
	assert_int_equal(sp->name.len, 4095);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(holds_what_it_was_given),
		cmocka_unit_test(cuts_long_text_at_a_character),
	};

	return cmocka_run_group_tests_name("span", tests, NULL, NULL);
}
