/* SPDX-License-Identifier: Apache-2.0 */
/*
 * sql_summary.c - summarises a statement, by OpenTelemetry's rules for db.query.summary.
 *
 *	INSERT INTO a SELECT x FROM b JOIN c ..	->	INSERT a SELECT b c
 *
 * The summary has operations and their targets in order of the text, as they are written. A FROM in
 * the arguments of a function, as in EXTRACT(year FROM t), names no table; `parens` remembers what
 * each open parenthesis is. The FROM of a partition's bounds, FOR VALUES FROM (..), names none
 * either.
 *
 * Departure: a string in the place of a table, which some dialects take for its name, is left out,
 * since it is a literal.
 */

#include "agent/base/own.h"
#include "agent/proto/sql.h"
#include "agent/proto/sql_lex.h"

enum means {
	OPERATION,  /* in the summary; no name follows directly */
	OP_NAME,    /* in the summary; a name follows */
	OP_OBJECT,  /* in the summary; a kind of object and its name follow */
	FIRST_ONLY, /* in the summary where it begins a statement */
	FROM,	    /* a list of tables follows */
	JOIN,	    /* a table follows */
	INTO,	    /* likewise */
	USING,	    /* likewise, in MERGE and DELETE */
	SKIPPED,    /* stands between an operation and its name */
	OBJECT,	    /* in the summary behind OP_OBJECT, if nothing else was */
	CLAUSE,	    /* ends a list of tables */
	NO_NAME,    /* no name follows */
};

struct word {
	const char *text;
	enum means means;
};

/* Words of MySQL that are names elsewhere, or mean something else. */
static const struct word mysql_words[] = {
	{"load", FIRST_ONLY},	 {"describe", FIRST_ONLY},  {"desc", FIRST_ONLY},
	{"flush", FIRST_ONLY},	 {"kill", FIRST_ONLY},	    {"unlock", FIRST_ONLY},
	{"handler", FIRST_ONLY}, {"xa", FIRST_ONLY},	    {"optimize", OP_OBJECT},
	{"rename", OP_OBJECT},	 {"low_priority", SKIPPED}, {"ignore", SKIPPED},
	{"table", SKIPPED}, /* INTO TABLE; behind CREATE it is an object */
	{"outfile", NO_NAME},	 {"dumpfile", NO_NAME},
};

static const struct word words[] = {
	{"select", OPERATION},
	{"insert", OPERATION},
	{"delete", OPERATION},
	{"merge", OPERATION},
	{"update", OP_NAME},
	{"call", OP_NAME},
	{"copy", OP_NAME},
	{"exec", OP_NAME},
	{"execute", OP_NAME},
	{"create", OP_OBJECT},
	{"alter", OP_OBJECT},
	{"drop", OP_OBJECT},
	{"truncate", OP_OBJECT},
	{"begin", FIRST_ONLY},
	{"commit", FIRST_ONLY},
	{"rollback", FIRST_ONLY},
	{"start", FIRST_ONLY},
	{"end", FIRST_ONLY},
	{"abort", FIRST_ONLY},
	{"set", FIRST_ONLY},
	{"show", FIRST_ONLY},
	{"reset", FIRST_ONLY},
	{"vacuum", FIRST_ONLY},
	{"analyze", FIRST_ONLY},
	{"explain", FIRST_ONLY},
	{"grant", FIRST_ONLY},
	{"revoke", FIRST_ONLY},
	{"listen", FIRST_ONLY},
	{"unlisten", FIRST_ONLY},
	{"notify", FIRST_ONLY},
	{"declare", FIRST_ONLY},
	{"close", FIRST_ONLY},
	{"fetch", FIRST_ONLY},
	{"move", FIRST_ONLY},
	{"lock", FIRST_ONLY},
	{"values", FIRST_ONLY},
	{"savepoint", FIRST_ONLY},
	{"release", FIRST_ONLY},
	{"prepare", FIRST_ONLY},
	{"deallocate", FIRST_ONLY},
	{"discard", FIRST_ONLY},
	{"checkpoint", FIRST_ONLY},
	{"cluster", FIRST_ONLY},
	{"reindex", FIRST_ONLY},
	{"refresh", FIRST_ONLY},
	{"comment", FIRST_ONLY},
	{"do", FIRST_ONLY},
	{"use", FIRST_ONLY},
	{"replace", FIRST_ONLY},
	{"from", FROM},
	{"join", JOIN},
	{"into", INTO},
	{"using", USING},
	{"only", SKIPPED},
	{"lateral", SKIPPED},
	{"if", SKIPPED},
	{"not", SKIPPED},
	{"exists", SKIPPED},
	{"or", SKIPPED},
	{"unique", SKIPPED},
	{"temp", SKIPPED},
	{"temporary", SKIPPED},
	{"unlogged", SKIPPED},
	{"global", SKIPPED},
	{"local", SKIPPED},
	{"concurrently", SKIPPED},
	{"recursive", SKIPPED},
	{"materialized", SKIPPED},
	{"table", OBJECT},
	{"index", OBJECT},
	{"view", OBJECT},
	{"sequence", OBJECT},
	{"schema", OBJECT},
	{"database", OBJECT},
	{"function", OBJECT},
	{"procedure", OBJECT},
	{"trigger", OBJECT},
	{"type", OBJECT},
	{"role", OBJECT},
	{"user", OBJECT},
	{"extension", OBJECT},
	{"domain", OBJECT},
	{"policy", OBJECT},
	{"where", CLAUSE},
	{"group", CLAUSE},
	{"order", CLAUSE},
	{"having", CLAUSE},
	{"limit", CLAUSE},
	{"union", CLAUSE},
	{"except", CLAUSE},
	{"intersect", CLAUSE},
	{"on", CLAUSE},
	{"returning", CLAUSE},
	{"window", CLAUSE},
	{"offset", CLAUSE},
	{"for", CLAUSE},
	{"when", CLAUSE},
};

enum paren {
	ARGUMENTS,
	QUERY,
	TABLES
};

#define DEPTH 32

struct summary {
	char *out;
	size_t len;
	bool full;
	bool first;	       /* the next token begins a statement */
	bool want_name;	       /* the next token is a name */
	bool object;	       /* a kind of object may precede the name */
	bool list;	       /* a comma is followed by another name */
	bool using_is_table;   /* USING is followed by a table: MERGE, DELETE */
	bool from_is_no_table; /* FROM is followed by no table: COPY, REVOKE */
	bool opened;	       /* the last token was '(' */
	enum otr_sql_dialect dialect;
	size_t depth;
	uint8_t parens[DEPTH]; /* enum paren of each open parenthesis */
	bool lists[DEPTH];     /* the value of `list` outside of each */
	struct otr_slice last; /* the last word */
};

static void put_word(struct summary *s, struct otr_slice text)
{
	size_t gap = s->len > 0;

	if (s->full || s->len + gap + text.len > OTR_SQL_SUMMARY_MAX) {
		s->full = true;
		return;
	}
	if (gap)
		s->out[s->len++] = ' ';
	memcpy(s->out + s->len, text.data, text.len);
	s->len += text.len;
}

static enum paren innermost_paren(const struct summary *s)
{
	if (!s->depth)
		return QUERY;
	return s->depth <= DEPTH ? (enum paren)s->parens[s->depth - 1] : ARGUMENTS;
}

static int find_word(const struct word *list, size_t n, struct otr_slice word)
{
	char first = otr_lower(word.data[0]);

	for (size_t i = 0; i < n; i++)
		if (list[i].text[0] == first &&
		    otr_slice_eq_nocase(word, otr_slice_str(list[i].text)))
			return (int)list[i].means;
	return -1;
}

static int meaning(const struct summary *s, struct otr_slice word)
{
	int means = -1;

	if (s->dialect != OTR_SQL_ANSI && (!s->object || !s->want_name))
		means = find_word(mysql_words, OTR_ARRAY_SIZE(mysql_words), word);
	return means >= 0 ? means : find_word(words, OTR_ARRAY_SIZE(words), word);
}

static bool last_is(const struct summary *s, const char *word)
{
	return otr_slice_eq_nocase(s->last, otr_slice_str(word));
}

/* Is the word an operation? It is none in FOR UPDATE, ON DELETE CASCADE, DO UPDATE SET. */
static bool is_operation(const struct summary *s)
{
	return !last_is(s, "for") && !last_is(s, "on") && !last_is(s, "do") &&
	       !last_is(s, "then") && !last_is(s, "key") && !last_is(s, "or") &&
	       !last_is(s, "grant") && !last_is(s, "before") && !last_is(s, "after") &&
	       !last_is(s, "instead");
}

/* Is the word a keyword here? Words that may also be names of columns are keywords only at the
 * beginning. */
static bool is_first(const struct summary *s, struct otr_slice text, int means)
{
	return means == OPERATION || s->first || s->opened ||
	       otr_slice_eq_nocase(text, OTR_SLICE("update")) || last_is(s, "explain") ||
	       last_is(s, "analyze");
}

static void take_operation(struct summary *s, struct otr_slice text, bool name, bool object)
{
	put_word(s, text);
	s->want_name = name;
	s->object = object;
	s->list = false;
	s->from_is_no_table |= otr_slice_eq_nocase(text, OTR_SLICE("copy"));
	s->using_is_table = otr_slice_eq_nocase(text, OTR_SLICE("merge")) ||
			    otr_slice_eq_nocase(text, OTR_SLICE("delete"));
	if (s->opened && s->depth && s->depth <= DEPTH)
		s->parens[s->depth - 1] = QUERY;
}

static void take_tables(struct summary *s, bool list)
{
	if (innermost_paren(s) == ARGUMENTS || last_is(s, "distinct") || last_is(s, "values"))
		return;
	s->want_name = true;
	s->object = false;
	s->list = list;
}

/* Takes a keyword. False: the word is no keyword here, so it may be a name. */
static bool take_keyword(struct summary *s, struct otr_slice text, int means)
{
	switch (means) {
	case OPERATION:
	case OP_NAME:
	case OP_OBJECT:
		if ((innermost_paren(s) == ARGUMENTS && !s->opened) || !is_operation(s) ||
		    !is_first(s, text, means))
			return !s->want_name;
		take_operation(s, text, means != OPERATION, means == OP_OBJECT);
		return true;
	case FIRST_ONLY:
		if (s->first)
			put_word(s, text);
		s->from_is_no_table |= otr_slice_eq_nocase(text, OTR_SLICE("revoke"));
		s->list &= s->first;
		return !s->want_name || s->object; /* CREATE OR REPLACE */
	case FROM:
		if (!s->from_is_no_table || s->depth)
			take_tables(s, true);
		return true;
	case JOIN:
		take_tables(s, s->list);
		return true;
	case INTO:
		take_tables(s, false);
		return true;
	case USING:
		if (s->using_is_table)
			take_tables(s, true);
		return true;
	case SKIPPED:
		return s->want_name;
	case OBJECT:
		if (!s->object || !s->want_name)
			return false;
		put_word(s, text);
		s->object = false;
		return true;
	case CLAUSE:
		if (s->want_name)
			return false;
		s->list = false;
		return true;
	case NO_NAME:
		s->want_name = false;
		return true;
	}
	return false;
}

/* Takes a name with its qualifiers: dbo.Table, "my schema".t */
static struct otr_slice whole_name(const struct summary *s, struct otr_slice sql,
				   struct otr_sql_token tok, size_t *from)
{
	size_t begin = (size_t)(tok.text.data - sql.data), next = *from;

	while (next < sql.len && sql.data[next] == '.') {
		next++;
		tok = otr_sql_next_as(sql, &next, s->dialect);
		if (tok.kind != OTR_SQL_WORD && tok.kind != OTR_SQL_QUOTED)
			break;
		*from = next;
	}
	return otr_slice_sub(sql, begin, *from - begin);
}

static void take_name(struct summary *s, struct otr_slice sql, struct otr_sql_token tok,
		      size_t *from)
{
	put_word(s, whole_name(s, sql, tok, from));
	s->want_name = s->object = false;
}

static void open_paren(struct summary *s)
{
	enum paren what = s->want_name ? TABLES : ARGUMENTS;

	/* ARGUMENTS become a QUERY if SELECT follows */
	if (s->depth < DEPTH) {
		s->parens[s->depth] = (uint8_t)what;
		s->lists[s->depth] = s->list;
	}
	s->depth++;
	s->list = what == TABLES;
}

static void close_paren(struct summary *s)
{
	s->want_name = s->object = false;
	if (!s->depth)
		return;
	s->depth--;
	s->list = s->depth < DEPTH && s->lists[s->depth];
}

static void take_sign(struct summary *s, char c)
{
	if (c == '(')
		open_paren(s);
	else if (c == ')')
		close_paren(s);
	else if (c == '@' && s->dialect != OTR_SQL_ANSI)
		s->want_name = false; /* a variable */
	else if (c == ',' && s->list && innermost_paren(s) != ARGUMENTS)
		s->want_name = true;
	else if (c == ';') {
		s->first = true;
		s->want_name = s->list = s->object = s->using_is_table = false;
		s->from_is_no_table = false;
		s->depth = 0;
	}
}

static void take_word(struct summary *s, struct otr_slice sql, struct otr_sql_token tok,
		      size_t *from)
{
	if (!take_keyword(s, tok.text, meaning(s, tok.text)) && s->want_name)
		take_name(s, sql, tok, from);
	s->last = tok.text;
	s->first = false;
}

static void take_token(struct summary *s, struct otr_slice sql, struct otr_sql_token tok,
		       size_t *from)
{
	bool opens = tok.text.data[0] == '(';

	if (tok.kind == OTR_SQL_WORD)
		take_word(s, sql, tok, from);
	else if (tok.kind == OTR_SQL_QUOTED && s->want_name)
		take_name(s, sql, tok, from);
	else if (tok.kind == OTR_SQL_LITERAL)
		s->want_name = false;
	else if (tok.kind == OTR_SQL_OTHER)
		take_sign(s, tok.text.data[0]);
	s->opened = opens;
}

size_t otr_sql_summary(char out[OTR_SQL_SUMMARY_MAX], struct otr_slice sql)
{
	return otr_sql_summary_as(out, sql, OTR_SQL_ANSI);
}

size_t otr_sql_summary_as(char out[OTR_SQL_SUMMARY_MAX], struct otr_slice sql,
			  enum otr_sql_dialect dialect)
{
	struct summary s = {.out = out, .first = true, .dialect = dialect};
	struct otr_sql_token tok;
	size_t from = 0;

	while (!s.full && (tok = otr_sql_next_as(sql, &from, dialect)).kind != OTR_SQL_END)
		if (tok.kind != OTR_SQL_SPACE && tok.kind != OTR_SQL_COMMENT)
			take_token(&s, sql, tok, &from);
	return s.len;
}
