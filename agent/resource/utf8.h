/* SPDX-License-Identifier: Apache-2.0 */
#ifndef OTR_UTF8_H
#define OTR_UTF8_H

/*
 * utf8.h - bytes of anybody's making, made valid UTF-8 for those who demand it.
 *
 * Nothing is judged but the encoding (RFC 3629): control characters pass. Only NUL
 * counts as broken, for want of anybody downstream who bears it. For people's
 * terminals there is agent/base/text.h.
 */

#include <stddef.h>

#include "agent/base/slice.h"

/* Length of the character at the head of `s`; 0 where it is broken or `s` empty. */
size_t otr_utf8_char(struct otr_slice s);

/* How many bytes from the start are whole, valid characters. */
size_t otr_utf8_valid(struct otr_slice s);

/* The most bytes otr_utf8_copy() makes of `len`. */
#define OTR_UTF8_COPY_MAX(len) (3 * (len))

/* Copies `s` to `to`, each broken byte as U+FFFD. Returns how many bytes it wrote. */
size_t otr_utf8_copy(char *to, struct otr_slice s);

#endif /* OTR_UTF8_H */
