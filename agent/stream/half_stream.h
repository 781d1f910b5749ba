/* SPDX-License-Identifier: Apache-2.0 */
#ifndef OTR_HALF_STREAM_H
#define OTR_HALF_STREAM_H

/*
 * half_stream.h - one direction of one stream: bytes at positions, and what is missing.
 *
 *	      at            joined                     moved_end
 *	-------|==============|........|=====|...........|
 *	 spent   bytes, in buf   gap    segment    gap
 *
 * A segment says that bytes moved: by whom, when, and which of them were kept. A gap
 * that a segment covers is known (the source did not copy it); one that no segment covers
 * is a hole: lost, or late. `at` may be ahead of all bytes: then the parser does not need
 * those before it.
 */

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "agent/base/buf.h"
#include "agent/base/spares.h"
#include "bpf/event.h"

/* Unparsed bytes that a half stream keeps; more are treated as not captured. */
#define OTR_HALF_MAX (256u << 10)

/* Who moved a byte, when, and why. */
struct otr_segment_origin {
	uint64_t pos;
	uint64_t start_ns; /* when the call began; of a read, when it returned */
	uint64_t time_ns;  /* of the record */
	uint64_t strand;
	uint32_t tgid;
	bool first; /* the byte at `pos` opened a run */
	struct otr_cause cause;
};

struct otr_stream_segment {
	struct otr_stream_segment *next;
	uint64_t pos, end; /* [pos, end) moved */
	struct otr_segment_origin from;
	uint32_t cap;	  /* bytes kept, from pos on */
	uint32_t cost;	  /* bytes of the budget */
	bool bare;	  /* `data` has no bytes */
	bool by_run_only; /* only the record of its run says that it moved */
	uint8_t data[];	  /* the bytes kept, unless they went straight into `buf` */
};

/* Memory of all half streams together. */
struct otr_budget {
	size_t used, max;
	struct otr_spares segments; /* memory of segments without bytes: nearly all */
	struct otr_buf spare;	    /* the memory of the half stream that was read last */
};

struct otr_half_stream {
	struct otr_budget *budget;
	struct otr_stream_segment *segments; /* by position; none overlap */
	struct otr_stream_segment *last;
	struct otr_stream_segment *to_join; /* the first whose bytes are not in buf */
	struct otr_buf buf;		    /* `lent`: its bytes are those of the latest record */
	size_t head;			    /* bytes of buf that are spent */
	uint64_t at;			    /* of the next byte to parse */
	uint64_t moved_end;		    /* behind the last byte that is known to have moved */
	uint64_t moved_ns;		    /* when the byte before moved_end moved */
	uint64_t spent_ns;		    /* when the last segment before `at` moved */
	uint64_t total;			    /* bytes known to have moved */
	bool begun;			    /* `at` is set */

	/* The latest run. */
	uint64_t run_pos; /* where it begins */
	uint8_t tail[8];  /* its last bytes, if `has_tail` */
	bool has_tail;
	bool run_over; /* it is known to have ended */
};

/* What follows the unread bytes. */
enum otr_follow {
	OTR_FOLLOW_NOTHING, /* nothing has moved yet */
	OTR_FOLLOW_GAP,	    /* bytes that were not copied, and never will be */
	OTR_FOLLOW_HOLE,    /* bytes of which there is no record, and others after them */
};

/* `budget` is borrowed for its life. */
void otr_half_stream_init(struct otr_half_stream *h, struct otr_budget *budget);
void otr_half_stream_fini(struct otr_half_stream *h);

/* Forgets all bytes; the next record that opens a run begins it anew. */
void otr_half_stream_restart(struct otr_half_stream *h);

/* The 64-bit position of `pos`, which may have only its low 32 bits. */
uint64_t otr_half_stream_place(const struct otr_half_stream *h, uint64_t pos, uint8_t pos_kind);

/* The half stream begins at `pos`. Without this call it begins with its first record. */
void otr_half_stream_begin(struct otr_half_stream *h, uint64_t pos, uint8_t pos_kind);

/* Takes the bytes of a record; those that are known already are dropped. Borrows them until
 * otr_half_stream_keep(). Returns 0; -ENOBUFS: the budget has no room for the bytes, which become a
 * gap; or -ENOMEM: nothing is taken, and the bytes are a hole. */
int otr_half_stream_data(struct otr_half_stream *h, const struct otr_ev_data *ev);

/* Copies what is not spent yet of bytes that are borrowed. Called before their record is gone. */
void otr_half_stream_copy(struct otr_half_stream *h);
static inline void otr_half_stream_keep(struct otr_half_stream *h)
{
	if (h->buf.lent)
		otr_half_stream_copy(h);
}

/* Takes what is known of a run: its bytes that were not seen become a gap. */
void otr_half_stream_run(struct otr_half_stream *h, const struct otr_ev_run *ev);

/* The unparsed bytes at `at`; they live until the next call. */
static inline struct otr_slice otr_half_stream_bytes(const struct otr_half_stream *h)
{
	size_t left = h->buf.len - h->head;

	return (struct otr_slice){left ? h->buf.data + h->head : "", left};
}

/* The position behind them. */
static inline uint64_t otr_half_stream_joined_end(const struct otr_half_stream *h)
{
	return h->at + (h->buf.len - h->head);
}

/* What follows those bytes. */
enum otr_follow otr_half_stream_gap(const struct otr_half_stream *h);
static inline enum otr_follow otr_half_stream_follow(const struct otr_half_stream *h)
{
	return otr_half_stream_joined_end(h) < h->moved_end ? otr_half_stream_gap(h)
							    : OTR_FOLLOW_NOTHING;
}

/* Spends `n` bytes, which may pass all that came. */
void otr_half_stream_spend(struct otr_half_stream *h, uint64_t n);

/* Is there a byte before `end` and not parsed that no record covers? `calls`: each call has a
 * record, so that of the run does not count. */
bool otr_half_stream_is_after_loss(const struct otr_half_stream *h, uint64_t end, bool calls);

/* When the first bytes behind the hole moved; 0: there is no hole. */
uint64_t otr_half_stream_hole_ns(const struct otr_half_stream *h);

/* Is `at` behind the segment whose bytes were spent last? */
static inline bool otr_half_stream_ended_segment(const struct otr_half_stream *h)
{
	return !h->segments || h->segments->end <= h->at;
}

/* Does a run begin at `at`? */
bool otr_half_stream_begins_run(const struct otr_half_stream *h);

/* The end of the gap or hole at `at`, or of the run that `at` is in. */
uint64_t otr_half_stream_gap_end(const struct otr_half_stream *h);
uint64_t otr_half_stream_run_end(const struct otr_half_stream *h);

/* Is the run that `at` is in known to have ended? */
bool otr_half_stream_run_ended(const struct otr_half_stream *h);

/* Has the byte before `end` moved? If so, gives when, and whether that time is exact. */
bool otr_half_stream_moved(const struct otr_half_stream *h, uint64_t end, uint64_t *when_ns,
			   bool *exact);

/* Who moved the byte at `pos`, borrowed until the next call; or NULL. */
const struct otr_segment_origin *otr_half_stream_origin(const struct otr_half_stream *h,
							uint64_t pos);

/* Frees segments that are spent. Their times and origins cannot be asked for any more. */
void otr_half_stream_drop_spent(struct otr_half_stream *h);
static inline void otr_half_stream_retire(struct otr_half_stream *h)
{
	if (h->segments && h->segments->end <= h->at)
		otr_half_stream_drop_spent(h);
}

#endif /* OTR_HALF_STREAM_H */
