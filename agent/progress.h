/* SPDX-License-Identifier: Apache-2.0 */
#ifndef OTR_PROGRESS_H
#define OTR_PROGRESS_H

/*
 * progress.h - work that takes longer than a second says what it does, on stderr: on a
 * terminal one line that is written anew, after five seconds with what is left; else a line
 * when it begins to be long, and one at its end.
 */

#include <stdbool.h>
#include <stdint.h>

struct otr_progress {
	const char *cmd, *what; /* borrowed: "replay", the file */
	uint64_t total;		/* bytes; 0: not known */
	uint64_t began_ns, reported_ns;
	uint64_t calls;
	bool quiet;    /* the terminal is written to by others, too */
	bool terminal; /* stderr is one */
};

/* `quiet`: nothing is said. */
void otr_progress_begin(struct otr_progress *p, const char *cmd, const char *what, uint64_t total,
			bool quiet);

/* So far `bytes` were read, and `spans` came of them. Cheap: it may be called for each
 * record. */
void otr_progress_step(struct otr_progress *p, uint64_t bytes, uint64_t spans);

/* The line is taken away, or the last one written. */
void otr_progress_end(struct otr_progress *p, uint64_t spans);

#endif /* OTR_PROGRESS_H */
