/* SPDX-License-Identifier: Apache-2.0 */
/* session_procs.c - the processes of a session: which are traced, and what is known of them. */

#include "agent/session_procs.h"

#include <elf.h>
#include <fcntl.h>
#include <stdio.h>
#include <unistd.h>

#include "agent/base/clock.h"
#include "agent/base/elf_class.h"
#include "agent/config/settings.h"
#include "agent/notseen.h"
#include "agent/resource/name.h"
#include "agent/resource/procfs.h"
#include "agent/resource/resource.h"
#include "agent/session_state.h"
#include "agent/sinks.h"
#include "agent/source/sources.h"
#include "agent/source/synthetic.h"
#include "bpf/ring.h"

void otr_session_check_pairs(struct otr_session *s, const struct otr_event *ev)
{
	const struct otr_ev_meta *meta = (const void *)ev;
	struct otr_slice bad, env = {meta->text, meta->len};
	char text[300];

	if (!s->cfg.cfg->verbose || s->noticed_bad_pair || meta->key != OTR_META_ENV ||
	    otr_name_pairs(otr_name_env(env, "OTEL_RESOURCE_ATTRIBUTES"), NULL, NULL, &bad))
		return;
	s->noticed_bad_pair = true;
	snprintf(text, sizeof(text),
		 "OTEL_RESOURCE_ATTRIBUTES of process %u: `%.*s` is ignored\n"
		 "right: KEY=VALUE,KEY=VALUE, with %%2C for a comma and %%25 for a %%",
		 ev->tgid, bad.len < 80 ? (int)bad.len : 80, bad.data);
	otr_sinks_notice(s->cfg.sinks, text);
}

static void put_fact(void *arg, const struct otr_event *ev)
{
	otr_session_check_pairs(arg, ev);
	otr_session_put(arg, ev);
}

/* The probes read the arguments of a system call as 64-bit programs pass them. */
static void name_if_32bit(struct otr_session *s, uint32_t tgid)
{
	char path[32], exe[512];
	ssize_t n;

	if (s->cfg.no_probes || otr_elf_class(tgid) != ELFCLASS32)
		return;
	snprintf(path, sizeof(path), "/proc/%u/exe", tgid);
	n = readlink(path, exe, sizeof(exe) - 1);
	exe[n > 0 ? n : 0] = 0;
	otr_notseen_program(otr_sinks_notseen(s->cfg.sinks), tgid, OTR_UNCARRIED_32BIT, exe);
}

void otr_session_facts(struct otr_session *s, uint32_t tgid, uint64_t time_ns)
{
	const char *service = s->cfg.cfg->service;
	char go[OTR_GO_VERSION];

	name_if_32bit(s, tgid);
	otr_resource_read(tgid, time_ns, put_fact, s);
	if (otr_go_version(tgid, go))
		otr_meta_put(tgid, OTR_META_GO, otr_slice_str(go), time_ns, otr_session_put, s);
	if (service)
		otr_meta_put(tgid, OTR_META_SERVICE, otr_slice_str(service), time_ns,
			     otr_session_put, s);
}

struct family {
	struct otr_session *s;
	size_t added;
};

/* Adopts the ring of a process. With -v, notices why a process with the library is seen by probes
 * alone. */
static void adopt(struct otr_session *s, uint32_t tgid)
{
	enum otr_adopt is = otr_sources_adopt(s->src, tgid, otr_now());
	char text[160];

	if (!s->cfg.cfg->verbose || (is != OTR_ADOPT_HELD && is != OTR_ADOPT_DENIED))
		return;
	snprintf(text, sizeof(text), "process %u is traced by kernel probes alone: %s", tgid,
		 is == OTR_ADOPT_HELD ? "another agent reads its library"
				      : "only an agent with CAP_SYS_ADMIN can read its library");
	otr_sinks_notice(s->cfg.sinks, text);
}

static int target_one(struct otr_session *s, uint32_t tgid)
{
	int rc = otr_sources_target(s->src, tgid, !s->cfg.cfg->no_follow);
	char text[200];

	if (rc)
		return rc;
	otr_traced_set_add(s->traced, tgid);
	adopt(s, tgid);
	if (s->started)
		otr_sources_list(s->src, tgid);
	otr_session_facts(s, tgid, otr_now());
	if (otr_notseen_ring(tgid, text, sizeof(text)))
		otr_sinks_notice(s->cfg.sinks, text);
	return 0;
}

static bool add_child(void *arg, uint32_t pid)
{
	struct family *fam = arg;

	if (pid != (uint32_t)getpid() && !otr_session_traces(fam->s, pid) &&
	    otr_session_traces(fam->s, otr_procfs_parent(pid)) && !target_one(fam->s, pid))
		fam->added++;
	return true;
}

int otr_session_trace(struct otr_session *s, uint32_t tgid)
{
	struct family fam = {.s = s};
	int rc = target_one(s, tgid);

	if (rc || s->cfg.cfg->no_follow)
		return rc;
	/* Children of children: repeats until a pass finds none. */
	do {
		fam.added = 0;
		otr_procfs_each(add_child, &fam);
	} while (fam.added);
	return 0;
}

void otr_session_untarget(struct otr_session *s, uint32_t tgid)
{
	bool traced = otr_session_traces(s, tgid);

	otr_traced_set_refuse(s->traced, tgid, otr_now());
	if (traced)
		otr_sources_untarget(s->src, tgid);
}

void otr_session_sample(struct otr_session *s, uint32_t tgid, const char *rate)
{
	otr_meta_put(tgid, OTR_META_SAMPLE, otr_slice_str(rate ? rate : ""), otr_now(),
		     otr_session_put, s);
}

void otr_session_service(struct otr_session *s, uint32_t tgid, const char *name)
{
	const char *all = s->cfg.cfg->service; /* of all processes, by --service */

	if (!name)
		name = all ? all : "";
	otr_meta_put(tgid, OTR_META_SERVICE, otr_slice_str(name), otr_now(), otr_session_put, s);
}

/* A traced process stays traced, unless a rule or its environment says no. */
void otr_session_judge(struct otr_session *s, uint32_t tgid, uint16_t port,
		       const struct otr_ev_proc *exec)
{
	bool traced = otr_session_traces(s, tgid);
	struct otr_ruling by = {.is = OTR_VERDICT_NONE};
	enum otr_verdict is;
	struct otr_candidate who;

	if (!tgid || tgid == (uint32_t)getpid())
		return;
	if (s->cfg.judge && otr_candidate_read(&who, tgid, port, exec))
		by = s->cfg.judge(s->cfg.arg, &who);
	is = by.is;
	if (s->cfg.by_rules && (is == OTR_VERDICT_TRACE || (traced && is == OTR_VERDICT_NONE)))
		otr_session_sample(s, tgid, by.sample);
	if (((exec && traced) || is == OTR_VERDICT_TRACE) &&
	    otr_procfs_env_has(tgid, "OTRACE_DISABLED=1"))
		is = OTR_VERDICT_OFF;
	if (is == OTR_VERDICT_OFF || (is == OTR_VERDICT_NONE && !traced && s->cfg.judge))
		otr_session_untarget(s, tgid);
	else if (is == OTR_VERDICT_TRACE && !traced && exec)
		target_one(s, tgid); /* it has no children yet */
	else if (is == OTR_VERDICT_TRACE && !traced)
		otr_session_trace(s, tgid);
	if (s->cfg.by_rules && is != OTR_VERDICT_OFF && otr_session_traces(s, tgid))
		otr_session_service(s, tgid, by.service);
}

/* Judges the process of a record if its exec, fork or listen was lost. A child of a traced
 * process is traced as its parent is; any other process is judged now, and refused if it has
 * ended. */
void otr_session_settle(struct otr_session *s, uint32_t tgid)
{
	uint32_t parent = otr_procfs_parent(tgid);

	if (!parent || s->cfg.cfg->no_follow || !otr_traced_set_has(s->traced, parent)) {
		otr_session_judge(s, tgid, 0, NULL);
		return;
	}
	otr_traced_set_add(s->traced, tgid);
	otr_session_facts(s, tgid, otr_now());
}

/* A traced process executes another program: reads its facts, and where its goroutines keep their
 * numbers. */
static void changed(struct otr_session *s, const struct otr_event *ev)
{
	uint32_t goid, parent;

	otr_session_facts(s, ev->tgid, ev->time_ns);
	otr_sources_begun(s->src, ev->tgid, false);
	otr_go_layout(ev->tgid, &goid, &parent);
	if (goid && !otr_sources_target(s->src, ev->tgid, !s->cfg.cfg->no_follow))
		otr_sources_list(s->src, ev->tgid);
}

int otr_session_executed(struct otr_session *s, const struct otr_event *ev)
{
	bool traced = otr_session_traces(s, ev->tgid);

	if (traced || s->cfg.at_exec)
		otr_session_judge(s, ev->tgid, 0, (const void *)ev);
	if (!otr_session_traces(s, ev->tgid))
		return 0;
	otr_session_put(s, ev);
	if (traced)
		changed(s, ev);
	s->events++;
	return 0;
}

/* A child is traced like its parent, and refused like its parent, however late its fork is read. */
void otr_session_forked(struct otr_session *s, const struct otr_event *ev)
{
	const struct otr_ev_proc *pr = (const void *)ev;
	bool by_traced = otr_session_traces(s, pr->ppid); /* or its parent is not judged yet */

	if (otr_traced_set_refused(s->traced, pr->ppid)) {
		otr_traced_set_refuse(s->traced, ev->tgid, otr_now());
		return;
	}
	otr_traced_set_add(s->traced, ev->tgid);
	if (by_traced)
		otr_sources_begun(s->src, ev->tgid, true);
}

#define SEARCH_NS OTR_NS_PER_S /* for SEARCHES; later five times that: 1 ms for 100 processes */
#define SEARCHES  5
#define DEEPEST	  64 /* generations between a process and this one */

static bool descends_from_us(uint32_t pid)
{
	uint32_t us = (uint32_t)getpid();

	for (int i = 0; i < DEEPEST && pid > 1; i++) {
		pid = otr_procfs_parent(pid);
		if (pid == us)
			return true;
	}
	return false;
}

/* May its memory map be read? Then only the ring may not be opened. */
static bool has_open_maps(uint32_t pid)
{
	char path[32];
	int fd;

	snprintf(path, sizeof(path), "/proc/%u/maps", pid);
	fd = open(path, O_RDONLY | O_CLOEXEC);
	if (fd >= 0)
		close(fd);
	return fd >= 0;
}

/* Names processes that a second after they were found have offered no ring. */
static void name_apart(struct otr_session *s)
{
	char exe[512];

	while (s->n_apart) {
		uint32_t pid = s->apart[--s->n_apart];

		if (!otr_session_traces(s, pid) && otr_procfs_exe(pid, exe, sizeof(exe)))
			otr_notseen_program(otr_sinks_notseen(s->cfg.sinks), pid,
					    OTR_UNCARRIED_APART, exe);
	}
}

static bool search_one(void *arg, uint32_t pid)
{
	struct otr_session *s = arg;
	enum otr_adopt is;

	if (otr_session_traces(s, pid) || !descends_from_us(pid))
		return true;
	is = otr_sources_adopt(s->src, pid, otr_now());
	if (is == OTR_ADOPT_TAKEN) {
		otr_traced_set_add(s->traced, pid);
		otr_session_facts(s, pid, otr_now());
	} else if (is == OTR_ADOPT_DENIED && s->n_apart < OTR_SESSION_APART && has_open_maps(pid)) {
		s->apart[s->n_apart++] = pid;
	}
	return true;
}

/* A process that reaches no door keeps its ring where it can be found: with CAP_SYS_ADMIN it is
 * adopted, without it the process is named as not seen. */
void otr_session_search(struct otr_session *s, uint64_t now_ns)
{
	bool young = now_ns - s->began_ns < SEARCHES * SEARCH_NS;

	if (!s->cfg.no_probes || !s->cfg.library || s->cfg.cfg->no_follow ||
	    now_ns - s->searched_ns < (young ? SEARCH_NS : SEARCHES * SEARCH_NS))
		return;
	s->searched_ns = now_ns;
	name_apart(s);
	otr_procfs_each(search_one, s);
}
