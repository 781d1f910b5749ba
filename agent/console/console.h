/* SPDX-License-Identifier: Apache-2.0 */
#ifndef OTR_CONSOLE_H
#define OTR_CONSOLE_H

/*
 * console.h - traces for a person: trees as they finish, notices, the summary.
 *
 * It is fed by the core thread, beside the exporters, and never blocks it for
 * long: each block is one write(2) of whole lines. Text only; what redraws is
 * elsewhere.
 */

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct otr_console;
struct otr_settings;
struct otr_span;
struct otr_summary;

struct otr_console_config {
	const struct otr_settings *cfg; /* format, width, colour, filters; borrowed */
	int fd;				/* where it writes; not closed */
	bool terminal;			/* fd is one: width from it, colour by default */
	bool shared;			/* CMD writes to that terminal too: begin each block
				  * with COLUMNS blanks and \r */
	unsigned int width;		/* 0: COLUMNS, the terminal, else 100 */
	int notice_fd;			/* of notices; 0: stderr where fd is stdout, else fd, and
			* nowhere in a machine's format */
};

int otr_console_new(struct otr_console **out, const struct otr_console_config *cfg);
void otr_console_free(struct otr_console **cp);

/* The start line: `what` is "python3 app.py (4242)", `sources` "bpf". */
void otr_console_start(struct otr_console *con, const char *what, const char *sources);

/* Takes one finished span (keeps a reference until its trace is printed). */
void otr_console_span(struct otr_console *con, struct otr_span *sp);

/* The trace is complete: print it, or count it where the flood limit is
 * reached. */
void otr_console_trace(struct otr_console *con, const uint8_t trace_id[16]);

/* A request is open since long: `root` as it stands, `waits` what it waits for, or NULL. */
void otr_console_open(struct otr_console *con, const struct otr_span *root,
		      const struct otr_span *waits);

/* Time passes (CLOCK_MONOTONIC): flood, LOST and open lines; forgets traces
 * that never completed. */
void otr_console_tick(struct otr_console *con, uint64_t now_ns);

/* Prints one notice, "otrace: .." with its further lines, escaped, at once. */
void otr_console_notice(struct otr_console *con, const char *text);

/* Does otr_console_summary() write anything, and was all written so far? */
bool otr_console_summarizes(const struct otr_console *con);
void otr_console_summary(struct otr_console *con, const struct otr_summary *sum);

#endif /* OTR_CONSOLE_H */
