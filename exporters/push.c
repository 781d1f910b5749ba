/* SPDX-License-Identifier: Apache-2.0 */
/* push.c - what exporters share; see exporter.h. */

#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "agent/config/config.h"
#include "exporters/exporter.h"

const void *otr_given(const struct otr_destination *dest, const char *name)
{
	for (size_t i = 0; dest->options && dest->options[i].name; i++)
		if (!strcmp(dest->options[i].name, name))
			return dest->given & (1u << i)
				       ? (const char *)dest->settings + dest->options[i].offset
				       : NULL;
	return NULL;
}

enum otr_push otr_push_fault(int rc, const char *what, struct otr_push_result *res)
{
	snprintf(res->why, sizeof(res->why), "%s: %s", what, strerror(-rc));
	return rc == -EMSGSIZE ? OTR_PUSH_FAIL : OTR_PUSH_RETRY;
}
