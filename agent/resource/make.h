/* SPDX-License-Identifier: Apache-2.0 */
#ifndef OTR_RESOURCE_MAKE_H
#define OTR_RESOURCE_MAKE_H

/* make.h - a resource from the facts of a process and its host. */

#include "agent/resource/name.h"

struct otr_make {
	const struct otr_facts *facts; /* of the process */
	const struct otr_facts *host;
	uint32_t tgid;
	uint64_t created_ns; /* CLOCK_REALTIME; 0: unknown */
};

/* Gives a resource, one reference, or NULL without memory. */
struct otr_resource *otr_resource_make(const struct otr_make *from);

#endif /* OTR_RESOURCE_MAKE_H */
