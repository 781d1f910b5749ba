/* SPDX-License-Identifier: Apache-2.0 */
#ifndef OTR_ZIPKIN_JSON_H
#define OTR_ZIPKIN_JSON_H

/* zipkin_json.h - spans as a list in the JSON of Zipkin v2. */

#include <stddef.h>

struct otr_buf;
struct otr_span;

/* Appends `n` spans, which it borrows, as one JSON list to `out`. Returns 0, -ENOMEM, or -EMSGSIZE if
 * `out` may not hold so much; after an error `out` is as it was. */
int otr_zipkin_json(struct otr_buf *out, const struct otr_span *const *spans, size_t n);

#endif /* OTR_ZIPKIN_JSON_H */
