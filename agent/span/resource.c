/* SPDX-License-Identifier: Apache-2.0 */
/* resource.c - the references to a resource; see resource.h. */

#include "agent/span/resource.h"

#include <stdlib.h>

#include "agent/base/own.h"

struct otr_resource *otr_resource_ref(const struct otr_resource *res)
{
	struct otr_resource *mine = (struct otr_resource *)res; /* only the count */

	atomic_fetch_add_explicit(&mine->refs, 1, memory_order_relaxed);
	return mine;
}

void otr_resource_unref(struct otr_resource **resp)
{
	struct otr_resource *res = OTR_TAKE(*resp);

	if (res && atomic_fetch_sub_explicit(&res->refs, 1, memory_order_acq_rel) == 1)
		free(res);
}
