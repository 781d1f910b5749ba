/* SPDX-License-Identifier: Apache-2.0 */
#ifndef OTR_CONSOLE_BLOCK_H
#define OTR_CONSOLE_BLOCK_H

/* block.h - a trace as a block of rows. */

#include <stdint.h>

struct otr_buf;
struct otr_console_style;
struct otr_tree;

/* Appends one trace, in at most `rows` rows. Returns 0 or -ENOMEM. */
int otr_console_block(struct otr_buf *out, const struct otr_console_style *look,
		      const struct otr_tree *tree, int64_t rows);

#endif /* OTR_CONSOLE_BLOCK_H */
