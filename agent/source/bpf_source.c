/* SPDX-License-Identifier: Apache-2.0 */
/* bpf_source.c - the kernel's probes as a row of sources; see source.h. */

#include "agent/source/bpf.h"

static int open_bpf(void **out, const void *config, struct otr_err *err)
{
	struct otr_bpf *b = NULL;
	int rc = otr_bpf_open(&b, config, err);

	*out = b;
	return rc;
}

static void close_bpf(void *src)
{
	struct otr_bpf *b = src;

	otr_bpf_close(&b);
}

static int fd(const void *src)
{
	return otr_bpf_fd(src);
}

/* A ring of the kernel that is an eighth full wakes the agent. */
static int rest_ms(const void *src, bool busy)
{
	return otr_bpf_rest_ms(src, busy ? 50 : 100);
}

static int drain(void *src, uint64_t now_ns, otr_event_fn fn, void *arg)
{
	(void)now_ns;
	return otr_bpf_drain(src, fn, arg);
}

static void poll_bpf(void *src, uint64_t now_ns, bool all, otr_event_fn fn, void *arg)
{
	otr_bpf_poll(src, now_ns, all, fn, arg);
}

static void policy(void *src, uint64_t conn, enum otr_dir dir, enum otr_capture capture,
		   uint32_t head_bytes)
{
	otr_bpf_policy(src, conn, dir, capture, head_bytes);
}

static void watch(void *src, uint64_t conn, enum otr_dir dir, bool want)
{
	otr_bpf_watch(src, conn, dir, want);
}

static int target(void *src, uint32_t tgid, bool follow)
{
	return otr_bpf_target(src, tgid, follow);
}

static void begun(void *src, uint32_t tgid, bool forked)
{
	otr_bpf_begun(src, tgid, forked);
}

static void untarget(void *src, uint32_t tgid)
{
	otr_bpf_untarget(src, tgid);
}

static int list(void *src, uint32_t tgid)
{
	return otr_bpf_list(src, tgid);
}

static void listeners(void *src, otr_event_fn fn, void *arg)
{
	otr_bpf_listeners(src, fn, arg);
}

static void pause_bpf(void *src, bool pause)
{
	otr_bpf_pause(src, pause);
}

static void trials(void *src, bool on)
{
	otr_bpf_trials(src, on);
}

static uint64_t cost_ns(const void *src)
{
	return otr_bpf_cost_ns(src);
}

static bool is_limited(const void *src)
{
	return otr_bpf_limited(src);
}

const struct otr_source_ops otr_bpf_source = {
	.name = "bpf",
	.open = open_bpf,
	.close = close_bpf,
	.fd = fd,
	.rest_ms = rest_ms,
	.drain = drain,
	.poll = poll_bpf,
	.policy = policy,
	.watch = watch,
	.target = target,
	.begun = begun,
	.untarget = untarget,
	.list = list,
	.listeners = listeners,
	.pause = pause_bpf,
	.trials = trials,
	.cost_ns = cost_ns,
	.is_limited = is_limited,
};
