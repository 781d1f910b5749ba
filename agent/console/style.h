/* SPDX-License-Identifier: Apache-2.0 */
#ifndef OTR_CONSOLE_STYLE_H
#define OTR_CONSOLE_STYLE_H

/* style.h - how text is drawn: colour, characters, width. */

#include <stdbool.h>
#include <stdint.h>

struct otr_buf;
struct otr_console_config;

/* Set when the console is made; `width` is measured again for each block. */
struct otr_console_style {
	bool whole; /* no text is cut at the width, since there is no terminal */
	bool color, ascii, verbose;
	unsigned int width; /* columns of the block that is drawn */
};

void otr_console_style_init(struct otr_console_style *look, const struct otr_console_config *cfg);

/* Sets `width` for the block that comes next. */
void otr_console_style_measure(struct otr_console_style *look,
			       const struct otr_console_config *cfg);

/* The columns that a text may take: `columns` on a terminal, elsewhere any number. */
static inline unsigned int otr_console_style_room(const struct otr_console_style *look,
						  unsigned int columns)
{
	return look->whole ? UINT32_MAX : columns;
}

/* Appends the local time: "12:04:31", with `ms` "12:04:31.207". */
void otr_console_clock(struct otr_buf *out, uint64_t epoch_ns, bool ms);

#endif /* OTR_CONSOLE_STYLE_H */
