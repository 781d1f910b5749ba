/* SPDX-License-Identifier: Apache-2.0 */
/*
 * config_example.c - prints a file of configuration: one to begin with, and the values that hold.
 *
 * Both are YAML that config_file.c reads. In the example every key is behind a #.
 */

#include <string.h>

#include "agent/base/buf.h"
#include "agent/base/own.h"
#include "agent/base/secret.h"
#include "agent/base/text.h"
#include "agent/base/utf8.h"
#include "agent/config/config.h"
#include "agent/config/config_value.h"

#define WIDTH  78
#define COLUMN 44 /* where origins begin */

/* Prints the words of `text` as lines of a comment. */
static void print_comment(void *arg, const char *text)
{
	FILE *out = arg;
	int col = 0, len;

	for (; *text; text += strspn(text, " ")) {
		len = (int)strcspn(text, " ");
		if (!col || col + 1 + len > WIDTH)
			col = fprintf(out, "%s#", col ? "\n" : "") - !!col;
		col += fprintf(out, " %.*s", len, text);
		text += len;
	}
	fputc('\n', out);
}

static void example_of(const struct otr_option *opt, const char *key, FILE *out)
{
	print_comment(out, opt->help);
	if (opt->details)
		opt->details(print_comment, out);
	if (!opt->live)
		print_comment(out, "A new value needs a restart.");
	if (opt->type != OTR_OPTION_LIST)
		fprintf(out, "#%s: %s\n\n", key, opt->fallback ? opt->fallback : opt->example);
	else if (opt->head && *opt->head)
		fprintf(out, "#%s:\n#  - %s: %s\n\n", key, opt->head, opt->example);
	else
		fprintf(out, "#%s:\n#  - %s\n\n", key, opt->example);
}

void otr_options_example(const struct otr_options *opts, FILE *out)
{
	const char *group = "";
	char key[64];

	for (const struct otr_option *o = opts->table; o->name; o++) {
		if (!otr_option_belongs(opts, o) || !otr_option_key(o, key))
			continue;
		if (strcmp(group, o->group))
			fprintf(out, "## %s\n\n", otr_option_title(o->group));
		group = o->group;
		example_of(o, key, out);
	}
}

static bool is_plain(struct otr_slice s)
{
	static const char letters[] = "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ"
				      "0123456789/._%-=,:";

	for (size_t i = 0; i < s.len; i++)
		if (!s.data[i] || !strchr(letters, s.data[i]))
			return false;
	return s.len && !strchr("-%,:=.", s.data[0]) && s.data[s.len - 1] != ':';
}

/* The character at the head of `s`, `n` bytes of valid UTF-8. */
static uint32_t code_point(struct otr_slice s, size_t n)
{
	uint32_t c = (uint8_t)s.data[0];

	if (n > 1)
		c &= 0x7fu >> n;
	for (size_t i = 1; i < n; i++)
		c = c << 6 | ((uint8_t)s.data[i] & 0x3f);
	return c;
}

/* Prints the character at the head of `s` as it stands between double quotes. Returns its length; a
 * broken byte is one. */
static size_t print_char(struct otr_slice s, struct otr_buf *out)
{
	size_t n = otr_utf8_char(s);
	uint32_t c = n ? code_point(s, n) : (uint8_t)s.data[0];
	bool shown = n && otr_text_char(s) && (c & 0xfffe) != 0xfffe; /* no character */

	if (c == '"' || c == '\\')
		otr_buf_printf(out, "\\%c", (char)c);
	else if (shown)
		otr_buf_add(out, s.data, n);
	else
		otr_buf_printf(out, "\\U%08x", c);
	return n ? n : 1;
}

/* Prints a scalar of YAML that means `s`. */
static void print_scalar(struct otr_slice s, struct otr_buf *out)
{
	if (is_plain(s)) {
		otr_buf_slice(out, s);
		return;
	}
	otr_buf_byte(out, '"');
	for (size_t i = 0; i < s.len;)
		i += print_char(otr_slice_sub(s, i, 4), out);
	otr_buf_byte(out, '"');
}

/* ",NAME=VALUE" behind a URL: a header is hidden as a whole. */
static void hide_option(struct otr_slice s, struct otr_buf *out)
{
	const char *sign = memchr(s.data, '=', s.len);
	struct otr_slice name = {s.data, sign ? (size_t)(sign - s.data) : s.len};

	if (sign && (otr_slice_starts(name, OTR_SLICE(",header")) || otr_secret_within(s)))
		otr_buf_printf(out, "%.*s=" OTR_SECRET_HIDDEN, OTR_SLICE_ARG(name));
	else
		otr_buf_slice(out, s);
}

/* A URL without passwords, and the options behind it. */
static void print_secret(struct otr_slice s, struct otr_buf *out)
{
	OTR_AUTO(otr_buf_fini) struct otr_buf shown = {0};
	const char *at = s.data, *end = s.data + s.len, *stop;

	for (; at < end; at = stop) {
		stop = memchr(at + 1, ',', (size_t)(end - at - 1));
		stop = stop ? stop : end;
		if (*at == ',')
			hide_option((struct otr_slice){at, (size_t)(stop - at)}, &shown);
		else
			otr_secret_hide(&shown, (struct otr_slice){at, (size_t)(stop - at)});
	}
	print_scalar(otr_buf_view(&shown), out);
}

/* Prints a line with the origin in a column of its own. */
static void print_line(struct otr_buf *line, const char *origin, FILE *out)
{
	if (!line->rc && origin)
		fprintf(out, "%-*.*s # %s\n", COLUMN, (int)line->len, line->data, origin);
	else if (!line->rc)
		fprintf(out, "%.*s\n", (int)line->len, line->data);
	otr_buf_reset(line);
}

static void put_value(const struct otr_option *opt, struct otr_slice text, struct otr_buf *out)
{
	if (opt->secret)
		print_secret(text, out);
	else
		print_scalar(text, out);
}

static void show_one(const struct otr_options *opts, const struct otr_option *opt, const char *key,
		     FILE *out)
{
	OTR_AUTO(otr_buf_fini) struct otr_buf text = {0}, line = {0};
	const void *field = (const char *)opts->dst + opt->offset;
	const char *origin = otr_options_origin(opts, opt->name);
	bool list = opt->type == OTR_OPTION_LIST;

	otr_value_print(opt, field, 0, &text);
	otr_buf_printf(&line, "%s%s: ", text.len ? "" : "#", key);
	if (!list && text.len)
		put_value(opt, otr_buf_view(&text), &line);
	print_line(&line, origin ? origin : text.len ? "default" : "not set", out);
	for (size_t i = 1; list && text.len; i++) {
		otr_buf_str(&line, "  - ");
		put_value(opt, otr_buf_view(&text), &line);
		print_line(&line, NULL, out);
		otr_buf_reset(&text);
		if ((*(char **const *)field)[i])
			otr_value_print(opt, field, i, &text);
	}
}

void otr_options_show(const struct otr_options *opts, FILE *out)
{
	char key[64];

	for (const struct otr_option *o = opts->table; o->name; o++)
		if (otr_option_belongs(opts, o) && otr_option_key(o, key))
			show_one(opts, o, key, out);
}
