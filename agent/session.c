/* SPDX-License-Identifier: Apache-2.0 */
/*
 * session.c - one session of tracing; see session.h.
 *
 * A step drains the rings into the merge, releases what is older than SETTLE_NS, and then lets
 * that much time pass for the stages by an OTR_EV_TICK. The tick is recorded, so that in a replay
 * the same time passes at the same events.
 */

#include "agent/session.h"

#include <errno.h>
#include <malloc.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/random.h>
#include <sys/socket.h>
#include <unistd.h>

#include "agent/base/clock.h"
#include "agent/base/confine.h"
#include "agent/base/err.h"
#include "agent/base/log.h"
#include "agent/base/loss.h"
#include "agent/base/own.h"
#include "agent/base/usage.h"
#include "agent/config/settings.h"
#include "agent/notseen.h"
#include "agent/pace.h"
#include "agent/proto/blank.h"
#include "agent/resource/procfs.h"
#include "agent/resource/resource.h"
#include "agent/session_procs.h"
#include "agent/session_state.h"
#include "agent/sink/sink.h"
#include "agent/sinks.h"
#include "agent/source/merge.h"
#include "agent/source/record.h"
#include "agent/source/sources.h"
#include "agent/source/synthetic.h"
#include "agent/traced_set.h"

#define SETTLE_NS     (2 * OTR_NS_PER_MS)  /* a record of the kernel is in the ring by then */
#define SETTLE_LIB_NS (20 * OTR_NS_PER_MS) /* a thread of a program may be halted while it writes */
#define MERGE_BYTES   (64u << 20)
#define CLOCK_EACH_NS (60 * OTR_NS_PER_S)

bool otr_session_has(const struct otr_session *s, uint32_t tgid)
{
	return otr_session_traces(s, tgid);
}

size_t otr_session_alive(const struct otr_session *s)
{
	return otr_traced_set_count(s->traced);
}

int otr_session_target(struct otr_session *s, uint32_t tgid)
{
	return otr_session_trace(s, tgid);
}

void otr_session_each(const struct otr_session *s, void (*fn)(void *arg, uint32_t tgid), void *arg)
{
	otr_traced_set_each(s->traced, fn, arg);
}

void otr_session_set_budget(struct otr_session *s)
{
	otr_pace_set_budget(&s->pace, s->cfg.cfg->cpu_budget, otr_now());
}

void otr_session_at_exec(struct otr_session *s, bool at_exec)
{
	s->cfg.at_exec = at_exec;
	otr_sources_trials(s->src, at_exec);
}

void otr_session_event(void *session, const struct otr_event *ev)
{
	otr_session_put(session, ev);
}

/* Looks at an event when it is drained: a process of 5 ms has left /proc before its record is
 * released. */
static int drained(void *arg, const struct otr_event *ev)
{
	struct otr_session *s = arg;
	const struct otr_ev_conn *cn = (const void *)ev;

	if (s->ended_ns && ev->time_ns > s->ended_ns)
		return 0;
	switch (ev->kind) {
	case OTR_EV_PROC_EXEC:
		if (ev->hook != OTR_HOOK_PRELOAD)
			return otr_session_executed(s, ev);
		otr_session_judge(s, ev->tgid, 0, (const void *)ev);
		break; /* the record of its environment comes next */
	case OTR_EV_PROC_FORK:
		otr_session_forked(s, ev);
		break;
	case OTR_EV_META: /* a fact that the process reports; /proc, if it is there, says more */
		otr_session_check_pairs(s, ev);
		otr_session_put(s, ev);
		if (s->cfg.no_probes)
			otr_session_facts(s, ev->tgid, ev->time_ns);
		return 0;
	case OTR_EV_PROC_EXIT:
		otr_traced_set_end(s->traced, ev->tgid, otr_now());
		break;
	case OTR_EV_LISTEN:
		otr_session_judge(s, ev->tgid, cn->local.port, NULL);
		if (!otr_session_has(s, ev->tgid))
			return 0;
		break;
	}
	/* A record of shed requests is no reason to drain again soon. */
	s->events += ev->kind != OTR_EV_LOST;
	otr_session_put(s, ev);
	return 0;
}

static int listed(void *arg, const struct otr_event *ev)
{
	struct otr_session *s = arg;
	const struct otr_ev_conn *cn = (const void *)ev;

	if (ev->kind != OTR_EV_LISTEN)
		return drained(s, ev); /* an event of a process that is traced already */
	if (cn->local.family != AF_UNIX)
		s->on_listener(s->listener_arg, ev->tgid, cn->local.port);
	return 0;
}

void otr_session_listeners(struct otr_session *s,
			   void (*fn)(void *arg, uint32_t tgid, uint16_t port), void *arg)
{
	s->on_listener = fn;
	s->listener_arg = arg;
	otr_sources_listeners(s->src, listed, s);
}

/* Passes an event to the recording and to the pipeline. */
static int placed(void *arg, const struct otr_event *ev)
{
	struct otr_session *s = arg;

	if (s->record)
		otr_record_put(s->record, otr_blanks_apply(s->blanks, ev));
	otr_sinks_event(s->cfg.sinks, ev);
	return 0;
}

static bool is_of_kernel(const struct otr_event *ev)
{
	return ev->hook != OTR_HOOK_PRELOAD && ev->hook != OTR_HOOK_AGENT;
}

/* Takes an event that the merge has released. */
static int released(void *arg, const struct otr_event *ev)
{
	struct otr_session *s = arg;

	if (s->cfg.judge && ev->tgid && is_of_kernel(ev) &&
	    !otr_traced_set_knows(s->traced, ev->tgid))
		otr_session_settle(s, ev->tgid);
	if (!otr_traced_set_refused(s->traced, ev->tgid)) /* else it was on trial */
		otr_sources_align(s->src, ev, placed, s);
	return 0;
}

static void emit_clock(struct otr_session *s, uint64_t now)
{
	const struct otr_ev_clock clock = otr_synthetic_clock(now, s->seed);

	s->clock_ns = now;
	otr_session_put(s, &clock.hdr);
	malloc_trim(0); /* give back what a burst needed: free() gives only the end */
}

static void tick(struct otr_session *s, uint64_t time_ns)
{
	const struct otr_event ev = otr_synthetic_tick(time_ns);

	released(s, &ev);
}

/* A process has offered its ring. Its facts are read when its first record has come. */
static void born(void *arg, uint32_t tgid)
{
	struct otr_session *s = arg;

	otr_traced_set_add(s->traced, tgid);
}

/* Probes observe such a program, except a 32-bit one, which may have left /proc before
 * otr_session_facts() looks there. */
static void uncarried(void *arg, uint32_t tgid, int why, const char *path)
{
	struct otr_session *s = arg;

	if (s->cfg.no_probes || why == OTR_UNCARRIED_32BIT)
		otr_notseen_program(otr_sinks_notseen(s->cfg.sinks), tgid, why, path);
}

static bool is_traced(void *arg, uint32_t tgid)
{
	return otr_session_has(arg, tgid);
}

static void add_cpu(void *sum_ns, uint32_t tgid)
{
	*(uint64_t *)sum_ns += otr_procfs_cpu_ns(tgid);
}

static uint64_t traced_cpu_ns(void *arg)
{
	const struct otr_session *s = arg;
	uint64_t sum_ns = 0;

	otr_traced_set_each(s->traced, add_cpu, &sum_ns);
	return sum_ns;
}

static void set_pace(struct otr_session *s)
{
	s->pace = (struct otr_pace){
		.src = s->src,
		.sinks = s->cfg.sinks,
		.put = otr_session_put,
		.traced_ns = traced_cpu_ns,
		.arg = s,
	};
	otr_pace_start(&s->pace, s->cfg.cfg->cpu_budget, s->began_ns);
}

static uint64_t threshold(void *arg, uint32_t tgid)
{
	const struct otr_session *s = arg;

	return otr_pipeline_threshold(otr_sinks_pipeline(s->cfg.sinks), tgid);
}

static void notice(void *arg, const char *text)
{
	const struct otr_session *s = arg;

	otr_sinks_notice(s->cfg.sinks, text);
}

static int open_sources(struct otr_session *s, struct otr_err *err)
{
	const struct otr_session_config *cfg = &s->cfg;
	const struct otr_bpf_config bpf = {
		.btf = cfg->cfg->btf,
		.host = cfg->host,
		.trials = cfg->at_exec,
		.follow = !cfg->cfg->no_follow,
		.verbose = cfg->cfg->verbose,
		.force = getenv("OTRACE_PROBES"),
		.tls_now = !cfg->library,
		.notice = notice,
		.arg = s,
	};
	const struct otr_shim_config shim = {
		.switches = cfg->switches,
		.born = born,
		.uncarried = uncarried,
		.threshold = threshold,
		.arg = s,
	};
	const struct otr_sources_config src = {
		.bpf = cfg->no_probes ? NULL : &bpf,
		.shim = cfg->library ? &shim : NULL,
		.adopt = cfg->adopt,
		.is_traced = is_traced,
		.arg = s,
	};
	int rc = otr_sources_open(&s->src, &src, err);

	if (!rc)
		otr_pipeline_bind(otr_sinks_pipeline(cfg->sinks), otr_sources_feedback(s->src));
	return rc;
}

int otr_session_open(struct otr_session **out, const struct otr_session_config *cfg,
		     struct otr_err *err)
{
	OTR_AUTO(otr_session_close) struct otr_session *s = calloc(1, sizeof(*s));
	int rc = 0;

	if (!s || otr_traced_set_new(&s->traced) || otr_merge_new(&s->merge, MERGE_BYTES) ||
	    otr_blanks_new(&s->blanks)) {
		otr_err_set(err, "cannot begin a session: out of memory");
		return -ENOMEM;
	}
	s->cfg = *cfg;
	s->opened_ns = otr_now();
	if (getrandom(&s->seed, sizeof(s->seed), 0) != sizeof(s->seed))
		s->seed = otr_clock(CLOCK_REALTIME);
	if (cfg->cfg->record)
		rc = otr_record_open(&s->record, cfg->cfg->record, err);
	if (!rc)
		rc = open_sources(s, err);
	if (rc)
		return rc;
	s->began_ns = otr_now();
	emit_clock(s, s->began_ns);
	otr_resource_read_host(s->began_ns, otr_session_put, s);
	set_pace(s);
	*out = OTR_TAKE(s);
	return 0;
}

int otr_session_start(struct otr_session *s)
{
	s->started = true;
	return otr_sources_list(s->src, 0);
}

void otr_session_confine(struct otr_session *s, bool child)
{
	unsigned int needs = child ? OTR_CONFINE_CHILD : 0;
	int rc;

	if (!s->cfg.no_probes)
		needs |= OTR_CONFINE_PROBES;
	/* Without probes the session looks for rings of descendants that reached no door. */
	if (s->cfg.library && (s->cfg.adopt || s->cfg.no_probes))
		needs |= OTR_CONFINE_ADOPT;
	rc = otr_confine(needs);
	if (rc && s->cfg.cfg->verbose) /* `otrace doctor` says so, too */
		otr_log(OTR_LOG_WARN, "otrace keeps its privileges: it cannot confine itself: %s",
			strerror(-rc));
}

const char *otr_session_join(const struct otr_session *s)
{
	return otr_sources_session(s->src);
}

const char *otr_session_source(const struct otr_session *s)
{
	return otr_sources_name(s->src);
}

int otr_session_fd(const struct otr_session *s)
{
	return otr_sources_fd(s->src);
}

static uint64_t settle_ns(const struct otr_session *s)
{
	bool emitted = s->cfg.library && (!s->cfg.adopt || otr_sources_announced(s->src));

	return emitted ? SETTLE_LIB_NS : SETTLE_NS;
}

static void let_pass(struct otr_session *s, uint64_t until)
{
	if (until < s->passed_ns)
		return;
	s->passed_ns = until;
	otr_merge_release(s->merge, until, released, s);
	tick(s, until);
}

static void watchdog(struct otr_session *s, uint64_t now_ns)
{
	const char *text =
		otr_notseen_watch(otr_sinks_notseen(s->cfg.sinks), otr_sinks_pipeline(s->cfg.sinks),
				  now_ns - s->began_ns);

	if (text)
		otr_sinks_notice(s->cfg.sinks, text);
}

int otr_session_step(struct otr_session *s)
{
	uint64_t now = otr_now();

	s->events = 0;
	if (now - s->clock_ns > CLOCK_EACH_NS)
		emit_clock(s, now);
	otr_sources_drain(s->src, now, drained, s);
	otr_sources_poll(s->src, now, false, drained, s);
	otr_traced_set_tick(s->traced, now);
	otr_session_search(s, now);
	let_pass(s, now - settle_ns(s));
	otr_sinks_tick(s->cfg.sinks, now);
	watchdog(s, now);
	return otr_pace_step(&s->pace, now, s->events, otr_sources_rest_ms(s->src, s->events));
}

void otr_session_catch_up(struct otr_session *s)
{
	uint64_t until = otr_now();

	while (s->passed_ns < until) {
		otr_session_step(s);
		usleep(1000);
	}
}

static void close_record(struct otr_session *s)
{
	int rc = otr_record_close(&s->record);

	if (!rc)
		return;
	otr_loss_add(OTR_LOSS_RECORDING, 1);
	otr_loss_because(OTR_LOSS_RECORDING, "%s: %s", s->cfg.cfg->record, strerror(-rc));
}

void otr_session_finish(struct otr_session *s)
{
	uint64_t now;

	/* Facts are drained before data, so there may be bytes of a process on trial whose exec
	 * was written after the facts were drained. A second drain brings its exec; what comes
	 * later is dropped. */
	otr_sources_drain(s->src, otr_now(), drained, s);
	now = s->ended_ns = otr_now();
	otr_sources_drain(s->src, now, drained, s);
	otr_sources_poll(s->src, now, true, drained, s);
	let_pass(s, now + 1);
	close_record(s);
	otr_sinks_flush(s->cfg.sinks);
	otr_sinks_tick(s->cfg.sinks, now);
}

void otr_session_summary(struct otr_session *s, const char *what)
{
	char headers[200];
	struct otr_summary sum = {
		.what = what,
		.elapsed_ns = (s->ended_ns ? s->ended_ns : otr_now()) - s->began_ns,
		.cpu_ns = otr_usage_cpu_ns(),
		.lived_ns = otr_now() - s->opened_ns,
		.inside_ns = otr_sources_cost_ns(s->src),
		.library_ns = otr_sources_library_ns(s->src),
		.rss_bytes = otr_usage_rss(),
		.headers = otr_sources_headers(s->src, headers, sizeof(headers)),
		.budget = otr_pace_line(&s->pace),
	};

	otr_sinks_summary(s->cfg.sinks, &sum);
	if (s->ended_ns)
		otr_sinks_report_losses(s->cfg.sinks);
}

bool otr_session_flawed(const struct otr_session *s)
{
	return otr_loss_any() || otr_sources_limited(s->src);
}

void otr_session_close(struct otr_session **sp)
{
	struct otr_session *s = OTR_TAKE(*sp);

	if (!s)
		return;
	if (s->cfg.sinks)
		otr_pipeline_bind(otr_sinks_pipeline(s->cfg.sinks), NULL);
	otr_sources_close(&s->src);
	otr_merge_free(&s->merge);
	close_record(s);
	otr_blanks_free(&s->blanks);
	otr_traced_set_free(&s->traced);
	free(s);
}
