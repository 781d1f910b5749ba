/* SPDX-License-Identifier: Apache-2.0 */
#ifndef OTR_HEADER_ATTRS_H
#define OTR_HEADER_ATTRS_H

/* header_attrs.h - values of the headers of header_names.h: from a head to a message to a span. */

#include <stdbool.h>
#include <stddef.h>

#include "agent/base/slice.h"

struct otr_header_names;
struct otr_msg;
struct otr_proto_settings;
struct otr_span_builder;

/* Adds the value of row `i` to a message. Only the first of several values is kept. */
void otr_header_attrs_add(const struct otr_header_names *names, size_t i, struct otr_slice value,
			  struct otr_msg *msg);

/* Adds the values of the lines of a head of HTTP/1, whose first line is skipped. */
void otr_header_attrs_read(const struct otr_header_names *names, struct otr_slice head,
			   struct otr_msg *msg);

/* Sets the attributes of the headers that `req` has. A value that is shaped as a secret is hidden.
 * `set`: NULL for the defaults. Returns 0 or -ENOMEM. */
int otr_header_attrs_put(const struct otr_proto_settings *set, const struct otr_msg *req,
			 bool is_rpc, struct otr_span_builder *sb);

#endif /* OTR_HEADER_ATTRS_H */
