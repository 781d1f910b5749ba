/* SPDX-License-Identifier: Apache-2.0 */
#ifndef OTR_OTLP_JSON_H
#define OTR_OTLP_JSON_H

/* otlp_json.h - spans as OTLP JSON, a line for each request. */

#include <stddef.h>

struct otr_buf;
struct otr_span;

/* Appends one ExportTraceServiceRequest with `n` spans and a newline to `out`; nothing
 * for no spans. Borrows the spans. Returns 0, -ENOMEM, or -EMSGSIZE where it is more
 * than `out` may hold; `out` is then as it was. */
int otr_otlp_json_line(struct otr_buf *out, const struct otr_span *const *spans, size_t n);

#endif /* OTR_OTLP_JSON_H */
