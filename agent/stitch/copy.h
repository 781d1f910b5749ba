/* SPDX-License-Identifier: Apache-2.0 */
#ifndef OTR_STITCH_COPY_H
#define OTR_STITCH_COPY_H

/* copy.h - a message that outlives the parser's input. Inside of stitch/ only. */

struct otr_msg;

/* Copies a message into one allocation, which the caller frees with free(). NULL: no
 * memory. */
struct otr_msg *otr_msg_copy(const struct otr_msg *msg);

#endif /* OTR_STITCH_COPY_H */
