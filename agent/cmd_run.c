/* SPDX-License-Identifier: Apache-2.0 */
/*
 * cmd_run.c - `otrace run`: starts a program traced, and leaves with its status.
 *
 * The child waits at a pipe until its process is traced, then executes CMD, so that the first
 * system call of CMD is seen. Streams, signals, terminal and environment of CMD are its own; traces
 * go to -o, or to the same terminal.
 */

#include <errno.h>
#include <fcntl.h>
#include <pwd.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/wait.h>
#include <unistd.h>

#include "agent/base/buf.h"
#include "agent/base/clock.h"
#include "agent/base/err.h"
#include "agent/base/own.h"
#include "agent/base/privilege.h"
#include "agent/base/secret.h"
#include "agent/cmd.h"
#include "agent/config/settings.h"
#include "agent/launch.h"
#include "agent/loop.h"
#include "agent/notseen.h"
#include "agent/path.h"
#include "agent/report.h"
#include "agent/root.h"
#include "agent/rules.h"
#include "agent/sample/sampler.h"
#include "agent/session.h"
#include "agent/sinks.h"
#include "agent/switches.h"
#include "bpf/ring.h"

#define DRAIN_NS OTR_NS_PER_S

struct run {
	const struct otr_settings *cfg;
	char **argv;
	char path[4096]; /* of the executable */
	int report;	 /* descriptor of the console; -1: none */
	bool shared;
	bool probes;	   /* kernel probes trace it */
	bool uses_library; /* the library in it traces it; with both, each byte is reported once */
	char library[4096];
	struct otr_err notice; /* which of the two is not used, and why; "": both are */
	int uncarried; /* enum otr_uncarried: why no source sees what CMD itself does; 0: one sees it */
	struct otr_rules rules;
	struct otr_sampler sampler;	   /* of the traces that begin with CMD */
	struct otr_ring_switches switches; /* for the library */
	struct otr_launch_root root;	   /* with the library: the ids in the environment of CMD */
	struct otr_loop loop;
	struct otr_sinks *sinks;
	struct otr_session *session;
	pid_t pid;
	int go_fd; /* write end of the pipe at which the child waits */
	int status;
	uint64_t began_ns;
};

static int fail(const struct otr_err *err, int status)
{
	otr_err_print(err, "run");
	return status;
}

/* Runs in the child: waits for a byte at `wait_fd`, then executes CMD. If that fails, errno is
 * written to `exec_error`. */
static void exec_cmd(struct run *r, int wait_fd, int exec_error)
{
	char byte;
	int why;

	if (read(wait_fd, &byte, 1) != 1)
		_exit(OTR_EXIT_RUN_FAILED); /* otrace gave up, and has printed why */
	otr_loop_child();
	otr_launch_sample(r->cfg->sample);
	if (r->uses_library) {
		otr_launch_named(&r->root);
		otr_launch_environment(r->library, otr_session_join(r->session),
				       !r->cfg->no_follow);
		otr_switches_environment(r->cfg);
	}
	if (!r->cfg->user || !otr_launch_become(r->cfg->user))
		execv(r->path, r->argv);
	why = errno;
	if (write(exec_error, &why, sizeof(why)) < 0)
		_exit(OTR_EXIT_RUN_FAILED);
	_exit(why == ENOENT ? OTR_EXIT_RUN_MISSING : OTR_EXIT_RUN_CANNOT);
}

static int start_child(struct run *r, int *exec_error, struct otr_err *err)
{
	int go_pipe[2], error_pipe[2];

	if (pipe2(go_pipe, O_CLOEXEC) || pipe2(error_pipe, O_CLOEXEC)) {
		otr_err_set(err, "pipe: %s", strerror(errno));
		return -errno;
	}
	r->pid = fork();
	if (r->pid < 0) {
		otr_err_set(err, "fork: %s", strerror(errno));
		return -errno;
	}
	if (!r->pid) {
		close(go_pipe[1]);
		exec_cmd(r, go_pipe[0], error_pipe[1]);
	}
	close(go_pipe[0]);
	close(error_pipe[1]);
	r->go_fd = go_pipe[1];
	*exec_error = error_pipe[0];
	return 0;
}

/* Prints the start line: the command, shortened and without secrets. */
static void start_line(struct run *r)
{
	OTR_AUTO(otr_buf_fini) struct otr_buf args = {0}, shown = {0};
	char what[256];
	int room;

	for (char **arg = r->argv; *arg && args.len < 4 * sizeof(what); arg++)
		otr_buf_add(&args, *arg, strlen(*arg) + 1);
	otr_secret_hide_args(&shown, otr_buf_view(&args));
	room = (int)sizeof(what) - 33;
	snprintf(what, sizeof(what), "%.*s (%d)", (int)shown.len < room ? (int)shown.len : room,
		 shown.len ? shown.data : "", r->pid);
	otr_sinks_start_line(r->sinks, what, otr_session_source(r->session));
}

/* Each process that CMD starts is traced, unless a rule says no. */
static int open_session(struct run *r, struct otr_err *err)
{
	const struct otr_session_config session = {
		.cfg = r->cfg,
		.sinks = r->sinks,
		.no_probes = !r->probes,
		.library = r->uses_library,
		.switches = &r->switches,
		.judge = r->rules.n ? otr_rules_ruling : NULL,
		.arg = &r->rules,
		.by_rules = r->rules.n,
	};

	return otr_session_open(&r->session, &session, err);
}

static int open_all(struct run *r, struct otr_err *err)
{
	struct otr_sinks_config sinks = {
		.cfg = r->cfg,
		.fd = r->report,
		.shared = r->shared,
	};
	int rc;

	rc = otr_sinks_open(&r->sinks, &sinks, err);
	if (rc)
		return rc;
	rc = open_session(r, err);
	if (!rc || !r->probes || !r->uses_library || r->cfg->btf)
		return rc;
	/* The kernel takes no probes: trace with the library alone. */
	r->probes = false;
	otr_err_set(&r->notice,
		    "no kernel probes, so static programs and Go programs are not seen: %s",
		    err->text);
	return open_session(r, err);
}

/* From here on CMD is traced, and may run. Returns 0, or the exit status for a CMD that cannot
 * be executed. */
static int start_cmd(struct run *r, int exec_error, struct otr_err *err)
{
	int why = 0;

	if (otr_session_target(r->session, (uint32_t)r->pid) || otr_session_start(r->session)) {
		otr_err_set(err, "cannot trace process %d: %s", r->pid, strerror(errno));
		return OTR_EXIT_RUN_FAILED;
	}
	otr_root_began(r->session, (uint32_t)r->pid, r->root.names, r->path, !r->probes);
	start_line(r);
	otr_notseen_program(otr_sinks_notseen(r->sinks), (uint32_t)r->pid, r->uncarried, r->path);
	if (r->notice.text[0])
		otr_sinks_notice(r->sinks, r->notice.text);
	r->began_ns = otr_now();
	if (write(r->go_fd, "", 1) != 1)
		return OTR_EXIT_RUN_FAILED;
	/* The other end of `exec_error` closes when CMD is executed. */
	if (read(exec_error, &why, sizeof(why)) != sizeof(why))
		return 0;
	otr_err_set(err, "%s: cannot be executed: %s", r->path, strerror(why));
	return why == ENOENT ? OTR_EXIT_RUN_MISSING : OTR_EXIT_RUN_CANNOT;
}

static void on_signal(struct run *r, int signo)
{
	/* The terminal sends Ctrl-C to CMD, too; signals that are sent to otrace are passed on. */
	if (signo == SIGTERM || signo == SIGHUP)
		kill(r->pid, signo);
	if (signo == SIGUSR1)
		otr_session_summary(r->session, r->argv[0]);
}

static void wait_for_end(struct run *r)
{
	enum otr_wakeup woke;
	int signo = 0;

	do {
		woke = otr_loop_wait(&r->loop, r->session, &signo);
		if (woke == OTR_WOKE_SIGNAL)
			on_signal(r, signo);
	} while (woke != OTR_WOKE_CHILD);
	waitpid(r->pid, &r->status, 0);
}

static void report_end(struct run *r)
{
	char what[160];

	if (WIFSIGNALED(r->status))
		snprintf(what, sizeof(what), "%.100s: ended by signal %d (%s)", r->argv[0],
			 WTERMSIG(r->status), sigabbrev_np(WTERMSIG(r->status)));
	else
		snprintf(what, sizeof(what), "%.100s: status %d", r->argv[0],
			 WEXITSTATUS(r->status));
	otr_session_summary(r->session, what);
}

/* Ends otrace as CMD ended: with the same status, or by the same signal. */
static int exit_as(int status)
{
	const struct rlimit no_core = {0, 0};
	sigset_t all;

	if (!WIFSIGNALED(status))
		return WEXITSTATUS(status);
	setrlimit(RLIMIT_CORE, &no_core); /* CMD has dumped core, if it should; otrace does not */
	signal(WTERMSIG(status), SIG_DFL);
	sigfillset(&all);
	sigprocmask(SIG_UNBLOCK, &all, NULL);
	raise(WTERMSIG(status));
	return 128 + WTERMSIG(status);
}

static int trace_cmd(struct run *r, struct otr_err *err)
{
	int exec_error = -1, status;

	if (r->uses_library)
		otr_launch_root(&r->root, r->sampler.threshold);
	if (open_all(r, err) || start_child(r, &exec_error, err))
		return fail(err, OTR_EXIT_RUN_FAILED);
	if (otr_loop_watch(&r->loop, r->pid)) {
		otr_err_set(err, "pidfd_open: %s", strerror(errno));
		return fail(err, OTR_EXIT_RUN_FAILED);
	}
	status = start_cmd(r, exec_error, err);
	close(exec_error);
	if (status) {
		close(r->go_fd);
		waitpid(r->pid, NULL, 0);
		return fail(err, status);
	}
	otr_session_confine(r->session, true);
	wait_for_end(r);
	if (!r->probes)
		otr_root_ended(r->session, (uint32_t)r->pid, r->status);
	otr_session_finish(r->session);
	otr_sinks_drain(r->sinks, 5 * DRAIN_NS);
	report_end(r);
	if (r->cfg->strict && otr_session_flawed(r->session))
		return OTR_EXIT_STRICT;
	return -1;
}

static bool has_privilege(void)
{
	uint64_t caps = otr_capabilities();

	return otr_capable(caps, OTR_CAP_SYS_ADMIN) ||
	       (otr_capable(caps, OTR_CAP_BPF) && otr_capable(caps, OTR_CAP_PERFMON));
}

/* The library cannot be used. That ends the run unless kernel probes see the program. */
static int drop_library(struct run *r, struct otr_err *err)
{
	r->uses_library = false;
	if (!r->probes)
		return OTR_EXIT_RUN_FAILED;
	otr_err_set(&r->notice, "kernel probes alone, no traceparent is injected: %s", err->text);
	return 0;
}

/* CMD is not started if no source would see anything of it. */
static int refuse_program(struct run *r, const char *why, struct otr_err *err)
{
	otr_err_set(err,
		    "%s %s: the library cannot be loaded into it, and %s leaves "
		    "nothing else; not started",
		    r->argv[0], why, r->cfg->no_bpf ? "--no-bpf" : "a lack of privilege");
	otr_err_hint(err,
		     "try  sudo otrace run -- %s       kernel probes see static "
		     "programs too",
		     r->argv[0]);
	return OTR_EXIT_RUN_FAILED;
}

/* The loader of a 32-bit program reports the library in LD_PRELOAD as an error, and nothing in
 * that process can remove it for the programs that it starts. Kernel probes see those programs,
 * but not the bytes of the 32-bit program itself. */
static int check_32bit(struct run *r, struct otr_err *err)
{
	r->uses_library = false;
	if (r->probes) {
		otr_err_set(&r->notice,
			    "%s is a 32-bit program: its own bytes are not read; "
			    "what it starts is seen by kernel probes",
			    r->argv[0]);
		return 0;
	}
	otr_err_set(err,
		    "%s is a 32-bit program: the library cannot be loaded into it; not "
		    "started",
		    r->argv[0]);
	otr_err_hint(err, "right: its 64-bit build");
	return OTR_EXIT_RUN_FAILED;
}

/* A Go program is started without probes, too: it passes the library on to what it starts. */
static int note_go_program(struct run *r)
{
	r->uncarried = OTR_UNCARRIED_GO;
	otr_err_set(&r->notice,
		    "%s is a Go program: its system calls bypass the library, so only "
		    "the programs that it starts are seen; kernel probes see it: %s",
		    r->argv[0], geteuid() ? "run otrace as root" : "leave out --no-bpf");
	return 0;
}

/* A program that cannot carry the library may start others that can. */
static int check_program(struct run *r, struct otr_err *err)
{
	static const char *const why[] = {
		[OTR_LAUNCH_STATIC] = "is statically linked",
		[OTR_LAUNCH_GO] = "is a Go program",
		[OTR_LAUNCH_SETUID] =
			"runs with rights of its own (set-uid, set-gid, capabilities)",
	};
	enum otr_launch can = otr_launch_can(r->path, r->cfg->user);

	if (can == OTR_LAUNCH_32BIT)
		return check_32bit(r, err);
	if (can >= OTR_ARRAY_SIZE(why) || !why[can])
		return 0;
	if (!r->probes)
		return can == OTR_LAUNCH_GO ? note_go_program(r) : refuse_program(r, why[can], err);
	otr_err_set(&r->notice, "%s %s: seen by kernel probes, no traceparent is injected",
		    r->argv[0], why[can]);
	return 0;
}

/* Uses both sources, if there are both: the library for programs that can load it, probes for
 * the rest. */
static int choose_source(struct run *r, struct otr_err *err)
{
	r->probes = !r->cfg->no_bpf && has_privilege();
	r->uses_library = !r->cfg->no_shim;
	if (!r->probes && !r->uses_library) {
		otr_err_set(err, "--no-shim and %s leave nothing to trace with; not started",
			    r->cfg->no_bpf ? "--no-bpf" : "a lack of privilege");
		otr_err_hint(err, "try  otrace run -- %s", r->argv[0]);
		return OTR_EXIT_RUN_FAILED;
	}
	if (!r->uses_library)
		return 0;
	if (otr_launch_library(r->library, sizeof(r->library), err))
		return drop_library(r, err);
	return check_program(r, err);
}

static int find_program(struct run *r, struct otr_err *err)
{
	int rc = otr_path_find(r->argv[0], r->path, sizeof(r->path), err);

	if (rc == -EACCES)
		return OTR_EXIT_RUN_CANNOT;
	return rc ? OTR_EXIT_RUN_MISSING : 0;
}

/* Executes CMD in place of otrace, with nothing added to its environment. */
static int run_untraced(struct run *r, struct otr_err *err)
{
	otr_err_set(err, "OTRACE_DISABLED=1: %s runs untraced", r->argv[0]);
	otr_err_print(err, "run");
	if (r->cfg->user && otr_launch_become(r->cfg->user)) {
		otr_err_set(err, "--user %s: %s", r->cfg->user, strerror(errno));
		return OTR_EXIT_RUN_FAILED;
	}
	execv(r->path, r->argv);
	otr_err_set(err, "%s: cannot be executed: %s", r->path, strerror(errno));
	return errno == ENOENT ? OTR_EXIT_RUN_MISSING : OTR_EXIT_RUN_CANNOT;
}

/* Reads the options for the library, before anything is started. */
static int read_switches(struct run *r, struct otr_err *err)
{
	if (otr_rules_parse(&r->rules, r->cfg->rules, err) ||
	    otr_sampler_default(&r->sampler, r->cfg->sample, err) < 0 ||
	    otr_switches_read(&r->switches, r->cfg, err))
		return OTR_EXIT_RUN_FAILED;
	if (!r->cfg->no_observe || !r->probes)
		return 0;
	otr_err_set(err, "--no-observe: kernel probes would observe the program all the same");
	otr_err_hint(err, "try  otrace run --no-bpf --no-observe -- %s", r->argv[0]);
	return OTR_EXIT_RUN_FAILED;
}

/* If the user cannot read the library, each of their programs would print an error of the
 * loader. */
static int check_library(struct run *r, struct otr_err *err)
{
	if (!r->uses_library || !r->cfg->user || otr_launch_readable(r->library, r->cfg->user))
		return 0;
	otr_err_set(err, "%s: user %s cannot read it%s%s", r->library, r->cfg->user,
		    r->probes ? "" : "; not started: ", r->probes ? "" : r->argv[0]);
	if (!r->probes)
		otr_err_hint(err, "put it where every user can read it: make install");
	return drop_library(r, err);
}

static int prepare(struct run *r, struct otr_err *err)
{
	bool disabled;
	int status = find_program(r, err);

	if (!status && otr_switches_disabled(&disabled, err))
		status = OTR_EXIT_RUN_FAILED;
	if (!status && r->cfg->user && !getpwnam(r->cfg->user)) {
		otr_err_set(err, "--user %s: no such user", r->cfg->user);
		status = OTR_EXIT_RUN_FAILED;
	}
	if (!status && disabled)
		return run_untraced(r, err);
	if (!status)
		status = choose_source(r, err);
	if (!status)
		status = check_library(r, err);
	return status ? status : read_switches(r, err);
}

static int cmd_run(const struct otr_settings *cfg, char **args)
{
	struct run r = {.cfg = cfg, .argv = args, .report = -1, .go_fd = -1};
	struct otr_err err = {.text = ""};
	int status;

	if (!args[0]) {
		otr_err_set(&err, "no program given");
		otr_err_hint(&err, "try  otrace run -- python3 app.py");
		return fail(&err, OTR_EXIT_RUN_FAILED);
	}
	status = prepare(&r, &err);
	if (status)
		return fail(&err, status);
	if (otr_report_open(cfg, args[0], &r.report, &r.shared, &err) || otr_loop_init(&r.loop))
		return fail(&err, OTR_EXIT_RUN_FAILED);
	status = trace_cmd(&r, &err);
	otr_session_close(&r.session);
	otr_sinks_close(&r.sinks);
	otr_loop_fini(&r.loop);
	return status < 0 ? exit_as(r.status) : status;
}

const struct otr_cmd otr_cmd_run = {
	.name = "run",
	.bit = OTR_CMD_RUN,
	.synopsis = "[OPTIONS] [--] CMD [ARG..]",
	.summary = "start CMD traced, show its traces, leave with its exit status",
	.usual = "output,format,export,record,service,user,no-follow,hold,quiet",
	.examples = {"otrace run -- python3 app.py\tits traces beside its output",
		     "otrace run -o t.txt -- make check\ttraces into a file",
		     "otrace run --export http://127.0.0.1:4318 -- node s.js\tto a "
		     "Collector"},
	.exit_status = "CMD's; 5 --strict, 125 otrace failed before CMD started, 126 CMD cannot be "
		       "executed, 127 CMD not found",
	.options_end_at_arg = 1,
	.run = cmd_run,
};
