/* SPDX-License-Identifier: Apache-2.0 */
#ifndef OTR_STREAM_MESSAGE_H
#define OTR_STREAM_MESSAGE_H

/* message.h - begin and end of messages. Inside of stream/ only. */

#include <stdbool.h>
#include <stdint.h>

struct otr_dir_state;
struct otr_flow;
struct otr_msg;

/* Asks the source to copy both directions as the protocol wants. */
void otr_flow_ask(struct otr_flow *fl);

/* Keeps where the message that is being read begins, as its segment may be spent before it is
 * emitted. */
void otr_dir_state_mark(struct otr_dir_state *ds);

/* Emits the message that began at the mark. It is open from now on. */
void otr_dir_state_emit(struct otr_flow *fl, struct otr_dir_state *ds, struct otr_msg *msg);

/* Ends the open message before `end`, at `when_ns`; `cut`: its end is a guess. */
void otr_dir_state_end(struct otr_flow *fl, struct otr_dir_state *ds, uint64_t end,
		       uint64_t when_ns, int error, bool cut);

/* Ends the open message, whose end is known, if its last byte has moved. */
void otr_dir_state_end_if_moved(struct otr_flow *fl, struct otr_dir_state *ds);

/* Ends the open message, if any, as it stands, cut. */
void otr_dir_state_abandon(struct otr_flow *fl, struct otr_dir_state *ds);

/* Asks the source to report how the run goes on, or to stop that. */
void otr_dir_state_watch(struct otr_flow *fl, struct otr_dir_state *ds, bool want);

/* Requests that are not answered have lost their answers; `but_last`: all but the last one. From
 * now on `fl->after_loss` holds. */
void otr_flow_set_after_loss(struct otr_flow *fl, bool but_last, uint64_t time_ns);

/* Bytes of `ds` are missing, and messages may have been among them: requests that are not answered
 * have lost their answers, as far as that direction can hold them; `but_last`: all but the last
 * one, where answers come in turn. */
void otr_flow_lost_some(struct otr_flow *fl, const struct otr_dir_state *ds, bool but_last);

#endif /* OTR_STREAM_MESSAGE_H */
