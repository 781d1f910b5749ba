/* SPDX-License-Identifier: Apache-2.0 */
/* ids.c - trace and span ids from a seed. Never zero, which means "none". */

#include "agent/stitch/ids.h"

#include <string.h>

#include <xxhash.h>

static uint64_t next(struct otr_ids_maker *ids)
{
	uint64_t n = ids->n++;

	return XXH64(&n, sizeof(n), ids->seed);
}

void otr_ids_trace(struct otr_ids_maker *ids, uint8_t out[16])
{
	uint64_t half[2] = {next(ids), next(ids)};

	while (!half[0])
		half[0] = next(ids);
	memcpy(out, half, sizeof(half));
}

void otr_ids_span(struct otr_ids_maker *ids, uint8_t out[8])
{
	uint64_t id = next(ids);

	while (!id)
		id = next(ids);
	memcpy(out, &id, sizeof(id));
}
