/* SPDX-License-Identifier: Apache-2.0 */
#ifndef OTR_CONSOLE_H
#define OTR_CONSOLE_H

/*
 * console.h - traces for a person: trees as they finish, notices, the summary.
 *
 * The core thread calls the console, which never blocks it for long: each block is one write(2) of
 * whole lines, and is dropped, counted, if the descriptor takes nothing for 200 ms. The console
 * only appends text; it never redraws.
 */

#include <stdint.h>

#include "agent/console/console_config.h"
#include "agent/sink/sink.h"

struct otr_console;
struct otr_span;

/* Makes a console. Returns 0 or -ENOMEM. */
int otr_console_new(struct otr_console **out, const struct otr_console_config *cfg);
void otr_console_free(struct otr_console **cp);

/* Prints the start line: `what` is "python3 app.py (4242)", `sources` "bpf". */
void otr_console_start(struct otr_console *con, const char *what, const char *sources);

/* Takes one finished span; keeps a reference until its trace is printed. */
void otr_console_span(struct otr_console *con, struct otr_span *sp);

/* The trace is complete: it counts, and is printed if it is kept and the limit of --print is not
 * reached. */
void otr_console_trace(struct otr_console *con, const uint8_t trace_id[16],
		       enum otr_outcome outcome);

/* Prints one line about a request that has been open for long: `root` as it stands, `waits` the
 * request that it waits for, or NULL. */
void otr_console_open(struct otr_console *con, const struct otr_span *root,
		      const struct otr_span *waits);

/* Time passes (CLOCK_MONOTONIC): prints flood and LOST lines, forgets spans whose trace never
 * completed. */
void otr_console_tick(struct otr_console *con, uint64_t now_ns);

/* Prints one notice, "otrace: .." and its further lines, escaped, at once. */
void otr_console_notice(struct otr_console *con, const char *text);

#endif /* OTR_CONSOLE_H */
