/* SPDX-License-Identifier: Apache-2.0 */
/* candidate.c - what is known of a process when it is judged; see candidate.h. */

#include "agent/candidate.h"

#include <stdio.h>
#include <string.h>

#include "agent/resource/procfs.h"
#include "bpf/event.h"

static void join(struct otr_candidate *who)
{
	memcpy(who->cmd, who->args, who->args_len);
	for (size_t i = 0; i + 1 < who->args_len; i++)
		if (!who->cmd[i])
			who->cmd[i] = ' ';
	who->cmd[who->args_len] = 0;
}

static void args_from_record(struct otr_candidate *who, const struct otr_ev_proc *exec)
{
	size_t n = exec->args_len;

	if (n > sizeof(who->args) - 1)
		n = sizeof(who->args) - 1;
	memcpy(who->args, exec->text + exec->exe_len, n);
	who->args_len = n;
}

/* When a process ends, /proc loses its arguments before its executable: what is missing is taken
 * from the record of its exec. */
static void complete(struct otr_candidate *who, const struct otr_ev_proc *exec)
{
	if (!who->exe[0])
		snprintf(who->exe, sizeof(who->exe), "%.*s", exec->exe_len, exec->text);
	if (!who->args_len)
		args_from_record(who, exec);
}

bool otr_candidate_read(struct otr_candidate *who, uint32_t tgid, uint16_t port,
			const struct otr_ev_proc *exec)
{
	memset(who, 0, sizeof(*who));
	who->tgid = tgid;
	who->port = port;
	if (otr_procfs_exe(tgid, who->exe, sizeof(who->exe))) {
		who->args_len = otr_procfs_args(tgid, who->args, sizeof(who->args));
		otr_procfs_cgroup(tgid, who->cgroup, sizeof(who->cgroup));
	}
	if (exec)
		complete(who, exec);
	join(who);
	return who->exe[0];
}

bool otr_candidate_is(const struct otr_candidate *who, const char *name)
{
	return otr_procfs_names(who->exe, who->args, who->args_len, name);
}
