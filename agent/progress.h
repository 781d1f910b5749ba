/* SPDX-License-Identifier: Apache-2.0 */
#ifndef OTR_PROGRESS_H
#define OTR_PROGRESS_H

/*
 * progress.h - the progress of work that takes longer than a second, on stderr.
 *
 * On a terminal one line is rewritten, after five seconds with the time that is left. Elsewhere
 * there is one line after the first second, and one at the end.
 */

#include <stdbool.h>
#include <stdint.h>

#define OTR_PROGRESS_CALLS 1024 /* between two looks at the clock */

struct otr_progress {
	const char *cmd, *what; /* borrowed: "replay", the file */
	uint64_t total;		/* bytes; 0: unknown */
	uint64_t began_ns, reported_ns;
	uint64_t calls;
	bool quiet;    /* nothing is printed */
	bool terminal; /* stderr is a terminal */
};

/* Begins. `quiet`: nothing is printed, as where others write to the terminal too. */
void otr_progress_begin(struct otr_progress *p, const char *cmd, const char *what, uint64_t total,
			bool quiet);

/* Asked for each record: is it time to report? */
static inline bool otr_progress_due(struct otr_progress *p)
{
	return !p->quiet && !(p->calls++ % OTR_PROGRESS_CALLS);
}

/* So far `bytes` were read and gave `spans`. Looks at the clock, and reports. */
void otr_progress_report(struct otr_progress *p, uint64_t bytes, uint64_t spans);

/* Ends: clears the line of a terminal, elsewhere prints the last line. */
void otr_progress_end(struct otr_progress *p, uint64_t spans);

#endif /* OTR_PROGRESS_H */
