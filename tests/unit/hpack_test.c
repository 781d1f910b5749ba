/* SPDX-License-Identifier: Apache-2.0 */
// links: -lnghttp2
/*
 * hpack_test.c - fields that libnghttp2 has compressed are read as they were. Behind a hole, and
 * where the table is larger than ours, each is read as it was, or is unknown.
 */

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>
#include <nghttp2/nghttp2.h>

#include "agent/base/own.h"
#include "agent/proto/hpack.h"

#define ROUNDS	   300
#define BLOCKS	   60
#define FIELDS_MAX 12
#define VALUE_MAX  80

static const char *const names[] = {
	":method",
	":path",
	":scheme",
	":authority",
	":status",
	"baggage",
	"content-type",
	"forwarded",
	"grpc-status",
	"host",
	"traceparent",
	"tracestate",
	"user-agent",
	"x-forwarded-for",
	"x-forwarded-host",
	"x-forwarded-proto",
	"cookie",
	"authorization",
	"accept",
	"x-a",
	"x-a-header-with-a-long-name",
};

static const char *const words[] = {"GET", "POST", "/", "200", "404", "http", "https", "", "0"};

struct sent {
	char values[FIELDS_MAX][VALUE_MAX + 1];
	nghttp2_nv nv[FIELDS_MAX];
	size_t n;
};

/* What is read of a block, compared with what was sent. */
struct got {
	const struct sent *sent;
	size_t at;    /* of the next field that was sent */
	size_t known; /* fields that were read */
	size_t unknown;
};

static unsigned int seed = 1;

static unsigned int below(unsigned int n)
{
	seed = seed * 1103515245u + 12345u;
	return (seed >> 16) % n;
}

static void make_value(char *out, unsigned int range)
{
	size_t len = below(VALUE_MAX);

	if (below(3)) {
		strcpy(out, words[below(OTR_ARRAY_SIZE(words))]);
		return;
	}
	for (size_t i = 0; i < len; i++)
		out[i] = (char)(range == 256 ? 1 + below(255) : ' ' + below(range));
	out[len] = '\0';
}

static void make_fields(struct sent *s)
{
	s->n = 1 + below(FIELDS_MAX);
	for (size_t i = 0; i < s->n; i++) {
		const char *name = names[below(OTR_ARRAY_SIZE(names))];

		make_value(s->values[i], below(4) ? 95 : 256);
		s->nv[i] = (nghttp2_nv){
			.name = (uint8_t *)(uintptr_t)name,
			.namelen = strlen(name),
			.value = (uint8_t *)s->values[i],
			.valuelen = strlen(s->values[i]),
			.flags = below(8) ? NGHTTP2_NV_FLAG_NONE : NGHTTP2_NV_FLAG_NO_INDEX,
		};
	}
}

static enum otr_hpack_field field_of(const nghttp2_nv *nv)
{
	return otr_hpack_named((struct otr_slice){(const char *)nv->name, nv->namelen});
}

/* The next field that was sent and can be what was read. A field of which nothing is known may be
 * any, also one that is not read. */
static void check(void *arg, enum otr_hpack_field field, struct otr_slice value, bool known)
{
	struct got *g = arg;
	const nghttp2_nv *nv;

	if (field == OTR_HPACK_UNKNOWN) {
		g->unknown++;
		return;
	}
	for (; g->at < g->sent->n; g->at++) {
		nv = &g->sent->nv[g->at];
		if (field_of(nv) == field &&
		    (!known || otr_slice_eq(value, (struct otr_slice){(const char *)nv->value,
								      nv->valuelen})))
			break;
		/* one that was passed over must be one that is unknown, or is not read */
		if (!g->unknown)
			assert_int_equal(field_of(nv), OTR_HPACK_OTHER);
	}
	assert_true(g->at < g->sent->n);
	g->at++;
	g->known += known;
	g->unknown += !known;
}

static size_t count_read(const struct sent *s)
{
	size_t n = 0;

	for (size_t i = 0; i < s->n; i++)
		n += field_of(&s->nv[i]) != OTR_HPACK_OTHER;
	return n;
}

static size_t deflate(nghttp2_hd_deflater *de, struct sent *s, uint8_t *out, size_t room)
{
	ssize_t n;

	make_fields(s);
	n = nghttp2_hd_deflate_hd(de, out, room, s->nv, s->n);
	assert_true(n > 0);
	return (size_t)n;
}

static void change_size(nghttp2_hd_deflater *de, unsigned int most)
{
	if (!below(20))
		nghttp2_hd_deflate_change_table_size(de, below(3) ? below(most + 1) : 0);
}

/* One connection: each block is sent, and with `holes` some are lost. */
static void talk(unsigned int size, bool holes, size_t *known, size_t *unknown)
{
	nghttp2_hd_deflater *de = NULL;
	struct otr_hpack *hp = calloc(1, sizeof(*hp));
	uint8_t block[8192];
	struct sent s;

	assert_non_null(hp);
	assert_int_equal(nghttp2_hd_deflate_new(&de, size), 0);
	for (int i = 0; i < BLOCKS; i++) {
		struct got g = {.sent = &s};
		size_t len;

		change_size(de, size);
		len = deflate(de, &s, block, sizeof(block));
		if (holes && !below(8)) {
			otr_hpack_lost(hp);
			continue;
		}
		assert_true(otr_hpack_read(hp, (struct otr_slice){(char *)block, len}, check, &g));
		if (!holes && size <= OTR_HPACK_VALUES) {
			assert_int_equal(g.unknown, 0);
			assert_int_equal(g.known, count_read(&s));
		}
		*known += g.known;
		*unknown += g.unknown;
	}
	nghttp2_hd_deflate_del(de);
	free(hp);
}

static void all_is_read_with_a_table_of_the_default_size(void **state)
{
	size_t known = 0, unknown = 0;

	(void)state;
	for (int i = 0; i < ROUNDS; i++)
		talk(4096, false, &known, &unknown);
	assert_true(known > 10000);
	assert_int_equal(unknown, 0);
}

static void of_a_larger_table_old_entries_are_unknown(void **state)
{
	size_t known = 0, unknown = 0;

	(void)state;
	for (int i = 0; i < ROUNDS; i++)
		talk(65536, false, &known, &unknown);
	assert_true(known > 10 * unknown);
	assert_true(unknown > 0);
}

static void nothing_is_wrong_behind_a_hole(void **state)
{
	size_t known = 0, unknown = 0;

	(void)state;
	for (int i = 0; i < ROUNDS; i++)
		talk(4096, true, &known, &unknown);
	assert_true(known > 10000);
	assert_true(unknown > 1000);
}

static void ignore(void *arg, enum otr_hpack_field field, struct otr_slice value, bool known)
{
	(void)arg, (void)field, (void)value, (void)known;
}

/* A block that is cut: what is whole of it is read, and from then on the table is unknown. */
static void a_block_that_is_cut_gives_its_beginning(void **state)
{
	nghttp2_hd_deflater *de = NULL;
	struct otr_hpack hp;
	uint8_t block[8192];
	struct sent s;

	(void)state;
	assert_int_equal(nghttp2_hd_deflate_new(&de, 4096), 0);
	for (int i = 0; i < 2000; i++) {
		struct got g = {.sent = &s};
		size_t len = deflate(de, &s, block, sizeof(block));

		memset(&hp, 0, sizeof(hp));
		len = below((unsigned int)len);
		if (!otr_hpack_read(&hp, (struct otr_slice){(char *)block, len}, check, &g))
			assert_int_equal(hp.inserted, 0);
	}
	nghttp2_hd_deflate_del(de);
}

static void random_bytes_end(void **state)
{
	static struct otr_hpack hp;
	char bytes[64];

	(void)state;
	for (int i = 0; i < 200000; i++) {
		size_t len = below(sizeof(bytes));

		for (size_t k = 0; k < len; k++)
			bytes[k] = (char)below(256);
		otr_hpack_read(&hp, (struct otr_slice){bytes, len}, ignore, NULL);
	}
}

/* Each character, and padding that is none (RFC 7541, 5.2). */
static void codes_of_all_characters(void **state)
{
	char out[8];

	(void)state;
	assert_int_equal(otr_hpack_huffman(OTR_SLICE("\xff"), out, 8), OTR_HPACK_BAD);
	assert_int_equal(otr_hpack_huffman(OTR_SLICE("\xff\xff"), out, 8), OTR_HPACK_BAD);
	assert_int_equal(otr_hpack_huffman(OTR_SLICE("\x1f"), out, 8), 1); /* "a" */
	assert_int_equal(otr_hpack_huffman(OTR_SLICE("\x18"), out, 8), OTR_HPACK_BAD);
	assert_int_equal(otr_hpack_huffman(OTR_SLICE("\x1f"), out, 0), OTR_HPACK_BAD);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(all_is_read_with_a_table_of_the_default_size),
		cmocka_unit_test(of_a_larger_table_old_entries_are_unknown),
		cmocka_unit_test(nothing_is_wrong_behind_a_hole),
		cmocka_unit_test(a_block_that_is_cut_gives_its_beginning),
		cmocka_unit_test(random_bytes_end),
		cmocka_unit_test(codes_of_all_characters),
	};

	return cmocka_run_group_tests_name("hpack", tests, NULL, NULL);
}
