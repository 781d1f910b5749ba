/* SPDX-License-Identifier: Apache-2.0 */
/*
 * block.c - a trace as a block of rows.
 *
 *	| label .................... | status | duration | | bar ........ |
 *	  W - 17 - B                    7          9      1   B: 2/5 of W - 17
 *
 * Below 60 columns there is no bar. Colour never shows what the text does not show too.
 */

#include "agent/console/block.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "agent/base/buf.h"
#include "agent/base/own.h"
#include "agent/base/text.h"
#include "agent/console/cells.h"
#include "agent/console/style.h"
#include "agent/resource/resource.h"
#include "agent/span/span.h"
#include "agent/view/fold.h"
#include "agent/view/label.h"
#include "agent/view/tree.h"
#include "agent/view/units.h"
#include "agent/view/words.h"
#include "bpf/event.h"

#define STATUS	 7
#define DURATION 9
#define WIDE	 120 /* from this width on: milliseconds, the whole trace id */
#define DEEP	 64  /* deeper rows are drawn at this depth */

struct block {
	struct otr_buf *out;
	const struct otr_console_style *look;
	const struct otr_tree *tree;
	const struct otr_rows *rows;
	unsigned int label, bar; /* columns */
};

enum glyph {
	TEE,
	TEE_WEAK,
	END,
	END_WEAK,
	PIPE,
	GAP,
	FULL,
	HALF,
	WIRE,
	SLIVER
};

static const char *const glyphs[2][10] = {
	{"\u251c\u2500", "\u251c\u254c", "\u2514\u2500", "\u2514\u254c", "\u2502 ", "  ", "\u2588",
	 "\u2592", "\u2591", "\u258f"},
	{"|-", "|~", "`-", "`~", "| ", "  ", "#", "=", ".", "|"},
};

static const char *glyph(const struct otr_console_style *look, enum glyph g)
{
	return glyphs[look->ascii][g];
}

/* One of six colours, none of them red; a service has the same colour in each run (FNV-1a). */
static int color_of(const struct otr_label *lb)
{
	static const int colors[] = {32, 33, 34, 35, 36, 37};
	uint64_t sum = 0xcbf29ce484222325u;

	for (size_t i = 0; i < lb->service.len; i++)
		sum = (sum ^ (unsigned char)lb->service.data[i]) * 0x100000001b3u;
	return colors[(sum >> 32) % OTR_ARRAY_SIZE(colors)];
}

static void style(struct otr_buf *out, const struct otr_console_style *look, bool bold, int color)
{
	if (!look->color || (!bold && !color))
		return;
	otr_buf_str(out, bold ? "\x1b[1" : "\x1b[0");
	if (color)
		otr_buf_printf(out, ";%d", color);
	otr_buf_byte(out, 'm');
}

static void plain(struct otr_buf *out, const struct otr_console_style *look)
{
	if (look->color)
		otr_buf_str(out, "\x1b[0m");
}

/* Draws the lines that join a row to its parent. Returns the columns used. */
static unsigned int branches(struct block *b, const struct otr_row *row)
{
	const struct otr_row *path[DEEP], *at = row;
	const struct otr_console_style *look = b->look;
	bool weak = otr_label_weak(b->tree->nodes[row->node].span);
	unsigned int n = 0;

	for (; at->parent != OTR_NODE_NONE && n < DEEP; at = &b->rows->row[at->parent])
		path[n++] = at;
	if ((n + 1) * 2 > b->label)
		n = b->label / 2 - 1;
	for (unsigned int i = n; i-- > 1;)
		otr_buf_str(b->out, glyph(look, path[i]->last ? GAP : PIPE));
	if (n && row->last)
		otr_buf_str(b->out, glyph(look, weak ? END_WEAK : END));
	else if (n)
		otr_buf_str(b->out, glyph(look, weak ? TEE_WEAK : TEE));
	return n * 2;
}

static const char *evidence_name(uint8_t evidence)
{
	static const char *const names[OTR_EVIDENCE_MAX] = {
#define OTR_EVIDENCE_ROW(id, exported, shown) [OTR_EVIDENCE_##id] = (shown),
#include "bpf/evidence.def"
#undef OTR_EVIDENCE_ROW
	};

	return evidence < OTR_EVIDENCE_MAX && names[evidence] ? names[evidence] : "";
}

/* Appends the marks behind the name, which are never cut: of a weak parent, with -v how the parent
 * is known, and why a row has no parent. */
static void marks(struct block *b, const struct otr_row *row, struct otr_buf *out)
{
	const struct otr_node *node = &b->tree->nodes[row->node];
	const char *how = evidence_name(node->span->evidence);
	bool weak = otr_label_weak(node->span);

	if (weak)
		otr_buf_printf(out, "  ~%s", b->look->verbose ? how : "");
	else if (b->look->verbose && *how && node->parent != OTR_NODE_NONE)
		otr_buf_printf(out, "  %s", how);
	if (row == b->rows->row || row->parent != OTR_NODE_NONE)
		return; /* the first row's parent is in the head line */
	if (node->lost_parent)
		otr_buf_str(out, "  parent lost");
	else if (node->span->parent_remote)
		otr_buf_str(out, "  parent remote");
}

static void draw_label(struct block *b, const struct otr_row *row)
{
	OTR_AUTO(otr_buf_fini) struct otr_buf who = {0};
	OTR_AUTO(otr_buf_fini) struct otr_buf name = {0};
	OTR_AUTO(otr_buf_fini) struct otr_buf mark = {0};
	const struct otr_node *node = &b->tree->nodes[row->node];
	unsigned int col = branches(b, row), room = b->label - 1;
	struct otr_label lb;
	int color;

	otr_node_label(node, &lb);
	otr_label_service(&who, &lb);
	otr_label_name(&name, &lb);
	marks(b, row, &mark);
	if (row->count > 1) {
		otr_buf_printf(b->out, "%ux ", row->count);
		col += (unsigned int)snprintf(NULL, 0, "%ux ", row->count);
	}
	room = room > mark.len + col ? room - (unsigned int)mark.len - col : 0;
	/* Terminals differ in how they draw text that is both bold and dim. */
	color = !lb.peer ? color_of(&lb) : row->critical ? 0 : 2;
	style(b->out, b->look, row->critical, color);
	col += otr_cells_put(b->out, otr_buf_view(&who), otr_console_style_room(b->look, room),
			     b->look->ascii);
	plain(b->out, b->look);
	room = b->label - 1 > mark.len + col + 2 ? b->label - 1 - (unsigned int)mark.len - col : 0;
	if (room > 2 || b->look->whole) {
		style(b->out, b->look, row->critical, 0);
		otr_buf_str(b->out, "  ");
		col += 2 + otr_cells_put(b->out, otr_buf_view(&name),
					 otr_console_style_room(b->look, room - 2), b->look->ascii);
		plain(b->out, b->look);
	}
	otr_buf_slice(b->out, otr_buf_view(&mark));
	col += (unsigned int)mark.len;
	otr_cells_blank(b->out, b->label > col ? b->label - col : 0);
}

/* Appends at most `max` columns of "!500", "?", "-" and the like. Returns the columns used. */
static unsigned int put_status(struct otr_buf *out, const struct otr_console_style *look,
			       const struct otr_node *node, unsigned int max)
{
	OTR_AUTO(otr_buf_fini) struct otr_buf text = {0};
	struct otr_slice status;
	char room[24];

	if (node->failed)
		otr_buf_byte(&text, '!');
	if (node->span->cut || (node->server && node->server->cut))
		otr_buf_byte(&text, '?');
	if (otr_label_unanswered(node->span)) {
		otr_buf_byte(&text, '-');
	} else {
		status = otr_label_status(node->span, room);
		otr_text_escape(&text, status);
	}
	return otr_cells_put(out, otr_buf_view(&text), max, look->ascii);
}

/* Draws the status, right-aligned in `width` columns. */
static void draw_status(struct otr_buf *out, const struct otr_console_style *look,
			const struct otr_node *node, unsigned int width)
{
	OTR_AUTO(otr_buf_fini) struct otr_buf text = {0};
	unsigned int used = put_status(&text, look, node, width);

	otr_cells_blank(out, width - used);
	style(out, look, false, node->failed ? 31 : 0);
	otr_buf_slice(out, otr_buf_view(&text));
	if (node->failed)
		plain(out, look);
}

static void draw_status_of(struct block *b, const struct otr_row *row)
{
	if (row->count == 1) {
		draw_status(b->out, b->look, &b->tree->nodes[row->node], STATUS);
		return;
	}
	/* No node of a group has failed; their statuses may differ. */
	otr_cells_blank(b->out, STATUS - 1);
	otr_buf_byte(b->out, row->cut ? '?' : ' ');
}

struct cells {
	unsigned int from, to;
	bool sliver;
};

/* The part of the bar that a time takes. */
static struct cells place(const struct block *b, uint64_t from, uint64_t to)
{
	double all = (double)(b->tree->end_ns - b->tree->start_ns);
	double scale = all > 0 ? b->bar / all : 0;
	double x = (double)(from - b->tree->start_ns) * scale;
	double y = (double)(to - b->tree->start_ns) * scale;
	struct cells c = {(unsigned int)x, (unsigned int)(y + 0.5), y - x < 0.5};

	if (c.from >= b->bar)
		c.from = b->bar - 1;
	if (c.to > b->bar)
		c.to = b->bar;
	if (c.to <= c.from)
		c.to = c.from + 1;
	return c;
}

static enum glyph solid(const struct otr_node *node)
{
	return node->span->kind == OTR_SPAN_CLIENT || node->span->kind == OTR_SPAN_PRODUCER ? HALF
											    : FULL;
}

static void draw_bar(struct block *b, const struct otr_row *row)
{
	const struct otr_node *node = &b->tree->nodes[row->node];
	struct cells all = place(b, row->start_ns, row->end_ns), far = all;
	enum glyph g = node->server ? FULL : solid(node);
	struct otr_label lb;

	if (node->server && row->count == 1)
		far = place(b, node->server->start_ns, node->server->end_ns);
	otr_node_label(node, &lb);
	otr_cells_blank(b->out, 1 + all.from);
	style(b->out, b->look, false, color_of(&lb));
	for (unsigned int i = all.from; i < all.to; i++)
		otr_buf_str(b->out, glyph(b->look, all.sliver			 ? SLIVER
						   : i < far.from || i >= far.to ? WIRE
										 : g));
	plain(b->out, b->look);
}

static void draw_row(struct block *b, const struct otr_row *row)
{
	char text[OTR_UNITS];

	draw_label(b, row);
	draw_status_of(b, row);
	otr_units_duration(row->end_ns - row->start_ns, text);
	otr_buf_printf(b->out, "%*s", DURATION, text);
	if (b->bar)
		draw_bar(b, row);
	otr_buf_byte(b->out, '\n');
}

/* Appends why the trace has no parent: "orphan: orders sent it while 3 requests were open .."; for
 * most traces nothing. */
static void explain_root(const struct otr_tree *tree, struct otr_buf *out)
{
	const struct otr_span *sp = tree->nodes[tree->root].span;
	unsigned int n = otr_span_candidates(sp);
	const char *plural = n == 1 ? "" : "s";

	if (n && tree->nodes[tree->root].parent == OTR_NODE_NONE && !sp->parent_remote) {
		otr_buf_str(out, "orphan: ");
		otr_text_escape(out, sp->resource ? sp->resource->service : OTR_SLICE("?"));
		otr_buf_printf(out,
			       " sent it while %u request%s %s open, none "
			       "proved: %u link%s",
			       n, plural, n == 1 ? "was" : "were", n, plural);
	} else if (sp->parent_remote || tree->nodes[tree->root].lost_parent) {
		otr_buf_str(out, "parent ");
		for (int i = 0; i < 4; i++)
			otr_buf_printf(out, "%02x", sp->parent_id[i]);
		otr_buf_str(out, sp->parent_remote ? " is not on this host "
						     "(traceparent)"
						   : " was lost");
	}
}

/* Appends what follows the name in the head line. */
static void head_tail(const struct otr_tree *tree, struct otr_slice note_text, struct otr_buf *out)
{
	char text[OTR_UNITS], count[OTR_UNITS];

	otr_units_duration(otr_node_ns(&tree->nodes[tree->root]), text);
	otr_units_count(tree->spans, count);
	if (note_text.len) { /* the trace is one row: in columns */
		otr_buf_printf(out, "  %-7s  %s %-*s  ", text, count, tree->spans < 10 ? 5 : 0,
			       tree->spans == 1 ? "span" : "spans");
		otr_buf_slice(out, note_text);
		return;
	}
	otr_buf_printf(out, "  %s  %s span%s", text, count, tree->spans == 1 ? "" : "s");
	otr_buf_printf(out, "  %s service%s", otr_units_count(tree->services, count),
		       tree->services == 1 ? "" : "s");
	if (tree->failed)
		otr_buf_printf(out, "  %s error%s", otr_units_count(tree->failed, count),
			       tree->failed == 1 ? "" : "s");
}

static void put_id(struct otr_buf *out, const uint8_t *id, int bytes)
{
	for (int i = 0; i < bytes; i++)
		otr_buf_printf(out, "%02x", id[i]);
}

static void draw_head(struct block *b, struct otr_slice note_text)
{
	OTR_AUTO(otr_buf_fini) struct otr_buf tail = {0};
	OTR_AUTO(otr_buf_fini) struct otr_buf name = {0};
	const struct otr_node *root = &b->tree->nodes[b->tree->root];
	bool wide = b->look->width >= WIDE && !note_text.len;
	/* Columns for clock, status and trace id, which stand next to the name. */
	unsigned int col = wide ? 18 : 23, all = b->look->width, room;
	struct otr_label lb;

	otr_console_clock(b->out, root->start_ns, wide);
	otr_buf_byte(b->out, ' ');
	if (!wide) {
		put_id(b->out, root->span->trace_id, 4);
		otr_buf_byte(b->out, ' ');
	}
	draw_status(b->out, b->look, root, 4);
	otr_buf_byte(b->out, ' ');
	otr_node_label(root, &lb);
	otr_label_name(&name, &lb);
	head_tail(b->tree, note_text, &tail);
	all -= wide ? 40 : 0;
	room = all > col + 12 ? all - col : 12;
	if (room > tail.len + 12)
		room -= (unsigned int)tail.len;
	else
		room = room / 2;
	col += otr_cells_put(b->out, otr_buf_view(&name), otr_console_style_room(b->look, room),
			     b->look->ascii);
	col += otr_cells_put(b->out, otr_buf_view(&tail),
			     otr_console_style_room(b->look, all > col ? all - col : 0),
			     b->look->ascii);
	if (wide) {
		otr_cells_blank(b->out, col < 78 ? 80 - col : 2);
		otr_buf_str(b->out, "trace ");
		put_id(b->out, root->span->trace_id, 16);
	}
	otr_buf_byte(b->out, '\n');
}

static void draw_rest(struct block *b)
{
	char count[OTR_UNITS], time[OTR_UNITS];

	if (!b->rows->rest)
		return;
	otr_buf_printf(b->out, "%s %s more spans, %s\n", b->look->ascii ? ".." : "\u2026",
		       otr_units_count(b->rows->rest, count),
		       otr_units_duration(b->rows->rest_ns, time));
}

static void draw_words(struct block *b)
{
	OTR_AUTO(otr_buf_fini) struct otr_buf words = {0};
	struct otr_slice line;
	size_t at = 0, len;

	otr_words(&words, b->tree, b->rows);
	for (; at < words.len; at += len + 1) {
		line = otr_slice_sub(otr_buf_view(&words), at, words.len);
		len = (size_t)((const char *)memchr(line.data, '\n', line.len) - line.data);
		otr_buf_str(b->out, "  ");
		otr_cells_put(b->out, otr_slice_sub(line, 0, len),
			      otr_console_style_room(b->look, b->look->width - 2), b->look->ascii);
		otr_buf_byte(b->out, '\n');
	}
}

int otr_console_block(struct otr_buf *out, const struct otr_console_style *look,
		      const struct otr_tree *tree, int64_t max)
{
	OTR_AUTO(otr_rows_fini) struct otr_rows rows = {0};
	OTR_AUTO(otr_buf_fini) struct otr_buf why = {0};
	struct block b = {out, look, tree, &rows, 0, 0};

	if (otr_rows_build(&rows, tree, (uint32_t)max))
		return -ENOMEM;
	b.bar = look->width < 60 ? 0 : (look->width - 17) * 2 / 5;
	b.label = look->width - STATUS - DURATION - (b.bar ? b.bar + 1 : 0);
	explain_root(tree, &why);
	draw_head(&b, otr_buf_view(&why));
	/* An orphan of one span is one row: the head line names its service. */
	if (tree->spans > 1 || !otr_span_candidates(tree->nodes[tree->root].span)) {
		for (uint32_t i = 0; i < rows.n; i++)
			draw_row(&b, &rows.row[i]);
		draw_rest(&b);
		draw_words(&b);
	}
	return out->rc;
}
