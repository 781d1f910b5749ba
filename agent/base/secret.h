/* SPDX-License-Identifier: Apache-2.0 */
#ifndef OTR_SECRET_H
#define OTR_SECRET_H

/*
 * secret.h - finds secrets in URLs and command lines.
 *
 * A part of a text is a secret for one of three reasons:
 *
 * - its key: `password=x`, `X-Api-Key: x`, `--token x`. A key is decoded, split into words (at
 * camelCase, digits and signs), and looked up in one table. The value is also hidden if the key
 * cannot be read: it is not Latin, or is encoded more often than otr_secret_decode() decodes;
 * - its place: userinfo of a URL, what follows `Bearer`, `-u user:`, or a word that announces a
 * secret (`q=token X`), code in a command line (`python3 -c X`) ..;
 * - its shape: a JWT, 32 and more hex digits, a known prefix (ghp_), or a long random run of letters
 * and digits. UUIDs, numbers, and hex of up to 31 digits are identifiers, and stay.
 *
 * To hide too little leaks secrets, to hide too much makes the text useless: `keyword`, `author`,
 * `sort_key`, `country_code`, `token_type` and `max_tokens` stay.
 */

#include <stdbool.h>
#include <stddef.h>

#include "agent/base/slice.h"

struct otr_buf;

/* The text that replaces a secret, as in OpenTelemetry's conventions for url.full. */
#define OTR_SECRET_HIDDEN "REDACTED"

/* Is the value of `key` a secret? `key` may be percent-encoded, several times. */
bool otr_secret_key(struct otr_slice key);

/* Does `word` announce a secret wherever it stands, also in a text, as `token` does? */
bool otr_secret_word(struct otr_slice word);

/* Has `text` the shape of a token? */
bool otr_secret_shape(struct otr_slice text);

/* Does `text`, once it is percent-decoded, hold a secret? True if it is too long to be searched
 * (2 KiB). */
bool otr_secret_within(struct otr_slice text);

/* Appends `text` with each secret replaced. The text is not decoded. */
void otr_secret_hide(struct otr_buf *out, struct otr_slice text);

/* Appends a command line with each secret replaced. Its arguments are separated by NUL in
 * `args`, by blanks in `out`. Values of options that take secrets are secrets, too. In
 * secret_text.c. */
void otr_secret_hide_args(struct otr_buf *out, struct otr_slice args);

/* Decodes %XX, repeatedly and 4 times at most, into `out`. Returns the decoded text, or a none
 * slice if it is longer than `out`. */
struct otr_slice otr_secret_decode(char *out, size_t size, struct otr_slice text);

/* Replaces full-width and accented letters by ASCII letters, in place. Returns the new length.
 * In secret_fold.c, as is the next one. */
size_t otr_secret_fold(char *text, size_t len);

/* Is `plain`, which was decoded and folded, ASCII and not encoded any more? */
bool otr_secret_readable(struct otr_slice plain);

/* Appends `args` (separated by NUL) with the code in them hidden: all of what an interpreter
 * runs, and the quoted texts in what a shell runs. In secret_code.c. */
void otr_secret_hide_code(struct otr_buf *out, struct otr_slice args);

#endif /* OTR_SECRET_H */
