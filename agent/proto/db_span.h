/* SPDX-License-Identifier: Apache-2.0 */
#ifndef OTR_DB_SPAN_H
#define OTR_DB_SPAN_H

/*
 * db_span.h - what the spans of all databases have in common, by the OpenTelemetry conventions for
 * database spans 1.44.
 */

#include <stdbool.h>
#include <stdint.h>

#include "agent/base/slice.h"

struct otr_msg;
struct otr_side;
struct otr_span_builder;

/* Sets server.address, server.port where it is not `default_port`, and the peer. */
void otr_db_server(const struct otr_side *side, uint16_t default_port, struct otr_span_builder *sb);

/* Does a key of a cache look like a token, as "session:eyJhbGciOi.."? It is not shown then. */
bool otr_db_is_secret_key(struct otr_slice key);

/* Sets the status, the error if `rsp` failed, the number of rows if it has one, and whether it was
 * cut. */
void otr_db_answer(const struct otr_msg *rsp, struct otr_span_builder *sb);

#endif /* OTR_DB_SPAN_H */
