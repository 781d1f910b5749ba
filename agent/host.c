/* SPDX-License-Identifier: Apache-2.0 */
/* host.c - applies the rules to all processes that run; see host.h. */

#include "agent/host.h"

#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "agent/base/log.h"
#include "agent/resource/procfs.h"
#include "agent/session.h"
#include "agent/session_procs.h"

#define DEEPEST 64 /* generations between a process and the one that is wanted */

/* A process that was judged in this pass. */
struct judged {
	uint32_t tgid;
	enum otr_verdict is;	      /* of all its ports: OTR_VERDICT_OFF is the strongest */
	const char *sample, *service; /* borrowed from the rules, or NULL */
};

static struct judged *find(const struct otr_host *host, uint32_t tgid)
{
	for (size_t i = 0; i < host->n; i++)
		if (host->judged[i].tgid == tgid)
			return &host->judged[i];
	return NULL;
}

static struct judged *make(struct otr_host *host, uint32_t tgid)
{
	struct judged *more;

	if (host->n == host->cap) {
		more = realloc(host->judged, (host->cap + 256) * sizeof(*more));
		if (!more) {
			host->failed = true;
			return NULL;
		}
		host->judged = more;
		host->cap += 256;
	}
	host->judged[host->n] = (struct judged){.tgid = tgid};
	return &host->judged[host->n++];
}

static void judge(struct otr_host *host, struct judged *row, uint16_t port)
{
	struct otr_candidate who;
	struct otr_ruling is;

	if (!row || row->tgid == (uint32_t)getpid() || row->tgid == (uint32_t)getppid() ||
	    !otr_candidate_read(&who, row->tgid, port, NULL))
		return;
	is = otr_rules_judge(&host->rules, &who);
	row->is = is.is > row->is ? is.is : row->is;
	row->sample = is.sample ? is.sample : row->sample;
	row->service = is.service ? is.service : row->service;
}

static void judge_listener(void *arg, uint32_t tgid, uint16_t port)
{
	struct otr_host *host = arg;
	struct judged *row = find(host, tgid);

	judge(host, row ? row : make(host, tgid), port);
}

/* What a rule decided by a port of the process holds. */
static bool judge_running(void *arg, uint32_t tgid)
{
	struct otr_host *host = arg;

	if (!find(host, tgid))
		judge(host, make(host, tgid), 0);
	return true;
}

static void judge_all(struct otr_host *host)
{
	otr_session_listeners(host->session, judge_listener, host);
	otr_procfs_each(judge_running, host);
}

static void trace(struct otr_host *host, const struct judged *row)
{
	if (row->is != OTR_VERDICT_TRACE)
		return;
	if (!otr_session_has(host->session, row->tgid) &&
	    otr_session_target(host->session, row->tgid)) {
		otr_log(OTR_LOG_WARN, "process %u cannot be traced", row->tgid);
		return;
	}
	otr_session_sample(host->session, row->tgid, row->sample);
	otr_session_service(host->session, row->tgid, row->service);
}

static void end_pass(struct otr_host *host)
{
	if (host->failed)
		otr_log(OTR_LOG_WARN, "no memory to judge all processes; some are not traced");
	free(host->judged);
	host->judged = NULL;
	host->n = host->cap = 0;
	host->failed = false;
}

void otr_host_begin(struct otr_host *host)
{
	judge_all(host);
	for (size_t i = 0; i < host->n; i++)
		trace(host, &host->judged[i]);
	end_pass(host);
}

/* A process that is wanted, or whose parent is one, and not switched off. */
static bool is_wanted(const struct otr_host *host, uint32_t tgid)
{
	const struct judged *row = find(host, tgid);

	if (row && row->is == OTR_VERDICT_OFF)
		return false;
	for (int i = 0; i < DEEPEST && tgid > 1; i++) {
		row = find(host, tgid);
		if (row && row->is == OTR_VERDICT_TRACE)
			return true;
		tgid = otr_procfs_parent(tgid);
	}
	return false;
}

static void drop(void *arg, uint32_t tgid)
{
	struct otr_host *host = arg;
	struct judged *row = find(host, tgid);

	/* A process that has started since is judged by the session. */
	if (row && !is_wanted(host, tgid))
		row->is = OTR_VERDICT_OFF;
}

void otr_host_change(struct otr_host *host)
{
	otr_session_catch_up(host->session); /* records of a refused process are dropped */
	otr_session_at_exec(host->session, otr_rules_at_exec(&host->rules));
	judge_all(host);
	otr_session_each(host->session, drop, host);
	for (size_t i = 0; i < host->n; i++)
		if (host->judged[i].is == OTR_VERDICT_OFF)
			otr_session_untarget(host->session, host->judged[i].tgid);
	for (size_t i = 0; i < host->n; i++)
		trace(host, &host->judged[i]);
	end_pass(host);
}
