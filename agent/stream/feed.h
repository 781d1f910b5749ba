/* SPDX-License-Identifier: Apache-2.0 */
#ifndef OTR_STREAM_FEED_H
#define OTR_STREAM_FEED_H

/* feed.h - gives records to a flow. Inside of stream/ only. */

#include <stdint.h>

struct otr_ev_data;
struct otr_ev_run;
struct otr_flow;

/* Take one record: keep its bytes, and read on. */
void otr_flow_data(struct otr_flow *fl, const struct otr_ev_data *ev);
void otr_flow_run(struct otr_flow *fl, const struct otr_ev_run *ev);

/* Reads what has waited long enough. */
void otr_flow_tick(struct otr_flow *fl, uint64_t now_ns);

/* The stream ended, by `error` or 0: so does every message. */
void otr_flow_end(struct otr_flow *fl, int error);

#endif /* OTR_STREAM_FEED_H */
