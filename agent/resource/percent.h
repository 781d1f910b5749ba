/* SPDX-License-Identifier: Apache-2.0 */
#ifndef OTR_PERCENT_H
#define OTR_PERCENT_H

/*
 * percent.h - lists of pairs as OTEL_* variables hold them: "k=v,k2=v2". A character that would end
 * a key or value is percent-encoded (RFC 3986, 2.1).
 */

#include <stdbool.h>

#include "agent/base/slice.h"

struct otr_buf;

/* Returns `s` without the blanks and tabs at both ends. */
struct otr_slice otr_trim(struct otr_slice s);

/* Takes the next pair off the front of `list`, trimmed; false at the end. Empty pairs are
 * skipped. A pair without "=" has value.data == NULL. */
bool otr_pair_next(struct otr_slice *list, struct otr_slice *key, struct otr_slice *value);

/* Appends `s` decoded. False if a % is not followed by two hex digits. */
bool otr_percent_decode(struct otr_buf *out, struct otr_slice s);

#endif /* OTR_PERCENT_H */
