/* SPDX-License-Identifier: Apache-2.0 */
#ifndef OTR_SAMPLE_H
#define OTR_SAMPLE_H

/*
 * sample.h - consistent probability sampling, as the library and the agent compute it alike.
 *
 * A trace is sampled if its randomness R is not less than a threshold T; both have 56 bits. R is
 * the low 56 bits of the trace id, so all who compare it with the same T decide the same. T is
 * 2^56 * (1 - probability); `ot=th:` in a `tracestate` gives it, in hexadecimal digits without
 * trailing zeros.
 * https://opentelemetry.io/docs/specs/otel/trace/tracestate-probability-sampling/
 *
 * Functions here call nothing, so that the library can use them anywhere.
 */

#include <stddef.h>
#include <stdint.h>

#define OTR_SAMPLE_BITS	 56
#define OTR_SAMPLE_NEVER (1ull << OTR_SAMPLE_BITS) /* the threshold that no trace reaches */
#define OTR_SAMPLE_STATE 24 /* bytes for otr_sample_state(): "ot=th:" and 14 digits */

static inline uint64_t otr_sample_low(const uint8_t trace_id[16])
{
	uint64_t low = 0;

	for (int i = 16 - OTR_SAMPLE_BITS / 8; i < 16; i++)
		low = low << 8 | trace_id[i];
	return low;
}

/* Five hexadecimal digits, from the first that is no `f` on, give the probability to one part in a
 * million; so a threshold needs few bytes on the wire. */
static inline uint64_t otr_sample_round(uint64_t threshold)
{
	int digits = 5, shift;

	for (shift = OTR_SAMPLE_BITS - 4; digits < 14 && (threshold >> shift & 15) == 15;
	     shift -= 4)
		digits++;
	shift = OTR_SAMPLE_BITS - 4 * digits;
	return shift ? (threshold + (1ull << (shift - 1))) >> shift << shift : threshold;
}

/* The threshold of the probability m / 10^places, at most 1; 10^places is at most 10^20. */
static inline uint64_t otr_sample_threshold(uint64_t m, unsigned int places)
{
	unsigned __int128 whole = 1, part;

	while (places--)
		whole *= 10;
	part = ((unsigned __int128)m << OTR_SAMPLE_BITS) / whole;
	return otr_sample_round(OTR_SAMPLE_NEVER - (uint64_t)part);
}

/* Reads a share, "10%", "0.1" or "1", of at most 18 digits. Returns 1 and its threshold, or 0
 * where the text is no share from 0 to 1. */
static inline int otr_sample_share(const char *text, size_t len, uint64_t *threshold)
{
	unsigned int places = 0, digits = 0;
	unsigned __int128 whole = 1;
	uint64_t m = 0;
	int point = 0;

	if (len && text[len - 1] == '%') {
		places = 2;
		len--;
	}
	for (size_t i = 0; i < len; i++) {
		if (text[i] == '.' && !point++)
			continue;
		if (text[i] < '0' || text[i] > '9' || ++digits > 18)
			return 0;
		m = m * 10 + (uint64_t)(text[i] - '0');
		places += point > 0;
	}
	for (unsigned int i = 0; i < places; i++)
		whole *= 10;
	if (!digits || m > whole)
		return 0;
	*threshold = otr_sample_threshold(m, places);
	return 1;
}

/* Writes the member of `tracestate` that gives `threshold`: "ot=th:fd70a4". Returns its length. */
static inline size_t otr_sample_state(uint64_t threshold, char out[OTR_SAMPLE_STATE])
{
	static const char head[6] = {'o', 't', '=', 't', 'h', ':'};
	size_t len = 0;

	for (; len < sizeof(head); len++)
		out[len] = head[len];
	do {
		out[len++] = "0123456789abcdef"[threshold >> (OTR_SAMPLE_BITS - 4) & 15];
		threshold = threshold << 4 & (OTR_SAMPLE_NEVER - 1);
	} while (threshold);
	return len;
}

#endif /* OTR_SAMPLE_H */
