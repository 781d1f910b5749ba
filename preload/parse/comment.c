/* SPDX-License-Identifier: Apache-2.0 */
/*
 * comment.c - can a comment be put behind a statement? See comment.h, and section 4.1 of
 * PostgreSQL's manual.
 */

#include "preload/parse/comment.h"

#include <string.h>
#include <strings.h>

struct text {
	const char *at, *end;
	int odd;  /* 1: the text ends inside a quote or comment, or cannot be read for certain */
	int says; /* 1: the text has more than blanks and comments */
};

static int is_name(char c)
{
	return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') ||
	       c == '_' || (c & 0x80);
}

/* 'it''s', "a name": a quote inside is written twice, so it reads as two quoted texts in a row. */
static void quoted(struct text *t, char quote)
{
	const char *close = memchr(t->at + 1, quote, (size_t)(t->end - t->at - 1));

	if (!close || (quote == '\'' && memchr(t->at, '\\', (size_t)(close - t->at)))) {
		t->odd = 1;
		return;
	}
	t->at = close + 1;
}

/* A comment to the end of the line; at the end of the text it would swallow what is put behind
 * it. */
static void line(struct text *t)
{
	const char *lf = memchr(t->at, '\n', (size_t)(t->end - t->at));

	t->odd = !lf;
	t->at = lf ? lf + 1 : t->end;
}

/* Comments nest. */
static void block(struct text *t)
{
	int depth = 0;

	for (; t->end - t->at >= 2; t->at++) {
		if (t->at[0] == '/' && t->at[1] == '*') {
			depth++;
			t->at++;
		} else if (t->at[0] == '*' && t->at[1] == '/') {
			t->at++;
			if (!--depth)
				break;
		}
	}
	t->odd = depth > 0;
	t->at += !depth;
}

/* $tag$ .. $tag$; $1 is a parameter. */
static void dollar(struct text *t)
{
	const char *from = t->at, *close;
	size_t len = 1;

	while (from + len < t->end && is_name(from[len]))
		len++;
	if (from + len >= t->end || from[len] != '$' ||
	    (len > 1 && from[1] >= '0' && from[1] <= '9')) {
		t->at += len;
		return;
	}
	len++;
	close = memmem(from + len, (size_t)(t->end - from) - len, from, len);
	t->odd = !close;
	t->at = close ? close + len : t->end;
}

/* A name may have dollars in it, which do not quote. */
static void name(struct text *t)
{
	while (t->at < t->end && (is_name(*t->at) || *t->at == '$'))
		t->at++;
}

static int begins(const struct text *t, const char *two)
{
	return t->end - t->at >= 2 && t->at[0] == two[0] && t->at[1] == two[1];
}

/* A replication connection speaks another language, without comments: its commands have an
 * underscore, which those of SQL do not have, or are SHOW. */
static int is_replication(const struct text *t)
{
	struct text verb = *t;
	size_t n;

	name(&verb);
	n = (size_t)(verb.at - t->at);
	return memchr(t->at, '_', n) || (n == 4 && !strncasecmp(t->at, "SHOW", 4));
}

static void word(struct text *t)
{
	t->odd = !t->says && is_replication(t);
	t->says = 1;
	if (*t->at == '\'' || *t->at == '"')
		quoted(t, *t->at);
	else if (*t->at == '$')
		dollar(t);
	else if (is_name(*t->at))
		name(t);
	else
		t->at++;
}

enum otr_comment otr_comment_may(const char *sql, size_t len)
{
	struct text t = {.at = sql, .end = sql + len};

	if (memmem(sql, len, "traceparent", 11))
		return OTR_COMMENT_HAS_ONE;
	while (t.at < t.end && !t.odd) {
		if (begins(&t, "--"))
			line(&t);
		else if (begins(&t, "/*"))
			block(&t);
		else if (memchr(" \t\n\r\f\v;", *t.at, 7))
			t.at++;
		else
			word(&t);
	}
	return t.odd || !t.says ? OTR_COMMENT_ODD : OTR_COMMENT_MAY;
}

static char *put(char *out, const char *text, size_t len)
{
	memcpy(out, text, len);
	return out + len;
}

void otr_comment_put(char *out, const char *sql, size_t len,
		     const char traceparent[OTR_TRACEPARENT])
{
	out = put(out, sql, len);
	out = put(out, OTR_COMMENT_HEAD, sizeof(OTR_COMMENT_HEAD) - 1);
	out = put(out, traceparent, OTR_TRACEPARENT);
	put(out, OTR_COMMENT_TAIL, sizeof(OTR_COMMENT_TAIL));
}
