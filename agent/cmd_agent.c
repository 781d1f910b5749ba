/* SPDX-License-Identifier: Apache-2.0 */
/* cmd_agent.c - `otrace agent`: traces the whole host, by rules; needs no terminal. */

#include <errno.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "agent/base/clock.h"
#include "agent/base/err.h"
#include "agent/base/log.h"
#include "agent/base/version.h"
#include "agent/cmd.h"
#include "agent/config/settings.h"
#include "agent/loop.h"
#include "agent/resource/procfs.h"
#include "agent/rules.h"
#include "agent/session.h"
#include "agent/session_procs.h"
#include "agent/sinks.h"

#define DRAIN_NS (5 * OTR_NS_PER_S)

struct agent {
	const struct otr_settings *cfg;
	struct otr_rules rules;
	struct otr_loop loop;
	struct otr_sinks *sinks;
	struct otr_session *session;
	uint32_t *judged; /* processes that listen on a port, which are judged first */
	size_t n_judged;
};

static int fail(const struct otr_err *err, int status)
{
	otr_err_print(err, "agent");
	return status;
}

/* Traces the process if the rules want it. The agent itself and its parent are never traced. */
static void judge_process(struct agent *ag, uint32_t tgid, uint16_t port)
{
	struct otr_candidate who;

	if (tgid == (uint32_t)getpid() || tgid == (uint32_t)getppid() ||
	    otr_session_has(ag->session, tgid) || !otr_candidate_read(&who, tgid, port, NULL) ||
	    otr_rules_judge(&ag->rules, &who) != OTR_VERDICT_TRACE)
		return;
	if (otr_session_target(ag->session, tgid))
		otr_log(OTR_LOG_WARN, "process %u cannot be traced", tgid);
	else
		otr_session_sample(ag->session, tgid, otr_rules_sample(&ag->rules, &who));
}

static bool was_judged(const struct agent *ag, uint32_t tgid)
{
	for (size_t i = 0; i < ag->n_judged; i++)
		if (ag->judged[i] == tgid)
			return true;
	return false;
}

static void judge_listener(void *arg, uint32_t tgid, uint16_t port)
{
	struct agent *ag = arg;
	uint32_t *more;

	judge_process(ag, tgid, port);
	if (was_judged(ag, tgid))
		return;
	more = realloc(ag->judged, (ag->n_judged + 1) * sizeof(*more));
	if (!more)
		return;
	ag->judged = more;
	more[ag->n_judged++] = tgid;
}

static bool judge_running(void *arg, uint32_t pid)
{
	/* What a rule decided by the port of a process holds. */
	if (!was_judged(arg, pid))
		judge_process(arg, pid, 0);
	return true;
}

static int open_all(struct agent *ag, struct otr_err *err)
{
	struct otr_sinks_config sinks = {.cfg = ag->cfg, .fd = -1};
	struct otr_session_config session = {
		.cfg = ag->cfg,
		.library = !ag->cfg->no_shim,
		.adopt = true,
		.host = true,
		.at_exec = otr_rules_at_exec(&ag->rules),
		.wanted = otr_rules_wanted,
		.sample = otr_rules_rate,
		.arg = &ag->rules,
	};

	if (otr_sinks_open(&ag->sinks, &sinks, err))
		return OTR_EXIT_FAILED;
	session.sinks = ag->sinks;
	return otr_session_open(&ag->session, &session, err) ? OTR_EXIT_NO_WAY : 0;
}

static void watch(struct agent *ag)
{
	uint64_t reported = 0, alive = 0;
	int signo = 0;

	for (;;) {
		if (otr_loop_wait(&ag->loop, ag->session, &signo) == OTR_WOKE_SIGNAL &&
		    (signo == SIGINT || signo == SIGTERM))
			return;
		if (otr_session_alive(ag->session) == alive || otr_now() - reported < OTR_NS_PER_S)
			continue;
		alive = otr_session_alive(ag->session);
		reported = otr_now();
		otr_log(OTR_LOG_INFO, "watching %llu processes", (unsigned long long)alive);
	}
}

static int trace(struct agent *ag, struct otr_err *err)
{
	int rc = open_all(ag, err);

	if (rc)
		return fail(err, rc);
	otr_session_listeners(ag->session, judge_listener, ag);
	otr_procfs_each(judge_running, ag);
	rc = otr_session_start(ag->session);
	if (rc) {
		otr_err_set(err, "cannot list the running processes: %s", strerror(-rc));
		return fail(err, OTR_EXIT_NO_WAY);
	}
	otr_log(OTR_LOG_INFO, "otrace %s: watching %zu processes", OTR_VERSION,
		otr_session_alive(ag->session));
	otr_session_confine(ag->session, false);
	watch(ag);
	otr_session_finish(ag->session);
	otr_sinks_drain(ag->sinks, DRAIN_NS);
	otr_session_summary(ag->session, "agent");
	otr_log(OTR_LOG_INFO, "ended, %llu spans", (unsigned long long)otr_sinks_spans(ag->sinks));
	if (ag->cfg->strict && otr_session_flawed(ag->session))
		return OTR_EXIT_STRICT;
	return OTR_EXIT_OK;
}

static int cmd_agent(const struct otr_settings *cfg, char **args)
{
	struct agent ag = {.cfg = cfg};
	struct otr_err err = {.text = ""};
	int status;

	otr_log_set((enum otr_log_level)cfg->log_level);
	if (args[0]) {
		otr_err_set(&err, "%s: agent takes no arguments", args[0]);
		otr_err_hint(&err,
			     "try  otrace attach %s      or a rule: --rule "
			     "port=8080",
			     args[0]);
		return fail(&err, OTR_EXIT_USAGE);
	}
	if (otr_rules_parse(&ag.rules, cfg->rules, &err))
		return fail(&err, OTR_EXIT_USAGE);
	if (otr_loop_init(&ag.loop)) {
		otr_err_set(&err, "signalfd: %s", strerror(errno));
		return fail(&err, OTR_EXIT_FAILED);
	}
	status = trace(&ag, &err);
	otr_session_close(&ag.session);
	otr_sinks_close(&ag.sinks);
	otr_loop_fini(&ag.loop);
	free(ag.judged);
	return status;
}

const struct otr_cmd otr_cmd_agent = {
	.name = "agent",
	.bit = OTR_CMD_AGENT,
	.synopsis = "[OPTIONS]",
	.summary = "trace the whole host by rules: whoever listens on a port",
	.usual = "rule,export,ignore,record,hold,cpu-budget,log-level,strict",
	.examples = {"sudo otrace agent --export http://collector:4318\tall services",
		     "sudo otrace agent --rule port=8080 --export file:t.jsonl\tone",
		     "sudo otrace agent --rule 'exe=*/redis*,mode=off'\tall but one"},
	.exit_status = "0 done, 1 failed, 2 usage, 4 no way to trace here, 5 --strict",
	.run = cmd_agent,
};
