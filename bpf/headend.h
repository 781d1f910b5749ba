/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
#ifndef OTR_HEADEND_H
#define OTR_HEADEND_H

/*
 * headend.h - finds the end of the head of an HTTP/1 request, for the sources.
 *
 * The first bytes of each run are copied, and most heads end in them. A longer head may have its
 * traceparent further on, so it is copied up to the blank line that ends it, or up to
 * OTR_LONG_HEAD bytes. The search takes eight bytes a step and has no branch, so that a verifier
 * can follow it.
 *
 * Pure; tested natively (tests/unit/headend_test.c).
 */

#ifndef __bpf__
#include <linux/types.h>
#endif

#define OTR_LONG_HEAD	 16384 /* bytes of a head that are copied, at most */
#define OTR_REQUEST_LINE 16    /* bytes that are looked at */

/* Sets 0x80 at each byte of `word` that equals `c`. */
static inline __attribute__((always_inline)) __u64 otr_bytes_of(__u64 word, __u8 c)
{
	const __u64 low = 0x7f7f7f7f7f7f7f7full;
	__u64 x = word ^ 0x0101010101010101ull * c;

	return ~(((x & low) + low) | x | low);
}

/* Does a blank line (LF LF or LF CR LF) end in `word`, the eight bytes behind `before`? The first
 * byte is the lowest one. */
static inline __attribute__((always_inline)) __u64 otr_blank_line(__u64 before, __u64 word)
{
	__u64 lf = otr_bytes_of(word, '\n'), was_lf = otr_bytes_of(before, '\n');
	__u64 cr = otr_bytes_of(word, '\r'), was_cr = otr_bytes_of(before, '\r');
	__u64 lf_1 = lf << 8 | was_lf >> 56; /* an LF one byte before */
	__u64 lf_2 = lf << 16 | was_lf >> 48;
	__u64 cr_1 = cr << 8 | was_cr >> 56;

	return lf & (lf_1 | (cr_1 & lf_2));
}

/* Sets 0x80 at each byte of `word` that is at least `c`, below 0x80. */
static inline __attribute__((always_inline)) __u64 otr_bytes_from(__u64 word, __u8 c)
{
	const __u64 low = 0x7f7f7f7f7f7f7f7full;

	return ((word & low) + 0x0101010101010101ull * (0x80 - c)) & ~word & ~low;
}

/* The letters and hyphens of which the names of methods consist. */
static inline __attribute__((always_inline)) __u64 otr_bytes_of_method(__u64 word)
{
	__u64 small = word | 0x2020202020202020ull;

	return (otr_bytes_from(small, 'a') & ~otr_bytes_from(small, 'z' + 1)) |
	       otr_bytes_of(word, '-');
}

/* May the first bytes of a run, OTR_REQUEST_LINE of them in two words, begin a request line: a
 * method, a blank, a visible character? */
static inline __attribute__((always_inline)) int otr_begins_request(__u64 one, __u64 two)
{
	const __u64 high = 0x8080808080808080ull;
	__u64 seen_1 = otr_bytes_from(one, ' ' + 1) & ~otr_bytes_of(one, 0x7f);
	__u64 seen_2 = otr_bytes_from(two, ' ' + 1) & ~otr_bytes_of(two, 0x7f);
	__u64 end_1 = ~otr_bytes_of_method(one) & high;
	__u64 end_2 = end_1 ? 0 : ~otr_bytes_of_method(two) & high;
	__u64 ok_1, ok_2;

	/* The first byte that belongs to no method; the one behind it may be in the second word. */
	end_1 &= -end_1;
	end_2 &= -end_2;
	ok_1 = end_1 & otr_bytes_of(one, ' ') & ~0x80ull;
	ok_2 = end_2 & otr_bytes_of(two, ' ');
	return ((ok_1 << 8 & seen_1) | (ok_1 >> 56 & seen_2) | (ok_2 << 8 & seen_2)) != 0;
}

#endif /* OTR_HEADEND_H */
