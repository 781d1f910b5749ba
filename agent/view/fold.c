/* SPDX-License-Identifier: Apache-2.0 */
/* fold.c - the rows in which a tree is shown; see fold.h. */

#include "agent/view/fold.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "agent/base/own.h"
#include "agent/span/span.h"
#include "agent/view/label.h"

#define GROUP_MIN 4

struct like {
	uint64_t sum; /* hash of parent and label */
	uint32_t node;
};

struct fold {
	const struct otr_tree *tree;
	uint32_t *leader;     /* first node of each node's group; of a node without group, itself */
	struct otr_row *unit; /* by leader: the row of the group, if it is kept */
	struct like *like;
	uint32_t *order; /* leaders, those to keep first; in lay(), the row of each node */
	bool *kept;
	uint32_t n_units;
};

static void fold_fini(struct fold *f)
{
	free(f->leader);
	free(f->unit);
	free(f->like);
	free(f->order);
	free(f->kept);
}

static int fold_init(struct fold *f, const struct otr_tree *tree)
{
	uint32_t n = tree->n;

	f->tree = tree;
	f->leader = malloc(n * sizeof(*f->leader));
	f->unit = calloc(n, sizeof(*f->unit));
	f->like = malloc(n * sizeof(*f->like));
	f->order = malloc(n * sizeof(*f->order));
	f->kept = calloc(n, sizeof(*f->kept));
	return f->leader && f->unit && f->like && f->order && f->kept ? 0 : -ENOMEM;
}

static int by_sum(const void *a, const void *b)
{
	const struct like *x = a, *y = b;

	if (x->sum != y->sum)
		return x->sum < y->sum ? -1 : 1;
	return x->node < y->node ? -1 : x->node > y->node; /* in order of start */
}

static bool may_group(const struct otr_node *node)
{
	return node->child == OTR_NODE_NONE && !node->failed && node->parent != OTR_NODE_NONE;
}

static struct like like_of(const struct otr_tree *tree, uint32_t i)
{
	const struct otr_node *node = &tree->nodes[i];
	struct otr_label lb;
	uint64_t sum;
	bool weak = otr_label_weak(node->span);

	otr_node_label(node, &lb);
	sum = otr_sum_bytes(otr_label_sum(&lb), &node->parent, sizeof(node->parent));
	return (struct like){otr_sum_bytes(sum, &weak, sizeof(weak)), i};
}

static void add(struct otr_row *row, const struct otr_node *node)
{
	if (row->count && node->start_ns < row->end_ns)
		row->in_turn = false;
	row->count++;
	row->critical |= node->critical;
	row->cut |= node->span->cut || (node->server && node->server->cut);
	if (node->end_ns > row->end_ns)
		row->end_ns = node->end_ns;
}

static void group(struct fold *f, const struct like *like, size_t n)
{
	const struct otr_node *nodes = f->tree->nodes;
	struct otr_row *row = &f->unit[like[0].node];

	memset(row, 0, sizeof(*row));
	row->node = like[0].node;
	row->in_turn = true;
	row->start_ns = nodes[row->node].start_ns;
	for (size_t i = 0; i < n; i++) {
		f->leader[like[i].node] = row->node;
		add(row, &nodes[like[i].node]);
	}
}

/* Makes a unit of each node, then one unit of each set of equal leaves. */
static void find_groups(struct fold *f)
{
	size_t n = 0, end;

	for (uint32_t i = 0; i < f->tree->n; i++) {
		group(f, &(struct like){0, i}, 1);
		if (may_group(&f->tree->nodes[i]))
			f->like[n++] = like_of(f->tree, i);
	}
	qsort(f->like, n, sizeof(*f->like), by_sum);
	for (size_t i = 0; i < n; i = end) {
		for (end = i + 1; end < n && f->like[end].sum == f->like[i].sum;)
			end++;
		if (end - i >= GROUP_MIN)
			group(f, f->like + i, end - i);
	}
}

/* The rank of a unit: those of higher rank are kept first. */
static int rank(const struct fold *f, uint32_t i)
{
	const struct otr_node *node = &f->tree->nodes[i];
	uint32_t child = node->child;

	if (i == f->tree->root)
		return 4;
	while (child != OTR_NODE_NONE && !f->tree->nodes[child].failed)
		child = f->tree->nodes[child].next;
	if (node->failed)
		return child == OTR_NODE_NONE ? 3 : 2;
	return f->unit[i].critical;
}

static int by_rank(const void *a, const void *b, void *arg)
{
	uint32_t x = *(const uint32_t *)a, y = *(const uint32_t *)b;
	const struct fold *f = arg;
	/* order() has put the ranks into `like`, whose sums are not needed any more. */
	uint64_t rx = f->like[x].sum, ry = f->like[y].sum;
	uint64_t dx = f->unit[x].end_ns - f->unit[x].start_ns;
	uint64_t dy = f->unit[y].end_ns - f->unit[y].start_ns;

	if (rx != ry)
		return rx > ry ? -1 : 1;
	if (dx != dy)
		return dx > dy ? -1 : 1;
	return x < y ? -1 : x > y;
}

static void order(struct fold *f)
{
	f->n_units = 0;
	for (uint32_t i = 0; i < f->tree->n; i++) {
		if (f->leader[i] != i)
			continue;
		f->order[f->n_units++] = i;
		f->like[i].sum = (uint64_t)rank(f, i);
	}
	qsort_r(f->order, f->n_units, sizeof(*f->order), by_rank, f);
}

/* Returns the number of rows that it takes to keep node `i` and its ancestors; more than `room`
 * if they do not fit. */
static uint32_t rows_needed(const struct fold *f, uint32_t i, uint32_t room)
{
	uint32_t n = 0;

	for (; i != OTR_NODE_NONE && !f->kept[i] && n <= room; n++)
		i = f->tree->nodes[i].parent;
	return n;
}

/* Keeps node `i` with its ancestors if they fit, else `i` alone if it has a rank. Returns the
 * number of rows that this took. */
static uint32_t keep_node(struct fold *f, uint32_t i, uint32_t room)
{
	uint32_t n = rows_needed(f, i, room);

	if (n <= room) {
		for (; i != OTR_NODE_NONE && !f->kept[i]; i = f->tree->nodes[i].parent)
			f->kept[i] = true;
		return n;
	}
	if (!f->like[i].sum)
		return 0;
	f->kept[i] = true;
	return 1;
}

static void choose(struct fold *f, uint32_t max)
{
	uint32_t room = max;

	order(f);
	for (uint32_t i = 0; i < f->n_units; i++)
		if (f->n_units <= max)
			f->kept[f->order[i]] = true;
		else if (room && !f->kept[f->order[i]])
			room -= keep_node(f, f->order[i], room);
}

/* The node after `at` in depth-first order. */
static uint32_t after(const struct otr_node *nodes, uint32_t at)
{
	if (nodes[at].child != OTR_NODE_NONE)
		return nodes[at].child;
	while (at != OTR_NODE_NONE && nodes[at].next == OTR_NODE_NONE)
		at = nodes[at].parent;
	return at == OTR_NODE_NONE ? at : nodes[at].next;
}

static void put_rest(struct otr_rows *rows, const struct otr_node *node)
{
	rows->rest += node->server ? 2 : 1;
	rows->rest_ns += node->self_ns;
}

/* Makes the rows of kept units, in depth-first order; each hangs from its nearest kept ancestor. */
static void lay(struct fold *f, struct otr_rows *rows)
{
	const struct otr_node *nodes = f->tree->nodes;
	uint32_t *row_of = f->order, above;

	for (uint32_t at = f->tree->root; at != OTR_NODE_NONE; at = after(nodes, at)) {
		above = nodes[at].parent == OTR_NODE_NONE ? OTR_NODE_NONE
							  : row_of[nodes[at].parent];
		row_of[at] = above;
		if (!f->kept[f->leader[at]])
			put_rest(rows, &nodes[at]);
		if (f->leader[at] != at || !f->kept[at])
			continue;
		row_of[at] = rows->n;
		rows->row[rows->n] = f->unit[at];
		rows->row[rows->n++].parent = above;
	}
}

/* Walks from the end: the first row that is met of each parent is the last row of that parent. */
static void find_last(struct otr_rows *rows, bool *met)
{
	bool met_root = false, *seen;

	memset(met, 0, rows->n * sizeof(*met));
	for (uint32_t i = rows->n; i--;) {
		seen = rows->row[i].parent == OTR_NODE_NONE ? &met_root : &met[rows->row[i].parent];
		rows->row[i].last = !*seen;
		*seen = true;
	}
}

int otr_rows_build(struct otr_rows *rows, const struct otr_tree *tree, uint32_t max)
{
	OTR_AUTO(fold_fini) struct fold f = {0};

	memset(rows, 0, sizeof(*rows));
	if (fold_init(&f, tree))
		return -ENOMEM;
	find_groups(&f);
	choose(&f, max);
	rows->row = malloc(f.n_units * sizeof(*rows->row));
	if (!rows->row)
		return -ENOMEM;
	lay(&f, rows);
	find_last(rows, f.kept);
	return 0;
}

void otr_rows_fini(struct otr_rows *rows)
{
	free(rows->row);
	memset(rows, 0, sizeof(*rows));
}
