/* SPDX-License-Identifier: Apache-2.0 */
#ifndef OTR_CELLS_H
#define OTR_CELLS_H

/* cells.h - text in columns of a terminal. Text is escaped already. */

#include <stdbool.h>

#include "agent/base/slice.h"

struct otr_buf;

/* How many columns `s` takes: 2 for East Asian wide characters, 0 for marks. */
unsigned int otr_cells(struct otr_slice s);

/* Appends `s`, `max` columns of it, the last one an ellipsis where it was cut.
 * `ascii`: what is none becomes ?. Returns the columns used. */
unsigned int otr_cells_put(struct otr_buf *out, struct otr_slice s, unsigned int max, bool ascii);

/* Appends `n` blanks. */
void otr_cells_blank(struct otr_buf *out, unsigned int n);

#endif /* OTR_CELLS_H */
