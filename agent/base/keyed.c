/* SPDX-License-Identifier: Apache-2.0 */
/* keyed.c - the secret of the tables, and SipHash-1-3 (Aumasson, Bernstein: SipHash: a fast
 * short-input PRF); see keyed.h. */

#include "agent/base/keyed.h"

#include <endian.h>
#include <string.h>
#include <sys/auxv.h>
#include <sys/random.h>

unsigned __int128 otr_keyed_secret[2 * OTR_KEYED_WORDS];
static uint64_t secret[2];

/* SipHash of 0, 1, 2, .. looks like random bits to anybody without the key. */
static void expand(void)
{
	uint64_t half[2], n = 0;

	for (size_t i = 0; i < 2 * OTR_KEYED_WORDS; i++) {
		for (int j = 0; j < 2; j++, n++)
			half[j] = otr_keyed_bytes(&n, sizeof(n));
		otr_keyed_secret[i] = (unsigned __int128)half[0] << 64 | half[1];
	}
}

/* Where the kernel has no random bytes yet it gave 16 to this program at its start. */
__attribute__((constructor)) static void draw(void)
{
	const void *given = (const void *)getauxval(AT_RANDOM);

	if (getrandom(secret, sizeof(secret), GRND_NONBLOCK) != sizeof(secret) && given)
		memcpy(secret, given, sizeof(secret));
	expand();
}

void otr_keyed_set(const uint64_t key[2])
{
	memcpy(secret, key, sizeof(secret));
	expand();
}

struct sip {
	uint64_t a, b, c, d;
};

static inline uint64_t turn(uint64_t x, int by)
{
	return x << by | x >> (64 - by);
}

static inline void mix(struct sip *s)
{
	s->a += s->b;
	s->c += s->d;
	s->b = turn(s->b, 13) ^ s->a;
	s->d = turn(s->d, 16) ^ s->c;
	s->a = turn(s->a, 32);
	s->c += s->b;
	s->a += s->d;
	s->b = turn(s->b, 17) ^ s->c;
	s->d = turn(s->d, 21) ^ s->a;
	s->c = turn(s->c, 32);
}

static inline void add_word(struct sip *s, uint64_t word)
{
	s->d ^= word;
	mix(s);
	s->a ^= word;
}

uint64_t otr_keyed_bytes(const void *data, size_t len)
{
	struct sip s = {secret[0] ^ 0x736f6d6570736575u, secret[1] ^ 0x646f72616e646f6du,
			secret[0] ^ 0x6c7967656e657261u, secret[1] ^ 0x7465646279746573u};
	const char *at = data;
	size_t left = len;
	uint64_t word;

	for (; left >= 8; at += 8, left -= 8) {
		memcpy(&word, at, 8);
		add_word(&s, le64toh(word));
	}
	word = 0;
	if (left)
		memcpy(&word, at, left);
	add_word(&s, le64toh(word) | (uint64_t)len << 56);
	s.c ^= 0xff;
	mix(&s);
	mix(&s);
	mix(&s);
	return s.a ^ s.b ^ s.c ^ s.d;
}

uint64_t otr_keyed_more(uint64_t before, const void *data, size_t len)
{
	uint64_t both[2] = {before, otr_keyed_hash(data, len)};

	return otr_keyed_hash(both, sizeof(both));
}
