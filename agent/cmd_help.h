/* SPDX-License-Identifier: Apache-2.0 */
#ifndef OTR_CMD_HELP_H
#define OTR_CMD_HELP_H

/* cmd_help.h - help on commands, made from their rows. */

#include <stdbool.h>
#include <stdio.h>

struct otr_cmd;

/* The command called `name`, or NULL. */
const struct otr_cmd *otr_cmd_find(const char *name);

/* What bare `otrace` prints. Returns the exit status. */
int otr_help_bare(FILE *out);

/* `CMD -h`, at most 24 lines of 80 columns; with `all`, every option by
 * groups. */
void otr_help_command(const struct otr_cmd *cmd, bool all, FILE *out);

/* otrace(1), as mdoc. cmd_man.c. */
void otr_help_man(FILE *out);

/* The completions for "bash", "zsh" or "fish"; false: another shell. */
bool otr_completion(const char *shell, FILE *out);

#endif /* OTR_CMD_HELP_H */
