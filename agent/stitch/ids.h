/* SPDX-License-Identifier: Apache-2.0 */
#ifndef OTR_IDS_H
#define OTR_IDS_H

/*
 * ids.h - trace and span ids from a seed: the same events give the same ids.
 *
 * W3C Trace Context level 2: the low 56 bits of a trace id are random, OTR_FLAG_RANDOM says so.
 */

#include <stdint.h>

struct otr_ids_maker {
	uint64_t seed;
	uint64_t n; /* numbers taken */
};

void otr_ids_trace(struct otr_ids_maker *ids, uint8_t out[16]);
void otr_ids_span(struct otr_ids_maker *ids, uint8_t out[8]);

#endif /* OTR_IDS_H */
