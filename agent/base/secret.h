/* SPDX-License-Identifier: Apache-2.0 */
#ifndef OTR_SECRET_H
#define OTR_SECRET_H

/*
 * secret.h - which parts of a text are secrets, for URLs and command lines alike.
 *
 * A part is a secret for one of three reasons:
 *
 * - its key says so: `password=x`, `X-Api-Key: x`, `--token x`. A key is decoded, split
 *   into words (camelCase, digits and signs part them) and looked up in one table. A key
 *   that is not Latin, or is encoded more often than we decode, is one that nobody here
 *   can read: its value is hidden;
 * - its place says so: userinfo of a URL, what follows `Bearer`, `-u user:`, a word that
 *   tells of a secret (`q=token X`), code in a command line (`python3 -c X`) ..;
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

/* Is `word` one that tells of a secret wherever it stands, also in a text: `token`? */
bool otr_secret_word(struct otr_slice word);

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

/* Folds full-width and accented letters, in place. Returns the new length. */
size_t otr_secret_fold(char *text, size_t len);

/* Is what was decoded and folded ASCII, with nothing left that is encoded? */
bool otr_secret_readable(struct otr_slice plain);

/* Appends `args` (parted by NUL) with the code in them hidden: all of what an interpreter is
 * told to run, of a shell's the quoted texts. */
void otr_secret_hide_code(struct otr_buf *out, struct otr_slice args);

#endif /* OTR_SECRET_H */
