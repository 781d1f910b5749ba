/* SPDX-License-Identifier: Apache-2.0 */
#ifndef OTR_REPORT_H
#define OTR_REPORT_H

/* report.h - where `otrace run` prints traces, as the program has an output of its own. */

#include <stdbool.h>

struct otr_err;
struct otr_settings;

/*
 * Opens `-o FILE`; else the terminal, if stdout or stderr is one (then `*shared` is true); else
 * nothing, with -1 in `*fd`, if spans go to a recording or an exporter, or nothing is to be shown.
 * Returns 0, or -errno with the reason in `err`, which says that `program` is not started.
 */
int otr_report_open(const struct otr_settings *cfg, const char *program, int *fd, bool *shared,
		    struct otr_err *err);

#endif /* OTR_REPORT_H */
