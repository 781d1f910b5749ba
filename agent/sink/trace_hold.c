/* SPDX-License-Identifier: Apache-2.0 */
/* trace_hold.c - holds spans until it is known what becomes of their trace; see trace_hold.h. */

#include "agent/sink/trace_hold.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "agent/base/err.h"
#include "agent/base/own.h"
#include "agent/config/config_value.h"
#include "agent/span/span.h"
#include "agent/view/label.h"
#include "agent/view/tree.h"

#define SPANS_MAX 65536 /* a larger trace is passed on in parts */
#define MINUTE_NS 60000000000ull

static int read_slow(struct otr_keep *keep, const char *text, struct otr_err *err)
{
	static const struct otr_option duration = {.name = "slow", .type = OTR_OPTION_DURATION};

	return otr_value_parse(&duration, text, "--keep slow", &keep->slow_ns, err);
}

static int read_word(struct otr_keep *keep, const char *word, struct otr_err *err)
{
	if (!strcmp(word, "error"))
		keep->errors = true;
	else if (!strcmp(word, "first"))
		keep->first = true;
	else if (!strncmp(word, "slow=", 5))
		return read_slow(keep, word + 5, err);
	else {
		otr_err_set(err, "--keep: \"%.60s\" is not known", word);
		otr_err_hint(err, "right: error, slow=1s, first; commas between");
		return -EINVAL;
	}
	return 0;
}

int otr_keep_read(struct otr_keep *keep, const char *text, struct otr_err *err)
{
	char words[256], *save = NULL;
	int rc = 0;

	*keep = (struct otr_keep){0};
	if ((size_t)snprintf(words, sizeof(words), "%s", text ? text : "") >= sizeof(words)) {
		otr_err_set(err, "--keep: longer than %zu bytes", sizeof(words) - 1);
		return -EINVAL;
	}
	for (char *word = strtok_r(words, ",", &save); word && !rc;
	     word = strtok_r(NULL, ",", &save))
		rc = read_word(keep, word, err);
	return rc;
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

/* What is known of a trace that was judged, or else what its flag says. */
static enum otr_outcome known(const struct otr_trace_hold *hold, const uint8_t id[16],
			      uint8_t flags)
{
	size_t n = hold->n_known < OTR_TRACE_HOLD_KNOWN ? hold->n_known : OTR_TRACE_HOLD_KNOWN;

	for (size_t i = 0; i < n; i++)
		if (!memcmp(hold->known[i].trace_id, id, 16))
			return hold->known[i].outcome;
	return by_flags(flags);
}

static void remember(struct otr_trace_hold *hold, enum otr_outcome outcome)
{
	size_t at = hold->n_known++ % OTR_TRACE_HOLD_KNOWN;

	memcpy(hold->known[at].trace_id, hold->trace_id, 16);
	hold->known[at].outcome = outcome;
}

/* Is this the first trace of its route in this minute? */
static bool is_first(struct otr_trace_hold *hold, const struct otr_node *root)
{
	uint64_t minute = root->start_ns / MINUTE_NS + 1, route;
	struct otr_label label;
	size_t at;
	bool first;

	otr_node_label(root, &label);
	route = otr_label_sum(&label);
	at = route % OTR_TRACE_HOLD_ROUTES;
	first = hold->routes[at].route != route || hold->routes[at].minute != minute;
	hold->routes[at].route = route;
	hold->routes[at].minute = minute;
	return first;
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

void otr_trace_hold_flush(struct otr_trace_hold *hold)
{
	pass_spans(hold, known(hold, hold->trace_id, hold->flags));
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

static bool judges(const struct otr_trace_hold *hold)
{
	return hold->ignore || hold->keep.errors || hold->keep.first || hold->keep.slow_ns;
}

void otr_trace_hold_span(struct otr_trace_hold *hold, struct otr_span *sp)
{
	bool other = memcmp(hold->trace_id, sp->trace_id, 16) != 0;

	if (hold->n && other)
		otr_trace_hold_flush(hold);
	memcpy(hold->trace_id, sp->trace_id, sizeof(hold->trace_id));
	hold->flags = sp->flags;
	if (!judges(hold)) {
		hold->pass(hold->arg, sp, by_flags(sp->flags));
		return;
	}
	if (!has_room(hold))
		otr_trace_hold_flush(hold);
	if (has_room(hold))
		hold->spans[hold->n++] = otr_span_ref(sp);
	else
		hold->pass(hold->arg, sp, known(hold, sp->trace_id, sp->flags));
}

enum otr_outcome otr_trace_hold_trace(struct otr_trace_hold *hold, const uint8_t trace_id[16],
				      uint8_t flags)
{
	enum otr_outcome outcome;

	if (!hold->n || memcmp(hold->trace_id, trace_id, 16) != 0)
		return known(hold, trace_id, flags); /* its spans have been passed on */
	outcome = judge(hold);
	if (outcome != by_flags(hold->flags))
		remember(hold, outcome);
	pass_spans(hold, outcome);
	return outcome;
}

void otr_trace_hold_fini(struct otr_trace_hold *hold)
{
	drop_spans(hold);
	free(hold->spans);
	hold->spans = NULL;
	hold->cap = 0;
}
