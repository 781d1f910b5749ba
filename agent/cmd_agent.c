/* SPDX-License-Identifier: Apache-2.0 */
/* cmd_agent.c - `otrace agent`: traces the whole host, by rules; needs no terminal. */

#include <errno.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "agent/base/clock.h"
#include "agent/base/err.h"
#include "agent/base/log.h"
#include "agent/base/own.h"
#include "agent/base/version.h"
#include "agent/cmd.h"
#include "agent/config/settings.h"
#include "agent/host.h"
#include "agent/loop.h"
#include "agent/manager.h"
#include "agent/session.h"
#include "agent/session_procs.h"
#include "agent/settings_read.h"
#include "agent/sinks.h"

#define DRAIN_NS (5 * OTR_NS_PER_S)

struct agent {
	const struct otr_settings *cfg;
	struct otr_host host;
	struct otr_loop loop;
	struct otr_sinks *sinks;
	struct otr_session *session;
};

static int fail(const struct otr_err *err, int status)
{
	otr_err_print(err, "agent");
	return status;
}

static int open_all(struct agent *ag, struct otr_err *err)
{
	struct otr_sinks_config sinks = {.cfg = ag->cfg, .fd = -1};
	struct otr_session_config session = {
		.cfg = ag->cfg,
		.library = !ag->cfg->no_shim,
		.adopt = true,
		.host = true,
		.at_exec = otr_rules_at_exec(&ag->host.rules),
		.judge = otr_rules_ruling,
		.arg = &ag->host.rules,
		.by_rules = true,
	};

	if (otr_sinks_open(&ag->sinks, &sinks, err))
		return OTR_EXIT_FAILED;
	session.sinks = ag->sinks;
	return otr_session_open(&ag->session, &session, err) ? OTR_EXIT_NO_WAY : 0;
}

/* `sample` and `service` alone look as if they selected. */
static void warn_of_rules(const struct agent *ag)
{
	if (otr_rules_select_none(&ag->host.rules))
		otr_log(OTR_LOG_WARN, "no rule selects a process, so all that listen on a port are "
				      "traced; add mode=trace to rules that are to select");
}

/* All or nothing: what is read is checked before the first value is taken over. */
static int reload(struct agent *ag, struct otr_settings *fresh, struct otr_settings_changes *is,
		  struct otr_err *err)
{
	const struct otr_option *budget = otr_option_find(otr_option_table, "cpu-budget");
	int rc = otr_settings_again(fresh->opts, fresh, ag->cfg, &otr_cmd_agent, err);
	bool same_budget;

	if (!rc)
		rc = otr_sinks_retune(ag->sinks, fresh, err);
	if (rc)
		return rc;
	same_budget = otr_options_equal(ag->cfg->opts, fresh->opts, budget);
	otr_settings_take(ag->cfg->opts, fresh->opts, is);
	otr_sinks_retune(ag->sinks, ag->cfg, err); /* borrows its lists, which stay */
	otr_log_set((enum otr_log_level)ag->cfg->log_level);
	if (!same_budget)
		otr_session_set_budget(ag->session);
	otr_rules_parse(&ag->host.rules, ag->cfg->rules, err); /* was parsed when it was read */
	otr_host_change(&ag->host);
	return 0;
}

static void on_hangup(struct agent *ag)
{
	OTR_AUTO(otr_options_fini) struct otr_options opts = {0};
	struct otr_settings fresh = {.opts = &opts};
	struct otr_settings_changes is;
	struct otr_err err = {.text = ""};
	int rc;

	otr_manager_reloading();
	rc = reload(ag, &fresh, &is, &err);
	otr_manager_ready(otr_session_alive(ag->session));
	if (rc) {
		for (char *c = err.text; *c; c++)
			*c = *c == '\n' ? ' ' : *c;
		otr_log(OTR_LOG_ERROR, "configuration not read again, that of before holds: %s",
			err.text);
		return;
	}
	otr_log(OTR_LOG_INFO, "configuration read again: %s%s%s%s", *is.live ? is.live : "nothing",
		" changed", *is.restart ? "; needs a restart: " : "", is.restart);
	warn_of_rules(ag);
	otr_log(OTR_LOG_INFO, "watching %zu processes", otr_session_alive(ag->session));
}

static void watch(struct agent *ag)
{
	uint64_t reported = 0, alive = 0;
	int signo = 0;

	for (;;) {
		enum otr_wakeup woke = otr_loop_wait(&ag->loop, ag->session, &signo);

		if (woke == OTR_WOKE_SIGNAL && (signo == SIGINT || signo == SIGTERM))
			return;
		if (woke == OTR_WOKE_SIGNAL && signo == SIGHUP)
			on_hangup(ag);
		otr_manager_alive(otr_now());
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
	ag->host.session = ag->session;
	otr_host_begin(&ag->host);
	rc = otr_session_start(ag->session);
	if (rc) {
		otr_err_set(err, "cannot list the running processes: %s", strerror(-rc));
		return fail(err, OTR_EXIT_NO_WAY);
	}
	warn_of_rules(ag);
	otr_log(OTR_LOG_INFO, "otrace %s: watching %zu processes", OTR_VERSION,
		otr_session_alive(ag->session));
	otr_session_confine(ag->session, false);
	otr_manager_ready(otr_session_alive(ag->session));
	watch(ag);
	otr_manager_stopping();
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
	if (otr_rules_parse(&ag.host.rules, cfg->rules, &err))
		return fail(&err, OTR_EXIT_USAGE);
	if (otr_loop_init(&ag.loop)) {
		otr_err_set(&err, "signalfd: %s", strerror(errno));
		return fail(&err, OTR_EXIT_FAILED);
	}
	status = trace(&ag, &err);
	otr_session_close(&ag.session);
	otr_sinks_close(&ag.sinks);
	otr_loop_fini(&ag.loop);
	return status;
}

const struct otr_cmd otr_cmd_agent = {
	.name = "agent",
	.bit = OTR_CMD_AGENT,
	.synopsis = "[OPTIONS]",
	.summary = "trace the whole host by rules: whoever listens on a port",
	.usual = "config,rule,export,ignore,hold,cpu-budget,log-level,strict",
	.examples = {"sudo otrace agent --export http://collector:4318\tall services",
		     "sudo otrace agent --rule port=8080 --export file:t.jsonl\tone",
		     "sudo otrace agent --rule 'exe=*/redis*,mode=off'\tall but one"},
	.exit_status = "0 done, 1 failed, 2 usage, 4 no way to trace here, 5 --strict",
	.run = cmd_agent,
};
