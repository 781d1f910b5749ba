/* SPDX-License-Identifier: Apache-2.0 */
/* err.c - an error as a person reads it. */

#include "agent/base/err.h"

#include <stdarg.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "agent/base/buf.h"
#include "agent/base/text.h"

void otr_err_set(struct otr_err *err, const char *fmt, ...)
{
	va_list ap;

	va_start(ap, fmt);
	vsnprintf(err->text, sizeof(err->text), fmt, ap);
	va_end(ap);
}

void otr_err_hint(struct otr_err *err, const char *fmt, ...)
{
	size_t len = strlen(err->text);
	va_list ap;

	if (len + 2 >= sizeof(err->text))
		return;
	err->text[len++] = '\n';
	va_start(ap, fmt);
	vsnprintf(err->text + len, sizeof(err->text) - len, fmt, ap);
	va_end(ap);
}

void otr_err_print(const struct otr_err *err, const char *cmd)
{
	struct otr_buf out = {0};
	const char *line = err->text;
	size_t len;

	otr_buf_printf(&out, "otrace%s%s: ", cmd ? " " : "", cmd ? cmd : "");
	for (;;) {
		len = strcspn(line, "\n");
		otr_text_escape(&out, (struct otr_slice){line, len});
		otr_buf_byte(&out, '\n');
		line += len;
		if (!*line++)
			break;
		otr_buf_str(&out, "    ");
	}
	if (out.len && write(STDERR_FILENO, out.data, out.len) < 0) {
		/* stderr is closed: the error cannot be printed */
	}
	otr_buf_fini(&out);
}
