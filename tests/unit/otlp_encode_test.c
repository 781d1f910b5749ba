/* SPDX-License-Identifier: Apache-2.0 */
// needs: tests/unit/arena.c tests/unit/otlp_witness.c
/*
 * otlp_encode_test.c - random batches of spans are encoded to the bytes that protobuf-c gives.
 *
 * OTR_SEED=N repeats a run.
 */

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <stdio.h>
#include <stdlib.h>
#include <time.h>

#include "agent/base/own.h"
#include "agent/span/resource.h"
#include "agent/span/span_builder.h"
#include "bpf/event.h"
#include "exporters/otlp_encode.h"
#include "tests/unit/otlp_witness.h"

#define SPANS  40
#define ROUNDS 400

static uint64_t random_state;

static uint32_t pick(uint32_t n)
{
	random_state = random_state * 6364136223846793005ull + 1442695040888963407ull;
	return (uint32_t)(random_state >> 33) % n;
}

/* Valid texts, broken UTF-8, NULs, nothing, a long one. */
static struct otr_slice text(void)
{
	static const char *const parts[] = {"GET /",	"a",	"\xff",	   "\xe2\x82\xac",
					    "\xe2\x82", "x=1&", "\xc0\x80"};
	static char room[64][400];
	static unsigned int next;
	char *to = room[next++ % 64];
	size_t len = 0, n = pick(3) ? pick(6) : pick(60);

	for (size_t i = 0; i < n; i++) {
		const char *part = parts[pick(OTR_ARRAY_SIZE(parts))];

		memcpy(to + len, part, strlen(part));
		len += strlen(part);
		if (!pick(12))
			to[len++] = '\0';
	}
	return (struct otr_slice){to, len};
}

static struct otr_attr attr(void)
{
	static const int64_t numbers[] = {0, 1, -1, 127, 128, 65536, INT64_MAX, INT64_MIN};
	struct otr_attr at = {.key = (uint16_t)(1 + pick(OTR_KEY_MAX - 1)),
			      .type = (uint16_t)pick(5)};

	if (at.key == OTR_KEY_CUSTOM)
		at.name = text();
	if (at.type == OTR_ATTR_INT)
		at.integer = numbers[pick(OTR_ARRAY_SIZE(numbers))];
	else if (at.type == OTR_ATTR_BOOL)
		at.boolean = pick(2);
	else if (at.type == OTR_ATTR_DOUBLE)
		at.real = pick(2) ? 0.0 : 1.5e300;
	else
		at.string = text();
	return at;
}

static void bytes(uint8_t *to, size_t n)
{
	for (size_t i = 0; i < n; i++)
		to[i] = (uint8_t)pick(256);
}

static struct otr_attr attrs[SPANS][8];
static struct otr_link links[SPANS][3];
static struct otr_span *all[SPANS];
static struct otr_resource resources[3];

static void fill(struct otr_span *sp, size_t i)
{
	static const char *const scopes[] = {"otrace/http", "otrace/postgresql", ""};

	bytes(sp->trace_id, sizeof(sp->trace_id));
	bytes(sp->span_id, sizeof(sp->span_id));
	memset(sp->parent_id, 0, sizeof(sp->parent_id));
	if (pick(2))
		bytes(sp->parent_id, sizeof(sp->parent_id));
	sp->resource = pick(4) ? &resources[pick(3)] : NULL;
	sp->scope = pick(4) ? scopes[pick(3)] : NULL;
	sp->name = text();
	sp->trace_state = text();
	sp->status_text = text();
	sp->kind = (uint8_t)pick(6);
	sp->failed = pick(2);
	sp->cut = pick(2);
	sp->parent_remote = pick(2);
	sp->flags = (uint8_t)pick(4);
	sp->evidence = (uint8_t)pick(OTR_EVIDENCE_MAX + 1);
	sp->start_ns = pick(8) ? random_state : 0;
	sp->end_ns = pick(8) ? random_state + 1 : 0;
	sp->n_attrs = (uint16_t)pick(9);
	sp->n_links = (uint16_t)pick(4);
	for (size_t k = 0; k < sp->n_attrs; k++)
		attrs[i][k] = attr();
	for (size_t k = 0; k < sp->n_links; k++) {
		bytes(links[i][k].trace_id, sizeof(links[i][k].trace_id));
		links[i][k].evidence = (uint8_t)pick(OTR_EVIDENCE_MAX + 1);
	}
}

static struct otr_attr resource_attrs[3][4];

static void make(void)
{
	for (size_t r = 0; r < 3; r++) {
		resources[r].attrs = resource_attrs[r];
		resources[r].n_attrs = (uint16_t)pick(5);
		for (size_t k = 0; k < 4; k++)
			resource_attrs[r][k] = attr();
	}
	for (size_t i = 0; i < SPANS; i++)
		fill(all[i], i);
}

static void is_what_protobuf_c_writes(void **state)
{
	OTR_AUTO(otr_otlp_encoder_fini) struct otr_otlp_encoder enc = {0};
	const char *seed = getenv("OTR_SEED");

	(void)state;
	random_state = seed ? strtoull(seed, NULL, 10) : (uint64_t)time(NULL);
	printf("OTR_SEED=%lu\n", (unsigned long)random_state);
	for (int round = 0; round < ROUNDS; round++) {
		struct otr_slice mine;
		OTR_AUTO(otr_buf_fini) struct otr_buf theirs = {0};
		size_t n = pick(SPANS + 1);

		make();
		assert_int_equal(otr_otlp_encode(&enc, (const void *)all, n, &mine), 0);
		assert_int_equal(otlp_witness((const void *)all, n, &theirs), 0);
		assert_int_equal(mine.len, theirs.len);
		if (mine.len)
			assert_memory_equal(mine.data, theirs.data, mine.len);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(is_what_protobuf_c_writes),
	};

	for (size_t i = 0; i < SPANS; i++) {
		all[i] = calloc(1, sizeof(**all));
		all[i]->attrs = attrs[i];
		all[i]->links = links[i];
	}
	return cmocka_run_group_tests_name("otlp_encode", tests, NULL, NULL);
}
