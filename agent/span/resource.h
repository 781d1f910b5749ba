/* SPDX-License-Identifier: Apache-2.0 */
#ifndef OTR_SPAN_RESOURCE_H
#define OTR_SPAN_RESOURCE_H

/*
 * resource.h - the resource of spans: the name of a service and its attributes. agent/resource/
 * makes them.
 *
 * A resource is immutable and counted, and threads share it. There is one per process and program:
 * an exec makes a new one.
 */

#include <stdatomic.h>
#include <stdint.h>

#include "agent/base/slice.h"

struct otr_attr;

struct otr_resource {
	atomic_uint refs;
	uint32_t tgid;
	struct otr_slice service;     /* service.name, never empty */
	const struct otr_attr *attrs; /* all resource attributes, service.name
				       * and service.instance.id included */
	uint16_t n_attrs;
};

/* One more reference. */
struct otr_resource *otr_resource_ref(const struct otr_resource *res);

/* Drops one reference; the last one frees. Sets *resp to NULL. */
void otr_resource_unref(struct otr_resource **resp);

#endif /* OTR_SPAN_RESOURCE_H */
