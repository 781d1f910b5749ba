/* SPDX-License-Identifier: Apache-2.0 */
/* source.c - reads a source that has an end; see source.h. */

#include "agent/source/source.h"

#include "agent/base/err.h"

int otr_source_read(const struct otr_source_ops *ops, const void *config, otr_event_fn fn,
		    void *arg, struct otr_err *err)
{
	void *src = NULL;
	int rc = ops->open(&src, config, err);

	if (rc)
		return rc;
	do {
		rc = ops->drain(src, 0, fn, arg);
	} while (rc > 0);
	if (rc < 0 && ops->error)
		*err = *ops->error(src);
	ops->close(src);
	return rc;
}
