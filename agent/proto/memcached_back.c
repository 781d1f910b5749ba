/* SPDX-License-Identifier: Apache-2.0 */
/*
 * memcached_back.c - answers of a Memcached server: doc/protocol.txt of Memcached 1.6.
 *
 *	VALUE KEY FLAGS BYTES [CAS] CR LF  data CR LF  ..  END CR LF
 *	STORED, NOT_FOUND, OK ..: one line;  VA BYTES FLAG .. CR LF  data CR LF
 *
 * Answers come in the order of the requests and do not name them. What cannot be the answer to the
 * oldest request ends the pairing of all that are open.
 */

#include "agent/base/own.h"
#include "agent/proto/memcached.h"
#include "agent/proto/msg.h"

/* What the first word of a line is. */
enum kind {
	ERROR = 1,
	VALUE, /* with data; END follows */
	ROW,   /* STAT, ITEM: END follows */
	END,
	VA, /* with data */
	LINE,
	DIGITS,
};

struct word {
	const char *text;
	uint8_t kind; /* enum kind */
	uint16_t of;  /* bits of enum otr_memcached_owed that it can answer; 0: any */
};

#define OF(owed) (1u << OTR_MEMCACHED_##owed)

static const struct word words[] = {
	{"ERROR", ERROR, 0},
	{"CLIENT_ERROR", ERROR, 0},
	{"SERVER_ERROR", ERROR, 0},
	{"VALUE", VALUE, OF(VALUES)},
	{"STAT", ROW, OF(STATS)},
	{"ITEM", ROW, OF(STATS)},
	{"END", END, OF(VALUES) | OF(STATS)},
	{"STORED", LINE, OF(STORE)},
	{"NOT_STORED", LINE, OF(STORE)},
	{"EXISTS", LINE, OF(STORE)},
	{"NOT_FOUND", LINE, OF(STORE) | OF(DELETE) | OF(NUMBER) | OF(TOUCH)},
	{"DELETED", LINE, OF(DELETE)},
	{"TOUCHED", LINE, OF(TOUCH)},
	{"VERSION", LINE, OF(VERSION)},
	{"RESET", LINE, OF(STATS)},
	{"OK", LINE, OF(LINE_) | OF(STATS)},
	{"VA", VA, OF(META)},
	{"HD", LINE, OF(META)},
	{"EN", LINE, OF(META)},
	{"NS", LINE, OF(META)},
	{"EX", LINE, OF(META)},
	{"NF", LINE, OF(META)},
	{"ME", LINE, OF(META)},
	{"MN", LINE, OF(MN)},
};

static const struct word digits = {"", DIGITS, OF(NUMBER)};

static const struct word *word_of(struct otr_slice first)
{
	for (size_t i = 0; i < OTR_ARRAY_SIZE(words); i++)
		if (otr_slice_eq(first, otr_slice_str(words[i].text)))
			return &words[i];
	return otr_memcached_number(first, &(uint64_t){0}) ? &digits : NULL;
}

/* A line of an answer. */
struct answer {
	const struct word *word; /* NULL: it is none */
	uint64_t size;		 /* with the data */
};

static bool read_answer(struct answer *an, struct otr_slice line, size_t size)
{
	struct otr_slice number = OTR_SLICE_NONE;
	uint64_t data = 0;

	an->word = word_of(otr_memcached_word(&line));
	an->size = size;
	if (!an->word)
		return false;
	if (an->word->kind != VALUE && an->word->kind != VA)
		return true;
	for (int i = an->word->kind == VALUE ? 3 : 1; i; i--)
		number = otr_memcached_word(&line);
	if (!otr_memcached_number(number, &data) || data > OTR_MEMCACHED_VALUE)
		return false;
	an->size += data + 2;
	return true;
}

/* Requests after which a client that never asked twice at once is taken to be one that waits. */
#define WAITS_AFTER 8

static void drop_all(struct otr_memcached *mc)
{
	mc->n = 0;
	mc->opens = mc->cut = false;
	mc->hits = 0;
}

static bool waits(const struct otr_memcached *mc)
{
	return !mc->overlaps && mc->serial >= WAITS_AFTER;
}

void otr_memcached_requests_lost(struct otr_memcached *mc)
{
	mc->scanned[1] = 0;
	mc->hole = true;
	mc->ended |= mc->overlaps || (mc->n && !waits(mc));
	drop_all(mc);
}

/* One open request may get its answer now. An answer that has begun is lost. */
void otr_memcached_answers_lost(struct otr_memcached *mc)
{
	mc->scanned[0] = 0;
	mc->hole |= mc->n > 0;
	mc->ended |= mc->n > 1;
	if (mc->opens)
		drop_all(mc);
}

void otr_memcached_turn(struct otr_memcached *mc)
{
	if (!mc->hole || !mc->n)
		return;
	mc->ended |= !waits(mc);
	drop_all(mc);
}

static enum otr_memcached_owed oldest(const struct otr_memcached *mc)
{
	return (enum otr_memcached_owed)(mc->debts[mc->first] & ~OTR_MEMCACHED_ONE_KEY);
}

static bool is_possible(const struct otr_memcached *mc, const struct word *word)
{
	return mc->n && (!word->of || word->of & 1u << oldest(mc));
}

/* Answers to requests that may get none are stepped over, up to that to `mn`. */
static void end_quiet(struct otr_memcached *mc, const struct word *word)
{
	if (word->of != OF(MN))
		return;
	while (mc->n && oldest(mc) != OTR_MEMCACHED_MN) {
		mc->first = (uint16_t)((mc->first + 1) % OTR_MEMCACHED_DEBTS);
		mc->n--;
	}
	mc->quiet = false;
}

static enum otr_parse emit(struct otr_memcached *mc, const struct word *word, struct otr_msg *msg)
{
	bool counts = oldest(mc) == OTR_MEMCACHED_VALUES && word->kind == END && !mc->cut;

	msg->kind = OTR_MSG_RESPONSE;
	msg->stream = mc->serial - mc->n + 1;
	msg->failed = word->kind == ERROR;
	if (msg->failed)
		otr_msg_add_text(msg, OTR_KEY_DB_RESPONSE_STATUS_CODE, otr_slice_str(word->text));
	if (counts)
		otr_msg_add_int(msg, OTR_KEY_DB_RESPONSE_RETURNED_ROWS, mc->hits);
	mc->first = (uint16_t)((mc->first + 1) % OTR_MEMCACHED_DEBTS);
	mc->n--;
	mc->opens = mc->cut = mc->hole = false;
	mc->hits = 0;
	return OTR_PARSE_MSG;
}

/* Of a run whose middle was not copied: does the answer that is open end it? How many values it had
 * is known if one key was asked for. */
static enum otr_parse take_tail(struct otr_memcached *mc, struct otr_slice in, uint64_t *used,
				struct otr_msg *msg)
{
	static const struct word end = {"END", END, 0};
	static const struct otr_slice text = {"\r\nEND\r\n", 7};

	*used = in.len;
	if (!mc->opens || mc->n != 1 || in.len < text.len ||
	    memcmp(in.data + in.len - text.len, text.data, text.len))
		return OTR_PARSE_SKIP;
	mc->cut = !(mc->debts[mc->first] & OTR_MEMCACHED_ONE_KEY);
	return emit(mc, &end, msg);
}

static enum otr_parse take(struct otr_memcached *mc, const struct answer *an, struct otr_msg *msg)
{
	if (mc->quiet)
		end_quiet(mc, an->word);
	if (mc->quiet)
		return OTR_PARSE_SKIP;
	if (!is_possible(mc, an->word)) {
		mc->ended |= mc->n > 1;
		drop_all(mc);
		return OTR_PARSE_SKIP;
	}
	if (an->word->kind != VALUE && an->word->kind != ROW)
		return emit(mc, an->word, msg);
	mc->hits += an->word->kind == VALUE;
	mc->opens = true;
	msg->opens = true;
	return OTR_PARSE_SKIP;
}

/* The lines that follow in an answer of several are not seen, its end may be. */
static enum otr_parse skip_cut(struct otr_memcached *mc, struct otr_slice in, uint64_t *used,
			       struct otr_msg *msg)
{
	*used = in.len;
	if (!mc->opens)
		otr_memcached_answers_lost(mc);
	msg->opens = mc->opens;
	return OTR_PARSE_SKIP;
}

enum otr_parse otr_memcached_back(struct otr_memcached *mc, struct otr_slice in, unsigned int flags,
				  uint64_t *used, struct otr_msg *msg)
{
	size_t size = 0;
	struct otr_slice line = otr_memcached_line(in, &mc->scanned[0], &size);
	struct answer an;

	if (flags & OTR_IN_TAIL)
		return take_tail(mc, in, used, msg);
	if (!size && !flags)
		return in.len < OTR_MEMCACHED_LINE ? OTR_PARSE_MORE : OTR_PARSE_BAD;
	if (!size) /* the line was not copied to its end */
		return skip_cut(mc, in, used, msg);
	if (!read_answer(&an, line, size))
		return OTR_PARSE_BAD;
	*used = an.size;
	return take(mc, &an, msg);
}

/* "END", "OK", "ERROR" and digits are lines of many protocols. */
bool otr_memcached_is_answer(struct otr_slice head, bool any)
{
	size_t size = 0;
	struct otr_slice line = otr_memcached_line(head, &(uint32_t){0}, &size);
	struct answer an;

	if (!size || line.len + 2 != size || !read_answer(&an, line, size))
		return false;
	if (any)
		return true;
	switch (an.word->kind) {
	case VALUE:
		return true;
	case LINE:
		return line.len == strlen(an.word->text) && line.len > 5;
	default:
		return false;
	}
}
