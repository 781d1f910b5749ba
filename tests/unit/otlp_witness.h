/* SPDX-License-Identifier: Apache-2.0 */
#ifndef OTLP_WITNESS_H
#define OTLP_WITNESS_H

/* otlp_witness.h - the same bytes as otr_otlp_encode(), by protobuf-c. */

#include <stddef.h>

struct otr_buf;
struct otr_span;

/* Appends one request. Returns 0, -ENOMEM or -EMSGSIZE. */
int otlp_witness(const struct otr_span *const *spans, size_t n, struct otr_buf *out);

#endif /* OTLP_WITNESS_H */
