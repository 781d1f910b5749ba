/* SPDX-License-Identifier: Apache-2.0 */
#ifndef OTR_MSG_H
#define OTR_MSG_H

/* msg.h - attributes of a message: parse() adds them, describe() reads them. */

#include "agent/proto/proto.h"

/* Each adds one attribute, without copying it. Empty texts are not added, nor more than
 * OTR_MSG_ATTRS attributes. */
void otr_msg_add_text(struct otr_msg *msg, enum otr_key key, struct otr_slice value);
void otr_msg_add_custom(struct otr_msg *msg, struct otr_slice name, struct otr_slice value);
void otr_msg_add_int(struct otr_msg *msg, enum otr_key key, int64_t value);

/* Each returns the value of an attribute; a none slice or `fallback` if the attribute is
 * missing. */
struct otr_slice otr_msg_text(const struct otr_msg *msg, enum otr_key key);
struct otr_slice otr_msg_custom(const struct otr_msg *msg, struct otr_slice name);
int64_t otr_msg_int(const struct otr_msg *msg, enum otr_key key, int64_t fallback);

#endif /* OTR_MSG_H */
