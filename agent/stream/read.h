/* SPDX-License-Identifier: Apache-2.0 */
#ifndef OTR_STREAM_READ_H
#define OTR_STREAM_READ_H

/* read.h - takes messages off half streams. Inside of stream/ only. */

struct otr_dir_state;
struct otr_flow;

/* Emits the messages of `ds`, as far as its bytes are there. */
void otr_flow_read(struct otr_flow *fl, struct otr_dir_state *ds);

#endif /* OTR_STREAM_READ_H */
