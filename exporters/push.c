/* SPDX-License-Identifier: Apache-2.0 */
/* push.c - what exporters share of push(); see exporter.h. */

#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "exporters/exporter.h"

enum otr_push otr_push_fault(int rc, const char *what, struct otr_push_result *res)
{
	snprintf(res->why, sizeof(res->why), "%s: %s", what, strerror(-rc));
	return rc == -EMSGSIZE ? OTR_PUSH_FAIL : OTR_PUSH_RETRY;
}
