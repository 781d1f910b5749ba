/* SPDX-License-Identifier: Apache-2.0 */
// needs: preload/parse/fields.c preload/parse/environ.c
/*
 * fields_test.c - a traceparent is added behind the fields of an HTTP/2 request, once, or the list
 * is unchanged.
 */

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <string.h>

#include "preload/parse/fields.h"

#define FIELD(name, value)                                                                    \
	{                                                                                     \
		(uint8_t *)(name), (uint8_t *)(value), sizeof(name) - 1, sizeof(value) - 1, 0 \
	}
#define GET	 FIELD(":method", "GET")
#define COUNT(a) (sizeof(a) / sizeof(*(a)))

static struct otr_fields fl;

static int is(const struct otr_nv *nv, const char *name, const char *value)
{
	return nv->namelen == strlen(name) && !memcmp(nv->name, name, nv->namelen) &&
	       nv->valuelen == strlen(value) && !memcmp(nv->value, value, nv->valuelen);
}

static void make(const struct otr_nv *nv, size_t n)
{
	memset(&fl, 0xaa, sizeof(fl));
	memset(fl.span.trace_id, 0x1b, sizeof(fl.span.trace_id));
	memset(fl.span.span_id, 0xe2, sizeof(fl.span.span_id));
	fl.span.flags = 1;
	fl.span.state_len = fl.span.baggage_len = 0;
	otr_fields_make(&fl, nv, n);
}

static void test_which_lists(void **state)
{
	static const struct otr_nv plain[] = {GET, FIELD(":path", "/"), FIELD("a", "")};
	static const struct otr_nv has[] = {GET, FIELD("traceparent", "x")};
	static const struct otr_nv spelt[] = {GET, FIELD("TraceParent", "")};
	static const struct otr_nv alike[] = {GET, FIELD("traceparents", "x"),
					      FIELD("x-traceparent", "y")};
	static const struct otr_nv tunnel[] = {FIELD(":method", "CONNECT")};
	static const struct otr_nv odd[] = {FIELD(":status", "200")};

	(void)state;
	assert_int_equal(otr_fields_read(plain, COUNT(plain)), OTR_HEAD_WHOLE);
	assert_int_equal(otr_fields_read(has, COUNT(has)), OTR_HEAD_HAS_ONE);
	assert_int_equal(otr_fields_read(spelt, COUNT(spelt)), OTR_HEAD_HAS_ONE);
	assert_int_equal(otr_fields_read(alike, COUNT(alike)), OTR_HEAD_WHOLE);
	assert_int_equal(otr_fields_read(tunnel, COUNT(tunnel)), OTR_HEAD_ODD);
	assert_int_equal(otr_fields_read(odd, COUNT(odd)), OTR_HEAD_ODD);
	assert_int_equal(otr_fields_read(plain, 0), OTR_HEAD_ODD);
	assert_int_equal(otr_fields_read(NULL, 1), OTR_HEAD_ODD);
}

static void test_bounds(void **state)
{
	static char big[OTR_HEAD_MAX];
	struct otr_nv nv[OTR_FIELDS_MAX + 1] = {GET};

	(void)state;
	for (size_t i = 1; i < COUNT(nv); i++)
		nv[i] = (struct otr_nv)FIELD("n", "v");
	assert_int_equal(otr_fields_read(nv, OTR_FIELDS_MAX), OTR_HEAD_WHOLE);
	assert_int_equal(otr_fields_read(nv, OTR_FIELDS_MAX + 1), OTR_HEAD_ODD);
	nv[1].value = (uint8_t *)big;
	nv[1].valuelen = sizeof(big) - 11;
	assert_int_equal(otr_fields_read(nv, 2), OTR_HEAD_WHOLE);
	nv[1].valuelen++;
	assert_int_equal(otr_fields_read(nv, 2), OTR_HEAD_ODD);
	nv[1].valuelen = SIZE_MAX;
	assert_int_equal(otr_fields_read(nv, 2), OTR_HEAD_ODD);
}

static void test_one_more(void **state)
{
	static const struct otr_nv nv[] = {GET, FIELD(":path", "/"), FIELD("b", "c")};

	(void)state;
	make(nv, COUNT(nv));
	assert_int_equal(fl.n, COUNT(nv) + 1);
	assert_memory_equal(fl.nv, nv, sizeof(nv));
	assert_true(is(&fl.nv[3], "traceparent",
		       "00-1b1b1b1b1b1b1b1b1b1b1b1b1b1b1b1b-e2e2e2e2e2e2e2e2-01"));
	assert_int_equal(fl.nv[3].flags, 0);
}

static void test_its_lists(void **state)
{
	static const struct otr_nv nv[] = {GET};
	static const struct otr_nv has[] = {GET, FIELD("Baggage", "own")};

	(void)state;
	make(nv, 1);
	memcpy(fl.span.state, "k=v", fl.span.state_len = 3);
	memcpy(fl.span.baggage, "who=me", fl.span.baggage_len = 6);
	otr_fields_make(&fl, nv, 1);
	assert_int_equal(fl.n, 4);
	assert_true(is(&fl.nv[2], "tracestate", "k=v"));
	assert_true(is(&fl.nv[3], "baggage", "who=me"));
	otr_fields_make(&fl, has, 2);
	assert_int_equal(fl.n, 4);
	assert_true(is(&fl.nv[1], "Baggage", "own"));
	assert_true(is(&fl.nv[3], "tracestate", "k=v"));
}

static void test_room(void **state)
{
	struct otr_nv nv[OTR_FIELDS_MAX] = {GET};

	(void)state;
	for (size_t i = 1; i < COUNT(nv); i++)
		nv[i] = (struct otr_nv)FIELD("n", "v");
	make(nv, COUNT(nv));
	fl.span.state_len = OTR_TRACESTATE_MAX;
	fl.span.baggage_len = OTR_BAGGAGE_MAX;
	otr_fields_make(&fl, nv, COUNT(nv));
	assert_int_equal(fl.n, COUNT(fl.nv));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_which_lists), cmocka_unit_test(test_bounds),
		cmocka_unit_test(test_one_more),    cmocka_unit_test(test_its_lists),
		cmocka_unit_test(test_room),
	};

	return cmocka_run_group_tests_name("fields", tests, NULL, NULL);
}
