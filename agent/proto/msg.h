/* SPDX-License-Identifier: Apache-2.0 */
#ifndef OTR_MSG_H
#define OTR_MSG_H

/* msg.h - attributes of a message, put in by parse(), taken out by describe(). */

#include "agent/proto/proto.h"

/* Each adds one; an empty text, or one too many, adds nothing. */
void otr_msg_add_text(struct otr_msg *msg, enum otr_key key, struct otr_slice value);
void otr_msg_add_custom(struct otr_msg *msg, struct otr_slice name, struct otr_slice value);
void otr_msg_add_int(struct otr_msg *msg, enum otr_key key, int64_t value);

/* The text, or none. */
struct otr_slice otr_msg_text(const struct otr_msg *msg, enum otr_key key);
struct otr_slice otr_msg_custom(const struct otr_msg *msg, struct otr_slice name);
int64_t otr_msg_int(const struct otr_msg *msg, enum otr_key key, int64_t fallback);

#endif /* OTR_MSG_H */
