/* SPDX-License-Identifier: Apache-2.0 */
#ifndef OTR_EIGHT_H
#define OTR_EIGHT_H

/* eight.h - questions about eight bytes of a text at once, which are a word of 64 bits. */

#include <stdbool.h>
#include <stdint.h>
#include <string.h>

#define OTR_EIGHT(byte) (UINT64_C(0x0101010101010101) * (byte))

static inline uint64_t otr_eight(const char *at)
{
	uint64_t eight;

	memcpy(&eight, at, sizeof(eight));
	return eight;
}

static inline uint32_t otr_four(const char *at)
{
	uint32_t four;

	memcpy(&four, at, sizeof(four));
	return four;
}

/* Is one of them below ' '? A byte above 0x7f is not. A byte that borrows from the next one is
 * below ' ' itself, so the answer is right. */
static inline bool otr_eight_has_control(uint64_t eight)
{
	return ((eight - OTR_EIGHT(' ')) & ~eight & OTR_EIGHT(0x80)) != 0;
}

/* Is one of them `byte`, which is below 0x80? */
static inline bool otr_eight_has(uint64_t eight, uint8_t byte)
{
	uint64_t zero = eight ^ OTR_EIGHT(byte);

	return ((zero - OTR_EIGHT(1)) & ~zero & OTR_EIGHT(0x80)) != 0;
}

#endif /* OTR_EIGHT_H */
