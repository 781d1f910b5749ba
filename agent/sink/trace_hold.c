/* SPDX-License-Identifier: Apache-2.0 */
/* trace_hold.c - holds spans until it is known what becomes of their trace; see trace_hold.h. */

#include "agent/sink/trace_hold.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "agent/base/err.h"
#include "agent/base/keyed.h"
#include "agent/base/own.h"
#include "agent/config/config_value.h"
#include "agent/span/span.h"
#include "agent/view/label.h"
#include "agent/view/tree.h"

#define SPANS_MAX 65536 /* a larger trace is passed on in parts */
#define MINUTE_NS 60000000000ull

struct otr_route_seen {
	uint64_t route;	 /* the hash of its label */
	uint64_t minute; /* of its last first trace, since the epoch */
	UT_hash_handle hh;
};

static int read_slow(struct otr_keep *keep, const char *text, const char *from, struct otr_err *err)
{
	static const struct otr_option duration = {.name = "slow", .type = OTR_OPTION_DURATION};
	char name[64];
	int rc;

	snprintf(name, sizeof(name), "%s slow", from);
	rc = otr_value_parse(&duration, text, name, &keep->slow_ns, err);
	if (rc || keep->slow_ns)
		return rc;
	otr_err_set(err, "%s=%.20s: that is every trace", name, text);
	otr_err_hint(err, "right: slow=1s, or no --sample");
	return -EINVAL;
}

static int read_word(struct otr_keep *keep, const char *word, const char *from, struct otr_err *err)
{
	if (!strcmp(word, "error"))
		keep->errors = true;
	else if (!strcmp(word, "first"))
		keep->first = true;
	else if (!strncmp(word, "slow=", 5))
		return read_slow(keep, word + 5, from, err);
	else {
		otr_err_set(err, "%s: \"%.60s\" is not known", from, word);
		otr_err_hint(err, "right: error, slow=1s, first; commas between");
		return -EINVAL;
	}
	return 0;
}

int otr_keep_read(struct otr_keep *keep, const char *text, const char *from, struct otr_err *err)
{
	char words[256], *save = NULL;
	int rc = 0;

	*keep = (struct otr_keep){0};
	if ((size_t)snprintf(words, sizeof(words), "%s", text ? text : "") >= sizeof(words)) {
		otr_err_set(err, "%s: longer than %zu bytes", from, sizeof(words) - 1);
		otr_err_hint(err, "right: error, slow=1s, first; each once");
		return -EINVAL;
	}
	for (char *word = strtok_r(words, ",", &save); word && !rc;
	     word = strtok_r(NULL, ",", &save))
		rc = read_word(keep, word, from, err);
	return rc;
}

int otr_keep_check(const char *text, const char *from, struct otr_err *err)
{
	struct otr_keep keep;

	return otr_keep_read(&keep, text, from, err);
}

static void drop_spans(struct otr_trace_hold *hold)
{
	for (size_t i = 0; i < hold->n; i++)
		otr_span_unref(&hold->spans[i]);
	hold->n = 0;
}

static void pass_spans(struct otr_trace_hold *hold, enum otr_outcome outcome)
{
	for (size_t i = 0; i < hold->n; i++)
		hold->pass(hold->arg, hold->spans[i], outcome);
	drop_spans(hold);
}

static enum otr_outcome by_flags(uint8_t flags)
{
	return flags & OTR_FLAG_SAMPLED ? OTR_TRACE_KEPT : OTR_TRACE_UNSAMPLED;
}

/* Finds what became of a trace whose spans have been passed on, all or a part. */
static bool find_known(const struct otr_trace_hold *hold, const uint8_t id[16],
		       enum otr_outcome *outcome)
{
	size_t n = hold->n_known < OTR_TRACE_HOLD_KNOWN ? hold->n_known : OTR_TRACE_HOLD_KNOWN;
	size_t at = hold->n_known;

	while (n--) {
		at = (at + OTR_TRACE_HOLD_KNOWN - 1) % OTR_TRACE_HOLD_KNOWN;
		if (memcmp(hold->known[at].trace_id, id, 16) != 0)
			continue;
		*outcome = hold->known[at].outcome;
		return true;
	}
	return false;
}

static void remember(struct otr_trace_hold *hold, enum otr_outcome outcome)
{
	size_t at = hold->n_known++ % OTR_TRACE_HOLD_KNOWN;

	memcpy(hold->known[at].trace_id, hold->trace_id, 16);
	hold->known[at].outcome = outcome;
}

/* Makes a row for a new route: in place of the oldest, if that is of an earlier minute. */
static bool add_route(struct otr_trace_hold *hold, uint64_t route, uint64_t minute)
{
	struct otr_route_seen *at = hold->routes;

	if (HASH_COUNT(hold->routes) >= OTR_TRACE_HOLD_ROUTES) {
		if (at->minute >= minute)
			return false;
		HASH_DEL(hold->routes, at);
		free(at);
	}
	at = calloc(1, sizeof(*at));
	if (!at)
		return false;
	at->route = route;
	at->minute = minute;
	HASH_ADD(hh, hold->routes, route, sizeof(at->route), at);
	if (at->hh.tbl)
		return true;
	free(at);
	return false;
}

/* Is this the first trace of its route in this minute? */
static bool is_first(struct otr_trace_hold *hold, const struct otr_node *root)
{
	uint64_t minute = root->start_ns / MINUTE_NS, route;
	struct otr_route_seen *at;
	struct otr_label label;

	otr_node_label(root, &label);
	route = otr_label_sum(&label);
	HASH_FIND(hh, hold->routes, &route, sizeof(route), at);
	if (!at)
		return add_route(hold, route, minute);
	if (minute <= at->minute)
		return false;
	at->minute = minute;
	return true;
}

static bool is_kept(struct otr_trace_hold *hold, const struct otr_tree *tree)
{
	const struct otr_keep *keep = &hold->keep;
	const struct otr_node *root = &tree->nodes[tree->root];
	bool first = keep->first && is_first(hold, root);

	return first || (keep->errors && tree->failed) ||
	       (keep->slow_ns && otr_node_ns(root) >= keep->slow_ns);
}

/* The root is judged as the console shows it: by its server span, if client and server are one
 * node. */
static enum otr_outcome judge(struct otr_trace_hold *hold)
{
	OTR_AUTO(otr_tree_fini) struct otr_tree tree = {0};
	enum otr_outcome outcome = by_flags(hold->flags);

	if (otr_tree_build(&tree, (const struct otr_span *const *)hold->spans, hold->n, true))
		return outcome;
	if (otr_label_ignored(hold->ignore, otr_node_face(&tree.nodes[tree.root])))
		return OTR_TRACE_IGNORED;
	return is_kept(hold, &tree) ? OTR_TRACE_KEPT : outcome;
}

static bool needs_whole_traces(const struct otr_trace_hold *hold)
{
	return hold->ignore || hold->keep.errors || hold->keep.first || hold->keep.slow_ns;
}

/* The outcome of a trace of which a part is held: the errors in the part are known, but neither the
 * root of the trace nor its duration. */
static enum otr_outcome judge_part(const struct otr_trace_hold *hold)
{
	for (size_t i = 0; hold->keep.errors && i < hold->n; i++)
		if (hold->spans[i]->failed)
			return OTR_TRACE_KEPT;
	return by_flags(hold->flags);
}

void otr_trace_hold_flush(struct otr_trace_hold *hold)
{
	enum otr_outcome outcome;

	if (!hold->n)
		return;
	if (!find_known(hold, hold->trace_id, &outcome)) {
		outcome = judge_part(hold);
		remember(hold, outcome);
	}
	pass_spans(hold, outcome);
}

static bool has_room(struct otr_trace_hold *hold)
{
	size_t cap = hold->cap ? 2 * hold->cap : 16;
	struct otr_span **spans;

	if (hold->n < hold->cap)
		return true;
	if (hold->n >= SPANS_MAX)
		return false;
	spans = realloc(hold->spans, cap * sizeof(*spans));
	if (!spans)
		return false;
	hold->spans = spans;
	hold->cap = cap;
	return true;
}

void otr_trace_hold_span(struct otr_trace_hold *hold, struct otr_span *sp)
{
	bool other = memcmp(hold->trace_id, sp->trace_id, 16) != 0;

	if (hold->n && other)
		otr_trace_hold_flush(hold);
	memcpy(hold->trace_id, sp->trace_id, sizeof(hold->trace_id));
	hold->flags = sp->flags;
	if (!needs_whole_traces(hold)) {
		hold->pass(hold->arg, sp, by_flags(sp->flags));
		return;
	}
	if (!has_room(hold))
		otr_trace_hold_flush(hold);
	if (has_room(hold))
		hold->spans[hold->n++] = otr_span_ref(sp);
	else
		hold->pass(hold->arg, sp, by_flags(sp->flags)); /* no memory */
}

enum otr_outcome otr_trace_hold_trace(struct otr_trace_hold *hold, const uint8_t trace_id[16],
				      uint8_t flags)
{
	enum otr_outcome outcome;

	if (find_known(hold, trace_id, &outcome)) {
		otr_trace_hold_flush(hold); /* the rest of it, or of another trace */
		return outcome;
	}
	if (!hold->n || memcmp(hold->trace_id, trace_id, 16) != 0)
		return by_flags(flags); /* its spans have been passed on */
	outcome = judge(hold);
	remember(hold, outcome);
	pass_spans(hold, outcome);
	return outcome;
}

void otr_trace_hold_fini(struct otr_trace_hold *hold)
{
	struct otr_route_seen *at, *next;

	HASH_ITER(hh, hold->routes, at, next) {
		HASH_DEL(hold->routes, at);
		free(at);
	}
	drop_spans(hold);
	free(hold->spans);
	hold->spans = NULL;
	hold->cap = 0;
}
