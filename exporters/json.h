/* SPDX-License-Identifier: Apache-2.0 */
#ifndef OTR_JSON_H
#define OTR_JSON_H

/* json.h - values as JSON, for exporters. */

#include <stddef.h>
#include <stdint.h>

#include "agent/base/slice.h"

struct otr_buf;

/* Appends `s` as a string, within quotes. */
void otr_json_text(struct otr_buf *out, struct otr_slice s);

/* Appends `key`, which ends in an opening quote, the `len` bytes of `id` in hex, and a quote. */
void otr_json_hex(struct otr_buf *out, const char *key, const uint8_t *id, size_t len);

/* Appends a number. NaN and infinities, which JSON has not, are strings, as in the JSON mapping of
 * protobuf. */
void otr_json_real(struct otr_buf *out, double v);

#endif /* OTR_JSON_H */
