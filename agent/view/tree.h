/* SPDX-License-Identifier: Apache-2.0 */
#ifndef OTR_VIEW_TREE_H
#define OTR_VIEW_TREE_H

/*
 * tree.h - the spans of one trace as a tree, analysed once for every view.
 *
 * Times are taken as they are, never adjusted. Nothing here recurses: a chain
 * of 50,000 spans is as good as any. Missing parents make further roots; a
 * cycle is cut at its first span.
 */

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct otr_label;
struct otr_span;

#define OTR_NODE_NONE UINT32_MAX

/* What one row shows: a span, or both spans of one exchange. */
struct otr_node {
	const struct otr_span *span;   /* the client's, where both were seen */
	const struct otr_span *server; /* of both; else NULL */
	uint32_t parent;
	uint32_t child; /* the first; then by `next`, in order of start */
	uint32_t next;
	uint32_t children;
	uint64_t start_ns, end_ns;
	uint64_t self_ns; /* during which no child ran */
	bool critical;	  /* on the path that took the time */
	bool failed;
	bool answered;	  /* its server was seen: on this node or below */
	bool lost_parent; /* it has one, and it is not here */
};

/* Borrows the spans. */
struct otr_tree {
	struct otr_node *nodes; /* in order of start */
	uint32_t n;
	uint32_t root; /* the first of the roots; the others by `next` */
	size_t spans, failed, services, weak, orphans, cut;
	uint64_t start_ns, end_ns; /* of all */
	uint32_t slowest;	   /* node with the largest self time */
	uint32_t first_error;	   /* the first that failed by itself, or NONE */
	uint32_t fan;		   /* whose children overlap most, or NONE */
	uint32_t fan_width;	   /* how many of them at once */
};

/* Makes the tree of `n` spans, at least one; `join`: client and server of one
 * exchange share a node. Returns 0 or -ENOMEM: then nothing is held. */
int otr_tree_build(struct otr_tree *tree, const struct otr_span *const *spans, size_t n, bool join);
void otr_tree_fini(struct otr_tree *tree);

/* The span that names the node: the server's, if it was seen. */
const struct otr_span *otr_node_face(const struct otr_node *node);

/* What it is called; a client whose server was seen does not go by its peer's
 * name. */
void otr_node_label(const struct otr_node *node, struct otr_label *out);

/* How long it took. */
static inline uint64_t otr_node_ns(const struct otr_node *node)
{
	return node->end_ns - node->start_ns;
}

#endif /* OTR_VIEW_TREE_H */
