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

#include "agent/base/keyed.h"
#include "agent/base/own.h"
#include "agent/span/attr_block.h"

#define WAYS	  4
#define SETS	  (OTR_ATTR_CACHE_ROWS / WAYS)
#define SEEN	  1024
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
	uint32_t seen[SEEN];
	uint64_t now; /* counts uses and entries */
	uint64_t serial;
	size_t bytes;
	size_t hand; /* the row that is dropped next where there are too many bytes */
};

void otr_attr_key_begin(struct otr_attr_key *key, const void *fixed, size_t len)
{
	memcpy(key->data, fixed, len);
	key->len = len;
}

void otr_attr_key_add(struct otr_attr_key *key, struct otr_slice text)
{
	if (!key->len || !text.len)
		return;
	if (text.len > OTR_ATTR_KEY_MAX - key->len) {
		key->len = 0;
		return;
	}
	memcpy(key->data + key->len, text.data, text.len);
	key->len += text.len;
}

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

/* Hashes whole words: the bytes behind the key are zeroed, and a key tells its own length. */
static void set_hash(struct otr_attr_key *key)
{
	memset(key->data + key->len, 0, 4);
	key->hash = otr_keyed_hash(key->data, (key->len + 3) / 4 * 4);
}

static struct row *set_of(struct otr_attr_cache *cache, uint64_t hash)
{
	return cache->rows[hash % SETS];
}

static bool holds(const struct row *at, const struct otr_attr_key *key)
{
	return at->hash == key->hash && at->key_len == key->len &&
	       !memcmp(at->key, key->data, key->len);
}

static struct row *find(struct otr_attr_cache *cache, const struct otr_attr_key *key)
{
	struct row *at = set_of(cache, key->hash);

	for (struct row *end = at + WAYS; at < end; at++)
		if (holds(at, key))
			return at;
	return NULL;
}

const struct otr_attr_known *otr_attr_cache_find(struct otr_attr_cache *cache,
						 struct otr_attr_key *key)
{
	struct row *at;

	if (!key->len)
		return NULL;
	set_hash(key);
	at = find(cache, key);
	if (!at)
		return NULL;
	at->used = ++cache->now;
	return &at->known;
}

bool otr_attr_cache_wants(struct otr_attr_cache *cache, const struct otr_attr_key *key)
{
	uint32_t *seen = &cache->seen[key->hash % SEEN];
	uint32_t upper = (uint32_t)(key->hash >> 32);
	bool again = *seen == upper;

	if (!key->len)
		return false;
	*seen = upper;
	return again;
}

static struct row *oldest(struct row *set)
{
	struct row *least = set;

	for (struct row *at = set + 1; at < set + WAYS; at++)
		if (at->used < least->used)
			least = at;
	return least;
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
	memcpy(data + note_len, key->data, key->len);
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

	if (!mine || !key->len || bytes > ENTRY_MAX)
		return;
	make_room(cache, bytes);
	at = find(cache, key);
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
