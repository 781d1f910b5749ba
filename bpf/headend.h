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

/* May `line`, the first bytes of a run, begin a request line: a method, a blank, a visible
 * character? */
static inline __attribute__((always_inline)) int otr_begins_request(
	const __u8 line[OTR_REQUEST_LINE])
{
	int blank = 0, odd = 0;

	/* Unrolled: the verifier of Linux 6.1 refuses the loop that clang makes of it. */
#pragma GCC unroll 16
	for (int i = 0; i < OTR_REQUEST_LINE - 1; i++) {
		__u8 c = line[i] | 0x20, next = line[i + 1];

		if (blank || odd)
			continue;
		blank = i && line[i] == ' ' && next > ' ' && next < 0x7f;
		odd = line[i] != '-' && (c < 'a' || c > 'z');
	}
	return blank;
}

#endif /* OTR_HEADEND_H */
