/* SPDX-License-Identifier: Apache-2.0 */
#ifndef OTR_KEYED_H
#define OTR_KEYED_H

/*
 * keyed.h - the hash of tables whose keys come from others: trace and span ids, addresses,
 * process ids, names.
 *
 * Whoever does not know the secret, which is drawn once per run, cannot choose keys that fall into
 * one bucket (60,000 requests with such ids cost 62 us each instead of 5):
 *
 * - keys of 4 to 64 bytes, in steps of 4: multiply-add-shift (Dietzfelbinger; Thorup, "High speed
 *   hashing for integers and strings"). Each word of 64 bits is multiplied by 128 random bits, the
 *   products are added, the upper 64 bits are the hash. So the hashes of any two keys are random
 *   and independent, whatever the keys are. Keys in a row have hashes in a row: a fixed step, which
 *   changes nothing of that, mixes them.
 * - others: SipHash-1-3.
 *
 * XXH3 is as fast as the first, but promises that of no secret.
 *
 * The key may decide where an entry lies, never what comes out: an order that can be seen is
 * that of insertion or a sort. A replay is equal byte for byte under another key.
 */

#include <stddef.h>
#include <stdint.h>
#include <string.h>

#define OTR_KEYED_WORDS 8

/* Random: one for each length, and one for each word of a key. */
extern unsigned __int128 otr_keyed_secret[2 * OTR_KEYED_WORDS];

/* SipHash-1-3 of any length. */
uint64_t otr_keyed_bytes(const void *data, size_t len);

/* The length of most keys is a constant: the loop is unrolled then. */
static inline uint64_t otr_keyed_hash(const void *data, size_t len)
{
	size_t words = (len + 7) / 8;
	unsigned __int128 sum;
	uint64_t word;

	if (len % 4 || !len || words > OTR_KEYED_WORDS)
		return otr_keyed_bytes(data, len);
	sum = otr_keyed_secret[words - 1];
	for (size_t i = 0; i < words; i++) {
		word = 0;
		memcpy(&word, (const char *)data + 8 * i, i < len / 8 ? 8 : 4);
		sum += otr_keyed_secret[OTR_KEYED_WORDS + i] * word;
	}
	word = (uint64_t)(sum >> 64);
	word = (word ^ word >> 32) * 0x9e3779b97f4a7c15u;
	return word ^ word >> 32;
}

/* Goes on from an earlier hash, as over one longer key. */
uint64_t otr_keyed_more(uint64_t before, const void *data, size_t len);

/* Another key, for tests alone: before the first table is made. */
void otr_keyed_set(const uint64_t key[2]);

/* All of uthash in otrace: this header comes in its place. */
#define HASH_FUNCTION(keyptr, keylen, hashv) \
	((hashv) = (unsigned int)(otr_keyed_hash(keyptr, keylen) >> 32))
#include <uthash.h>

#endif /* OTR_KEYED_H */
