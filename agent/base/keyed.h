/* SPDX-License-Identifier: Apache-2.0 */
#ifndef OTR_KEYED_H
#define OTR_KEYED_H

/*
 * keyed.h - the hash of tables whose keys come from others: trace and span ids, addresses,
 * process ids, names.
 *
 * SipHash-1-3 with a key of 128 random bits, drawn once per run. Whoever does not know the key
 * cannot choose keys that fall into one bucket (60,000 requests with such ids cost 62 us each
 * instead of 5). XXH3 is as fast, but it promises that of no secret; SipHash does.
 *
 * The key may decide where an entry lies, never what comes out: an order that can be seen is
 * that of insertion or a sort. A replay is equal byte for byte under another key.
 */

#include <stddef.h>
#include <stdint.h>

uint64_t otr_keyed_hash(const void *data, size_t len);

/* Goes on from an earlier hash, as over one longer key. */
uint64_t otr_keyed_more(uint64_t before, const void *data, size_t len);

/* Another key, for tests alone: before the first table is made. */
void otr_keyed_set(const uint64_t key[2]);

/* All of uthash in otrace: this header comes in its place. */
#define HASH_FUNCTION(keyptr, keylen, hashv) \
	((hashv) = (unsigned int)otr_keyed_hash(keyptr, keylen))
#include <uthash.h>

#endif /* OTR_KEYED_H */
