/* SPDX-License-Identifier: Apache-2.0 */
/* shim_source.c - the library inside programs as a row of sources; see source.h. */

#include "agent/source/shim.h"

static int open_shims(void **out, const void *config, struct otr_err *err)
{
	const struct otr_shim_config *cfg = config;
	struct otr_shims *s = NULL;
	int rc = otr_shims_open(&s, err);

	if (rc)
		return rc;
	otr_shims_on_born(s, cfg->born, cfg->arg);
	otr_shims_on_uncarried(s, cfg->uncarried, cfg->arg);
	otr_shims_on_threshold(s, cfg->threshold, cfg->arg);
	if (cfg->switches)
		otr_shims_set_switches(s, cfg->switches);
	*out = s;
	return 0;
}

static void close_shims(void *src)
{
	struct otr_shims *s = src;

	otr_shims_close(&s);
}

static int fd(const void *src)
{
	return otr_shims_fd(src);
}

static int rest_ms(const void *src, bool busy)
{
	if (!otr_shims_alive(src))
		return busy ? 10 : 100;
	return otr_shims_rest_ms(src);
}

static int drain(void *src, uint64_t now_ns, otr_event_fn fn, void *arg)
{
	return otr_shims_drain(src, now_ns, fn, arg);
}

static void poll_shims(void *src, uint64_t now_ns, bool all, otr_event_fn fn, void *arg)
{
	(void)all;
	otr_shims_poll(src, now_ns, fn, arg);
}

static void policy(void *src, uint64_t conn, enum otr_dir dir, enum otr_capture capture,
		   uint32_t head_bytes)
{
	otr_shims_policy(src, conn, dir, capture, head_bytes);
}

static void watch(void *src, uint64_t conn, enum otr_dir dir, bool want)
{
	otr_shims_watch(src, conn, dir, want);
}

static void handoff(void *src, uint32_t tgid)
{
	otr_shims_handoff(src, tgid);
}

static void untarget(void *src, uint32_t tgid)
{
	otr_shims_off(src, tgid);
}

static void pause_shims(void *src, bool pause)
{
	otr_shims_pause(src, pause);
}

static uint64_t cost_ns(const void *src)
{
	return otr_shims_cost_ns(src);
}

const struct otr_source_ops otr_shim_source = {
	.name = "shim",
	.open = open_shims,
	.close = close_shims,
	.fd = fd,
	.rest_ms = rest_ms,
	.drain = drain,
	.poll = poll_shims,
	.policy = policy,
	.watch = watch,
	.handoff = handoff,
	.untarget = untarget,
	.pause = pause_shims,
	.cost_ns = cost_ns,
};
