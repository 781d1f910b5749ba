/* SPDX-License-Identifier: Apache-2.0 */
/*
 * comment.c - can a comment follow an SQL statement? See comment.h, and section 4.1 of PostgreSQL's
 * manual.
 */

#include "preload/parse/comment.h"

#include <string.h>
#include <strings.h>

struct text {
	const char *at, *end;
	int is_odd;   /* 1: the text ends inside a quote or comment, or is not understood */
	int has_word; /* 1: the text has more than blanks and comments */
};

static int is_name_char(char c)
{
	return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') ||
	       c == '_' || (c & 0x80);
}

/* 'it''s', "a name": a quote inside is written twice, which is read here as two quoted texts. */
static void skip_quoted(struct text *t, char quote)
{
	const char *close = memchr(t->at + 1, quote, (size_t)(t->end - t->at - 1));

	if (!close || (quote == '\'' && memchr(t->at, '\\', (size_t)(close - t->at)))) {
		t->is_odd = 1;
		return;
	}
	t->at = close + 1;
}

/* A comment to the end of the line. If the text ends in one, our comment would be a part of it. */
static void skip_line(struct text *t)
{
	const char *lf = memchr(t->at, '\n', (size_t)(t->end - t->at));

	t->is_odd = !lf;
	t->at = lf ? lf + 1 : t->end;
}

/* A block comment, which may have others inside. */
static void skip_block(struct text *t)
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
	t->is_odd = depth > 0;
	t->at += !depth;
}

/* $tag$ text $tag$. $1 is a parameter, which is skipped as well. */
static void skip_dollar_quoted(struct text *t)
{
	const char *from = t->at, *close;
	size_t len = 1;

	while (from + len < t->end && is_name_char(from[len]))
		len++;
	if (from + len >= t->end || from[len] != '$' ||
	    (len > 1 && from[1] >= '0' && from[1] <= '9')) {
		t->at += len;
		return;
	}
	len++;
	close = memmem(from + len, (size_t)(t->end - from) - len, from, len);
	t->is_odd = !close;
	t->at = close ? close + len : t->end;
}

/* A name, in which a dollar does not begin a quote. */
static void skip_name(struct text *t)
{
	while (t->at < t->end && (is_name_char(*t->at) || *t->at == '$'))
		t->at++;
}

static int begins(const struct text *t, const char *two)
{
	return t->end - t->at >= 2 && t->at[0] == two[0] && t->at[1] == two[1];
}

/* Is this a command of a replication connection, which allows no comments? Their names have an
 * underscore, which SQL's have not; SHOW may be either. */
static int is_replication(const struct text *t)
{
	struct text verb = *t;
	size_t n;

	skip_name(&verb);
	n = (size_t)(verb.at - t->at);
	return memchr(t->at, '_', n) || (n == 4 && !strncasecmp(t->at, "SHOW", 4));
}

static void skip_word(struct text *t)
{
	t->is_odd = !t->has_word && is_replication(t);
	t->has_word = 1;
	if (*t->at == '\'' || *t->at == '"')
		skip_quoted(t, *t->at);
	else if (*t->at == '$')
		skip_dollar_quoted(t);
	else if (is_name_char(*t->at))
		skip_name(t);
	else
		t->at++;
}

enum otr_comment otr_comment_may(const char *sql, size_t len)
{
	struct text t = {.at = sql, .end = sql + len};

	if (memmem(sql, len, "traceparent", 11))
		return OTR_COMMENT_HAS_ONE;
	while (t.at < t.end && !t.is_odd) {
		if (begins(&t, "--"))
			skip_line(&t);
		else if (begins(&t, "/*"))
			skip_block(&t);
		else if (memchr(" \t\n\r\f\v;", *t.at, 7))
			t.at++;
		else
			skip_word(&t);
	}
	return t.is_odd || !t.has_word ? OTR_COMMENT_ODD : OTR_COMMENT_MAY;
}

static char *put(char *out, const char *text, size_t len)
{
	memcpy(out, text, len);
	return out + len;
}

void otr_comment_put(char *out, const char *sql, size_t len, const char traceparent[OTR_PARENT_LEN])
{
	out = put(out, sql, len);
	out = put(out, OTR_COMMENT_HEAD, sizeof(OTR_COMMENT_HEAD) - 1);
	out = put(out, traceparent, OTR_PARENT_LEN);
	put(out, OTR_COMMENT_TAIL, sizeof(OTR_COMMENT_TAIL));
}
