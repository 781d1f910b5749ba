/* SPDX-License-Identifier: Apache-2.0 */
/* sources.c - all that a session draws from; see sources.h. */

#include "agent/source/sources.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <unistd.h>

#include "agent/base/clock.h"
#include "agent/base/err.h"
#include "agent/base/own.h"
#include "agent/source/adopt_retry.h"
#include "agent/source/seq_align.h"

#define SWEEP_NS 2000000000ull

struct otr_sources {
	struct otr_bpf *bpf;
	struct otr_shims *shims;
	struct otr_seq_align *seq_align; /* where both are used */
	struct otr_adopt_retry *retry;
	otr_shim_born_fn born;
	bool (*is_traced)(void *arg, uint32_t tgid);
	void *arg;
	bool adopt;
	int epoll;
	uint64_t swept_ns;
	otr_event_fn fn; /* during a drain */
	void *fn_arg;
};

static int wait_for(struct otr_sources *s, int fd)
{
	struct epoll_event ev = {.events = EPOLLIN};

	return epoll_ctl(s->epoll, EPOLL_CTL_ADD, fd, &ev) ? -errno : 0;
}

/* It tells of its bytes itself from now on. */
static void leave_to_library(void *arg, uint32_t tgid)
{
	struct otr_sources *s = arg;

	otr_bpf_lib(s->bpf, tgid);
}

/* Who carries the library is not observed twice. */
static int join_both(struct otr_sources *s)
{
	uint64_t doors[OTR_OFFER_DOORS];
	int rc = otr_seq_align_new(&s->seq_align);

	otr_shims_on_adopt(s->shims, leave_to_library, s);
	if (s->adopt)
		otr_shims_welcome(s->shims, s->is_traced, s->arg);
	otr_shims_late(s->shims);
	otr_shims_doors(s->shims, doors);
	for (uint32_t i = 0; !rc && i < OTR_OFFER_DOORS; i++)
		rc = doors[i] ? otr_bpf_door(s->bpf, doors[i]) : 0;
	return rc;
}

static int open_each(struct otr_sources *s, const struct otr_sources_config *cfg,
		     struct otr_err *err)
{
	int rc = 0;

	if (cfg->use_bpf)
		rc = otr_bpf_open(&s->bpf, &cfg->bpf, err);
	if (!rc && cfg->use_shim)
		rc = otr_shims_open(&s->shims, err);
	if (!rc && s->shims)
		otr_shims_on_uncarried(s->shims, cfg->uncarried, cfg->arg);
	if (rc && s->bpf && cfg->adopt)
		rc = 0; /* the probes see it all the same */
	if (rc)
		return rc;
	if (cfg->say)
		otr_sources_say(s, cfg->say);
	if (s->bpf)
		rc = wait_for(s, otr_bpf_fd(s->bpf));
	if (!rc && s->shims)
		rc = wait_for(s, otr_shims_fd(s->shims));
	if (!rc && s->shims)
		rc = otr_adopt_retry_new(&s->retry);
	if (!rc && s->bpf && s->shims)
		rc = join_both(s);
	if (rc)
		otr_err_set(err, "two sources at once: %s", strerror(-rc));
	return rc;
}

int otr_sources_open(struct otr_sources **out, const struct otr_sources_config *cfg,
		     struct otr_err *err)
{
	OTR_AUTO(otr_sources_close) struct otr_sources *s = calloc(1, sizeof(*s));
	int rc;

	if (!s) {
		otr_err_set(err, "out of memory");
		return -ENOMEM;
	}
	s->born = cfg->born;
	s->is_traced = cfg->is_traced;
	s->adopt = cfg->adopt;
	s->arg = cfg->arg;
	s->epoll = epoll_create1(EPOLL_CLOEXEC);
	if (s->epoll < 0) {
		otr_err_set(err, "epoll_create1: %s", strerror(errno));
		return -errno;
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
	otr_bpf_close(&s->bpf);
	otr_shims_close(&s->shims);
	otr_seq_align_free(&s->seq_align);
	otr_adopt_retry_free(&s->retry);
	if (s->epoll >= 0)
		close(s->epoll);
	free(s);
}

const char *otr_sources_name(const struct otr_sources *s)
{
	if (!s->shims || (s->adopt && !otr_sources_announced(s)))
		return "bpf";
	return s->bpf ? "bpf+shim" : "shim";
}

const char *otr_sources_session(const struct otr_sources *s)
{
	return s->shims ? otr_shims_session(s->shims) : NULL;
}

int otr_sources_fd(const struct otr_sources *s)
{
	return s->epoll;
}

int otr_sources_rest_ms(const struct otr_sources *s, bool busy)
{
	if (s->shims && otr_shims_alive(s->shims))
		return busy ? 2 : 20;
	return busy ? 10 : 100;
}

static void was_born(void *arg, uint32_t tgid)
{
	struct otr_sources *s = arg;

	s->born(s->arg, tgid);
}

/* The life of processes is the kernel's to tell where it does. */
static int from_library(void *arg, const struct otr_event *ev)
{
	struct otr_sources *s = arg;

	if (s->bpf && (ev->kind == OTR_EV_PROC_EXEC || ev->kind == OTR_EV_PROC_EXIT))
		return 0;
	return s->fn(s->fn_arg, ev);
}

enum otr_adopt otr_sources_adopt(struct otr_sources *s, uint32_t tgid, uint64_t now_ns)
{
	enum otr_adopt is = OTR_ADOPT_NONE;

	if (!s->retry || !otr_adopt_retry_due(s->retry, tgid, now_ns))
		return is;
	is = otr_shims_adopt(s->shims, tgid, now_ns);
	if (is != OTR_ADOPT_LATER)
		otr_adopt_retry_over(s->retry, tgid);
	return is;
}

bool otr_sources_announced(const struct otr_sources *s)
{
	return s->shims && otr_shims_alive(s->shims);
}

/* What the kernel tells is also a reason to look for a ring, or to do so anew. */
static int from_kernel(void *arg, const struct otr_event *ev)
{
	const struct otr_ev_conn *cn = (const void *)ev;
	struct otr_sources *s = arg;
	int rc = s->fn(s->fn_arg, ev);

	if (!s->retry || !ev->tgid)
		return rc;
	if (ev->kind == OTR_EV_PROC_EXEC || ev->kind == OTR_EV_PROC_EXIT)
		otr_adopt_retry_anew(s->retry, ev->tgid);
	if (ev->kind == OTR_EV_PROC_EXEC)
		otr_shims_executed(s->shims, ev->tgid, ev->time_ns);
	if (ev->kind == OTR_EV_CONN_OPEN && cn->by_lib != OTR_BY_LIB_ALL && s->is_traced &&
	    s->is_traced(s->arg, ev->tgid))
		otr_sources_adopt(s, ev->tgid, otr_now());
	return rc;
}

static bool carries_library(void *arg, uint32_t tgid)
{
	return otr_shims_has(arg, tgid);
}

static void sweep(struct otr_sources *s, uint64_t now_ns)
{
	if (now_ns - s->swept_ns < SWEEP_NS)
		return;
	s->swept_ns = now_ns;
	otr_bpf_sweep_libs(s->bpf, carries_library, s->shims);
}

void otr_sources_drain(struct otr_sources *s, uint64_t now_ns, otr_event_fn fn, void *arg)
{
	s->fn = fn;
	s->fn_arg = arg;
	if (s->bpf)
		otr_bpf_drain(s->bpf, from_kernel, s);
	if (s->shims)
		otr_shims_drain(s->shims, now_ns, was_born, from_library, s);
	if (s->bpf && s->shims)
		sweep(s, now_ns);
}

void otr_sources_place(struct otr_sources *s, const struct otr_event *ev, otr_event_fn fn,
		       void *arg)
{
	if (s->seq_align)
		otr_seq_align_event(s->seq_align, ev, fn, arg);
	else
		fn(arg, ev);
}

void otr_sources_poll(struct otr_sources *s, uint64_t now_ns, bool all, otr_event_fn fn, void *arg)
{
	if (s->bpf)
		otr_bpf_poll(s->bpf, now_ns, all, fn, arg);
	if (s->shims)
		otr_shims_poll(s->shims, now_ns, fn, arg);
}

void otr_sources_policy(struct otr_sources *s, uint64_t conn, enum otr_dir dir,
			enum otr_capture capture, uint32_t head_bytes)
{
	if (s->bpf)
		otr_bpf_policy(s->bpf, conn, dir, capture, head_bytes);
	if (s->shims)
		otr_shims_policy(s->shims, conn, dir, capture, head_bytes);
}

void otr_sources_watch(struct otr_sources *s, uint64_t conn, enum otr_dir dir, bool want)
{
	if (s->bpf)
		otr_bpf_watch(s->bpf, conn, dir, want);
	if (s->shims)
		otr_shims_watch(s->shims, conn, dir, want);
}

void otr_sources_handoff(struct otr_sources *s, uint32_t tgid)
{
	if (s->shims)
		otr_shims_handoff(s->shims, tgid);
}

int otr_sources_target(struct otr_sources *s, uint32_t tgid, bool follow)
{
	return s->bpf ? otr_bpf_target(s->bpf, tgid, follow) : 0;
}

void otr_sources_untarget(struct otr_sources *s, uint32_t tgid)
{
	if (s->bpf)
		otr_bpf_untarget(s->bpf, tgid);
	if (s->shims)
		otr_shims_off(s->shims, tgid);
}

int otr_sources_list(struct otr_sources *s, uint32_t tgid)
{
	return s->bpf ? otr_bpf_list(s->bpf, tgid) : 0;
}

void otr_sources_listeners(struct otr_sources *s, otr_event_fn fn, void *arg)
{
	if (s->bpf)
		otr_bpf_listeners(s->bpf, fn, arg);
}

bool otr_sources_limited(const struct otr_sources *s)
{
	return s->bpf && otr_bpf_limited(s->bpf);
}

uint64_t otr_sources_cost_ns(const struct otr_sources *s)
{
	return (s->bpf ? otr_bpf_cost_ns(s->bpf) : 0) + otr_sources_library_ns(s);
}

uint64_t otr_sources_library_ns(const struct otr_sources *s)
{
	return s->shims ? otr_shims_cost_ns(s->shims) : 0;
}

void otr_sources_pause(struct otr_sources *s, bool pause)
{
	if (s->bpf)
		otr_bpf_pause(s->bpf, pause);
	if (s->shims)
		otr_shims_pause(s->shims, pause);
}

void otr_sources_say(struct otr_sources *s, const struct otr_ring_switches *say)
{
	if (s->shims)
		otr_shims_say(s->shims, say);
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
