/* SPDX-License-Identifier: Apache-2.0 */
#ifndef OTR_CMD_HELP_H
#define OTR_CMD_HELP_H

/* cmd_help.h - help on commands, made from their rows. */

#include <stdbool.h>
#include <stdio.h>

struct otr_cmd;

/* The command called `name`, or NULL. */
const struct otr_cmd *otr_cmd_find(const char *name);

/* Prints what `otrace` without a command shows. Returns the exit status. */
int otr_help_bare(FILE *out);

/* Prints what `CMD -h` shows, at most 24 lines of 80 columns; with `all`, every option by
 * groups. */
void otr_help_command(const struct otr_cmd *cmd, bool all, FILE *out);

/* Prints otrace(1), as mdoc. In cmd_man.c. */
void otr_help_man(FILE *out);

/* Prints the completions for "bash", "zsh" or "fish". Returns false for another shell. In
 * cmd_completion.c. */
bool otr_completion(const char *shell, FILE *out);

#endif /* OTR_CMD_HELP_H */
