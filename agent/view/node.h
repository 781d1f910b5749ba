/* SPDX-License-Identifier: Apache-2.0 */
#ifndef OTR_VIEW_NODE_H
#define OTR_VIEW_NODE_H

/* node.h - the types of a trace's tree: nodes, and what is known of all of them together. */

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct otr_span;

#define OTR_NODE_NONE UINT32_MAX

/* What one row shows: one span, or both spans of one exchange. */
struct otr_node {
	const struct otr_span *span;   /* the only one, or that of the client */
	const struct otr_span *server; /* of the same exchange as `span`, or NULL */
	uint32_t parent;
	uint32_t child; /* the first child; the others follow by `next`, in order of start */
	uint32_t next;
	uint32_t children;
	uint64_t start_ns, end_ns;
	uint64_t self_ns; /* of a timed tree: time in which no child ran */
	bool critical;	  /* of a timed tree: on the critical path */
	bool failed;
	bool answered;	  /* the server span is known: of this node, or of a child */
	bool lost_parent; /* the span names a parent that is not among the spans */
};

/* Borrows the spans. Of an outlined tree only `spans`, `failed`, `cut`, `first_error` and the root
 * with its spans and times are set; otr_tree_time() makes the rest. */
struct otr_tree {
	struct otr_node *nodes; /* in order of start */
	uint32_t n;
	uint32_t root; /* the first root; the others follow by `next` */
	bool outlined;
	bool join; /* as otr_tree_build() was asked */
	size_t spans, failed, services, weak, orphans, cut;
	uint64_t start_ns, end_ns; /* of the whole trace */
	uint32_t first_error;	   /* first node that failed while no child of it failed, or NONE */
	bool timed;		   /* by otr_tree_time(); the next three are set */
	uint32_t slowest;	   /* node with the largest self time */
	uint32_t fan;		   /* node with the most children at the same time, or NONE */
	uint32_t fan_width;	   /* the number of those children */
	void *memory;		   /* of the nodes, and of what builds them */
	size_t bytes;		   /* of `memory` */
};

/* The duration of the node. */
static inline uint64_t otr_node_ns(const struct otr_node *node)
{
	return node->end_ns - node->start_ns;
}

#endif /* OTR_VIEW_NODE_H */
