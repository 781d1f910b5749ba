/* SPDX-License-Identifier: Apache-2.0 */
/*
 * redis_blank.c - blanks the secrets of Redis requests in a recording.
 *
 *	*3 CR LF  $4 CR LF AUTH CR LF  $3 CR LF joe CR LF  $8 CR LF password CR LF
 *	                                       0 0 0              0 0 0 0 0 0 0 0
 *
 * Hidden are the arguments behind AUTH and AUTH2 (also in HELLO and MIGRATE), and those of ACL
 * SETUSER and of CONFIG SET of a password, where they are in one record with that word. Lengths
 * stay, so that a replay makes the same spans.
 */

#include <string.h>

#include "agent/base/own.h"
#include "agent/base/slice.h"
#include "agent/proto/blank.h"
#include "agent/proto/redis.h"
#include "bpf/event.h"

static const struct otr_slice words[] = {OTR_SLICE("AUTH"),
					 OTR_SLICE("AUTH2"),
					 OTR_SLICE("SETUSER"),
					 OTR_SLICE("requirepass"),
					 OTR_SLICE("masterauth"),
					 OTR_SLICE("primaryauth"),
					 OTR_SLICE("tls-key-file-pass")};

static bool is_secret_word(struct otr_slice word)
{
	for (size_t i = 0; i < OTR_ARRAY_SIZE(words); i++)
		if (otr_slice_eq_nocase(word, words[i]))
			return true;
	return false;
}

/* Reads | $ | length | CR LF | at `at`, which is moved behind it. */
static bool take_head(const struct otr_ev_data *ev, uint32_t *at, uint32_t *len)
{
	uint32_t i = *at;

	if (i >= ev->cap || ev->data[i++] != '$')
		return false;
	for (*len = 0; i < ev->cap && ev->data[i] >= '0' && ev->data[i] <= '9'; i++)
		*len = *len < 100000000 ? *len * 10 + (uint32_t)(ev->data[i] - '0') : *len;
	if (i + 2 > ev->cap || ev->data[i] != '\r' || ev->data[i + 1] != '\n')
		return false;
	*at = i + 2;
	return true;
}

/* Blanks the strings from `at` on, up to the end of the request or of the record. */
static void blank_strings(struct otr_ev_data *ev, uint32_t at)
{
	uint32_t len, n;

	while (take_head(ev, &at, &len)) {
		n = len < ev->cap - at ? len : ev->cap - at;
		memset(ev->data + at, 0, n);
		at += n + 2;
	}
}

/* Returns where the strings behind a secret word begin, from `at` on; 0: there are none. */
static uint32_t find(const struct otr_ev_data *ev, uint32_t at)
{
	const __u8 *mark;
	uint32_t head, len;

	while (at < ev->cap && (mark = memchr(ev->data + at, '$', ev->cap - at))) {
		head = at = (uint32_t)(mark - ev->data);
		if (take_head(ev, &head, &len) && len < 32 && head + len + 2 <= ev->cap &&
		    is_secret_word((struct otr_slice){(const char *)ev->data + head, len}))
			return head + len + 2;
		at++;
	}
	return 0;
}

/* "AUTH password" on a line of its own: an inline command. */
static bool is_inline(const struct otr_ev_data *ev)
{
	struct otr_slice word = {(const char *)ev->data, 5};

	return ev->cap > 5 && otr_slice_eq_nocase(word, OTR_SLICE("AUTH "));
}

static bool concerns(void *state, const struct otr_event *hdr)
{
	const struct otr_ev_data *ev = (const void *)hdr;

	(void)state;
	if (hdr->kind != OTR_EV_DATA)
		return false;
	return is_inline(ev) || (ev->cap && ev->data[0] == '*' && find(ev, 0));
}

static void blank(void *state, struct otr_event *hdr)
{
	struct otr_ev_data *ev = (void *)hdr;
	uint32_t at = 0;

	(void)state;
	for (uint32_t i = 5; is_inline(ev) && i < ev->cap && ev->data[i] >= ' '; i++)
		ev->data[i] = 'x';
	while ((at = find(ev, at)))
		blank_strings(ev, at);
}

const struct otr_blank_ops otr_redis_blank = {.concerns = concerns, .blank = blank};
