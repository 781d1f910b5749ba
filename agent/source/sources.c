/* SPDX-License-Identifier: Apache-2.0 */
/* sources.c - the live sources of a session; see sources.h. */

#include "agent/source/sources.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <unistd.h>

#include "agent/base/err.h"
#include "agent/base/own.h"
#include "agent/source/combine.h"

#define SOURCES 2

struct otr_sources {
	struct otr_source open[SOURCES];
	size_t n;
	struct otr_bpf *bpf;	 /* of the row that has it; or NULL */
	struct otr_shims *shims; /* likewise */
	struct otr_combine *combine;
	struct otr_feedback feedback;
	bool adopt;
	int epoll;
	otr_event_fn fn; /* during a drain */
	void *fn_arg;
};

static void policy(void *arg, uint64_t conn, enum otr_dir dir, enum otr_capture capture,
		   uint32_t head_bytes)
{
	struct otr_sources *s = arg;

	for (size_t i = 0; i < s->n; i++)
		s->open[i].ops->policy(s->open[i].state, conn, dir, capture, head_bytes);
}

static void watch(void *arg, uint64_t conn, enum otr_dir dir, bool want)
{
	struct otr_sources *s = arg;

	for (size_t i = 0; i < s->n; i++)
		s->open[i].ops->watch(s->open[i].state, conn, dir, want);
}

static void handoff(void *arg, uint32_t tgid)
{
	struct otr_sources *s = arg;

	for (size_t i = 0; i < s->n; i++)
		if (s->open[i].ops->handoff)
			s->open[i].ops->handoff(s->open[i].state, tgid);
}

/* Opens one source. Returns its state, or NULL and *rc. */
static void *open_one(struct otr_sources *s, const struct otr_source_ops *ops, const void *config,
		      int *rc, struct otr_err *err)
{
	struct epoll_event ev = {.events = EPOLLIN};
	void *state = NULL;

	*rc = ops->open(&state, config, err);
	if (*rc)
		return NULL;
	s->open[s->n++] = (struct otr_source){ops, state};
	if (ops->fd && epoll_ctl(s->epoll, EPOLL_CTL_ADD, ops->fd(state), &ev)) {
		*rc = -errno;
		otr_err_set(err, "cannot wait for the events of source %s: epoll_ctl: %s",
			    ops->name, strerror(-*rc));
	}
	return state;
}

static int open_each(struct otr_sources *s, const struct otr_sources_config *cfg,
		     struct otr_err *err)
{
	struct otr_combine_config cb = {
		.adopt = cfg->adopt,
		.is_traced = cfg->is_traced,
		.arg = cfg->arg,
	};
	int rc = 0;

	if (cfg->bpf)
		cb.bpf = s->bpf = open_one(s, &otr_bpf_source, cfg->bpf, &rc, err);
	if (!rc && cfg->shim)
		cb.shims = s->shims = open_one(s, &otr_shim_source, cfg->shim, &rc, err);
	if (rc && s->bpf && !s->shims && cfg->adopt)
		rc = 0; /* the probes observe these processes all the same */
	if (rc)
		return rc;
	rc = otr_combine_new(&s->combine, &cb);
	if (rc)
		otr_err_set(err, "cannot merge the events of probes and library: %s",
			    strerror(-rc));
	return rc;
}

int otr_sources_open(struct otr_sources **out, const struct otr_sources_config *cfg,
		     struct otr_err *err)
{
	OTR_AUTO(otr_sources_close) struct otr_sources *s = calloc(1, sizeof(*s));
	int rc;

	if (!s) {
		otr_err_set(err, "cannot open the sources of events: out of memory");
		return -ENOMEM;
	}
	s->feedback = (struct otr_feedback){policy, watch, handoff, s};
	s->adopt = cfg->adopt;
	s->epoll = epoll_create1(EPOLL_CLOEXEC);
	if (s->epoll < 0) {
		rc = -errno;
		otr_err_set(err, "cannot wait for events: epoll_create1: %s", strerror(-rc));
		return rc;
	}
	rc = open_each(s, cfg, err);
	if (!rc)
		*out = OTR_TAKE(s);
	return rc;
}

void otr_sources_close(struct otr_sources **sp)
{
	struct otr_sources *s = OTR_TAKE(*sp);

	if (!s)
		return;
	for (size_t i = 0; i < s->n; i++)
		s->open[i].ops->close(s->open[i].state);
	otr_combine_free(&s->combine);
	if (s->epoll >= 0)
		close(s->epoll);
	free(s);
}

const char *otr_sources_name(const struct otr_sources *s)
{
	if (!s->shims || (s->adopt && !otr_sources_announced(s)))
		return otr_bpf_source.name;
	return s->bpf ? "bpf+shim" : otr_shim_source.name;
}

const char *otr_sources_session(const struct otr_sources *s)
{
	return s->shims ? otr_shims_session(s->shims) : NULL;
}

const struct otr_feedback *otr_sources_feedback(struct otr_sources *s)
{
	return &s->feedback;
}

int otr_sources_fd(const struct otr_sources *s)
{
	return s->epoll;
}

int otr_sources_rest_ms(const struct otr_sources *s, bool busy)
{
	int ms, least = 100;

	for (size_t i = 0; i < s->n; i++) {
		ms = s->open[i].ops->rest_ms(s->open[i].state, busy);
		if (ms < least)
			least = ms;
	}
	return least;
}

enum otr_adopt otr_sources_adopt(struct otr_sources *s, uint32_t tgid, uint64_t now_ns)
{
	return otr_combine_adopt(s->combine, tgid, now_ns);
}

bool otr_sources_announced(const struct otr_sources *s)
{
	return s->shims && otr_shims_alive(s->shims);
}

/* An event of any source, on its way to the owner of the sources. */
static int pass_on(void *arg, const struct otr_event *ev)
{
	struct otr_sources *s = arg;
	int rc;

	if (ev->hook == OTR_HOOK_PRELOAD)
		return otr_combine_omits(s->combine, ev) ? 0 : s->fn(s->fn_arg, ev);
	rc = s->fn(s->fn_arg, ev);
	otr_combine_from_kernel(s->combine, ev);
	return rc;
}

void otr_sources_drain(struct otr_sources *s, uint64_t now_ns, otr_event_fn fn, void *arg)
{
	s->fn = fn;
	s->fn_arg = arg;
	for (size_t i = 0; i < s->n; i++)
		s->open[i].ops->drain(s->open[i].state, now_ns, pass_on, s);
	otr_combine_sweep(s->combine, now_ns);
}

void otr_sources_align(struct otr_sources *s, const struct otr_event *ev, otr_event_fn fn,
		       void *arg)
{
	otr_combine_align(s->combine, ev, fn, arg);
}

void otr_sources_poll(struct otr_sources *s, uint64_t now_ns, bool all, otr_event_fn fn, void *arg)
{
	for (size_t i = 0; i < s->n; i++)
		s->open[i].ops->poll(s->open[i].state, now_ns, all, fn, arg);
}

int otr_sources_target(struct otr_sources *s, uint32_t tgid, bool follow)
{
	int rc = 0;

	for (size_t i = 0; i < s->n && !rc; i++)
		if (s->open[i].ops->target)
			rc = s->open[i].ops->target(s->open[i].state, tgid, follow);
	return rc;
}

void otr_sources_begun(struct otr_sources *s, uint32_t tgid, bool forked)
{
	for (size_t i = 0; i < s->n; i++)
		if (s->open[i].ops->begun)
			s->open[i].ops->begun(s->open[i].state, tgid, forked);
}

void otr_sources_untarget(struct otr_sources *s, uint32_t tgid)
{
	for (size_t i = 0; i < s->n; i++)
		s->open[i].ops->untarget(s->open[i].state, tgid);
}

int otr_sources_list(struct otr_sources *s, uint32_t tgid)
{
	int rc = 0;

	for (size_t i = 0; i < s->n && !rc; i++)
		if (s->open[i].ops->list)
			rc = s->open[i].ops->list(s->open[i].state, tgid);
	return rc;
}

void otr_sources_listeners(struct otr_sources *s, otr_event_fn fn, void *arg)
{
	for (size_t i = 0; i < s->n; i++)
		if (s->open[i].ops->listeners)
			s->open[i].ops->listeners(s->open[i].state, fn, arg);
}

bool otr_sources_limited(const struct otr_sources *s)
{
	bool limited = false;

	for (size_t i = 0; i < s->n; i++)
		if (s->open[i].ops->is_limited)
			limited |= s->open[i].ops->is_limited(s->open[i].state);
	return limited;
}

uint64_t otr_sources_cost_ns(const struct otr_sources *s)
{
	uint64_t sum_ns = 0;

	for (size_t i = 0; i < s->n; i++)
		sum_ns += s->open[i].ops->cost_ns(s->open[i].state);
	return sum_ns;
}

uint64_t otr_sources_library_ns(const struct otr_sources *s)
{
	return s->shims ? otr_shims_cost_ns(s->shims) : 0;
}

void otr_sources_pause(struct otr_sources *s, bool pause)
{
	for (size_t i = 0; i < s->n; i++)
		s->open[i].ops->pause(s->open[i].state, pause);
}

void otr_sources_trials(struct otr_sources *s, bool on)
{
	for (size_t i = 0; i < s->n; i++)
		if (s->open[i].ops->trials)
			s->open[i].ops->trials(s->open[i].state, on);
}

const char *otr_sources_headers(const struct otr_sources *s, char *out, size_t size)
{
	static const char *const reasons[OTR_SHIM_COUNTS] = {
#define OTR_SHIM_COUNT_ROW(id, no_header) [OTR_SHIM_##id] = (no_header),
#include "bpf/shim_count.def"
#undef OTR_SHIM_COUNT_ROW
	};
	const char *comma = "; left alone: ";
	uint64_t n = s->shims ? otr_shims_count(s->shims, OTR_SHIM_INJECTED) : 0;
	size_t len = (size_t)snprintf(out, size, "%llu put in", (unsigned long long)n);
	bool any = n > 0;

	for (int i = 0; s->shims && i < OTR_SHIM_COUNTS && len < size; i++) {
		n = reasons[i] ? otr_shims_count(s->shims, (enum otr_shim_count)i) : 0;
		if (!n)
			continue;
		len += (size_t)snprintf(out + len, size - len, "%s%llu %s", comma,
					(unsigned long long)n, reasons[i]);
		comma = ", ";
		any = true;
	}
	if (!any)
		out[0] = 0;
	return out;
}
