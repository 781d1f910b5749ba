/* SPDX-License-Identifier: Apache-2.0 */
#ifndef OTR_PROTOCOL_NAME_H
#define OTR_PROTOCOL_NAME_H

/* protocol_name.h - protocols that otrace recognises by their first bytes, and does not parse. */

#include "agent/base/slice.h"

/* Returns "FastCGI is not parsed yet", a constant, or NULL. `head`: the first bytes of either
 * side. */
const char *otr_protocol_by_head(struct otr_slice head);

/* Returns why a connection that opens with these bytes is not read, a constant: a parser says
 * so (struct otr_proto_ops, `unread`), or the protocol has none; NULL: not known. `first`: the
 * first bytes of the side that spoke first; `answer`: those of the other side, or empty. */
const char *otr_protocol_unread(struct otr_slice first, struct otr_slice answer);

#endif /* OTR_PROTOCOL_NAME_H */
