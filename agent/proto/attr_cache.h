/* SPDX-License-Identifier: Apache-2.0 */
#ifndef OTR_ATTR_CACHE_H
#define OTR_ATTR_CACHE_H

/*
 * attr_cache.h - attributes that describe() worked out, by all that they were worked out from.
 *
 * Services get the same requests again and again, from the same clients. A part of a span's
 * attributes is remembered as a block when its key comes for the second time, so that what never
 * comes again (a path with an id in it) costs one hash and no memory.
 *
 * The key holds everything that the block depends on, and it is compared, not its hash alone. So a
 * block is exactly what would be worked out again. Whether something is remembered depends on a
 * secret hash; what comes out does not.
 *
 * Rows and bytes are bounded: the row that was used longest ago, among a few, is replaced. One
 * thread uses a cache; spans keep references to blocks.
 */

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include "agent/base/slice.h"

struct otr_attr_block;

#define OTR_ATTR_CACHE_ROWS  512
#define OTR_ATTR_CACHE_BYTES (512u << 10) /* of keys and blocks together */
#define OTR_ATTR_KEY_MAX     2304	  /* bytes; what has a longer key is not remembered */

#define OTR_ATTR_KEY_FIXED 48
#define OTR_ATTR_KEY_TEXTS 7

/* Begins with bytes whose first one says of which kind the key is, and which tell where each text
 * behind them ends. Texts are borrowed. */
struct otr_attr_key {
	char fixed[OTR_ATTR_KEY_FIXED]; /* with zeros at its end */
	uint32_t n_texts;
	size_t len; /* of all; 0: too long, or there is no key */
	struct otr_slice texts[OTR_ATTR_KEY_TEXTS];
	uint64_t hash; /* otr_attr_cache_find() sets it */
};

static inline void otr_attr_key_begin(struct otr_attr_key *key, const void *fixed, size_t len)
{
	memset(key->fixed, 0, sizeof(key->fixed));
	memcpy(key->fixed, fixed, len);
	key->n_texts = 0;
	key->len = sizeof(key->fixed);
}

static inline void otr_attr_key_add(struct otr_attr_key *key, struct otr_slice text)
{
	key->texts[key->n_texts++] = text;
	key->len += text.len;
}

struct otr_attr_known {
	struct otr_attr_block *block;
	const void *note; /* what was given to otr_attr_cache_put() */
	uint64_t serial;  /* no other entry ever has it, so it stands for the key in other keys */
};

struct otr_attr_cache; /* opaque */

/* Gives an empty cache, or NULL without memory. */
struct otr_attr_cache *otr_attr_cache_new(void);

/* Frees *cp, which may be NULL, and sets it to NULL. */
void otr_attr_cache_free(struct otr_attr_cache **cp);

/* Forgets all. */
void otr_attr_cache_clear(struct otr_attr_cache *cache);

/* Returns what is known for `key`, valid until the next call of put or clear; or NULL. */
const struct otr_attr_known *otr_attr_cache_find(struct otr_attr_cache *cache,
						 struct otr_attr_key *key);

/* After find() has returned NULL: has the key come before? */
bool otr_attr_cache_wants(struct otr_attr_cache *cache, const struct otr_attr_key *key);

/* Remembers a block, which it takes and which may be NULL, with `note_len` bytes that go with it.
 * An entry of that key is replaced. Without memory nothing is remembered. */
void otr_attr_cache_put(struct otr_attr_cache *cache, const struct otr_attr_key *key,
			struct otr_attr_block *block, const void *note, size_t note_len);

/* Bytes of keys and blocks. */
size_t otr_attr_cache_bytes(const struct otr_attr_cache *cache);

#endif /* OTR_ATTR_CACHE_H */
