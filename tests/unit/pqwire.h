/* SPDX-License-Identifier: Apache-2.0 */
#ifndef TESTS_PQWIRE_H
#define TESTS_PQWIRE_H

/* pqwire.h - what tests of the records of libpq share. */

#include "preload/base/shim.h"
#include "preload/parse/comment.h"
#include "preload/parse/pqwire.h"
#define MAX_SPANS 1024
#include "tests/unit/story.h"

#define WIRE 7

static struct end client(uint8_t layer)
{
	struct end e = tcp_client(100, 10, WIRE);

	e.port = 5432;
	e.layer = layer;
	if (layer == OTR_LAYER_LIB) {
		e.pos_kind = OTR_POS_OFFSET;
		e.pos[OTR_DIR_IN] = e.pos[OTR_DIR_OUT] = 0;
	}
	return e;
}

static void asks(struct story *s, struct end *e, enum otr_pq_kind kind, const char *name,
		 const char *text, int sync)
{
	char bytes[OTR_LIB_BYTES];
	struct otr_pq_words w;
	size_t cap = 0, len;
	uint64_t size = 0;

	otr_pq_ask(&w, kind, name, text, sync);
	assert_in_range(w.n, 1, OTR_PQ_PIECES);
	assert_true(w.used <= sizeof(w.room));
	for (int i = 0; i < w.n; i++) {
		len = w.iov[i].iov_len < sizeof(bytes) - cap ? w.iov[i].iov_len
							     : sizeof(bytes) - cap;
		memcpy(bytes + cap, w.iov[i].iov_base, len);
		cap += len;
		size += w.iov[i].iov_len;
	}
	assert_int_equal(size, w.size);
	move(&s->mk, e, OTR_DIR_OUT, bytes, cap, w.size);
}

static void starts(struct story *s, struct end *e, const char *user, const char *db)
{
	char out[OTR_PQ_ANSWER];
	size_t n = otr_pq_startup(out, user, db);

	assert_in_range(n, 9, OTR_PQ_ANSWER);
	move(&s->mk, e, OTR_DIR_OUT, out, n, n);
}

static int by_start(const void *a, const void *b)
{
	const struct otr_span *x = *(struct otr_span *const *)a, *y = *(struct otr_span *const *)b;

	return (x->start_ns > y->start_ns) - (x->start_ns < y->start_ns);
}

/* Its spans, in order of time. */
static void ends(struct story *s)
{
	ticks(&s->mk, 1500 * MS);
	qsort(s->spans, s->n, sizeof(s->spans[0]), by_start);
}

static void is(const struct story *s, size_t i, const char *name, int64_t rows, const char *code)
{
	const struct otr_span *sp = s->spans[i];
	struct otr_slice got = otr_span_string(sp, OTR_KEY_DB_RESPONSE_STATUS_CODE);
	struct otr_slice db = otr_span_string(sp, OTR_KEY_DB_NAMESPACE);

	assert_true(otr_slice_eq(sp->name, otr_slice_str(name)));
	assert_int_equal(otr_span_int(sp, OTR_KEY_DB_RESPONSE_RETURNED_ROWS, -1), rows);
	assert_true(otr_slice_eq(got, otr_slice_str(code)));
	assert_true(otr_slice_eq(db, OTR_SLICE("shop")));
}

#define MAY OTR_COMMENT_MAY
#define ODD OTR_COMMENT_ODD
#define HAS OTR_COMMENT_HAS_ONE

static const struct {
	const char *sql;
	enum otr_comment may;
} texts[] = {
	{"SELECT 1", MAY},
	{"SELECT 1;", MAY},
	{"SELECT 1; SELECT 2;\n", MAY},
	{"(SELECT 1)", MAY},
	{"", ODD},
	{" \n\t", ODD},
	{";", ODD},
	{"-- nothing\n", ODD},
	{"/* nothing */", ODD},
	{"SELECT 1 -- one", ODD},
	{"SELECT 1 -- one\n", MAY},
	{"SELECT 1 -- it's\n", MAY},
	{"SELECT 1 /* one */", MAY},
	{"SELECT 1 /* it's */", MAY},
	{"SELECT 1 /* one", ODD},
	{"SELECT 1 /* a /* b */ c", ODD},
	{"SELECT 1 /* a /* b */ c */", MAY},
	{"SELECT 1 /*/", ODD},
	{"SELECT 1 /**/", MAY},
	{"SELECT 1 /", MAY},
	{"SELECT 1 -", MAY},
	{"SELECT 'a'", MAY},
	{"SELECT 'a", ODD},
	{"SELECT '", ODD},
	{"SELECT 'it''s'", MAY},
	{"SELECT 'it''s", ODD},
	{"SELECT '--'", MAY},
	{"SELECT '/*'", MAY},
	{"SELECT 'a\\'", ODD},
	{"SELECT E'a\\'b'", ODD},
	{"SELECT \"a\"", MAY},
	{"SELECT \"a\\\"", MAY},
	{"SELECT \"a", ODD},
	{"SELECT \"a\"\"b\"", MAY},
	{"SELECT \"'\"", MAY},
	{"SELECT $$a$$", MAY},
	{"SELECT $$a", ODD},
	{"SELECT $$'$$", MAY},
	{"SELECT $a$ $$ ' $a$", MAY},
	{"SELECT $a$ $b$", ODD},
	{"SELECT $a$ $A$", ODD},
	{"SELECT $1", MAY},
	{"SELECT $1, 'a", ODD},
	{"SELECT $1$2$", MAY},
	{"SELECT $", MAY},
	{"SELECT a$b$c", MAY},
	{"SELECT a$b$ 'c'", MAY},
	{"SELECT a$b$ 'c", ODD},
	{"SELECT \xc3\xa9$x$ 'a'", MAY},
	{"SELECT 1 /*traceparent='x'*/", HAS},
	{"SELECT 'traceparent", HAS},
	{"SHOW all", ODD},
	{"show all", ODD},
	{"IDENTIFY_SYSTEM", ODD},
	{"/* a */ START_REPLICATION 0/0", ODD},
	{"START TRANSACTION", MAY},
	{"SHOWING", MAY},
	{"COPY a_b FROM STDIN", MAY},
};

#endif /* TESTS_PQWIRE_H */
