/* SPDX-License-Identifier: Apache-2.0 */
#ifndef OTR_STITCH_H
#define OTR_STITCH_H

/*
 * stitch.h - messages in, spans out.
 *
 *	message -> wire -> exchange -> parent -> trace -> span
 *
 * One stitcher belongs to one thread. It starts no threads, makes no system
 * calls and learns the time only from the messages and from otr_stitch_tick(),
 * so a recording replays to the same spans, byte for byte.
 *
 * Events about failed attempts go to failed.h, those about processes to process.h; open.h reports
 * requests that are open for long.
 */

#include <stdbool.h>
#include <stdint.h>

#include "agent/stitch/stitch_config.h"
#include "bpf/event.h"

struct otr_msg;
struct otr_side;
struct otr_stitch; /* opaque; see exchange.h */

/* Makes a stitcher; copies `cfg`. `arg` goes to both functions; `done` may be NULL. Returns 0 or
 * -ENOMEM; then *out is untouched. */
int otr_stitch_new(struct otr_stitch **out, const struct otr_stitch_config *cfg, otr_span_fn emit,
		   otr_trace_fn done, void *arg);

/* Frees *stp, which may be NULL, and sets it to NULL. Open spans are dropped; call
 * otr_stitch_flush() first to keep them. */
void otr_stitch_free(struct otr_stitch **stp);

/* Takes one message seen at one end. Borrows both for the call. Returns 0, or -ENOMEM: the
 * message is lost and counted, and the stitcher is sound. */
int otr_stitch_msg(struct otr_stitch *st, const struct otr_side *side, const struct otr_msg *msg);

/* The message that began at `ref` is over: its last byte moved at `until_ns`, before `end_pos`.
 * Called once after each otr_stitch_msg(), but not where the message has OTR_END_STREAM. From now
 * on a reference into [ref, end_pos) means this message. `error`: errno that ended it, or 0; `cut`:
 * bytes were lost, so the end is not known. */
void otr_stitch_done(struct otr_stitch *st, const struct otr_ref *ref, uint64_t end_pos,
		     uint64_t until_ns, int error, bool cut);

/* Records of this layer of `conn` were lost: the requests that are not answered end, cut; of a
 * multiplexed connection, only if no answer comes. `but_last`: all but the one that was asked
 * last. */
void otr_stitch_after_loss(struct otr_stitch *st, uint64_t conn, uint8_t layer, bool but_last,
			   uint64_t now_ns);

/* A connection was first seen, or got facts that it lacked. Copies what pairs both ends of a
 * wire. */
void otr_stitch_conn(struct otr_stitch *st, const struct otr_ev_conn *conn);

/* Takes late evidence of a parent. Returns how many requests it is about. */
int otr_stitch_handoff(struct otr_stitch *st, const struct otr_ev_handoff *ev);

/* The connection ended: requests without an answer end, failed by `error`, or unanswered where it
 * is 0. ECANCELED: the stream was given up; they end cut. */
void otr_stitch_close(struct otr_stitch *st, const struct otr_ev_conn *conn, int error,
		      uint64_t now_ns);

/* Sets what to add to CLOCK_MONOTONIC for the time since the epoch, in ns. */
void otr_stitch_clock(struct otr_stitch *st, uint64_t epoch_offset_ns);

/* The source sheds all requests from now on, until it emits some again. Spans that may lack
 * children because of that are marked. */
void otr_stitch_pause(struct otr_stitch *st, uint64_t now_ns);

/* From now on requests that begin are traced in `millionths` of the time, in pieces. */
void otr_stitch_share(struct otr_stitch *st, uint64_t now_ns, uint32_t millionths);

/* A process sheds its requests, since the agent is behind. Unlike in a pause, what is asked for a
 * request that it emits is emitted, too. */
void otr_stitch_behind(struct otr_stitch *st, uint64_t now_ns);

/* Records of the process `tgid` (0: of any) were lost before `now_ns`. Ends and answers that are
 * missing near that time are marked cut, not failed. */
void otr_stitch_lost(struct otr_stitch *st, uint64_t now_ns, uint32_t tgid);

/* Sets the seed of the ids that are made from now on, as recorded: before the first message. */
void otr_stitch_seed(struct otr_stitch *st, uint64_t seed);

/* Time is `now_ns` of CLOCK_MONOTONIC, which never goes back: emits traces whose parents no
 * late evidence can change or whose hold is over, and ends requests that have waited too long. */
void otr_stitch_tick(struct otr_stitch *st, uint64_t now_ns);

/* Ends what is open, cut, and emits every span, as at shutdown. */
void otr_stitch_flush(struct otr_stitch *st);

/* Counts of all spans that were emitted so far. */
void otr_stitch_stats(const struct otr_stitch *st, struct otr_stitch_stats *out);

#endif /* OTR_STITCH_H */
