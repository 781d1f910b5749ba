/* SPDX-License-Identifier: Apache-2.0 */
/*
 * attr_cache.c - attributes that describe() worked out; see attr_cache.h.
 *
 * A row is looked for in one set of four. Keys that came once are in `seen`, as the upper half of
 * their hash alone: a key that pushes another out only delays it.
 */

#include "agent/proto/attr_cache.h"

#include <stdlib.h>
#include <string.h>

#include "agent/base/eight.h"
#include "agent/base/keyed.h"
#include "agent/base/own.h"
#include "agent/span/attr_block.h"

#define WAYS	  4
#define SETS	  (OTR_ATTR_CACHE_ROWS / WAYS)
#define SEEN	  1024
#define KINDS	  16 /* more than there are */
#define ENTRY_MAX (OTR_ATTR_CACHE_BYTES / 16)

struct row {
	uint64_t hash;
	uint64_t used; /* 0: the row is free */
	struct otr_attr_known known;
	char *key; /* in one allocation with the note, which comes first */
	size_t key_len;
	size_t bytes;
};

struct otr_attr_cache {
	struct row rows[SETS][WAYS];
	struct row *last[KINDS]; /* by kind: the row that was found last is asked first */
	uint32_t seen[SEEN];
	uint64_t now; /* counts uses and entries */
	uint64_t turned_away;
	uint64_t serial;
	size_t bytes;
	size_t hand; /* the row that is dropped next where there are too many bytes */
	char flat[OTR_ATTR_KEY_MAX + 4];
};

struct otr_attr_cache *otr_attr_cache_new(void)
{
	return calloc(1, sizeof(struct otr_attr_cache));
}

static void drop(struct otr_attr_cache *cache, struct row *at)
{
	if (!at->used)
		return;
	cache->bytes -= at->bytes;
	otr_attr_block_unref(&at->known.block);
	free((void *)(uintptr_t)at->known.note);
	memset(at, 0, sizeof(*at));
}

void otr_attr_cache_clear(struct otr_attr_cache *cache)
{
	for (size_t i = 0; i < OTR_ATTR_CACHE_ROWS; i++)
		drop(cache, &cache->rows[i / WAYS][i % WAYS]);
	memset(cache->seen, 0, sizeof(cache->seen));
}

void otr_attr_cache_free(struct otr_attr_cache **cp)
{
	struct otr_attr_cache *cache = OTR_TAKE(*cp);

	if (!cache)
		return;
	otr_attr_cache_clear(cache);
	free(cache);
}

static bool is_usable(const struct otr_attr_key *key)
{
	return key->len && key->len <= OTR_ATTR_KEY_MAX;
}

/* Compares `len` bytes, at least one. Most texts are short, and a call of memcmp() takes longer
 * than their comparison. */
static inline bool is_same(const char *a, const char *b, size_t len)
{
	if (len > 16)
		return !memcmp(a, b, len);
	if (len >= 8)
		return otr_eight(a) == otr_eight(b) &&
		       otr_eight(a + len - 8) == otr_eight(b + len - 8);
	if (len < 4) /* one to three bytes */
		return a[0] == b[0] && a[len / 2] == b[len / 2] && a[len - 1] == b[len - 1];
	return otr_four(a) == otr_four(b) && otr_four(a + len - 4) == otr_four(b + len - 4);
}

static inline bool is_same_fixed(const char *a, const char *b)
{
	uint64_t differ = 0;

	for (size_t i = 0; i < OTR_ATTR_KEY_FIXED; i += 8)
		differ |= otr_eight(a + i) ^ otr_eight(b + i);
	return !differ;
}

static bool holds(const struct row *at, const struct otr_attr_key *key)
{
	const char *to = at->key;

	if (at->key_len != key->len || !is_same_fixed(to, key->fixed))
		return false;
	to += sizeof(key->fixed);
	for (uint32_t i = 0; i < key->n_texts; to += key->texts[i++].len)
		if (key->texts[i].len && !is_same(to, key->texts[i].data, key->texts[i].len))
			return false;
	return true;
}

static void flatten(char *to, const struct otr_attr_key *key)
{
	memcpy(to, key->fixed, sizeof(key->fixed));
	to += sizeof(key->fixed);
	for (uint32_t i = 0; i < key->n_texts; to += key->texts[i++].len)
		if (key->texts[i].len)
			memcpy(to, key->texts[i].data, key->texts[i].len);
}

/* Hashes whole words, with zeros behind the last byte: a key tells its own length. */
static void set_hash(struct otr_attr_cache *cache, struct otr_attr_key *key)
{
	const size_t most = 8 * OTR_KEYED_WORDS;
	const char *at = cache->flat;
	size_t left = (key->len + 3) / 4 * 4;

	flatten(cache->flat, key);
	memset(cache->flat + key->len, 0, 4);
	key->hash = otr_keyed_hash(at, left < most ? left : most);
	while (left > most) {
		at += most;
		left -= most;
		key->hash = otr_keyed_more(key->hash, at, left < most ? left : most);
	}
}

static struct row *set_of(struct otr_attr_cache *cache, uint64_t hash)
{
	return cache->rows[hash % SETS];
}

static struct row *search(struct otr_attr_cache *cache, const struct otr_attr_key *key)
{
	struct row *at = set_of(cache, key->hash);

	for (struct row *end = at + WAYS; at < end; at++)
		if (at->hash == key->hash && holds(at, key))
			return at;
	return NULL;
}

const struct otr_attr_known *otr_attr_cache_find(struct otr_attr_cache *cache,
						 struct otr_attr_key *key)
{
	struct row **last, *at;

	if (!is_usable(key))
		return NULL;
	last = &cache->last[(unsigned char)key->fixed[0] % KINDS];
	at = *last;
	if (!at || !holds(at, key)) {
		set_hash(cache, key);
		at = search(cache, key);
	}
	if (!at)
		return NULL;
	*last = at;
	key->hash = at->hash;
	at->used = ++cache->now;
	return &at->known;
}

static struct row *oldest(struct row *set)
{
	struct row *least = set;

	for (struct row *at = set + 1; at < set + WAYS; at++)
		if (at->used < least->used)
			least = at;
	return least;
}

/* Where more keys come in turn than there are rows, each would push out what comes next. So a row
 * that was used a short while ago is given up to one key in eight only. */
static bool is_worth_a_row(struct otr_attr_cache *cache, uint64_t hash)
{
	const struct row *at = oldest(set_of(cache, hash));

	return !at->used || cache->now - at->used > 8 * OTR_ATTR_CACHE_ROWS ||
	       ++cache->turned_away % 8 == 0;
}

bool otr_attr_cache_wants(struct otr_attr_cache *cache, const struct otr_attr_key *key)
{
	uint32_t upper = (uint32_t)(key->hash >> 32), *seen;
	bool again;

	if (!is_usable(key))
		return false;
	seen = &cache->seen[key->hash % SEEN];
	again = *seen == upper;
	*seen = upper;
	return again && is_worth_a_row(cache, key->hash);
}

/* Drops rows, one after the other round the table, until there is room for `bytes`. */
static void make_room(struct otr_attr_cache *cache, size_t bytes)
{
	while (cache->bytes + bytes > OTR_ATTR_CACHE_BYTES) {
		size_t i = cache->hand++ % OTR_ATTR_CACHE_ROWS;

		drop(cache, &cache->rows[i / WAYS][i % WAYS]);
	}
}

/* Fills a free row, without its block. */
static bool fill(struct row *at, const struct otr_attr_key *key, const void *note, size_t note_len)
{
	char *data = malloc(note_len + key->len);

	if (!data)
		return false;
	if (note_len)
		memcpy(data, note, note_len);
	flatten(data + note_len, key);
	at->known.note = data;
	at->key = data + note_len;
	at->key_len = key->len;
	at->hash = key->hash;
	return true;
}

void otr_attr_cache_put(struct otr_attr_cache *cache, const struct otr_attr_key *key,
			struct otr_attr_block *block, const void *note, size_t note_len)
{
	OTR_AUTO(otr_attr_block_unref) struct otr_attr_block *mine = block;
	size_t bytes = block ? block->bytes + note_len + key->len : 0;
	struct row *at;

	if (!mine || !is_usable(key) || bytes > ENTRY_MAX)
		return;
	make_room(cache, bytes);
	at = search(cache, key);
	if (!at)
		at = oldest(set_of(cache, key->hash));
	drop(cache, at);
	if (!fill(at, key, note, note_len))
		return;
	at->known.block = OTR_TAKE(mine);
	at->known.serial = ++cache->serial;
	at->used = ++cache->now;
	at->bytes = bytes;
	cache->bytes += bytes;
}

size_t otr_attr_cache_bytes(const struct otr_attr_cache *cache)
{
	return cache->bytes;
}
