/* SPDX-License-Identifier: Apache-2.0 */
#ifndef OTR_TEXT_H
#define OTR_TEXT_H

/*
 * text.h - bytes from the wire, made fit for a person's terminal.
 *
 * C0 and C1 controls, ESC, DEL, bidi controls and broken UTF-8 become \x1b and
 * the like, so nothing that came from a socket, a file name or an argument can
 * command a terminal.
 */

#include <stddef.h>

#include "agent/base/slice.h"

struct otr_buf;

/* Appends `s` escaped. */
void otr_text_escape(struct otr_buf *out, struct otr_slice s);

/* Length of the UTF-8 character at the head of `s`, 0 where it is broken or
 * one of the characters that are never shown as they are. */
size_t otr_text_char(struct otr_slice s);

/* How many edits (insert, delete, replace, swap) part `a` and `b`. Both at most
 * 64 characters; longer ones are far apart: 99. */
unsigned int otr_text_distance(const char *a, const char *b);

#endif /* OTR_TEXT_H */
