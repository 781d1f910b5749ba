/* SPDX-License-Identifier: Apache-2.0 */
/*
 * stats.c - counts for flood lines and the summary. The tables are bounded: a name for which there
 * is no row is counted in `rest`.
 */

#include "agent/console/stats.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "agent/base/own.h"
#include "agent/resource/resource.h"
#include "agent/span/span.h"
#include "agent/view/hist.h"
#include "agent/view/label.h"
#include "agent/view/tree.h"
#include "agent/view/units.h"
#include "agent/view/words.h"

#define FIRST 8 /* rows that are compared by name */

static int table_init(struct otr_stats_table *t, size_t max)
{
	t->max = max;
	t->row = calloc(max, sizeof(*t->row));
	return t->row ? 0 : -ENOMEM;
}

static void table_fini(struct otr_stats_table *t)
{
	for (size_t i = 0; i < t->n; i++)
		free(t->row[i].hist);
	free(t->row);
	memset(t, 0, sizeof(*t));
}

int otr_stats_init(struct otr_stats *st)
{
	if (table_init(&st->services, OTR_STAT_SERVICES) ||
	    table_init(&st->routes, OTR_STAT_ROUTES) || table_init(&st->errors, OTR_STAT_ERRORS))
		return -ENOMEM;
	return 0;
}

void otr_stats_fini(struct otr_stats *st)
{
	table_fini(&st->services);
	table_fini(&st->routes);
	table_fini(&st->errors);
	otr_buf_fini(&st->slowest);
}

/* The row with the whole of `name`, if it is among the first: found without the hash. Or NULL. */
static struct otr_stat *row_of_whole(struct otr_stats_table *t, struct otr_slice name)
{
	struct otr_stat *end = t->row + (t->n < FIRST ? t->n : FIRST);

	if (!name.len || name.len >= sizeof(t->rest.name))
		return NULL;
	for (struct otr_stat *row = t->row; row < end; row++)
		if (row->len == name.len && !memcmp(row->name, name.data, name.len))
			return row;
	return NULL;
}

struct otr_stat *otr_stats_row(struct otr_stats_table *t, struct otr_slice name, bool *fresh)
{
	struct otr_stat *row = row_of_whole(t, name);
	uint64_t sum;

	*fresh = false;
	if (row)
		return row;
	sum = otr_sum_bytes(0, name.data, name.len);
	for (size_t i = 0; i < t->n; i++)
		if (t->row[i].sum == sum)
			return &t->row[i];
	if (t->n == t->max)
		return &t->rest;
	*fresh = true;
	row = &t->row[t->n++];
	row->sum = sum;
	row->len = name.len;
	if (name.len > sizeof(row->name) - 1)
		for (name.len = sizeof(row->name) - 1;
		     name.len && (name.data[name.len] & 0xc0) == 0x80;)
			name.len--; /* the cut is never inside a character */
	memcpy(row->name, name.data, name.len);
	return row;
}

static void measure(struct otr_stat *row, uint64_t ns)
{
	if (!row->hist)
		row->hist = calloc(1, sizeof(*row->hist));
	if (row->hist)
		otr_hist_add(row->hist, ns);
}

void otr_stats_span(struct otr_stats *st, const struct otr_span *sp)
{
	struct otr_stat *row;
	bool fresh;

	st->spans++;
	if ((sp->kind != OTR_SPAN_SERVER && sp->kind != OTR_SPAN_CONSUMER) || !sp->resource)
		return;
	row = otr_stats_row(&st->services, sp->resource->service, &fresh);
	row->count++;
	row->errors += sp->failed;
	measure(row, sp->end_ns > sp->start_ns ? sp->end_ns - sp->start_ns : 0);
}

static void note_slowest(struct otr_stats *st, struct otr_tree *tree, const struct otr_label *lb)
{
	const struct otr_node *root = &tree->nodes[tree->root];

	st->slowest_ns = otr_node_ns(root);
	otr_buf_reset(&st->slowest);
	for (int i = 0; i < 4; i++)
		otr_buf_printf(&st->slowest, "%02x", root->span->trace_id[i]);
	otr_buf_byte(&st->slowest, ' ');
	otr_label_name(&st->slowest, lb);
	otr_buf_str(&st->slowest, "   ");
	otr_tree_time(tree);
	otr_words_why(&st->slowest, tree);
}

/* The request that an error made fail: the nearest node above that has a server span. */
static const struct otr_node *request_of(const struct otr_tree *tree, const struct otr_node *node)
{
	while (node->parent != OTR_NODE_NONE && otr_node_face(node)->kind != OTR_SPAN_SERVER)
		node = &tree->nodes[node->parent];
	return node;
}

/* "POST /orders 500, from postgres INSERT orders 23505" */
static void note_error(struct otr_stats *st, const struct otr_tree *tree)
{
	OTR_AUTO(otr_buf_fini) struct otr_buf text = {0};
	const struct otr_node *node, *request;
	struct otr_slice status;
	struct otr_label lb;
	char room[24];
	bool fresh;

	if (tree->first_error == OTR_NODE_NONE)
		return;
	node = &tree->nodes[tree->first_error];
	request = request_of(tree, node);
	otr_node_label(request, &lb);
	otr_label_name(&text, &lb);
	status = otr_label_status(otr_node_face(request), room);
	if (status.len)
		otr_buf_printf(&text, " %.*s", OTR_SLICE_ARG(status));
	if (request != node) {
		otr_buf_str(&text, ", from ");
		otr_words_node(&text, node);
	}
	otr_stats_row(&st->errors, otr_buf_view(&text), &fresh)->count++;
}

/* The row of a route. A name that equals that of a row is written as it is. */
static struct otr_stat *row_of_route(struct otr_stats *st, const struct otr_label *lb, bool *fresh)
{
	struct otr_stat *row = lb->route.len ? NULL : row_of_whole(&st->routes, lb->name);
	char room[256];
	OTR_AUTO(otr_buf_fini) struct otr_buf name = OTR_BUF_ON(room, 0);

	*fresh = false;
	if (row)
		return row;
	otr_label_name(&name, lb);
	return otr_stats_row(&st->routes, otr_buf_view(&name), fresh);
}

bool otr_stats_trace(struct otr_stats *st, struct otr_tree *tree)
{
	const struct otr_node *root = &tree->nodes[tree->root];
	struct otr_label lb;
	struct otr_stat *row;
	bool fresh;

	otr_node_label(root, &lb);
	st->traces++;
	st->holes += tree->cut > 0;
	row = row_of_route(st, &lb, &fresh);
	row->count++;
	if (!row->in_window++ && row->hist)
		memset(row->hist, 0, sizeof(*row->hist));
	measure(row, otr_node_ns(root));
	if (otr_node_ns(root) > st->slowest_ns || !st->slowest.len)
		note_slowest(st, tree, &lb);
	note_error(st, tree);
	return fresh;
}

static int by_count(const void *a, const void *b)
{
	const struct otr_stat *x = a, *y = b;

	return x->count > y->count ? -1 : x->count < y->count;
}

static int by_time(const void *a, const void *b)
{
	const struct otr_stat *x = a, *y = b;
	uint64_t tx = x->hist ? x->hist->sum_ns : 0;
	uint64_t ty = y->hist ? y->hist->sum_ns : 0;

	return tx > ty ? -1 : tx < ty;
}

void otr_stats_sort(struct otr_stats_table *t, bool time)
{
	qsort(t->row, t->n, sizeof(*t->row), time ? by_time : by_count);
}
