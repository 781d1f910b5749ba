/* SPDX-License-Identifier: Apache-2.0 */
/* words.c - what a tree means, in words. */

#include "agent/view/words.h"

#include "agent/base/buf.h"
#include "agent/base/text.h"
#include "agent/span/span.h"
#include "agent/view/label.h"

#define LINES	     2
#define SHARE_MIN    30 /* % */
#define REPEATED_MIN 10

void otr_words_node(struct otr_buf *out, const struct otr_node *node)
{
	const struct otr_span *sp = otr_node_face(node);
	struct otr_slice status;
	struct otr_label lb;
	char room[24];

	otr_node_label(node, &lb);
	otr_label_service(out, &lb);
	otr_buf_byte(out, ' ');
	otr_label_name(out, &lb);
	status = sp->failed ? otr_label_status(sp, room) : OTR_SLICE_NONE;
	if (!status.len)
		return;
	otr_buf_byte(out, ' ');
	otr_text_escape(out, status);
}

static void under(struct otr_buf *out, const struct otr_tree *tree, const struct otr_node *node)
{
	const struct otr_node *above;
	struct otr_label lb;

	if (node->parent == OTR_NODE_NONE)
		return;
	above = &tree->nodes[node->parent];
	otr_node_label(above, &lb);
	otr_buf_str(out, ", under ");
	otr_label_service(out, &lb);
	otr_buf_byte(out, ' ');
	otr_label_name(out, &lb);
}

static unsigned int share(const struct otr_tree *tree)
{
	uint64_t all = otr_node_ns(&tree->nodes[tree->root]);
	uint64_t most = tree->nodes[tree->slowest].self_ns;

	return all && tree->n > 1 ? (unsigned int)(most * 100.0 / (double)all) : 0;
}

static void named(struct otr_buf *out, const struct otr_node *node)
{
	struct otr_label lb;

	otr_node_label(node, &lb);
	otr_label_service(out, &lb);
	otr_buf_byte(out, ' ');
	otr_label_name(out, &lb);
}

void otr_words_why(struct otr_buf *out, const struct otr_tree *tree)
{
	unsigned int part = share(tree);

	if (part < SHARE_MIN || part > 100)
		return;
	otr_buf_printf(out, "%u%% ", part);
	named(out, &tree->nodes[tree->slowest]);
}

static int slowest(struct otr_buf *out, const struct otr_tree *tree)
{
	const struct otr_node *node = &tree->nodes[tree->slowest];
	unsigned int part = share(tree);

	if (part < SHARE_MIN || part > 100)
		return 0;
	otr_buf_printf(out, "%u%% of the time: ", part);
	named(out, node);
	otr_buf_str(out, node->child == OTR_NODE_NONE ? "" : " itself");
	under(out, tree, node);
	otr_buf_byte(out, '\n');
	return 1;
}

static int repeated(struct otr_buf *out, const struct otr_tree *tree, const struct otr_rows *rows)
{
	const struct otr_row *most = NULL, *row;
	const struct otr_span *sp;
	struct otr_label lb;

	for (row = rows->row; row < rows->row + rows->n; row++)
		if (row->count >= REPEATED_MIN && row->in_turn &&
		    (!most || row->count > most->count))
			most = row;
	if (!most)
		return 0;
	sp = otr_node_face(&tree->nodes[most->node]);
	otr_node_label(&tree->nodes[most->node], &lb);
	otr_buf_printf(out, "%ux the same %s, one after the other: ", most->count,
		       otr_span_string(sp, OTR_KEY_DB_SYSTEM_NAME).len ? "query" : "call");
	otr_label_name(out, &lb);
	otr_buf_byte(out, '\n');
	return 1;
}

static int first_error(struct otr_buf *out, const struct otr_tree *tree)
{
	if (tree->first_error == OTR_NODE_NONE || tree->first_error == tree->root)
		return 0;
	otr_buf_str(out, "first error: ");
	otr_words_node(out, &tree->nodes[tree->first_error]);
	under(out, tree, &tree->nodes[tree->first_error]);
	otr_buf_byte(out, '\n');
	return 1;
}

static int parallel(struct otr_buf *out, const struct otr_tree *tree)
{
	if (tree->fan == OTR_NODE_NONE)
		return 0;
	otr_buf_printf(out, "%u calls in parallel", tree->fan_width);
	if (tree->fan != tree->root) {
		otr_buf_str(out, ", under ");
		named(out, &tree->nodes[tree->fan]);
	}
	otr_buf_byte(out, '\n');
	return 1;
}

void otr_words(struct otr_buf *out, const struct otr_tree *tree, const struct otr_rows *rows)
{
	int lines = slowest(out, tree);

	lines += repeated(out, tree, rows);
	if (lines < LINES)
		lines += first_error(out, tree);
	if (lines < LINES)
		parallel(out, tree);
}
