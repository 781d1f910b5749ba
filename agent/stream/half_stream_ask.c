/* SPDX-License-Identifier: Apache-2.0 */
/* half_stream_ask.c - what the segments of a half stream tell: what is missing, who moved a byte,
 * when. */

#include "agent/stream/half_stream.h"

static const struct otr_stream_segment *covering(const struct otr_half_stream *h, uint64_t pos)
{
	for (const struct otr_stream_segment *seg = h->segments; seg && seg->pos <= pos;
	     seg = seg->next)
		if (pos < seg->end)
			return seg;
	return NULL;
}

/* See half_stream.h: some bytes behind those that are unread have moved. */
enum otr_follow otr_half_stream_gap(const struct otr_half_stream *h)
{
	return covering(h, otr_half_stream_joined_end(h)) ? OTR_FOLLOW_GAP : OTR_FOLLOW_HOLE;
}

bool otr_half_stream_is_after_loss(const struct otr_half_stream *h, uint64_t end, bool calls)
{
	const struct otr_stream_segment *seg = h->segments;
	uint64_t at = otr_half_stream_joined_end(h);

	for (; seg && seg->pos <= at; seg = seg->next)
		if (seg->end > at && !(calls && seg->by_run_only))
			at = seg->end;
	return at < end;
}

uint64_t otr_half_stream_hole_ns(const struct otr_half_stream *h)
{
	const struct otr_stream_segment *seg = h->segments;
	uint64_t end = otr_half_stream_joined_end(h);

	while (seg && seg->pos <= end)
		seg = seg->next;
	return seg ? seg->from.time_ns : 0;
}

bool otr_half_stream_begins_run(const struct otr_half_stream *h)
{
	const struct otr_stream_segment *seg = covering(h, h->at);

	return seg && seg->from.first && seg->pos == h->at;
}

/* A segment whose kept bytes reach past `pos`. */
static const struct otr_stream_segment *next_kept(const struct otr_half_stream *h, uint64_t pos)
{
	const struct otr_stream_segment *seg = h->segments;

	while (seg && seg->pos + seg->cap <= pos)
		seg = seg->next;
	return seg;
}

uint64_t otr_half_stream_gap_end(const struct otr_half_stream *h)
{
	const struct otr_stream_segment *seg = next_kept(h, otr_half_stream_joined_end(h));

	return seg ? seg->pos : h->moved_end;
}

/* The first segment after `at` that opens another run. */
static const struct otr_stream_segment *next_run(const struct otr_half_stream *h)
{
	const struct otr_stream_segment *seg = h->segments;

	while (seg && (!seg->from.first || seg->pos <= h->at))
		seg = seg->next;
	return seg;
}

uint64_t otr_half_stream_run_end(const struct otr_half_stream *h)
{
	const struct otr_stream_segment *seg = next_run(h);

	return seg ? seg->pos : h->moved_end;
}

bool otr_half_stream_run_ended(const struct otr_half_stream *h)
{
	return h->run_over || next_run(h);
}

bool otr_half_stream_moved(const struct otr_half_stream *h, uint64_t end, uint64_t *when_ns,
			   bool *exact)
{
	const struct otr_stream_segment *seg = h->segments;

	if (end > h->moved_end)
		return false;
	*when_ns = h->spent_ns;
	for (; seg && seg->pos < end; seg = seg->next) {
		*when_ns = seg->from.time_ns;
		*exact = end <= seg->end;
		if (*exact)
			return true;
	}
	*exact = false;
	return true;
}

const struct otr_segment_origin *otr_half_stream_origin(const struct otr_half_stream *h,
							uint64_t pos)
{
	const struct otr_stream_segment *seg = covering(h, pos);

	return seg ? &seg->from : NULL;
}
