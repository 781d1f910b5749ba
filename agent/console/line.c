/* SPDX-License-Identifier: Apache-2.0 */
/*
 * line.c - a trace as one line: logfmt for grep, OTLP JSON for programs.
 *
 * Keys of logfmt may be added; none is renamed or removed.
 */

#include "agent/console/line.h"

#include <stdio.h>
#include <string.h>
#include <time.h>

#include "agent/base/buf.h"
#include "agent/base/own.h"
#include "agent/base/text.h"
#include "agent/span/span.h"
#include "agent/view/label.h"
#include "agent/view/tree.h"
#include "agent/view/units.h"
#include "exporters/otlp_json.h"

static void stamp(struct otr_buf *out, uint64_t epoch_ns)
{
	time_t s = (time_t)(epoch_ns / 1000000000);
	char text[40];
	struct tm tm;

	gmtime_r(&s, &tm);
	strftime(text, sizeof(text), "%Y-%m-%dT%H:%M:%S", &tm);
	otr_buf_printf(out, "ts=%s.%03uZ", text, (unsigned int)(epoch_ns / 1000000 % 1000));
}

/* Appends " key=1.82s": the number and its unit as one word. */
static void duration(struct otr_buf *out, const char *key, uint64_t ns)
{
	char text[OTR_UNITS];

	otr_units_duration(ns, text);
	otr_buf_printf(out, " %s=%.*s%s", key, (int)strcspn(text, " "), text,
		       text + strcspn(text, " ") + 1);
}

/* Appends ` key="text"`; `text` is escaped for terminals. */
static void quoted(struct otr_buf *out, const char *key, struct otr_slice text)
{
	otr_buf_printf(out, " %s=\"", key);
	for (size_t i = 0; i < text.len; i++) {
		if (text.data[i] == '"')
			otr_buf_byte(out, '\\');
		otr_buf_byte(out, text.data[i]);
	}
	otr_buf_byte(out, '"');
}

static void put_node(struct otr_buf *out, const char *key, const struct otr_node *node)
{
	OTR_AUTO(otr_buf_fini) struct otr_buf text = {0};
	struct otr_label lb;

	otr_node_label(node, &lb);
	otr_label_service(&text, &lb);
	otr_buf_byte(&text, ' ');
	otr_label_name(&text, &lb);
	quoted(out, key, otr_buf_view(&text));
}

/* Appends error=500: the status of the root if it failed, else of the first error; or
 * error=none. */
static void error(struct otr_buf *out, const struct otr_tree *tree)
{
	const struct otr_node *node = &tree->nodes[tree->root];
	struct otr_slice status;
	char room[24];

	if (!node->failed && tree->first_error != OTR_NODE_NONE)
		node = &tree->nodes[tree->first_error];
	otr_buf_str(out, " error=");
	status = node->failed ? otr_label_status(otr_node_face(node), room) : OTR_SLICE("none");
	if (!status.len || memchr(status.data, ' ', status.len) ||
	    memchr(status.data, '"', status.len))
		status = OTR_SLICE("other");
	otr_text_escape(out, status);
}

int otr_console_logfmt(struct otr_buf *out, const struct otr_tree *tree)
{
	const struct otr_node *root = &tree->nodes[tree->root];
	const struct otr_node *top = &tree->nodes[tree->slowest];

	stamp(out, root->start_ns);
	otr_buf_str(out, " trace=");
	for (int i = 0; i < 16; i++)
		otr_buf_printf(out, "%02x", root->span->trace_id[i]);
	duration(out, "dur", otr_node_ns(root));
	error(out, tree);
	put_node(out, "root", root);
	otr_buf_printf(out, " spans=%zu services=%zu", tree->spans, tree->services);
	put_node(out, "top", top);
	duration(out, "top_dur", top->self_ns);
	otr_buf_printf(out, " weak=%zu orphan=%zu lost=%zu\n", tree->weak, tree->orphans,
		       tree->cut);
	return out->rc;
}

int otr_console_json(struct otr_buf *out, const struct otr_span *const *spans, size_t n)
{
	return otr_otlp_json_line(out, spans, n);
}
