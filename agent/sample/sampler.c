/* SPDX-License-Identifier: Apache-2.0 */
/* sampler.c - which traces that begin in a process are sampled; see sampler.h. */

#include "agent/sample/sampler.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "agent/base/err.h"
#include "agent/base/own.h"
#include "agent/resource/resource.h"
#include "bpf/sample.h"

#define SECOND_NS  1000000000ull
#define LIMITS_MAX 256
#define OF_OTHERS  80	/* of these, for rules and --sample: processes cannot use them up */
#define UNUSED	   1e-4 /* traces a second: none for a minute */
#define PER_S_MAX  1e6
#define CACHE_ROWS 256 /* processes whose sampler is remembered */

/* A limit in traces per second. Those of environments count for each process alone. */
struct limit {
	double per_s;
	uint32_t tgid;	/* 0: of a rule or --sample: for all processes that have it */
	uint64_t began; /* traces in this second */
	double rate;	/* traces a second that began lately */
	uint64_t threshold;
};

/* What was found for a process, good until a fact changes. */
struct cache_row {
	uint64_t changes;
	uint32_t tgid;
	struct otr_sampler sampler;
	struct limit *limit;
};

struct otr_samplers {
	struct otr_sampler fallback;
	const struct otr_procs *procs;
	struct cache_row cache[CACHE_ROWS]; /* by tgid */
	struct limit limits[LIMITS_MAX];
	size_t n_limits;
	uint64_t second_ns; /* when this second began */
	uint64_t removed;   /* limits that were removed: a row of the cache may point to one */
};

static bool read_limit(struct otr_sampler *out, struct otr_slice text)
{
	char number[24], *end;
	double n;

	if (text.len < 3 || text.len > sizeof(number) || memcmp(text.data + text.len - 2, "/s", 2))
		return false;
	for (size_t i = 0; i < text.len - 2; i++)
		if ((text.data[i] < '0' || text.data[i] > '9') && text.data[i] != '.')
			return false;
	memcpy(number, text.data, text.len - 2);
	number[text.len - 2] = '\0';
	n = strtod(number, &end);
	if (*end || n > PER_S_MAX)
		return false;
	*out = (struct otr_sampler){.per_s = n, .threshold = n > 0 ? 0 : OTR_SAMPLE_NEVER};
	return true;
}

bool otr_sampler_read(struct otr_sampler *out, struct otr_slice text)
{
	uint64_t threshold;

	if (!otr_sample_share(text.data, text.len, &threshold))
		return read_limit(out, text);
	*out = (struct otr_sampler){.threshold = threshold};
	return true;
}

bool otr_sampler_read_otel(struct otr_sampler *out, struct otr_slice name, struct otr_slice arg)
{
	const struct otr_slice parent = OTR_SLICE("parentbased_");
	struct otr_sampler is = {.ignores_caller = !otr_slice_starts(name, parent)};
	struct otr_slice root = name;

	if (!is.ignores_caller)
		root = otr_slice_sub(name, parent.len, name.len);
	if (otr_slice_eq(root, OTR_SLICE("always_off")))
		is.threshold = OTR_SAMPLE_NEVER;
	else if (otr_slice_eq(root, OTR_SLICE("traceidratio")))
		is.threshold = 0;
	else if (!otr_slice_eq(root, OTR_SLICE("always_on")))
		return false;
	if (otr_slice_eq(root, OTR_SLICE("traceidratio")) && arg.len &&
	    (arg.data[arg.len - 1] == '%' || !otr_sample_share(arg.data, arg.len, &is.threshold)))
		return false;
	*out = is;
	return true;
}

int otr_sampler_check(const char *text, const char *from, struct otr_err *err)
{
	struct otr_sampler sampler;

	if (otr_sampler_read(&sampler, otr_slice_str(text)))
		return 0;
	otr_err_set(err, "%s: \"%.60s\" is not a rate", from, text);
	otr_err_hint(err, OTR_SAMPLER_RIGHT);
	return -EINVAL;
}

/* Samplers of the specification that ask a server. */
static bool is_elsewhere(const char *name)
{
	return !strcmp(name, "jaeger_remote") || !strcmp(name, "parentbased_jaeger_remote") ||
	       !strcmp(name, "xray");
}

int otr_sampler_default(struct otr_sampler *out, const char *text, struct otr_err *err)
{
	const char *name = getenv("OTEL_TRACES_SAMPLER"), *arg = getenv("OTEL_TRACES_SAMPLER_ARG");

	*out = (struct otr_sampler){0};
	if (text && !otr_sampler_read(out, otr_slice_str(text)))
		return otr_sampler_check(text, "--sample", err);
	if (text || !name || !*name)
		return 0;
	if (otr_sampler_read_otel(out, otr_slice_str(name), otr_slice_str(arg ? arg : "")))
		return 0;
	if (is_elsewhere(name))
		return 1;
	otr_err_set(err,
		    "OTEL_TRACES_SAMPLER: \"%.60s\" with OTEL_TRACES_SAMPLER_ARG \"%.60s\" "
		    "is no sampler here",
		    name, arg ? arg : "");
	otr_err_hint(err, "right: always_on, always_off or traceidratio with a share from 0 to 1, "
			  "each also as parentbased_..");
	return -EINVAL;
}

/* What the environment of a process says. A value that cannot be read is ignored. */
static bool read_environment(const struct otr_samplers *ss, uint32_t tgid, struct otr_sampler *out)
{
	struct otr_slice text = otr_procs_env(ss->procs, tgid, "OTRACE_SAMPLE");

	if (text.len && otr_sampler_read(out, text))
		return true;
	text = otr_procs_env(ss->procs, tgid, "OTEL_TRACES_SAMPLER");
	return text.len &&
	       otr_sampler_read_otel(out, text,
				     otr_procs_env(ss->procs, tgid, "OTEL_TRACES_SAMPLER_ARG"));
}

static bool is_equal(double a, double b)
{
	return a >= b && a <= b;
}

/* NULL: there are too many; the process is sampled by the fallback. */
static struct limit *limit_of(struct otr_samplers *ss, double per_s, uint32_t tgid)
{
	struct limit *at = ss->limits;

	for (; at < ss->limits + ss->n_limits; at++)
		if (at->tgid == tgid && is_equal(at->per_s, per_s))
			return at;
	if (ss->n_limits >= (tgid ? LIMITS_MAX - OF_OTHERS : LIMITS_MAX))
		return NULL;
	ss->n_limits++;
	*at = (struct limit){.per_s = per_s, .tgid = tgid};
	return at;
}

/* Never 0, which is what an unused row has. */
static uint64_t changes(const struct otr_samplers *ss)
{
	return 1 + otr_procs_changes(ss->procs) + ss->removed;
}

static void learn(struct otr_samplers *ss, uint32_t tgid, struct cache_row *at)
{
	bool own;

	*at = (struct cache_row){.changes = changes(ss), .tgid = tgid, .sampler = ss->fallback};
	own = read_environment(ss, tgid, &at->sampler);
	if (!own)
		otr_sampler_read(&at->sampler, otr_procs_sample(ss->procs, tgid));
	if (at->sampler.per_s > 0)
		at->limit = limit_of(ss, at->sampler.per_s, own ? tgid : 0);
	if (at->sampler.per_s > 0 && !at->limit)
		at->sampler = ss->fallback;
}

static struct cache_row *find(struct otr_samplers *ss, uint32_t tgid)
{
	struct cache_row *at = &ss->cache[tgid % CACHE_ROWS];

	if (at->tgid != tgid || at->changes != changes(ss))
		learn(ss, tgid, at);
	return at;
}

struct otr_sampler otr_samplers_of(struct otr_samplers *ss, uint32_t tgid)
{
	const struct cache_row *at = find(ss, tgid);
	struct otr_sampler is = at->sampler;

	if (at->limit)
		is.threshold = at->limit->threshold;
	return is;
}

void otr_samplers_count(struct otr_samplers *ss, uint32_t tgid)
{
	const struct cache_row *at = find(ss, tgid);

	if (at->limit)
		at->limit->began++;
}

/* A rise of the rate counts at once, a fall by a fifth a second: so a burst after some quiet
 * seconds does not pass whole, and a limit keeps too few rather than too many. */
static void move_limit(struct limit *limit, double seconds)
{
	double rate = (double)limit->began / seconds;

	limit->began = 0;
	limit->rate = rate > limit->rate ? rate : limit->rate + (rate - limit->rate) / 5;
	limit->threshold = 0;
	if (limit->rate > limit->per_s)
		limit->threshold =
			otr_sample_threshold((uint64_t)(limit->per_s / limit->rate * 1e9), 9);
}

/* Most limits are those of processes, which end. */
static void remove_unused(struct otr_samplers *ss)
{
	struct limit *to = ss->limits;

	for (struct limit *at = ss->limits; at < ss->limits + ss->n_limits; at++)
		if (at->rate >= UNUSED)
			*to++ = *at;
	ss->removed += (uint64_t)(ss->limits + ss->n_limits - to);
	ss->n_limits = (size_t)(to - ss->limits);
}

void otr_samplers_tick(struct otr_samplers *ss, uint64_t now_ns)
{
	uint64_t took_ns = now_ns - ss->second_ns;

	if (now_ns < ss->second_ns + SECOND_NS)
		return;
	for (size_t i = 0; ss->second_ns && i < ss->n_limits; i++)
		move_limit(&ss->limits[i], (double)took_ns / (double)SECOND_NS);
	ss->second_ns = now_ns;
	remove_unused(ss);
}

int otr_samplers_new(struct otr_samplers **out, const struct otr_sampler *fallback,
		     const struct otr_procs *procs)
{
	struct otr_samplers *ss = calloc(1, sizeof(*ss));

	if (!ss)
		return -ENOMEM;
	ss->fallback = *fallback;
	ss->procs = procs;
	*out = ss;
	return 0;
}

void otr_samplers_set_fallback(struct otr_samplers *ss, const struct otr_sampler *fallback)
{
	ss->fallback = *fallback;
	ss->removed++; /* what was learnt of all processes is learnt again */
}

void otr_samplers_free(struct otr_samplers **sp)
{
	free(OTR_TAKE(*sp));
}
