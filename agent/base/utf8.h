/* SPDX-License-Identifier: Apache-2.0 */
#ifndef OTR_UTF8_H
#define OTR_UTF8_H

/*
 * utf8.h - makes valid UTF-8 of any bytes, for receivers that require it.
 *
 * Only the encoding is checked (RFC 3629): control characters are valid. NUL alone counts as
 * broken, since most receivers reject it. agent/base/text.h makes text for terminals.
 */

#include <stddef.h>

#include "agent/base/slice.h"

/* Returns the length of the character at the head of `s`; 0 if it is broken, or `s` is empty. */
size_t otr_utf8_char(struct otr_slice s);

/* Returns how many bytes from the start are whole, valid characters. */
size_t otr_utf8_valid(struct otr_slice s);

/* The most bytes that otr_utf8_copy() makes of `len`. */
#define OTR_UTF8_COPY_MAX(len) (3 * (len))

/* Copies `s` to `to`, each broken byte as U+FFFD. Returns how many bytes it wrote. */
size_t otr_utf8_copy(char *to, struct otr_slice s);

#endif /* OTR_UTF8_H */
