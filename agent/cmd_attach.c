/* SPDX-License-Identifier: Apache-2.0 */
/* cmd_attach.c - `otrace attach`: traces programs that run already. */

#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "agent/base/clock.h"
#include "agent/base/err.h"
#include "agent/base/out_file.h"
#include "agent/base/own.h"
#include "agent/cmd.h"
#include "agent/config/settings.h"
#include "agent/loop.h"
#include "agent/session.h"
#include "agent/sinks.h"
#include "agent/targets.h"

struct attach {
	const struct otr_settings *cfg;
	struct otr_targets targets;
	char title[128];
	struct otr_loop loop;
	struct otr_sinks *sinks;
	struct otr_session *session;
};

static int fail(const struct otr_err *err, int status)
{
	otr_err_print(err, "attach");
	return status;
}

static int open_output(const struct otr_settings *cfg, struct otr_err *err)
{
	return cfg->output ? otr_out_open("-o ", cfg->output, 0, err) : STDOUT_FILENO;
}

static int open_all(struct attach *at, struct otr_err *err)
{
	struct otr_sinks_config sinks = {
		.cfg = at->cfg,
		.notice_fd = STDERR_FILENO,
	};
	bool names = otr_targets_follow_names(at->targets.words);
	struct otr_session_config session = {
		.cfg = at->cfg,
		.library = !at->cfg->no_shim,
		.adopt = true,
		.host = names || otr_targets_follow_ports(at->targets.words),
		.at_exec = names,
		.judge = otr_targets_judge,
		.arg = &at->targets,
	};

	sinks.fd = open_output(at->cfg, err);
	if (sinks.fd < 0 || otr_sinks_open(&at->sinks, &sinks, err))
		return OTR_EXIT_FAILED;
	session.sinks = at->sinks;
	if (otr_session_open(&at->session, &session, err))
		return OTR_EXIT_NO_WAY;
	at->targets.session = at->session;
	return 0;
}

static void watch(struct attach *at)
{
	bool follow = otr_targets_follow_names(at->targets.words) ||
		      otr_targets_follow_ports(at->targets.words);
	enum otr_wakeup woke;
	int signo = 0;

	while (follow || otr_session_alive(at->session)) {
		woke = otr_loop_wait(&at->loop, at->session, &signo);
		if (woke != OTR_WOKE_SIGNAL)
			continue;
		if (signo != SIGUSR1)
			break;
		otr_session_summary(at->session, at->title);
	}
}

/* Says so if all targets are servers whose spans come from their clients alone: none would be
 * shown. */
static void warn_of_databases(struct attach *at)
{
	const struct otr_targets *t = &at->targets;
	char text[400];

	if (!t->found || t->mute < t->found)
		return;
	snprintf(text, sizeof(text),
		 "%s serves %s: its requests are shown as spans of the programs that send them, "
		 "and none of these is traced yet\n"
		 "try  sudo otrace attach NAME      of a program that asks it, or "
		 "all of the host:  sudo otrace agent --export URL",
		 t->first, t->server_title);
	otr_sinks_notice(at->sinks, text);
}

/* Process 1 is an ancestor of all others: says how many are traced when it is a target. */
static void report_process_1(struct attach *at)
{
	size_t n = otr_session_alive(at->session);
	char text[300];

	if (!at->targets.all)
		return;
	if (at->cfg->no_follow)
		snprintf(text, sizeof(text),
			 "process 1 alone is traced, without the processes that it started "
			 "(--no-follow)");
	else
		snprintf(text, sizeof(text),
			 "process 1 is the ancestor of all others: %zu processes are traced now, "
			 "and "
			 "all that they start\n"
			 "try  otrace attach NAME      for one program, or  otrace attach "
			 "--no-follow 1",
			 n);
	otr_sinks_notice(at->sinks, text);
}

/* From now on, a second Ctrl-C ends otrace at once, also while it sends the last spans. */
static void let_signals_end(void)
{
	sigset_t set;

	sigemptyset(&set);
	sigaddset(&set, SIGINT);
	sigaddset(&set, SIGTERM);
	sigprocmask(SIG_UNBLOCK, &set, NULL);
}

static int trace(struct attach *at, struct otr_err *err)
{
	char what[160];
	int rc = open_all(at, err);

	if (rc)
		return fail(err, rc);
	rc = otr_targets_resolve(&at->targets, err);
	if (rc)
		return fail(err, rc == -EINVAL ? OTR_EXIT_USAGE : OTR_EXIT_FAILED);
	rc = otr_session_start(at->session);
	if (rc) {
		otr_err_set(err, "cannot list the running processes: %s", strerror(-rc));
		return fail(err, OTR_EXIT_NO_WAY);
	}
	otr_targets_title(&at->targets, at->title, sizeof(at->title));
	otr_sinks_start_line(at->sinks, at->title, otr_session_source(at->session));
	warn_of_databases(at);
	report_process_1(at);
	otr_session_confine(at->session, false);
	watch(at);
	let_signals_end();
	otr_session_finish(at->session);
	snprintf(what, sizeof(what), "%s: detached", at->title);
	otr_sinks_drain(at->sinks, OTR_NS_PER_S);
	otr_session_summary(at->session, what);
	if (at->cfg->strict && otr_session_flawed(at->session))
		return OTR_EXIT_STRICT;
	return OTR_EXIT_OK;
}

static int cmd_attach(const struct otr_settings *cfg, char **args)
{
	struct attach at = {.cfg = cfg, .targets = {.words = args}};
	struct otr_err err = {.text = ""};
	int status;

	if (!args[0]) {
		otr_err_set(&err, "no target given: a PID, a NAME or a :PORT");
		otr_err_hint(&err, "try  sudo otrace attach :8080");
		return fail(&err, OTR_EXIT_USAGE);
	}
	if (otr_loop_init(&at.loop)) {
		otr_err_set(&err, "signalfd: %s", strerror(errno));
		return fail(&err, OTR_EXIT_FAILED);
	}
	status = trace(&at, &err);
	otr_session_close(&at.session);
	otr_sinks_close(&at.sinks);
	otr_loop_fini(&at.loop);
	return status;
}

const struct otr_cmd otr_cmd_attach = {
	.name = "attach",
	.bit = OTR_CMD_ATTACH,
	.synopsis = "[OPTIONS] TARGET..",
	.summary = "trace what runs already: a PID, a NAME or a :PORT",
	.usual = "output,format,export,record,service,no-follow,errors,slow,hold,quiet",
	.examples = {"sudo otrace attach :8080\twhoever serves the port, and its "
		     "children",
		     "sudo otrace attach nginx gunicorn\tall processes of these names",
		     "sudo otrace attach --format line 1234\tone line a trace"},
	.exit_status = "0 done, 1 failed, 2 usage, 4 no way to trace here, 5 --strict",
	.run = cmd_attach,
};
