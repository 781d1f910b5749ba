/* SPDX-License-Identifier: Apache-2.0 */
/*
 * pqwire.c - calls of libpq as messages (chapter 55 of PostgreSQL 17's manual); see pqwire.h.
 *
 *	| type, 1 byte | length, 4, big-endian, itself included | body |
 *
 * Of the text of a Parse, the bytes that the agent keeps are emitted, and one more, so that the
 * agent sees that the text goes on: a longer one would leave no room for the messages after it.
 */

#include "preload/parse/pqwire.h"

#include <string.h>

#define TAG_MAX	 63
#define CODE_LEN 5

static void put_length(char *out, size_t len)
{
	out[0] = (char)(len >> 24);
	out[1] = (char)(len >> 16);
	out[2] = (char)(len >> 8);
	out[3] = (char)len;
}

/* Takes `n` more bytes of `room`: as a part of the last piece if that ends there, else as a new
 * piece. */
static char *take(struct otr_pq_words *w, size_t n)
{
	char *at = w->room + w->used;
	struct iovec *last = w->n ? &w->iov[w->n - 1] : NULL;

	if (last && (char *)last->iov_base + last->iov_len == at)
		last->iov_len += n;
	else
		w->iov[w->n++] = (struct iovec){at, n};
	w->used += n;
	w->size += n;
	return at;
}

/* Adds a piece of the caller's memory. */
static void borrow(struct otr_pq_words *w, const char *text, size_t n)
{
	if (n)
		w->iov[w->n++] = (struct iovec){(void *)text, n};
	w->size += n;
}

/* Writes type and length of a message with `body` more bytes. */
static void begin(struct otr_pq_words *w, char type, size_t body)
{
	char *at = take(w, 5);

	at[0] = type;
	put_length(at + 1, body + 4);
}

static void zeros(struct otr_pq_words *w, size_t n)
{
	memset(take(w, n), 0, n);
}

static void string(struct otr_pq_words *w, const char *text, size_t n)
{
	char *at = take(w, n + 1);

	memcpy(at, text, n);
	at[n] = 0;
}

/* The complete text: the record says how many bytes of it were not copied. */
static void query(struct otr_pq_words *w, const char *text)
{
	size_t len = strlen(text) + 1;

	begin(w, 'Q', len);
	borrow(w, text, len);
}

static void parse(struct otr_pq_words *w, const char *name, size_t n, const char *text)
{
	size_t len = strnlen(text, OTR_PQ_KEPT + 1);

	begin(w, 'P', n + 1 + len + 1 + 2);
	string(w, name, n);
	borrow(w, text, len);
	zeros(w, 1 + 2);
}

static void bind_and_execute(struct otr_pq_words *w, const char *name, size_t n)
{
	begin(w, 'B', 1 + n + 1 + 6);
	zeros(w, 1);
	string(w, name, n);
	zeros(w, 6);
	begin(w, 'E', 1 + 4);
	zeros(w, 1 + 4);
}

void otr_pq_ask(struct otr_pq_words *w, enum otr_pq_kind kind, const char *name, const char *text,
		int sync)
{
	size_t n = name ? strnlen(name, OTR_PQ_NAME) : 0;

	w->n = 0;
	w->size = w->used = 0;
	if (kind == OTR_PQ_QUERY && sync) {
		query(w, text);
		return;
	}
	if (kind == OTR_PQ_FUNCTION) {
		begin(w, 'F', 10);
		zeros(w, 10);
		return;
	}
	if (kind == OTR_PQ_FLUSH) {
		begin(w, 'H', 0);
		return;
	}
	if (kind == OTR_PQ_QUERY || kind == OTR_PQ_PARAMS || kind == OTR_PQ_PREPARE)
		parse(w, name ? name : "", n, text);
	if (kind == OTR_PQ_QUERY || kind == OTR_PQ_PARAMS || kind == OTR_PQ_PREPARED)
		bind_and_execute(w, name ? name : "", n);
	if (sync)
		begin(w, 'S', 0);
}

/* Writes a string and a NUL, after the type of its field if that is not 0. */
static char *put(char *out, char field, const char *text, size_t max)
{
	size_t len = strnlen(text, max);

	if (field)
		*out++ = field;
	memcpy(out, text, len);
	out[len] = 0;
	return out + len + 1;
}

size_t otr_pq_startup(char out[OTR_PQ_ANSWER], const char *user, const char *db)
{
	char *at = out + 4;

	put_length(at, 3 << 16);
	at = put(at + 4, 0, "user", 4);
	at = put(at, 0, user, OTR_PQ_NAME);
	if (db && *db) {
		at = put(at, 0, "database", 8);
		at = put(at, 0, db, OTR_PQ_NAME);
	}
	*at++ = 0;
	put_length(out, (size_t)(at - out));
	return (size_t)(at - out);
}

/* Writes type and length of a message that ends at `end`. Returns its length. */
static size_t finish(char *out, char type, const char *end)
{
	out[0] = type;
	put_length(out + 1, (size_t)(end - out) - 1);
	return (size_t)(end - out);
}

/* Is a command tag made of upper-case words and numbers? */
static int is_tag(const char *tag, size_t len)
{
	if (!len || len >= TAG_MAX || tag[0] < 'A' || tag[0] > 'Z')
		return 0;
	for (size_t i = 0; i < len; i++)
		if (!(tag[i] >= 'A' && tag[i] <= 'Z') && !(tag[i] >= '0' && tag[i] <= '9') &&
		    tag[i] != ' ')
			return 0;
	return 1;
}

size_t otr_pq_complete(char out[OTR_PQ_ANSWER], const char *tag)
{
	size_t len = tag ? strnlen(tag, TAG_MAX) : 0;

	return is_tag(tag, len) ? finish(out, 'C', put(out + 5, 0, tag, len)) : 0;
}

size_t otr_pq_error(char out[OTR_PQ_ANSWER], const char *severity, const char *code)
{
	char *at;

	if (!code || strnlen(code, CODE_LEN + 1) != CODE_LEN)
		return 0;
	severity = severity ? severity : "ERROR";
	at = put(out + 5, 'S', severity, 16);
	at = put(at, 'V', severity, 16);
	at = put(at, 'C', code, CODE_LEN);
	*at++ = 0;
	return finish(out, 'E', at);
}

size_t otr_pq_short(char out[OTR_PQ_ANSWER], char type)
{
	out[5] = 'I'; /* idle: the state of the transaction is not emitted */
	return finish(out, type, out + 5 + (type == 'Z'));
}
