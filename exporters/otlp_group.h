/* SPDX-License-Identifier: Apache-2.0 */
#ifndef OTR_OTLP_GROUP_H
#define OTR_OTLP_GROUP_H

/*
 * otlp_group.h - a batch of spans in the order OTLP wants: by resource, then by scope.
 *
 *	groups:   A/http -> A/redis     B/http          `peer`: same resource
 *	            |          |          |             `lead`: its first group
 *	spans:      0, 3       1          2, 4          `first`, then after[]
 *
 * Resources, scopes and spans keep the order of the batch, so equal batches give equal bytes.
 */

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct otr_resource;
struct otr_span;

#define OTR_GROUP_END UINT32_MAX

struct otr_otlp_group {
	const struct otr_resource *resource; /* NULL: unknown */
	const char *scope;
	bool lead;
	uint32_t first, last; /* indices of spans */
	uint32_t peer;	      /* the next group of this resource */
};

struct otr_otlp_groups { /* begins zeroed; reused from batch to batch */
	struct otr_otlp_group *at;
	uint32_t *after; /* after[i]: the span that follows span i in its group */
	size_t n, cap;
};

/* Groups `n` spans, fewer than 2^32. Borrows them. Returns 0 or -ENOMEM. */
int otr_otlp_group(struct otr_otlp_groups *g, const struct otr_span *const *spans, size_t n);
void otr_otlp_groups_fini(struct otr_otlp_groups *g);

/* The value of otrace.parent.evidence; NULL for no evidence. */
const char *otr_otlp_evidence(uint8_t evidence);

/* Span.flags: the W3C flags, and whether the parent is remote. */
uint32_t otr_otlp_flags(const struct otr_span *sp);

/* The conventions that spans follow, and defaults. */
#define OTR_OTLP_SCHEMA	 "https://opentelemetry.io/schemas/1.44.0"
#define OTR_OTLP_SCOPE	 "otrace"	   /* of a span without scope */
#define OTR_OTLP_UNKNOWN "unknown_service" /* of a span without resource */

#endif /* OTR_OTLP_GROUP_H */
