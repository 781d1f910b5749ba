/* SPDX-License-Identifier: Apache-2.0 */
#ifndef OTR_LAWS_DESCRIBE_H
#define OTR_LAWS_DESCRIBE_H

/* laws_describe.h - calls describe() for every message as stitch/ does: with copies, as client and
 * as server, with and without an answer. */

#include "agent/proto/proto.h"

struct otr_laws_describe;

struct otr_laws_describe *otr_laws_describe_new(void);
void otr_laws_describe_free(struct otr_laws_describe *ld);
void otr_laws_describe_msg(struct otr_laws_describe *ld, const struct otr_proto_ops *proto,
			   enum otr_dir dir, const struct otr_msg *msg);

#endif /* OTR_LAWS_DESCRIBE_H */
