/* SPDX-License-Identifier: Apache-2.0 */
/*
 * config_file.c - reads the file of configuration; see config_file.h.
 *
 * libyaml gives events with their places. The reader knows at each place which events may come, so
 * that it never goes deeper than list, map, list; anything else is an error of that place.
 */

#include "agent/config/config_file.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>

#include <yaml.h>

#include "agent/base/buf.h"
#include "agent/base/err.h"
#include "agent/base/own.h"
#include "agent/config/config_excerpt.h"

#define ITEMS_MAX 1024 /* of a list whose option has no `max` */
#define TERMS_MAX 32   /* of one map in a list */
#define TERM_MAX  4096 /* bytes of one item */

struct reader {
	yaml_parser_t yaml;
	yaml_event_t ev; /* the current one */
	struct otr_options *opts;
	struct otr_slice text;
	struct otr_err *err;
};

/* A value that is being read. */
struct value {
	const struct otr_option *opt;
	char key[64];
	size_t items;
};

/* "PATH:LINE:COLUMN", and the key or nothing; for messages. */
struct place {
	char text[600];
};

static struct place place_of(const struct reader *rd, yaml_mark_t at, const char *key)
{
	struct place is;

	snprintf(is.text, sizeof(is.text), "%.500s:%zu:%zu%s%s", rd->opts->file, at.line + 1,
		 at.column + 1, *key ? ": " : "", key);
	return is;
}

/* Adds the line of the current event to the error, unless it may hold a secret. */
static int show_line(const struct reader *rd, const struct value *v)
{
	const yaml_event_t *ev = &rd->ev;

	if (!v || !v->opt->secret)
		otr_excerpt_hint(rd->text, ev->start_mark.line, ev->start_mark.column,
				 ev->end_mark.line == ev->start_mark.line ? ev->end_mark.column
									  : SIZE_MAX,
				 rd->err);
	return -EINVAL;
}

static int wrong(const struct reader *rd, const struct value *v, const char *what,
		 const char *right)
{
	otr_err_set(rd->err, "%s: %s", place_of(rd, rd->ev.start_mark, v ? v->key : "").text, what);
	otr_err_hint(rd->err, "right: %s", right);
	return show_line(rd, v);
}

/* The place where libyaml gave up; for broken UTF-8 it knows the byte alone. */
static int syntax_error(const struct reader *rd)
{
	const yaml_parser_t *y = &rd->yaml;
	yaml_mark_t at = y->problem_mark;

	if (y->error == YAML_MEMORY_ERROR) {
		otr_err_set(rd->err, "%s: out of memory", rd->opts->file);
		return -ENOMEM;
	}
	if (y->error == YAML_READER_ERROR)
		otr_excerpt_place(rd->text, y->problem_offset, &at.line, &at.column);
	otr_err_set(rd->err, "%s: no YAML: %s%s%s", place_of(rd, at, "").text,
		    y->problem ? y->problem : "it cannot be read", y->context ? ", " : "",
		    y->context ? y->context : "");
	otr_err_hint(rd->err, "right: KEY: VALUE, one a line, blanks for indents; a value with "
			      "special characters between '..'");
	otr_excerpt_hint(rd->text, at.line, at.column, SIZE_MAX, rd->err);
	return -EINVAL;
}

static bool has_tag(const yaml_event_t *ev)
{
	if (ev->type == YAML_SCALAR_EVENT)
		return ev->data.scalar.tag;
	if (ev->type == YAML_SEQUENCE_START_EVENT)
		return ev->data.sequence_start.tag;
	return ev->type == YAML_MAPPING_START_EVENT && ev->data.mapping_start.tag;
}

static bool has_anchor(const yaml_event_t *ev)
{
	if (ev->type == YAML_SCALAR_EVENT)
		return ev->data.scalar.anchor;
	if (ev->type == YAML_SEQUENCE_START_EVENT)
		return ev->data.sequence_start.anchor;
	return ev->type == YAML_ALIAS_EVENT ||
	       (ev->type == YAML_MAPPING_START_EVENT && ev->data.mapping_start.anchor);
}

/* The next event is the current one. */
static int next(struct reader *rd)
{
	yaml_event_delete(&rd->ev);
	if (!yaml_parser_parse(&rd->yaml, &rd->ev))
		return syntax_error(rd);
	if (has_anchor(&rd->ev))
		return wrong(
			rd, NULL, "anchors (&) and aliases (*) are not read",
			"each value written out; a value that begins with & or * between '..'");
	if (has_tag(&rd->ev))
		return wrong(rd, NULL, "tags (!) are not read",
			     "a value without a tag; one that begins with ! between '..'");
	return 0;
}

/* The text of a scalar, or NULL where it holds a NUL. */
static const char *scalar(const yaml_event_t *ev)
{
	const char *text = (const char *)ev->data.scalar.value;

	return strlen(text) == ev->data.scalar.length ? text : NULL;
}

/* Nothing, `~` or `null` behind a key. */
static bool is_null(const yaml_event_t *ev)
{
	const char *text = (const char *)ev->data.scalar.value;

	return ev->data.scalar.style == YAML_PLAIN_SCALAR_STYLE &&
	       (!*text || !strcmp(text, "~") || !strcmp(text, "null"));
}

static int check_scalar(const struct reader *rd, const struct value *v)
{
	if (is_null(&rd->ev))
		return wrong(rd, v, "there is no value",
			     "a value, or # before the key for the default");
	if (!scalar(&rd->ev))
		return wrong(rd, v, "the value holds a NUL byte", "text");
	return 0;
}

static int set(struct reader *rd, struct value *v, const char *text, yaml_mark_t at)
{
	size_t max = v->opt->max ? (size_t)v->opt->max : ITEMS_MAX;
	char right[40];
	int rc;

	if (v->items++ == max) {
		snprintf(right, sizeof(right), "%zu items at most", max);
		return wrong(rd, v, "the list is too long", right);
	}
	rc = otr_options_set_row(rd->opts, v->opt, text, OTR_ORIGIN_FILE,
				 place_of(rd, at, v->key).text, rd->err);
	if (!rc && v->opt->check_file)
		rc = v->opt->check_file(text, place_of(rd, at, v->key).text, rd->err);
	if (rc == -EINVAL || rc == -ERANGE)
		show_line(rd, v);
	return rc;
}

static int set_scalar(struct reader *rd, struct value *v)
{
	int rc = check_scalar(rd, v);

	return rc ? rc : set(rd, v, scalar(&rd->ev), rd->ev.start_mark);
}

/* The item of a map: what stands first, and the other terms, each with a comma before it. */
struct item {
	struct otr_buf head, terms;
	char keys[TERMS_MAX][32];
	size_t n;
	yaml_mark_t at;
};

static void item_fini(struct item *item)
{
	otr_buf_fini(&item->head);
	otr_buf_fini(&item->terms);
}

static void put_text(struct otr_buf *out, const char *text)
{
	for (; *text; text++)
		if (*text == ',')
			otr_buf_str(out, "%2C");
		else
			otr_buf_byte(out, *text);
}

/* Checks one term alone, so that its error has its own place. The others are checked with the
 * item. */
static int check_term(struct reader *rd, struct value *v, const char *term)
{
	int rc = 0;

	if (v->opt->check)
		rc = v->opt->check(term, place_of(rd, rd->ev.start_mark, v->key).text, rd->err);
	if (rc)
		show_line(rd, v);
	return rc;
}

static int put_term(struct reader *rd, struct value *v, struct item *item, const char *key)
{
	bool head = *v->opt->head && !strcmp(key, v->opt->head);
	struct otr_buf *out = head ? &item->head : &item->terms;
	size_t from = out->len + 1;
	int rc = check_scalar(rd, v);

	if (rc)
		return rc;
	if (!head)
		otr_buf_printf(out, ",%s=", key);
	put_text(out, scalar(&rd->ev));
	otr_buf_byte(out, '\0');
	if (out->rc || out->len > TERM_MAX)
		return wrong(rd, v, "the item is too long", "4096 bytes at most");
	out->len--;
	return head ? 0 : check_term(rd, v, out->data + from);
}

/* The key of a term is the current event. */
static int read_term_key(struct reader *rd, struct value *v, struct item *item, const char **key)
{
	const char *text = rd->ev.type == YAML_SCALAR_EVENT ? scalar(&rd->ev) : NULL;
	char *to = item->keys[item->n];

	if (!text || !*text || strlen(text) >= sizeof(item->keys[0]) ||
	    text[strspn(text, "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789_-")])
		return wrong(rd, v, "this is no key of an item",
			     "letters, as in  exe: /usr/bin/node");
	for (size_t i = 0; i < item->n; i++)
		if (!strcmp(item->keys[i], text))
			return wrong(rd, v, "the key is given twice",
				     "one of them, with a list [..] of its values");
	if (item->n == TERMS_MAX - 1)
		return wrong(rd, v, "the item has too many keys", "31 at most");
	item->n++;
	strcpy(to, text); /* its length was checked above */
	*key = to;
	return 0;
}

/* KEY: VALUE, or KEY: [VALUE, ..], which is the term repeated. */
static int read_term(struct reader *rd, struct value *v, struct item *item)
{
	const char *key = NULL;
	int rc = read_term_key(rd, v, item, &key);

	if (!rc)
		rc = next(rd);
	if (rc)
		return rc;
	if (rd->ev.type == YAML_SCALAR_EVENT)
		return put_term(rd, v, item, key);
	if (rd->ev.type != YAML_SEQUENCE_START_EVENT)
		return wrong(rd, v, "a map within an item", "one value, or a list of values");
	while (!(rc = next(rd)) && rd->ev.type == YAML_SCALAR_EVENT)
		if ((rc = put_term(rd, v, item, key)))
			return rc;
	if (!rc && rd->ev.type != YAML_SEQUENCE_END_EVENT)
		rc = wrong(rd, v, "a list or map within a list of values", "values");
	return rc;
}

static int set_item(struct reader *rd, struct value *v, struct item *item)
{
	const bool headless = !*v->opt->head;
	char right[80];

	if (!headless && !item->head.len) {
		snprintf(right, sizeof(right), "{%s: %s}", v->opt->head, v->opt->example);
		return wrong(rd, v, "the item lacks its first key", right);
	}
	if (headless && !item->terms.len)
		return wrong(rd, v, "the item is empty", v->opt->example);
	otr_buf_slice(&item->head, otr_buf_view(&item->terms));
	otr_buf_byte(&item->head, '\0');
	if (item->head.rc)
		return -ENOMEM;
	return set(rd, v, item->head.data + headless, item->at);
}

static int read_map_item(struct reader *rd, struct value *v)
{
	OTR_AUTO(item_fini) struct item item = {.at = rd->ev.start_mark};
	int rc;

	if (!v->opt->head)
		return wrong(rd, v, "an item is a map", "a list of texts: - TEXT");
	while (!(rc = next(rd)) && rd->ev.type != YAML_MAPPING_END_EVENT)
		if ((rc = read_term(rd, v, &item)))
			return rc;
	return rc ? rc : set_item(rd, v, &item);
}

static int read_list(struct reader *rd, struct value *v)
{
	int rc;

	while (!(rc = next(rd)) && rd->ev.type != YAML_SEQUENCE_END_EVENT) {
		if (rd->ev.type == YAML_SCALAR_EVENT)
			rc = set_scalar(rd, v);
		else if (rd->ev.type == YAML_MAPPING_START_EVENT)
			rc = read_map_item(rd, v);
		else
			rc = wrong(rd, v, "a list within the list", "a list of texts: - TEXT");
		if (rc)
			return rc;
	}
	return rc;
}

/* The value of a key is the current event. */
static int read_value(struct reader *rd, struct value *v)
{
	bool list = v->opt->type == OTR_OPTION_LIST;

	if (rd->ev.type == YAML_SCALAR_EVENT)
		return set_scalar(rd, v);
	if (rd->ev.type == YAML_SEQUENCE_START_EVENT && list)
		return read_list(rd, v);
	if (list && v->opt->head)
		return wrong(rd, v, "a map where a list is due", "each item begins with -");
	return wrong(rd, v,
		     list ? "a map where a list is due" : "it takes one value, no list or map",
		     v->opt->example);
}

/* It is an option, but of other commands, or one that says where the file is. */
static const struct otr_option *no_key(struct reader *rd, const char *key, const char *name)
{
	otr_err_set(rd->err, "%s: %s is no key of the file: --%s is an option of the command line",
		    place_of(rd, rd->ev.start_mark, "").text, key, name);
	otr_err_hint(rd->err, "all keys: otrace config example");
	show_line(rd, NULL);
	return NULL;
}

/* The option that has this key, or the error. */
static const struct otr_option *option_of(struct reader *rd, const char *key)
{
	const struct otr_option *opt;
	char name[64], meant[64];

	for (opt = rd->opts->table; opt->name; opt++)
		if (otr_option_key(opt, name) && otr_option_belongs(rd->opts, opt) &&
		    !strcmp(name, key))
			return opt;
	snprintf(name, sizeof(name), "%s", key);
	for (char *c = name; *c; c++)
		*c = *c == '_' ? '-' : *c;
	opt = otr_option_find(rd->opts->table, name);
	if (opt && !(otr_option_key(opt, meant) && otr_option_belongs(rd->opts, opt)))
		return no_key(rd, key, name);
	opt = otr_option_meant(rd->opts, name);
	if (opt && !otr_option_key(opt, meant))
		opt = NULL;
	otr_err_set(rd->err, "%s: %s is no key%s%s%s", place_of(rd, rd->ev.start_mark, "").text,
		    key, opt ? "; did you mean " : "", opt ? meant : "", opt ? "?" : "");
	otr_err_hint(rd->err, "all keys: otrace config example");
	show_line(rd, NULL);
	return NULL;
}

/* A key is the current event. */
static int read_pair(struct reader *rd)
{
	const char *key = rd->ev.type == YAML_SCALAR_EVENT ? scalar(&rd->ev) : NULL;
	struct value v = {.opt = NULL};
	uint32_t *line;
	int rc;

	if (!key)
		return wrong(rd, NULL, "this is no key", "KEY: VALUE");
	v.opt = option_of(rd, key);
	if (!v.opt)
		return -EINVAL;
	snprintf(v.key, sizeof(v.key), "%s", key);
	line = &rd->opts->line[v.opt - rd->opts->table];
	if (*line) {
		otr_err_set(rd->err, "%s: given already in line %u",
			    place_of(rd, rd->ev.start_mark, v.key).text, *line);
		otr_err_hint(rd->err, "right: one of them");
		return show_line(rd, &v);
	}
	*line = (uint32_t)rd->ev.start_mark.line + 1;
	rc = next(rd);
	return rc ? rc : read_value(rd, &v);
}

static int read_pairs(struct reader *rd)
{
	int rc;

	while (!(rc = next(rd)) && rd->ev.type != YAML_MAPPING_END_EVENT)
		if ((rc = read_pair(rd)))
			return rc;
	return rc;
}

/* The start of the document is the current event. */
static int read_document(struct reader *rd)
{
	int rc = next(rd);

	if (!rc && rd->ev.type == YAML_MAPPING_START_EVENT)
		rc = read_pairs(rd);
	else if (!rc && (rd->ev.type != YAML_SCALAR_EVENT || !is_null(&rd->ev)))
		rc = wrong(rd, NULL, "the file is no map", "KEY: VALUE, one a line");
	if (!rc)
		rc = next(rd); /* the end of the document */
	if (!rc)
		rc = next(rd);
	if (!rc && rd->ev.type != YAML_STREAM_END_EVENT)
		rc = wrong(rd, NULL, "a second document begins",
			   "one document: no --- but the first");
	return rc;
}

static int read_stream(struct reader *rd)
{
	int rc = next(rd); /* the start of the stream */

	if (!rc)
		rc = next(rd);
	return rc || rd->ev.type == YAML_STREAM_END_EVENT ? rc : read_document(rd);
}

int otr_options_yaml(struct otr_options *opts, const char *path, struct otr_slice text,
		     struct otr_err *err)
{
	struct reader rd = {.opts = opts, .text = text, .err = err};
	int rc;

	opts->file = path;
	if (!yaml_parser_initialize(&rd.yaml)) {
		otr_err_set(err, "%s: out of memory", path);
		return -ENOMEM;
	}
	yaml_parser_set_encoding(&rd.yaml, YAML_UTF8_ENCODING);
	yaml_parser_set_input_string(&rd.yaml, (const unsigned char *)text.data, text.len);
	rc = read_stream(&rd);
	yaml_event_delete(&rd.ev);
	yaml_parser_delete(&rd.yaml);
	return rc;
}
