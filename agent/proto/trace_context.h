/* SPDX-License-Identifier: Apache-2.0 */
#ifndef OTR_TRACE_CONTEXT_H
#define OTR_TRACE_CONTEXT_H

/* trace_context.h - the traceparent of W3C Trace Context, section 3.2:
 *
 *	00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01
 *	version-trace id-parent id-flags, all lower-case hex
 */

#include <stdbool.h>
#include <stdint.h>

#include "agent/base/slice.h"

struct otr_traceparent {
	uint8_t trace_id[16];
	uint8_t span_id[8];
	uint8_t flags;
};

/* Reads `s`. Returns false, with `out` in any state, for version ff, ids of zeros, upper case,
 * or a wrong length; in a later version, '-' and more text may follow. */
bool otr_traceparent_read(struct otr_traceparent *out, struct otr_slice s);

static inline bool otr_traceparent_valid(struct otr_slice s)
{
	struct otr_traceparent tp;

	return otr_traceparent_read(&tp, s);
}

#endif /* OTR_TRACE_CONTEXT_H */
