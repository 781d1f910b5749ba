/* SPDX-License-Identifier: Apache-2.0 */
#ifndef OTR_PB_H
#define OTR_PB_H

/*
 * pb.h - protobuf's wire format, written in one pass to a buffer.
 *
 * A message begins with one byte for its length. At its end that is filled in, and what
 * follows is moved up where the length needs more: two bytes for a span, four once for a
 * whole batch. So nothing is measured beforehand, and nothing is built but the bytes. As
 * in proto3, plain fields that are zero or empty are left out; values of a oneof are not.
 *
 * Errors stick to the buffer, as in buf.h.
 */

#include <stddef.h>
#include <stdint.h>

#include "agent/base/slice.h"

struct otr_buf;

/* Opens field `field` as a message; returns where, for otr_pb_end(). */
size_t otr_pb_begin(struct otr_buf *out, uint32_t field);
void otr_pb_end(struct otr_buf *out, size_t begun);

void otr_pb_bytes(struct otr_buf *out, uint32_t field, const void *data, size_t len);
void otr_pb_varint(struct otr_buf *out, uint32_t field, uint64_t n);
void otr_pb_fixed64(struct otr_buf *out, uint32_t field, uint64_t n);
void otr_pb_fixed32(struct otr_buf *out, uint32_t field, uint32_t n);

/* A string: every byte that is no UTF-8, or NUL, becomes U+FFFD, since receivers refuse a
 * whole request for one bad string. */
void otr_pb_text(struct otr_buf *out, uint32_t field, struct otr_slice s);

#endif /* OTR_PB_H */
