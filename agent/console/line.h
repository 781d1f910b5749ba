/* SPDX-License-Identifier: Apache-2.0 */
#ifndef OTR_CONSOLE_LINE_H
#define OTR_CONSOLE_LINE_H

/* line.h - a trace as one line. */

#include <stddef.h>

struct otr_buf;
struct otr_span;
struct otr_tree;

/* Append one trace, as logfmt or as OTLP JSON. Return 0 or -ENOMEM. */
int otr_console_logfmt(struct otr_buf *out, const struct otr_tree *tree);
int otr_console_json(struct otr_buf *out, const struct otr_span *const *spans, size_t n);

#endif /* OTR_CONSOLE_LINE_H */
