/* SPDX-License-Identifier: Apache-2.0 */
/*
 * tree_time.c - where the time of a trace went.
 *
 * The self time of a node is its duration without the union of its children's times. The critical
 * path is found backwards from the end of the root: the node waited for the child that ended last,
 * before that for the child that ended last before this one began, and so on, for each level.
 */

#include "agent/view/tree_time.h"

#include <stdlib.h>

#include "agent/resource/resource.h"
#include "agent/span/span.h"
#include "agent/view/label.h"
#include "agent/view/node.h"

/* For qsort_r(): the latest end first. */
static int later_end(const void *a, const void *b, void *arg)
{
	const struct otr_node *nodes = arg;
	uint64_t x = nodes[*(const uint32_t *)a].end_ns;
	uint64_t y = nodes[*(const uint32_t *)b].end_ns;

	return x < y ? 1 : x > y ? -1 : 0;
}

static uint32_t children_by_end(const struct otr_tree *tree, uint32_t at, uint32_t *out)
{
	uint32_t n = 0;

	for (at = tree->nodes[at].child; at != OTR_NODE_NONE; at = tree->nodes[at].next)
		out[n++] = at;
	if (n > 1)
		qsort_r(out, n, sizeof(*out), later_end, tree->nodes);
	return n;
}

/* The union of the times of the children, which are in order of start. */
static uint64_t covered(const struct otr_tree *tree, const struct otr_node *node)
{
	uint64_t sum = 0, until = node->start_ns, from, to;
	const struct otr_node *child;

	for (uint32_t i = node->child; i != OTR_NODE_NONE; i = child->next) {
		child = &tree->nodes[i];
		from = child->start_ns > until ? child->start_ns : until;
		to = child->end_ns < node->end_ns ? child->end_ns : node->end_ns;
		if (to <= from)
			continue;
		sum += to - from;
		until = to;
	}
	return sum;
}

/* The largest number of children at the same time: counts starts and ends in order. */
static uint32_t overlap(const struct otr_tree *tree, uint32_t at, uint32_t *scratch)
{
	uint32_t n = children_by_end(tree, at, scratch), ended = n, most = 0, begun = 0;
	const struct otr_node *child;

	for (uint32_t i = tree->nodes[at].child; i != OTR_NODE_NONE; i = child->next) {
		child = &tree->nodes[i];
		while (ended && tree->nodes[scratch[ended - 1]].end_ns <= child->start_ns)
			ended--;
		begun++;
		if (begun - (n - ended) > most && begun > n - ended)
			most = begun - (n - ended);
	}
	return most;
}

static void self_times(struct otr_tree *tree, uint32_t *scratch)
{
	struct otr_node *node;
	uint32_t width;

	tree->fan = OTR_NODE_NONE;
	for (uint32_t i = 0; i < tree->n; i++) {
		node = &tree->nodes[i];
		node->self_ns = otr_node_ns(node) - covered(tree, node);
		if (node->self_ns > tree->nodes[tree->slowest].self_ns)
			tree->slowest = i;
		width = node->children > 1 ? overlap(tree, i, scratch) : 0;
		if (width > 1 && width > tree->fan_width) {
			tree->fan = i;
			tree->fan_width = width;
		}
	}
}

/* Marks the children that the node waited for. */
static void mark(struct otr_tree *tree, uint32_t at, uint32_t *scratch)
{
	const struct otr_node *node = &tree->nodes[at];
	uint32_t n = children_by_end(tree, at, scratch);
	uint64_t until = node->end_ns, end;

	for (uint32_t i = 0; i < n; i++) {
		struct otr_node *child = &tree->nodes[scratch[i]];

		end = child->end_ns < node->end_ns ? child->end_ns : node->end_ns;
		if (end > until || child->start_ns > end)
			continue;
		child->critical = true;
		until = child->start_ns > node->start_ns ? child->start_ns : node->start_ns;
	}
}

/* The next critical node below `top`, in depth-first order after `at`. */
static uint32_t next_critical(const struct otr_tree *tree, uint32_t top, uint32_t at)
{
	const struct otr_node *nodes = tree->nodes;
	uint32_t to = nodes[at].child;

	for (;;) {
		for (; to != OTR_NODE_NONE; to = nodes[to].next)
			if (nodes[to].critical)
				return to;
		if (at == top)
			return OTR_NODE_NONE;
		to = nodes[at].next;
		at = nodes[at].parent;
	}
}

void otr_tree_times(struct otr_tree *tree, uint32_t *scratch)
{
	self_times(tree, scratch);
	tree->nodes[tree->root].critical = true;
	for (uint32_t at = tree->root; at != OTR_NODE_NONE;
	     at = next_critical(tree, tree->root, at))
		if (tree->nodes[at].child != OTR_NODE_NONE)
			mark(tree, at, scratch);
}

static int by_number(const void *a, const void *b)
{
	uint64_t x = *(const uint64_t *)a, y = *(const uint64_t *)b;

	return x < y ? -1 : x > y;
}

static uint64_t service_sum(const struct otr_span *sp)
{
	const struct otr_resource *res = sp->resource;

	return res ? otr_sum_bytes(0, res->service.data, res->service.len) : 0;
}

/* Most traces are of one process. */
static bool is_of_one_process(const struct otr_tree *tree)
{
	const struct otr_resource *res = tree->nodes->span->resource;

	for (const struct otr_node *node = tree->nodes; node < tree->nodes + tree->n; node++)
		if (node->span->resource != res || (node->server && node->server->resource != res))
			return false;
	return true;
}

static void count_services(struct otr_tree *tree, uint64_t *scratch)
{
	const struct otr_node *node;
	size_t n = 0;

	if (is_of_one_process(tree)) {
		tree->services = 1;
		return;
	}
	for (node = tree->nodes; node < tree->nodes + tree->n; node++) {
		scratch[n++] = service_sum(node->span);
		if (node->server)
			scratch[n++] = service_sum(node->server);
	}
	qsort(scratch, n, sizeof(*scratch), by_number);
	for (size_t i = 0; i < n; i++)
		tree->services += !i || scratch[i] != scratch[i - 1];
}

static void count_span(struct otr_tree *tree, const struct otr_span *sp)
{
	if (!sp)
		return;
	tree->failed += sp->failed;
	tree->cut += sp->cut;
	tree->weak += otr_label_weak(sp);
}

/* True if the node failed and no child of it did. */
static bool failed_first(const struct otr_tree *tree, const struct otr_node *node)
{
	if (!node->failed)
		return false;
	for (uint32_t i = node->child; i != OTR_NODE_NONE; i = tree->nodes[i].next)
		if (tree->nodes[i].failed)
			return false;
	return true;
}

void otr_tree_count(struct otr_tree *tree, uint64_t *scratch)
{
	const struct otr_node *node, *first;

	tree->start_ns = tree->nodes[0].start_ns;
	tree->first_error = OTR_NODE_NONE;
	for (uint32_t i = 0; i < tree->n; i++) {
		node = &tree->nodes[i];
		first = tree->first_error == OTR_NODE_NONE ? NULL : &tree->nodes[tree->first_error];
		count_span(tree, node->span);
		count_span(tree, node->server);
		tree->orphans += node->parent == OTR_NODE_NONE && otr_span_candidates(node->span);
		if (node->start_ns < tree->start_ns)
			tree->start_ns = node->start_ns;
		if (node->end_ns > tree->end_ns)
			tree->end_ns = node->end_ns;
		if (failed_first(tree, node) && (!first || node->end_ns < first->end_ns))
			tree->first_error = i;
	}
	count_services(tree, scratch);
}
