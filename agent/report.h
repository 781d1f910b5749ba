/* SPDX-License-Identifier: Apache-2.0 */
#ifndef OTR_REPORT_H
#define OTR_REPORT_H

/* report.h - where `otrace run` shows traces beside the program's own output. */

#include <stdbool.h>

struct otr_err;
struct otr_settings;

/*
 * `-o FILE`; else the terminal, if the program has one (then `*shared` is true); else nothing,
 * and -1 in `*fd`, where spans go elsewhere. Returns 0, or -errno with the reason in `err`:
 * `program` is not started.
 */
int otr_report_open(const struct otr_settings *cfg, const char *program, int *fd, bool *shared,
		    struct otr_err *err);

#endif /* OTR_REPORT_H */
