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
 * is a hole: lost, or late. `at` may be ahead of everything: then the parser has said
 * that it does not need what lies before.
 */

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "agent/base/buf.h"
#include "agent/base/spares.h"
#include "bpf/event.h"

/* Unparsed bytes of one hs; more than that is treated as not captured. */
#define OTR_HALF_MAX (256u << 10)

/* Who moved a byte, when, and why. */
struct otr_segment_origin {
	uint64_t pos;
	uint64_t start_ns; /* of the call; of a read: when it returned */
	uint64_t time_ns;
	uint64_t strand;
	uint32_t tgid;
	bool first; /* it opened a run with the byte at `pos` */
	struct otr_cause cause;
};

struct otr_stream_segment {
	struct otr_stream_segment *next;
	uint64_t pos, end; /* [pos, end) moved */
	struct otr_segment_origin from;
	uint32_t cap;	/* bytes kept, from pos on */
	uint32_t cost;	/* what it counts for in the budget */
	bool bare;	/* no room in data */
	bool untold;	/* its run says that it moved, and no record of its own */
	uint8_t data[]; /* none where they went straight into buf */
};

/* Memory of all half streams together. */
struct otr_budget {
	size_t used, max;
	struct otr_spares segments; /* that keep no bytes: nearly all */
	struct otr_buf spare;	    /* the memory of the half stream that was read last */
};

struct otr_half_stream {
	struct otr_budget *budget;
	struct otr_stream_segment *segments; /* by position, none overlapping */
	struct otr_stream_segment *last;
	struct otr_stream_segment *to_join; /* the first whose bytes are not in buf */
	struct otr_buf buf;
	size_t head; /* bytes of buf that are spent */
	uint64_t at;
	uint64_t moved_end;
	uint64_t moved_ns; /* when the byte before moved_end moved */
	uint64_t spent_ns; /* when the last segment before `at` moved */
	uint64_t total;	   /* bytes known to have moved */
	bool begun;	   /* `at` means something */

	/* The latest run. */
	uint64_t run_pos;
	uint8_t tail[8];
	bool has_tail;
	bool run_over;
};

/* What follows the bytes at hand. */
enum otr_follow {
	OTR_FOLLOW_NOTHING, /* so far */
	OTR_FOLLOW_GAP,	    /* bytes that were not copied, and never will be */
	OTR_FOLLOW_HOLE,    /* bytes that nobody spoke of, and others after them */
};

void otr_half_stream_init(struct otr_half_stream *h, struct otr_budget *budget);
void otr_half_stream_fini(struct otr_half_stream *h);

/* Forgets all bytes; the next record that opens a run begins it anew. */
void otr_half_stream_restart(struct otr_half_stream *h);

/* The 64-bit place of a position on the wire. */
uint64_t otr_half_stream_place(const struct otr_half_stream *h, uint64_t pos, uint8_t pos_kind);

/* It begins at `pos`, whatever is told first; else it begins there. */
void otr_half_stream_begin(struct otr_half_stream *h, uint64_t pos, uint8_t pos_kind);

/* Takes a record's bytes; what is known already is dropped. Returns 0, or -ENOMEM:
 * they become a gap. */
int otr_half_stream_data(struct otr_half_stream *h, const struct otr_ev_data *ev);

/* Takes what is known of a run: bytes beyond those seen become a gap. */
void otr_half_stream_run(struct otr_half_stream *h, const struct otr_ev_run *ev);

/* The unparsed bytes at `at`; dies at the next call. */
struct otr_slice otr_half_stream_bytes(const struct otr_half_stream *h);
enum otr_follow otr_half_stream_follow(const struct otr_half_stream *h);

/* Spends `n` bytes, which may pass all that came. */
void otr_half_stream_spend(struct otr_half_stream *h, uint64_t n);

/* Did nobody speak of some byte from those at hand up to `end`? `calls`: nobody but its run,
 * where each call has a record. */
bool otr_half_stream_is_after_loss(const struct otr_half_stream *h, uint64_t end, bool calls);

/* When the first bytes behind what is missing moved; 0: nothing is. */
uint64_t otr_half_stream_hole_ns(const struct otr_half_stream *h);

/* Does a run begin at `at`? */
bool otr_half_stream_begins_run(const struct otr_half_stream *h);

/* The end of the gap or hole at `at`, or of the run that `at` is in. */
uint64_t otr_half_stream_gap_end(const struct otr_half_stream *h);
uint64_t otr_half_stream_run_end(const struct otr_half_stream *h);

/* Is the run that `at` is in known to have ended? */
bool otr_half_stream_run_ended(const struct otr_half_stream *h);

/* Has the byte before `end` moved? Then also when, and whether that is exact. */
bool otr_half_stream_moved(const struct otr_half_stream *h, uint64_t end, uint64_t *when_ns,
			   bool *exact);

/* Who moved the byte at `pos`, or NULL. */
const struct otr_segment_origin *otr_half_stream_origin(const struct otr_half_stream *h,
							uint64_t pos);

/* Lets go of segments that are spent; after their times were asked for. */
void otr_half_stream_retire(struct otr_half_stream *h);

#endif /* OTR_HALF_STREAM_H */
