/* SPDX-License-Identifier: Apache-2.0 */
#ifndef OTR_CELLS_H
#define OTR_CELLS_H

/* cells.h - text in columns of a terminal. All text given here is escaped. */

#include <stdbool.h>

#include "agent/base/slice.h"

struct otr_buf;

/* The columns that `s` takes: 2 for an East Asian wide character, 0 for a combining mark. */
unsigned int otr_cells(struct otr_slice s);

/* Appends at most `max` columns of `s`; if it is cut, the last column is an ellipsis. `ascii`:
 * other characters become ?. Returns the columns used. */
unsigned int otr_cells_put(struct otr_buf *out, struct otr_slice s, unsigned int max, bool ascii);

/* Appends `n` blanks. */
void otr_cells_blank(struct otr_buf *out, unsigned int n);

#endif /* OTR_CELLS_H */
