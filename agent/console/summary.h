/* SPDX-License-Identifier: Apache-2.0 */
#ifndef OTR_CONSOLE_SUMMARY_H
#define OTR_CONSOLE_SUMMARY_H

/* summary.h - the last lines that a console prints. */

#include <stdbool.h>

struct otr_console;
struct otr_summary;

/* True if otr_console_summary() writes something, and no block was dropped so far. */
bool otr_console_summarizes(const struct otr_console *con);

/* Prints the summary, unless the settings ask for none or the format is not text. */
void otr_console_summary(struct otr_console *con, const struct otr_summary *sum);

#endif /* OTR_CONSOLE_SUMMARY_H */
