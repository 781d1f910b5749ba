/* SPDX-License-Identifier: Apache-2.0 */
/* pbuf.c - the memory of protobuf's wire format; see pbuf.h. */

#include "agent/base/pbuf.h"

#include <errno.h>
#include <stdlib.h>

#define FIRST (256u << 10) /* a usual batch; pages that are not written are no memory */

int otr_pbuf_room(struct otr_pbuf *w, size_t len)
{
	size_t used = otr_pbuf_len(w), cap = w->cap ? w->cap : FIRST;
	char *data;

	if (w->at >= len)
		return 0;
	while (cap - used < len) {
		if (cap > SIZE_MAX / 2)
			return -ENOMEM;
		cap *= 2;
	}
	data = malloc(cap);
	if (!data)
		return -ENOMEM;
	if (used)
		memcpy(data + cap - used, w->data + w->at, used);
	free(w->data);
	*w = (struct otr_pbuf){data, cap, cap - used};
	return 0;
}

void otr_pbuf_fini(struct otr_pbuf *w)
{
	free(w->data);
	*w = (struct otr_pbuf){0};
}
