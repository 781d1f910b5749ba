/* SPDX-License-Identifier: Apache-2.0 */
/*
 * half_stream.c - one direction of one stream: bytes at positions, and what is missing.
 *
 * In the usual case a record begins where the last one ended, and nothing before it is unread. Then
 * its bytes are read where they are, and only what is left of them goes into `buf`; its segment
 * remembers only who and when. A segment keeps its own bytes while something before it is missing.
 */

#include "agent/stream/half_stream.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "agent/base/own.h"

/* Positions begin here, so that none before the first one seen is negative. */
#define FIRST_EPOCH (1ull << 32)

void otr_half_stream_init(struct otr_half_stream *h, struct otr_budget *budget)
{
	memset(h, 0, sizeof(*h));
	h->budget = budget;
	/* Fewer bytes are spent than unread (compact()), and one more record is joined. */
	h->buf.max = 2 * OTR_HALF_MAX + OTR_DATA_MAX;
}

static void segment_free(struct otr_half_stream *h, struct otr_stream_segment *seg)
{
	h->budget->used -= seg->cost;
	if (seg->bare)
		otr_spares_put(&h->budget->segments, seg);
	else
		free(seg);
}

static void drop_first(struct otr_half_stream *h)
{
	struct otr_stream_segment *seg = h->segments;

	h->segments = seg->next;
	if (h->to_join == seg)
		h->to_join = seg->next;
	if (h->last == seg)
		h->last = NULL;
	segment_free(h, seg);
}

/* A half stream seldom keeps bytes from record to record, so all share one spare buffer. */
static void borrow(struct otr_half_stream *h)
{
	struct otr_buf *spare = &h->budget->spare;

	if (h->buf.data)
		return;
	h->buf.data = spare->data;
	h->buf.cap = spare->cap;
	spare->data = NULL;
	spare->cap = 0;
}

static void end_loan(struct otr_half_stream *h)
{
	h->buf.data = NULL;
	h->buf.len = h->buf.cap = 0;
	h->buf.rc = 0;
	h->buf.lent = false;
	h->head = 0;
}

static void give_back(struct otr_half_stream *h)
{
	struct otr_buf *spare = &h->budget->spare;

	if (h->buf.lent) {
		end_loan(h);
		return;
	}
	h->head = 0;
	if (!spare->data) {
		spare->data = h->buf.data;
		spare->cap = h->buf.cap;
		h->buf.data = NULL;
	}
	otr_buf_fini(&h->buf);
}

void otr_half_stream_restart(struct otr_half_stream *h)
{
	while (h->segments)
		drop_first(h);
	give_back(h);
	h->begun = false;
}

void otr_half_stream_fini(struct otr_half_stream *h)
{
	otr_half_stream_restart(h);
}

uint64_t otr_half_stream_place(const struct otr_half_stream *h, uint64_t pos, uint8_t pos_kind)
{
	uint64_t near = h->moved_end ? h->moved_end : FIRST_EPOCH + pos;

	if (pos_kind != OTR_POS_TCP_SEQ)
		return FIRST_EPOCH + pos;
	if ((uint32_t)h->run_pos == (uint32_t)pos && h->run_pos)
		return h->run_pos; /* a run may be longer than 2 GiB */
	return near + (uint64_t)(int64_t)(int32_t)((uint32_t)pos - (uint32_t)near);
}

/* Moves the bytes to the front of buf when most of it is spent. */
static void compact(struct otr_half_stream *h)
{
	size_t left = h->buf.len - h->head;

	if (!h->head || (left && h->head < h->buf.len / 2))
		return;
	memmove(h->buf.data, h->buf.data + h->head, left);
	h->buf.len = left;
	h->head = 0;
}

/* Reads `data`, all that is unread, where it is. */
static void lend(struct otr_half_stream *h, const void *data, size_t len)
{
	h->buf.data = (char *)(uintptr_t)data; /* of a buffer that is lent, nothing is changed */
	h->buf.len = h->buf.cap = len;
	h->buf.lent = true;
	h->head = 0;
}

/* See half_stream.h. */
void otr_half_stream_copy(struct otr_half_stream *h)
{
	struct otr_slice left = otr_half_stream_bytes(h);

	end_loan(h);
	borrow(h);
	otr_buf_slice(&h->buf, left);
}

/* Takes the bytes of `seg`, which start at or before joined_end, from `data`. */
static void join(struct otr_half_stream *h, const struct otr_stream_segment *seg,
		 const uint8_t *data)
{
	uint64_t known = otr_half_stream_joined_end(h) - seg->pos;

	if (known >= seg->cap)
		return;
	otr_half_stream_keep(h);
	compact(h);
	borrow(h);
	otr_buf_add(&h->buf, data + known, seg->cap - known);
}

/* Is there a gap between the unread bytes and `seg`? */
static bool is_apart(const struct otr_half_stream *h, const struct otr_stream_segment *seg)
{
	return seg->pos > otr_half_stream_joined_end(h) || h->buf.len - h->head > OTR_HALF_MAX;
}

static void join_waiting(struct otr_half_stream *h)
{
	for (; h->to_join && !is_apart(h, h->to_join); h->to_join = h->to_join->next)
		join(h, h->to_join, h->to_join->data);
}

static struct otr_stream_segment *find_before(const struct otr_half_stream *h, uint64_t pos)
{
	struct otr_stream_segment *before = NULL;

	if (h->last && h->last->pos <= pos)
		return h->last;
	for (struct otr_stream_segment *seg = h->segments; seg && seg->pos <= pos; seg = seg->next)
		before = seg;
	return before;
}

/* Cuts off bytes of `fresh` that the segments beside it have. False: none are left. */
static bool trim(const struct otr_stream_segment *before, const struct otr_stream_segment *after,
		 struct otr_stream_segment *fresh, uint64_t *skipped)
{
	uint64_t from = before && before->end > fresh->pos ? before->end : fresh->pos;
	uint64_t to = after && after->pos < fresh->end ? after->pos : fresh->end;

	if (from >= to)
		return false;
	*skipped = from - fresh->pos;
	fresh->cap = fresh->cap > *skipped ? fresh->cap - (uint32_t)*skipped : 0;
	if (fresh->cap > to - from)
		fresh->cap = (uint32_t)(to - from);
	fresh->pos = from;
	fresh->end = to;
	return true;
}

static void note_moved(struct otr_half_stream *h, const struct otr_stream_segment *seg)
{
	h->total += seg->end - seg->pos;
	if (seg->end <= h->moved_end && h->moved_end)
		return;
	h->moved_end = seg->end;
	h->moved_ns = seg->from.time_ns;
}

static void link_segment(struct otr_half_stream *h, struct otr_stream_segment *before,
			 struct otr_stream_segment *seg)
{
	struct otr_stream_segment **at = before ? &before->next : &h->segments;

	seg->next = *at;
	*at = seg;
	if (!seg->next)
		h->last = seg;
}

/* Can the bytes of `fresh` be joined now? They can if those of all segments before it are. */
static bool joins_now(const struct otr_half_stream *h, const struct otr_stream_segment *fresh,
		      const struct otr_stream_segment *before)
{
	return !h->to_join && before == h->last && !is_apart(h, fresh);
}

/* Sets the cost of a new segment. If the budget has no room for its bytes, they are not kept.
 * Returns 0, or -ENOBUFS if bytes were dropped. */
static int charge(const struct otr_budget *budget, struct otr_stream_segment *fresh)
{
	bool fits = budget->used + sizeof(*fresh) + fresh->cap <= budget->max;
	int rc = !fits && fresh->cap ? -ENOBUFS : 0;

	if (!fits)
		fresh->cap = 0;
	fresh->cost = (uint32_t)sizeof(*fresh) + fresh->cap;
	return rc;
}

static int add(struct otr_half_stream *h, struct otr_stream_segment *fresh, const uint8_t *data)
{
	struct otr_stream_segment *before = find_before(h, fresh->pos), *seg;
	struct otr_stream_segment *after = before ? before->next : h->segments;
	uint64_t skipped;
	bool now;
	int rc;

	if (!trim(before, after, fresh, &skipped))
		return 0;
	rc = charge(h->budget, fresh);
	now = joins_now(h, fresh, before);
	fresh->bare = now || !fresh->cap;
	seg = fresh->bare ? otr_spares_take(&h->budget->segments, sizeof(*seg))
			  : malloc(sizeof(*seg) + fresh->cap);
	if (!seg)
		return -ENOMEM;
	*seg = *fresh;
	h->budget->used += seg->cost;
	note_moved(h, seg);
	link_segment(h, before, seg);
	if (seg->cap)
		data += skipped;
	if (now) {
		join(h, seg, data);
		return rc;
	}
	if (seg->cap)
		memcpy(seg->data, data, seg->cap);
	if (!h->to_join || h->to_join->pos > seg->pos)
		h->to_join = seg;
	join_waiting(h);
	return rc;
}

static void begin(struct otr_half_stream *h, uint64_t pos)
{
	h->begun = true;
	h->at = pos;
	h->moved_end = pos;
}

void otr_half_stream_begin(struct otr_half_stream *h, uint64_t pos, uint8_t pos_kind)
{
	begin(h, otr_half_stream_place(h, pos, pos_kind));
}

/* The segment of a record. */
static void fill_in(struct otr_stream_segment *seg, uint64_t pos, const struct otr_ev_data *ev)
{
	seg->next = NULL;
	seg->pos = pos;
	seg->end = pos + ev->moved;
	seg->from = (struct otr_segment_origin){
		.pos = pos,
		.start_ns = ev->dir == OTR_DIR_IN ? ev->hdr.time_ns : ev->start_ns,
		.time_ns = ev->hdr.time_ns,
		.strand = ev->hdr.strand,
		.tgid = ev->hdr.tgid,
		.first = ev->first,
		.cause = ev->cause,
	};
	seg->cap = ev->cap;
	seg->by_run_only = false;
}

/* Takes a record that begins at or before `at`, while no other is known from there on. Of a body
 * that was stepped over nothing is read. */
static int add_next(struct otr_half_stream *h, uint64_t pos, const struct otr_ev_data *ev)
{
	struct otr_stream_segment *seg = otr_spares_take(&h->budget->segments, sizeof(*seg));
	uint64_t spent = h->at - pos;
	int rc;

	if (!seg)
		return -ENOMEM;
	fill_in(seg, pos, ev);
	rc = charge(h->budget, seg);
	seg->bare = true;
	h->budget->used += seg->cost;
	note_moved(h, seg);
	h->segments = h->last = seg;
	if (seg->cap > spent)
		lend(h, ev->data + spent, seg->cap - spent);
	return rc;
}

/* Takes a record at `pos`, which may be anywhere. */
static int add_at(struct otr_half_stream *h, uint64_t pos, const struct otr_ev_data *ev)
{
	struct otr_stream_segment fresh;

	fill_in(&fresh, pos, ev);
	return add(h, &fresh, ev->data);
}

int otr_half_stream_data(struct otr_half_stream *h, const struct otr_ev_data *ev)
{
	uint64_t pos = otr_half_stream_place(h, ev->pos, ev->pos_kind);

	if (!h->begun)
		begin(h, pos);
	if (pos + ev->moved <= h->at && pos + ev->moved <= h->moved_end)
		return 0;
	if (ev->first && pos >= h->moved_end) {
		h->run_pos = pos;
		h->run_over = h->has_tail = false;
	}
	if (!h->segments && !h->buf.data && pos <= h->at)
		return add_next(h, pos, ev);
	return add_at(h, pos, ev);
}

void otr_half_stream_run(struct otr_half_stream *h, const struct otr_ev_run *ev)
{
	uint64_t pos = otr_half_stream_place(h, ev->pos, ev->pos_kind);
	struct otr_stream_segment fresh = {
		.pos = pos > h->moved_end ? pos : h->moved_end,
		.end = pos + ev->bytes,
		.from = {.pos = pos,
			 .start_ns = ev->first_ns,
			 .time_ns = ev->last_ns,
			 .strand = ev->hdr.strand,
			 .tgid = ev->hdr.tgid},
		.by_run_only = true,
	};

	if (!h->begun || pos < h->run_pos)
		return;
	if (fresh.end > fresh.pos)
		add(h, &fresh, NULL);
	h->run_pos = pos;
	h->run_over = !ev->open;
	h->has_tail = ev->bytes >= sizeof(h->tail);
	memcpy(h->tail, ev->tail, sizeof(h->tail));
}

void otr_half_stream_spend(struct otr_half_stream *h, uint64_t n)
{
	size_t left = h->buf.len - h->head;

	h->head += n < left ? n : left;
	h->at = n > UINT64_MAX - h->at ? UINT64_MAX : h->at + n;
	if (h->head == h->buf.len)
		give_back(h);
	if (h->to_join)
		join_waiting(h);
}

void otr_half_stream_drop_spent(struct otr_half_stream *h)
{
	while (h->segments && h->segments->end <= h->at) {
		h->spent_ns = h->segments->from.time_ns;
		drop_first(h);
	}
}
