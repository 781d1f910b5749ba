/* SPDX-License-Identifier: Apache-2.0 */
#ifndef OTR_OTLP_JSON_H
#define OTR_OTLP_JSON_H

/* otlp_json.h - spans as OTLP JSON, one line for each request. */

#include <stddef.h>

struct otr_buf;
struct otr_span;

/* Appends one ExportTraceServiceRequest with `n` spans, which it borrows, and a newline to
 * `out`; nothing if `n` is 0. Returns 0, -ENOMEM, or -EMSGSIZE if `out` may not hold so much;
 * after an error `out` is as it was. */
int otr_otlp_json_line(struct otr_buf *out, const struct otr_span *const *spans, size_t n);

#endif /* OTR_OTLP_JSON_H */
