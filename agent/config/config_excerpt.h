/* SPDX-License-Identifier: Apache-2.0 */
#ifndef OTR_CONFIG_EXCERPT_H
#define OTR_CONFIG_EXCERPT_H

/* config_excerpt.h - shows the line of a file at which an error is. */

#include <stddef.h>

#include "agent/base/slice.h"

struct otr_err;

/* Adds "14 |   sample: >10 %<" to the error: line `line` with the columns from `from` until `to`
 * between > and <. Lines and columns count from 0, columns in characters. Nothing where there is
 * no such line, or it is long. */
void otr_excerpt_hint(struct otr_slice text, size_t line, size_t from, size_t to,
		      struct otr_err *err);

/* The line and column of the byte at `offset`. */
void otr_excerpt_place(struct otr_slice text, size_t offset, size_t *line, size_t *column);

#endif /* OTR_CONFIG_EXCERPT_H */
