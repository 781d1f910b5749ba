/* SPDX-License-Identifier: Apache-2.0 */
/* fake_cmds.c - rows of commands for tests that link no command. The symbols are weak, so that
 * real commands replace them. */

#include <stdlib.h>

#include "agent/cmd.h"

static int nothing(const struct otr_settings *cfg, char **args)
{
	(void)cfg;
	(void)args;
	return 0;
}

#define FAKE(n, b, syn, end)                                                     \
	__attribute__((weak)) const struct otr_cmd otr_cmd_##n = {               \
		.name = #n,                                                      \
		.bit = b,                                                        \
		.synopsis = syn,                                                 \
		.summary = "does " #n,                                           \
		.usual = "service,output,format,errors,slow,rows,export,"        \
			 "record,quiet,verbose,json,quick,rule,user",            \
		.examples = {"otrace " #n " x\tdo it", "otrace " #n " y\tmore"}, \
		.exit_status = "0 done",                                         \
		.options_end_at_arg = end,                                       \
		.run = nothing,                                                  \
	}

FAKE(run, OTR_CMD_RUN, "[OPTIONS] [--] CMD [ARG..]", 1);
FAKE(attach, OTR_CMD_ATTACH, "[OPTIONS] TARGET..", 0);
FAKE(agent, OTR_CMD_AGENT, "[OPTIONS]", 0);
FAKE(replay, OTR_CMD_REPLAY, "[OPTIONS] FILE..", 0);
FAKE(doctor, OTR_CMD_DOCTOR, "[OPTIONS] [PID]", 0);
FAKE(config, OTR_CMD_OTHER, "check|show|example [FILE]", 0);

__attribute__((weak)) const struct otr_cmd *const otr_cmds[] = {
	&otr_cmd_run,	     &otr_cmd_attach, &otr_cmd_agent,
	&otr_cmd_replay,     &otr_cmd_doctor, &otr_cmd_config,
	&otr_cmd_completion, &otr_cmd_help,   NULL,
};
