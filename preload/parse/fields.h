/* SPDX-License-Identifier: Apache-2.0 */
#ifndef OTR_FIELDS_H
#define OTR_FIELDS_H

/*
 * fields.h - the list of fields of an HTTP/2 request for nghttp2, with our fields at its end.
 *
 * Pure: tests/unit/fields_test.c.
 */

#include <stddef.h>
#include <stdint.h>

#include "preload/parse/environ.h"
#include "preload/parse/inject.h"

#pragma GCC visibility push(hidden) /* not exported: see exports.map */

#define OTR_FIELDS_MAX 64 /* fields of a request; a longer list stays as it is */

/* nghttp2_nv of libnghttp2, which is the same in all versions. */
struct otr_nv {
	uint8_t *name, *value;
	size_t namelen, valuelen;
	uint8_t flags; /* 0: libnghttp2 copies name and value */
};

/* The span that our fields name, and the tracestate and baggage of its trace. */
struct otr_named {
	uint8_t trace_id[16], span_id[8], flags;
	uint16_t state_len, baggage_len;
	char state[OTR_TRACESTATE_MAX];
	char baggage[OTR_BAGGAGE_MAX];
};

/* A list that is submitted in place of the caller's. */
struct otr_fields {
	int32_t taken; /* pid of the process that uses the slot; any other value: free */
	size_t n;
	struct otr_named span;
	char parent[OTR_PARENT_LEN];
	struct otr_nv nv[OTR_FIELDS_MAX + 3];
};

/* Returns the first field of this name, or NULL. */
const struct otr_nv *otr_fields_find(const struct otr_nv *nv, size_t n, const char *name);

/* Returns OTR_HEAD_WHOLE if a traceparent can be added to these fields; otherwise the reason why
 * not. */
enum otr_head otr_fields_read(const struct otr_nv *nv, size_t n);

/* Sets the list to the fields `nv`, which are OTR_HEAD_WHOLE, and those that name fl->span. A
 * tracestate or baggage that the program sends itself stays as it is. */
void otr_fields_make(struct otr_fields *fl, const struct otr_nv *nv, size_t n);

#pragma GCC visibility pop

#endif /* OTR_FIELDS_H */
