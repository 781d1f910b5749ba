/* SPDX-License-Identifier: Apache-2.0 */
/* sampler_test.c - who decides for the traces of a process, and how a limit is kept. */

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <stdio.h>
#include <stdlib.h>

#include "agent/base/err.h"
#include "agent/resource/resource.h"
#include "agent/sample/sampler.h"
#include "bpf/event.h"
#include "bpf/sample.h"

#define HALF	(OTR_SAMPLE_NEVER / 2)
#define QUARTER (OTR_SAMPLE_NEVER / 4 * 3)
#define SECOND	1000000000ull

static uint64_t otel(const char *name, const char *arg)
{
	struct otr_sampler is;

	if (!otr_sampler_read_otel(&is, otr_slice_str(name), otr_slice_str(arg)))
		return UINT64_MAX;
	return is.threshold | (uint64_t)is.ignores_caller << 63;
}

static void samplers_of_opentelemetry(void **state)
{
	const uint64_t alone = 1ull << 63;

	(void)state;
	assert_true(otel("always_on", "") == alone);
	assert_true(otel("always_off", "0.5") == (alone | OTR_SAMPLE_NEVER));
	assert_true(otel("traceidratio", "0.5") == (alone | HALF));
	assert_true(otel("parentbased_always_on", "") == 0);
	assert_true(otel("parentbased_always_off", "") == OTR_SAMPLE_NEVER);
	assert_true(otel("parentbased_traceidratio", "0.25") == QUARTER);
	assert_true(otel("parentbased_traceidratio", "") == 0);
	assert_true(otel("parentbased_traceidratio", "25%") == UINT64_MAX);
	assert_true(otel("traceidratio", "1.5") == UINT64_MAX);
	assert_true(otel("jaeger_remote", "") == UINT64_MAX);
	assert_true(otel("", "") == UINT64_MAX);
}

static void the_default(void **state)
{
	struct otr_sampler is;
	struct otr_err err;

	(void)state;
	unsetenv("OTEL_TRACES_SAMPLER");
	assert_int_equal(otr_sampler_default(&is, NULL, &err), 0);
	assert_true(!is.threshold && !is.ignores_caller);
	assert_int_equal(otr_sampler_default(&is, "50%", &err), 0);
	assert_true(is.threshold == HALF);
	assert_true(otr_sampler_default(&is, "10 %", &err) < 0);
	setenv("OTEL_TRACES_SAMPLER", "parentbased_traceidratio", 1);
	setenv("OTEL_TRACES_SAMPLER_ARG", "0.25", 1);
	assert_int_equal(otr_sampler_default(&is, NULL, &err), 0);
	assert_true(is.threshold == QUARTER);
	assert_int_equal(otr_sampler_default(&is, "0.5", &err), 0);
	assert_true(is.threshold == HALF);
	setenv("OTEL_TRACES_SAMPLER", "sometimes", 1);
	assert_true(otr_sampler_default(&is, NULL, &err) < 0);
	unsetenv("OTEL_TRACES_SAMPLER");
}

struct bench {
	struct otr_procs *procs;
	struct otr_samplers *samplers;
};

static void put(void *arg, const struct otr_event *ev)
{
	assert_int_equal(otr_procs_event(arg, ev), 0);
}

static void fact(struct bench *b, uint32_t tgid, enum otr_meta key, const char *text, size_t len)
{
	otr_meta_put(tgid, key, (struct otr_slice){text, len}, 1, put, b->procs);
}

static void begin(struct bench *b, const char *all)
{
	struct otr_sampler is;
	struct otr_err err;

	assert_int_equal(otr_sampler_default(&is, all, &err), 0);
	assert_int_equal(otr_procs_new(&b->procs, 64), 0);
	assert_int_equal(otr_samplers_new(&b->samplers, &is, b->procs), 0);
}

static void end(struct bench *b)
{
	otr_samplers_free(&b->samplers);
	otr_procs_free(&b->procs);
}

static uint64_t of(struct bench *b, uint32_t tgid)
{
	return otr_samplers_of(b->samplers, tgid).threshold;
}

#define ENV(b, tgid, text) fact(b, tgid, OTR_META_ENV, text, sizeof(text) - 1)

/* --sample, a rule, and two variables, one stronger than the other. */
static void the_strongest_decides(void **state)
{
	struct bench b;

	(void)state;
	begin(&b, "0.5");
	assert_true(of(&b, 7) == HALF);
	fact(&b, 7, OTR_META_SAMPLE, "25%", 3);
	assert_true(of(&b, 7) == QUARTER);
	assert_true(of(&b, 8) == HALF);
	ENV(&b, 7, "OTEL_TRACES_SAMPLER=traceidratio\0OTEL_TRACES_SAMPLER_ARG=0.125");
	assert_true(of(&b, 7) == OTR_SAMPLE_NEVER / 8 * 7);
	assert_true(otr_samplers_of(b.samplers, 7).ignores_caller);
	ENV(&b, 7, "OTEL_TRACES_SAMPLER=always_off\0OTRACE_SAMPLE=100%");
	assert_true(of(&b, 7) == 0);
	ENV(&b, 7, "OTEL_TRACES_SAMPLER=jaeger_remote\0OTRACE_SAMPLE=many"); /* no help */
	assert_true(of(&b, 7) == QUARTER);
	fact(&b, 7, OTR_META_SAMPLE, "", 0);
	assert_true(of(&b, 7) == HALF);
	end(&b);
}

static void second(struct bench *b, uint64_t n, unsigned int began)
{
	for (unsigned int i = 0; i < began; i++)
		otr_samplers_count(b->samplers, 7);
	otr_samplers_tick(b->samplers, n * SECOND);
}

/* How many of 1,000 would be sampled. */
static unsigned int per_mille(uint64_t threshold)
{
	return (unsigned int)((double)(OTR_SAMPLE_NEVER - threshold) / OTR_SAMPLE_NEVER * 1000 +
			      0.5);
}

static void a_limit_follows_the_rate(void **state)
{
	struct bench b;

	(void)state;
	begin(&b, "100/s");
	second(&b, 1, 0);
	second(&b, 2, 90);
	assert_true(of(&b, 7) == 0);
	second(&b, 3, 1000);
	assert_int_equal(per_mille(of(&b, 7)), 100);
	second(&b, 4, 2000);
	assert_int_equal(per_mille(of(&b, 7)), 50);
	second(&b, 5, 1000); /* as if 1,800 */
	assert_int_equal(per_mille(of(&b, 7)), 56);
	second(&b, 6, 0); /* a burst after three quiet seconds */
	second(&b, 7, 0);
	second(&b, 8, 0);
	assert_in_range(per_mille(of(&b, 7)), 90, 120);
	for (uint64_t i = 9; i < 40; i++)
		second(&b, i, 10);
	assert_true(of(&b, 7) == 0);
	end(&b);
}

static void a_limit_of_none_keeps_none(void **state)
{
	struct otr_sampler is;

	(void)state;
	assert_true(otr_sampler_read(&is, OTR_SLICE("0/s")));
	assert_true(is.threshold == OTR_SAMPLE_NEVER);
	assert_false(otr_sampler_read(&is, OTR_SLICE("/s")));
	assert_false(otr_sampler_read(&is, OTR_SLICE("-1/s")));
	assert_false(otr_sampler_read(&is, OTR_SLICE("nan/s")));
	assert_false(otr_sampler_read(&is, OTR_SLICE("1e9/s")));
	assert_false(otr_sampler_read(&is, OTR_SLICE("2000000/s")));
	assert_false(otr_sampler_read(&is, OTR_SLICE("10/m")));
}

/* More limits than there is room for: a process may set one for itself. */
static void many_limits(void **state)
{
	struct bench b;
	char text[64];

	(void)state;
	begin(&b, NULL);
	for (uint32_t tgid = 1; tgid < 500; tgid++) {
		int len = snprintf(text, sizeof(text), "OTRACE_SAMPLE=%u/s", tgid);

		fact(&b, tgid, OTR_META_ENV, text, (size_t)len);
		otr_samplers_count(b.samplers, tgid);
		assert_true(of(&b, tgid) < OTR_SAMPLE_NEVER);
	}
	otr_samplers_tick(b.samplers, SECOND);
	end(&b);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(samplers_of_opentelemetry),
		cmocka_unit_test(the_default),
		cmocka_unit_test(the_strongest_decides),
		cmocka_unit_test(a_limit_follows_the_rate),
		cmocka_unit_test(a_limit_of_none_keeps_none),
		cmocka_unit_test(many_limits),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
