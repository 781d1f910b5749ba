/* SPDX-License-Identifier: Apache-2.0 */
#ifndef OTR_ATTR_WIRE_H
#define OTR_ATTR_WIRE_H

/*
 * attr_wire.h - texts and attributes in protobuf's wire format, as OTLP's KeyValue.
 *
 * Every string is made valid UTF-8: a byte that is none, or a NUL, becomes U+FFFD, since receivers
 * refuse a whole request for one bad string. All is written from the end to the front
 * (agent/base/pbuf.h); the caller makes room by the functions whose names end with _max.
 */

#include <stddef.h>

#include "agent/base/pbuf.h"
#include "agent/base/slice.h"
#include "agent/span/attr.h"

/* Numbers of fields of a span. */
#define OTR_WIRE_SPAN_NAME	 5
#define OTR_WIRE_SPAN_ATTRIBUTES 9

/* Returns the most bytes that otr_wire_text() writes. */
size_t otr_wire_text_max(struct otr_slice s);

/* Writes a string; an empty one is left out. */
void otr_wire_text(struct otr_pbuf *w, unsigned int field, struct otr_slice s);

/* Returns the most bytes that otr_wire_attrs() writes. */
size_t otr_wire_attrs_max(const struct otr_attr *at, size_t n);

/* Writes one attribute as an element of `field`. */
void otr_wire_attr(struct otr_pbuf *w, unsigned int field, const struct otr_attr *at);

/* Writes `n` attributes, which end up in their order. */
void otr_wire_attrs(struct otr_pbuf *w, unsigned int field, const struct otr_attr *at, size_t n);

#endif /* OTR_ATTR_WIRE_H */
