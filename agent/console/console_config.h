/* SPDX-License-Identifier: Apache-2.0 */
#ifndef OTR_CONSOLE_CONSOLE_CONFIG_H
#define OTR_CONSOLE_CONSOLE_CONFIG_H

/* console_config.h - where and how a console writes. */

#include <stdbool.h>

struct otr_settings;

struct otr_console_config {
	const struct otr_settings *cfg; /* format, width, colour, filters; borrowed */
	int fd;				/* where it writes; not closed */
	bool terminal;			/* fd is a terminal: width from it, colour by default */
	bool shared;			/* CMD writes to that terminal too: each block begins
				  * with COLUMNS blanks and \r */
	unsigned int width;		/* 0: COLUMNS, the terminal, else 100 */
	int notice_fd;			/* for notices; 0: stderr if fd is stdout; else fd, or
				  * nowhere unless the format is text */
};

#endif /* OTR_CONSOLE_CONSOLE_CONFIG_H */
