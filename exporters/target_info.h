/* SPDX-License-Identifier: Apache-2.0 */
#ifndef OTR_TARGET_INFO_H
#define OTR_TARGET_INFO_H

/* target_info.h - the metric target_info: the attributes of each resource, as the OpenTelemetry
 * specification has them in Prometheus. A process that is silent for 5 minutes is left out. */

#include <stddef.h>
#include <stdint.h>

#include "exporters/series.h"

struct otr_buf;
struct otr_resource;

#define OTR_TARGETS 512 /* beyond, the one that was silent for longest is left out */

struct otr_targets { /* begins zeroed */
	struct {
		struct otr_resource *resource; /* NULL: free */
		uint64_t seen_ns;
	} at[OTR_TARGETS];
	size_t last; /* where the resource of the last span is */
};

/* Sees `res` at `now_ns` and takes a reference; NULL is none. */
void otr_targets_add(struct otr_targets *t, const struct otr_resource *res, uint64_t now_ns);
void otr_targets_write(struct otr_targets *t, struct otr_buf *out, enum otr_page page,
		       uint64_t now_ns);
void otr_targets_fini(struct otr_targets *t);

#endif /* OTR_TARGET_INFO_H */
