/* SPDX-License-Identifier: Apache-2.0 */
/* url.c - parts of request targets (RFC 3986), and which of them may be shown. */

#include "agent/proto/url.h"

#include <errno.h>

#include "agent/base/buf.h"
#include "agent/base/own.h"
#include "agent/base/secret.h"

#define HIDDEN OTR_SECRET_HIDDEN

const char *otr_url_redact_wrong(char *const *keys)
{
	for (size_t i = 0; keys && keys[i]; i++)
		if (i == OTR_URL_KEYS || !keys[i][0] || strlen(keys[i]) >= OTR_URL_KEY_MAX)
			return keys[i];
	return NULL;
}

static bool is_redacted(struct otr_slice key, char *const *redact)
{
	char text[OTR_URL_KEY_MAX];
	struct otr_slice plain = otr_secret_decode(text, sizeof(text), key);

	if (plain.data)
		plain.len = otr_secret_fold(text, plain.len);
	for (; *redact; redact++)
		if (otr_slice_eq_nocase(plain, otr_slice_str(*redact)))
			return true;
	return false;
}

static bool is_secret(struct otr_slice key, char *const *redact)
{
	if (!key.len || otr_secret_key(key))
		return true; /* a value without a key may be anything */
	return redact && is_redacted(key, redact);
}

/* Characters of ASCII, one bit each. */
struct chars {
	uint64_t low, high;
};

static inline bool has_char(const struct chars *set, char c)
{
	uint64_t word = (unsigned char)c < 64 ? set->low : set->high;

	return !(c & 0x80) && word >> (c & 63) & 1;
}

static inline struct chars chars_of(const char *list)
{
	struct chars set = {0};

	for (; *list; list++)
		*(*list < 64 ? &set.low : &set.high) |= UINT64_C(1) << (*list & 63);
	return set;
}

/* Returns where the first character of `list` is in `s`, or s.len. */
static inline size_t find_any(struct otr_slice s, const char *list)
{
	const struct chars set = chars_of(list);
	size_t i = 0;

	while (i < s.len && !has_char(&set, s.data[i]))
		i++;
	return i;
}

static inline size_t find_char(struct otr_slice s, char c)
{
	const char *at = s.len ? memchr(s.data, c, s.len) : NULL;

	return at ? (size_t)(at - s.data) : s.len;
}

static void split_authority(struct otr_url *out, struct otr_slice *rest)
{
	size_t n = find_any(*rest, "/?#");

	out->authority = otr_slice_sub(*rest, 0, n);
	*rest = otr_slice_sub(*rest, n, rest->len);
}

void otr_url_split(struct otr_url *out, struct otr_slice target, bool connect)
{
	size_t n = find_any(target, ":/?#");

	memset(out, 0, sizeof(*out));
	if (connect) {
		out->authority = target;
		return;
	}
	if (n && otr_slice_starts(otr_slice_sub(target, n, target.len), OTR_SLICE("://"))) {
		out->scheme = otr_slice_sub(target, 0, n);
		target = otr_slice_sub(target, n + 3, target.len);
		split_authority(out, &target);
	}
	target.len = find_char(target, '#');
	n = find_char(target, '?');
	out->path = otr_slice_sub(target, 0, n);
	out->query = otr_slice_sub(target, n + 1, target.len);
	if (!out->path.len && out->scheme.len)
		out->path = OTR_SLICE("/");
}

/* Returns the length of the userinfo, the text before the last '@'. */
static size_t userinfo_len(struct otr_slice authority)
{
	const char *at = authority.len ? memrchr(authority.data, '@', authority.len) : NULL;

	return at ? (size_t)(at - authority.data) + 1 : 0;
}

static uint16_t read_port(struct otr_slice s)
{
	uint32_t port = 0;

	if (s.len > 5)
		return 0;
	for (size_t i = 0; i < s.len; i++) {
		if (s.data[i] < '0' || s.data[i] > '9')
			return 0;
		port = port * 10 + (uint32_t)(s.data[i] - '0');
	}
	return port <= UINT16_MAX ? (uint16_t)port : 0;
}

struct otr_slice otr_url_host(struct otr_slice authority, uint16_t *port)
{
	struct otr_slice host = otr_slice_sub(authority, userinfo_len(authority), authority.len);
	size_t colon = host.len;

	if (host.len && host.data[0] == '[') {
		colon = find_char(host, ']');
		*port = read_port(otr_slice_sub(host, colon + 2, host.len));
		return otr_slice_sub(host, 1, colon - 1);
	}
	while (colon && host.data[colon - 1] != ':')
		colon--;
	if (colon && memchr(host.data, ':', colon - 1))
		colon = 0; /* a bare IPv6 address, in X-Forwarded-For */
	*port = colon ? read_port(otr_slice_sub(host, colon, host.len)) : 0;
	return colon ? otr_slice_sub(host, 0, colon - 1) : host;
}

void otr_url_authority(struct otr_buf *out, struct otr_slice authority)
{
	size_t n = userinfo_len(authority);

	if (n)
		otr_buf_str(out, HIDDEN ":" HIDDEN "@");
	otr_buf_slice(out, otr_slice_sub(authority, n, authority.len));
}

/* Can `s` hold a secret? Most values are too short, or too plain. */
static bool may_hold_secret(struct otr_slice s)
{
	return s.len >= 16 || find_any(s, "%:=@+,|") < s.len;
}

static bool holds_secret(struct otr_slice s)
{
	return may_hold_secret(s) && otr_secret_within(s);
}

static void put_pair(struct otr_buf *out, struct otr_slice pair, char *const *redact)
{
	size_t n = find_char(pair, '=');
	struct otr_slice key = otr_slice_sub(pair, 0, n);
	struct otr_slice value = otr_slice_sub(pair, n + 1, pair.len);

	if (holds_secret(key)) {
		otr_buf_str(out, HIDDEN);
	} else if (n < pair.len && (is_secret(key, redact) || holds_secret(value))) {
		otr_buf_slice(out, key);
		otr_buf_str(out, "=" HIDDEN);
	} else {
		otr_buf_slice(out, pair);
	}
}

/* Is a decoded segment one word: no pair, and in an alphabet that the tables know? */
static bool is_plain(struct otr_slice seg)
{
	return seg.len && find_any(seg, ";=:%") == seg.len && otr_secret_readable(seg);
}

/* Works out what announces_secret() returns. */
static bool is_announcing(struct otr_slice seg)
{
	static const char *const words[] = {
		"reset",    "invite",	  "invitation",	 "hook",    "hooks",
		"webhook",  "webhooks",	  "magic",	 "confirm", "verify",
		"activate", "activation", "unsubscribe", "share",
	};

	struct otr_slice plain;
	char text[128];

	plain = otr_secret_decode(text, sizeof(text), seg);
	if (!plain.data)
		return is_plain(seg);
	seg = (struct otr_slice){text, otr_secret_fold(text, plain.len)};
	for (size_t i = 0; i < OTR_ARRAY_SIZE(words); i++)
		if (otr_slice_eq_nocase(seg, otr_slice_str(words[i])))
			return true;
	return is_plain(seg) && otr_secret_key(seg);
}

/* Has the segment a letter, or what may stand for one? All words of the tables have letters. */
static bool has_letter(struct otr_slice seg)
{
	for (size_t i = 0; i < seg.len; i++)
		if ((seg.data[i] & 0x80) || seg.data[i] == '%' ||
		    (unsigned char)((seg.data[i] | 0x20) - 'a') < 26)
			return true;
	return false;
}

/* Paths have the same words again, so each thread remembers the verdicts on them. A client that
 * sends many others only makes the verdicts be worked out again. */
#define KEPT	 256
#define KEPT_LEN 15

struct kept {
	uint64_t text[2]; /* KEPT_LEN bytes and their number */
	bool announces;
};

static struct kept *place_of(const uint64_t text[2])
{
	static __thread struct kept kept[KEPT];
	uint64_t sum = (text[0] ^ text[1] * 0x9e3779b97f4a7c15u) * 0xd6e8feb86659fd93u;

	return &kept[sum >> 56];
}

/* Is the segment behind this one a secret: /token/X, /reset/X? */
static bool announces_secret(struct otr_slice seg)
{
	char text[KEPT_LEN + 1] = "";
	uint64_t words[2];
	struct kept *at;

	if (!seg.len || (seg.len <= KEPT_LEN && !has_letter(seg)))
		return false;
	if (seg.len > KEPT_LEN)
		return is_announcing(seg);
	memcpy(text, seg.data, seg.len);
	text[KEPT_LEN] = (char)seg.len;
	memcpy(words, text, sizeof(words));
	at = place_of(words);
	if (at->text[0] != words[0] || at->text[1] != words[1]) {
		at->announces = is_announcing(seg);
		memcpy(at->text, words, sizeof(words));
	}
	return at->announces;
}

/* Is a segment that follows an announcing one a word, as in /password/forgotten, or a version,
 * as in /auth/v1? Such a segment is no secret. */
static bool is_word(struct otr_slice seg)
{
	size_t n = seg.len > 1 && seg.data[0] == 'v' ? 1 : 0;

	if (n)
		while (n < seg.len && seg.data[n] >= '0' && seg.data[n] <= '9')
			n++;
	if (n == seg.len)
		return true;
	for (n = 0; n < seg.len; n++)
		if ((seg.data[n] < 'a' || seg.data[n] > 'z') && !strchr("-_.{}", seg.data[n]))
			return false;
	return true;
}

/* Appends a segment. Behind an empty segment, userinfo may lack a password: x//TOKEN@h */
static void put_segment(struct otr_buf *out, struct otr_slice seg, bool behind_empty)
{
	size_t n = behind_empty ? userinfo_len(seg) : 0;

	if (n) {
		otr_url_authority(out, seg);
		return;
	}
	if (!holds_secret(seg))
		otr_buf_slice(out, seg);
	else if (memchr(seg.data, '%', seg.len))
		otr_buf_str(out, HIDDEN);
	else
		otr_secret_hide(out, seg);
}

void otr_url_path(struct otr_buf *out, struct otr_slice path)
{
	bool behind_empty = false, announced = false;
	struct otr_slice seg;
	size_t n;

	while (path.len) {
		n = find_char(path, '/');
		seg = otr_slice_sub(path, 0, n);
		if (announced && !is_word(seg))
			otr_buf_str(out, HIDDEN);
		else
			put_segment(out, seg, behind_empty);
		announced = announces_secret(seg);
		if (n < path.len)
			otr_buf_byte(out, '/');
		behind_empty = !n;
		path = otr_slice_sub(path, n + 1, path.len);
	}
}

void otr_url_path_words(struct otr_buf *out, struct otr_slice path)
{
	struct otr_slice seg;
	size_t n;

	while (path.len) {
		n = find_char(path, '/');
		seg = otr_slice_sub(path, 0, n);
		if (is_word(seg) && !otr_secret_shape(seg))
			otr_buf_slice(out, seg);
		else
			otr_buf_str(out, HIDDEN);
		if (n < path.len)
			otr_buf_byte(out, '/');
		path = otr_slice_sub(path, n + 1, path.len);
	}
}

void otr_url_query(struct otr_buf *out, struct otr_slice query, char *const *redact)
{
	size_t n;

	while (query.len) {
		n = find_any(query, "&;");
		put_pair(out, otr_slice_sub(query, 0, n), redact);
		if (n < query.len)
			otr_buf_byte(out, query.data[n]);
		query = otr_slice_sub(query, n + 1, query.len);
	}
}
