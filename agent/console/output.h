/* SPDX-License-Identifier: Apache-2.0 */
#ifndef OTR_CONSOLE_OUTPUT_H
#define OTR_CONSOLE_OUTPUT_H

/* output.h - writes blocks to the descriptor of a console. */

struct otr_console;

/* Writes `con->out`, whole lines, with one write(2), and empties it. A block that cannot be written
 * within 200 ms is dropped and counted. otr_console_write_to(): to `fd` instead. */
void otr_console_flush(struct otr_console *con);
void otr_console_write_to(struct otr_console *con, int fd);

/* Counts a block that was not written, by `rc`, a negative errno. */
void otr_console_unwritten(struct otr_console *con, int rc);

#endif /* OTR_CONSOLE_OUTPUT_H */
