/* SPDX-License-Identifier: Apache-2.0 */
#ifndef OTR_SECRET_H
#define OTR_SECRET_H

/*
 * secret.h - which parts of a text are secrets, for URLs and command lines alike.
 *
 * A part is a secret for one of three reasons:
 *
 * - its key says so: `password=x`, `X-Api-Key: x`, `--token x`. A key is decoded, split
 *   into words (camelCase, digits and signs part them) and looked up in one table;
 * - its place says so: userinfo of a URL, what follows `Bearer`, `-u user:` ..;
 * - its shape says so: a JWT, 32 and more hex digits, a known prefix (ghp_), or a long
 *   run of letters and digits that nobody would write. UUIDs, numbers and hex up to 31
 *   digits are names of things, and stay.
 *
 * What hides too little leaks, what hides too much is of no use: `keyword`, `author`,
 * `sort_key`, `country_code`, `token_type` and `max_tokens` stay.
 */

#include <stdbool.h>
#include <stddef.h>

#include "agent/base/slice.h"

struct otr_buf;

/* What stands for a secret, as in OpenTelemetry's conventions for url.full. */
#define OTR_SECRET_HIDDEN "REDACTED"

/* Is the value of `key` a secret? `key` may be percent-encoded, several times. */
bool otr_secret_key(struct otr_slice key);

/* Is `text` shaped as a token? */
bool otr_secret_shape(struct otr_slice text);

/* Does `text`, once it is percent-decoded, hold a secret? What is too long to be looked
 * at (2 KiB) does. */
bool otr_secret_within(struct otr_slice text);

/* Appends `text`, each secret replaced. It is not decoded. */
void otr_secret_hide(struct otr_buf *out, struct otr_slice text);

/* Appends a command line, its arguments parted by NUL in `args`, by blanks in `out`;
 * options that take secrets are known besides. */
void otr_secret_hide_args(struct otr_buf *out, struct otr_slice args);

/* Decodes %XX as often as it takes, 4 times at most, into `out`. Returns the decoded
 * text, or a none slice if there is no room. */
struct otr_slice otr_secret_decode(char *out, size_t size, struct otr_slice text);

#endif /* OTR_SECRET_H */
