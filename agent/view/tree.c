/* SPDX-License-Identifier: Apache-2.0 */
/*
 * tree.c - the spans of one trace become a tree.
 *
 *	sort by start -> find parents -> join both ends -> cut cycles -> link
 */

#include "agent/view/tree.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "agent/base/keyed.h"
#include "agent/resource/resource.h"
#include "agent/span/span.h"
#include "agent/view/label.h"
#include "agent/view/tree_time.h"
#include "bpf/event.h"

#define FEW 8 /* spans that are searched and sorted one by one */

struct work {
	const struct otr_span **by_start;
	size_t n;
	uint32_t *slots; /* hash of span id -> index in by_start, plus 1; NULL: the spans are few */
	size_t mask;
	uint32_t *node_of;   /* span -> node */
	uint32_t *server_of; /* client span -> server span */
	uint64_t *scratch;
};

static int by_start(const void *a, const void *b)
{
	const struct otr_span *x = *(const struct otr_span *const *)a;
	const struct otr_span *y = *(const struct otr_span *const *)b;

	if (x->start_ns != y->start_ns)
		return x->start_ns < y->start_ns ? -1 : 1;
	if (x->end_ns != y->end_ns)
		return x->end_ns > y->end_ns ? -1 : 1; /* parents first */
	return memcmp(x->span_id, y->span_id, sizeof(x->span_id));
}

static size_t slot_of(const struct work *w, const uint8_t id[8])
{
	return otr_keyed_hash(id, 8) & w->mask;
}

static bool has_id(const struct otr_span *sp, const uint8_t id[8])
{
	return !memcmp(sp->span_id, id, 8);
}

static uint32_t find_among_few(const struct work *w, const uint8_t id[8])
{
	for (uint32_t i = 0; i < w->n; i++)
		if (has_id(w->by_start[i], id))
			return i;
	return OTR_NODE_NONE;
}

static uint32_t find(const struct work *w, const uint8_t id[8])
{
	if (!w->slots)
		return find_among_few(w, id);
	for (size_t at = slot_of(w, id); w->slots[at]; at = (at + 1) & w->mask)
		if (has_id(w->by_start[w->slots[at] - 1], id))
			return w->slots[at] - 1;
	return OTR_NODE_NONE;
}

/* Of several spans with one id, the first one gets the children. */
static void index_ids(struct work *w)
{
	memset(w->slots, 0, (w->mask + 1) * sizeof(*w->slots));
	for (size_t i = 0; i < w->n; i++) {
		size_t at = slot_of(w, w->by_start[i]->span_id);

		if (find(w, w->by_start[i]->span_id) != OTR_NODE_NONE)
			continue;
		while (w->slots[at])
			at = (at + 1) & w->mask;
		w->slots[at] = (uint32_t)i + 1;
	}
}

static void sort_few(const struct otr_span **spans, size_t n)
{
	const struct otr_span *sp;
	size_t at;

	for (size_t i = 1; i < n; i++) {
		sp = spans[i];
		for (at = i; at && by_start(&spans[at - 1], &sp) > 0; at--)
			spans[at] = spans[at - 1];
		spans[at] = sp;
	}
}

static void sort(struct work *w)
{
	if (w->n <= FEW)
		sort_few(w->by_start, w->n);
	else
		qsort(w->by_start, w->n, sizeof(*w->by_start), by_start);
}

/* Gives `bytes` of memory that the tree keeps, NULL if there is none. */
static void *memory_of(struct otr_tree *tree, size_t bytes)
{
	if (tree->bytes >= bytes)
		return tree->memory;
	free(tree->memory);
	tree->memory = malloc(bytes);
	tree->bytes = tree->memory ? bytes : 0;
	return tree->memory;
}

static size_t slots_for(size_t n)
{
	size_t slots = n <= FEW ? 0 : 16;

	while (slots && slots < n * 2)
		slots *= 2;
	return slots;
}

/* Lays out nodes and work in the memory of the tree. */
static void lay_out(struct work *w, struct otr_tree *tree, size_t n)
{
	size_t slots = slots_for(n);

	w->n = n;
	w->mask = slots - 1;
	tree->nodes = tree->memory;
	w->by_start = (const struct otr_span **)(tree->nodes + n);
	w->scratch = (uint64_t *)(w->by_start + n);
	w->node_of = (uint32_t *)(w->scratch + n);
	w->server_of = w->node_of + n;
	w->slots = slots ? w->server_of + n : NULL;
}

static int work_init(struct work *w, struct otr_tree *tree, size_t n)
{
	size_t each = sizeof(*tree->nodes) + sizeof(*w->by_start) + sizeof(*w->scratch) +
		      2 * sizeof(*w->node_of);

	if (!memory_of(tree, n * each + slots_for(n) * sizeof(*w->slots)))
		return -ENOMEM;
	lay_out(w, tree, n);
	return 0;
}

static bool has_parent(const struct otr_span *sp)
{
	static const uint8_t none[8];

	return memcmp(sp->parent_id, none, sizeof(none)) != 0;
}

/* The client span of the exchange whose server span is `sp`, or NONE. */
static uint32_t client_of(const struct work *w, const struct otr_span *sp)
{
	uint32_t at;

	if ((sp->kind != OTR_SPAN_SERVER && sp->kind != OTR_SPAN_CONSUMER) ||
	    (sp->evidence != OTR_EVIDENCE_WIRE && sp->evidence != OTR_EVIDENCE_HEADER) ||
	    !has_parent(sp))
		return OTR_NODE_NONE;
	at = find(w, sp->parent_id);
	if (at == OTR_NODE_NONE || (w->by_start[at]->kind != OTR_SPAN_CLIENT &&
				    w->by_start[at]->kind != OTR_SPAN_PRODUCER))
		return OTR_NODE_NONE;
	return w->server_of[at] == OTR_NODE_NONE ? at : OTR_NODE_NONE;
}

/* Gives every span a node; with `join`, a server span shares the node of its client span. */
static void make_nodes(struct otr_tree *tree, struct work *w, bool join)
{
	struct otr_node *node;
	uint32_t client;

	for (size_t i = 0; i < w->n; i++) {
		client = client_of(w, w->by_start[i]);
		if (client == OTR_NODE_NONE)
			continue;
		w->server_of[client] = (uint32_t)i;
		if (join)
			w->node_of[i] =
				0; /* until the last loop: the span gets no node of its own */
	}
	for (size_t i = 0; i < w->n; i++) {
		if (w->node_of[i] != OTR_NODE_NONE)
			continue;
		w->node_of[i] = tree->n;
		node = &tree->nodes[tree->n++];
		*node = (struct otr_node){.span = w->by_start[i]};
		node->answered = w->server_of[i] != OTR_NODE_NONE;
		if (join && node->answered)
			node->server = w->by_start[w->server_of[i]];
	}
	for (size_t i = 0; join && i < w->n; i++)
		if (w->server_of[i] != OTR_NODE_NONE)
			w->node_of[w->server_of[i]] = w->node_of[i];
}

static void set_times(struct otr_node *node)
{
	const struct otr_span *sp = node->span, *far = node->server;

	node->start_ns = sp->start_ns;
	node->end_ns = sp->end_ns > sp->start_ns ? sp->end_ns : sp->start_ns;
	node->failed = sp->failed || (far && far->failed);
	if (far && far->start_ns < node->start_ns)
		node->start_ns = far->start_ns;
	if (far && far->end_ns > node->end_ns)
		node->end_ns = far->end_ns;
}

static void find_parents(struct otr_tree *tree, const struct work *w)
{
	struct otr_node *node;
	uint32_t at;

	for (uint32_t i = 0; i < tree->n; i++) {
		node = &tree->nodes[i];
		node->parent = node->child = node->next = OTR_NODE_NONE;
		set_times(node);
		if (!has_parent(node->span))
			continue;
		at = find(w, node->span->parent_id);
		if (at == OTR_NODE_NONE)
			node->lost_parent = !node->span->parent_remote;
		else if (w->node_of[at] != i)
			node->parent = w->node_of[at];
	}
}

/* Walks up from every node. A node whose parent was met in the same walk loses that parent. */
static void cut_cycles(struct otr_tree *tree, uint64_t *walk)
{
	uint32_t at;

	memset(walk, 0, tree->n * sizeof(*walk));
	for (uint32_t i = 0; i < tree->n; i++) {
		at = i;
		while (at != OTR_NODE_NONE && !walk[at]) {
			walk[at] = i + 1u;
			if (tree->nodes[at].parent != OTR_NODE_NONE &&
			    walk[tree->nodes[at].parent] == i + 1u)
				tree->nodes[at].parent = OTR_NODE_NONE;
			at = tree->nodes[at].parent;
		}
	}
}

/* Goes backwards, so that each list is in order of start. */
static void link_children(struct otr_tree *tree)
{
	struct otr_node *node;
	uint32_t *head;

	tree->root = OTR_NODE_NONE;
	for (uint32_t i = tree->n; i--;) {
		node = &tree->nodes[i];
		head = node->parent == OTR_NODE_NONE ? &tree->root
						     : &tree->nodes[node->parent].child;
		if (node->parent != OTR_NODE_NONE)
			tree->nodes[node->parent].children++;
		node->next = *head;
		*head = i;
	}
}

static void build(struct otr_tree *tree, struct work *w, bool join)
{
	sort(w);
	if (w->slots)
		index_ids(w);
	make_nodes(tree, w, join);
	find_parents(tree, w);
	cut_cycles(tree, w->scratch);
	link_children(tree);
	otr_tree_count(tree, w->scratch);
}

static bool comes_before(const struct otr_span *a, const struct otr_span *b)
{
	return by_start(&a, &b) < 0;
}

/* The root of a few spans, if it can be told without their tree: none failed, no two share a node,
 * and parents come before their children, so there is no cycle. Otherwise NULL. */
static const struct otr_span *plain_root(const struct work *w)
{
	const struct otr_span *root = NULL;
	uint32_t parent;

	for (size_t i = 0; i < w->n; i++) {
		const struct otr_span *sp = w->by_start[i];

		if (sp->failed || client_of(w, sp) != OTR_NODE_NONE)
			return NULL;
		parent = has_parent(sp) ? find(w, sp->parent_id) : OTR_NODE_NONE;
		if (parent == OTR_NODE_NONE)
			root = root && comes_before(root, sp) ? root : sp;
		else if (!comes_before(w->by_start[parent], sp))
			return NULL;
	}
	return root;
}

/* Most traces are only counted, for which the root is enough. */
static bool outline(struct otr_tree *tree, const struct work *w)
{
	const struct otr_span *root = w->n <= FEW ? plain_root(w) : NULL;

	if (!root)
		return false;
	tree->nodes[0] = (struct otr_node){.span = root};
	set_times(&tree->nodes[0]);
	tree->first_error = OTR_NODE_NONE;
	for (size_t i = 0; i < w->n; i++)
		tree->cut += w->by_start[i]->cut;
	return true;
}

int otr_tree_build(struct otr_tree *tree, const struct otr_span *const *spans, size_t n, bool join)
{
	struct work w;

	*tree = (struct otr_tree){.memory = tree->memory, .bytes = tree->bytes};
	if (n > UINT32_MAX / 4 || work_init(&w, tree, n))
		return -ENOMEM;
	tree->spans = n;
	tree->join = join;
	for (size_t i = 0; i < n; i++) {
		w.by_start[i] = spans[i];
		w.server_of[i] = w.node_of[i] = OTR_NODE_NONE;
	}
	tree->outlined = outline(tree, &w);
	if (!tree->outlined)
		build(tree, &w, join);
	return 0;
}

void otr_tree_time(struct otr_tree *tree)
{
	struct work w;

	if (tree->timed)
		return;
	lay_out(&w, tree, tree->spans);
	if (tree->outlined) {
		tree->outlined = false;
		tree->cut = 0;
		build(tree, &w, tree->join);
	}
	tree->timed = true;
	otr_tree_times(tree, (uint32_t *)w.scratch);
}

void otr_tree_fini(struct otr_tree *tree)
{
	free(tree->memory);
	memset(tree, 0, sizeof(*tree));
}

const struct otr_span *otr_node_face(const struct otr_node *node)
{
	return node->server ? node->server : node->span;
}

void otr_node_label(const struct otr_node *node, struct otr_label *out)
{
	const struct otr_span *face = otr_node_face(node);

	otr_label_of(face, out);
	if (!out->peer || !node->answered || !face->resource)
		return;
	out->service = face->resource->service;
	out->port = 0;
	out->peer = false;
}
