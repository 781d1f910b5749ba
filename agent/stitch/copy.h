/* SPDX-License-Identifier: Apache-2.0 */
#ifndef OTR_STITCH_COPY_H
#define OTR_STITCH_COPY_H

/* copy.h - a message that outlives the parser's input. Inside of stitch/ only. */

struct otr_msg;
struct otr_pool;

/* Copies a message into one object of `pool`, which otr_pool_put() takes back. NULL: no memory. */
struct otr_msg *otr_msg_copy(struct otr_pool *pool, const struct otr_msg *msg);

#endif /* OTR_STITCH_COPY_H */
