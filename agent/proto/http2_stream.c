/* SPDX-License-Identifier: Apache-2.0 */
/* http2_stream.c - the open streams of a connection: a hash of fixed size. A slot that follows a
 * removed one moves up, so a search ends at the first free slot. */

#include "agent/proto/http2.h"

#include "agent/base/own.h"

#define MASK (OTR_HTTP2_STREAMS - 1)

/* Clients number their streams 1, 3, 5 .. */
static uint32_t home(uint32_t id)
{
	return id / 2 & MASK;
}

struct otr_http2_stream *otr_http2_find(struct otr_http2 *h2, uint32_t id)
{
	struct otr_http2_stream *at;

	for (uint32_t i = home(id), n = 0; n < OTR_HTTP2_STREAMS; i = (i + 1) & MASK, n++) {
		at = &h2->streams[i];
		if (at->id == id)
			return at;
		if (!at->id)
			return NULL;
	}
	return NULL;
}

struct otr_http2_stream *otr_http2_add(struct otr_http2 *h2, uint32_t id)
{
	uint32_t i = home(id);

	if (h2->n == MASK) /* one slot stays free */
		return NULL;
	while (h2->streams[i].id)
		i = (i + 1) & MASK;
	h2->n++;
	h2->streams[i] = (struct otr_http2_stream){.id = id};
	return &h2->streams[i];
}

void otr_http2_remove(struct otr_http2 *h2, struct otr_http2_stream *stream)
{
	uint32_t gap = (uint32_t)(stream - h2->streams), i = gap;

	h2->n--;
	for (i = (i + 1) & MASK; h2->streams[i].id; i = (i + 1) & MASK) {
		/* may it move to the gap, which is not before its home? */
		if (((i - home(h2->streams[i].id)) & MASK) < ((i - gap) & MASK))
			continue;
		h2->streams[gap] = h2->streams[i];
		gap = i;
	}
	h2->streams[gap].id = 0;
}
