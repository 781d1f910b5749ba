/* SPDX-License-Identifier: Apache-2.0 */
/*
 * redis_back.c - answers and pushes of a Redis server: "Redis serialization protocol
 * specification", versions 2 and 3.
 *
 *	+ - : _ # , (	one line		$ = !	length, CR LF, bytes, CR LF
 *	* ~ %		number of elements, CR LF, the elements; a push >; attributes |
 *
 * Elements of elements are only counted: `rest` is the number of those that are still to come. The
 * answer to a request begins with its first byte, and is emitted there; that to EXEC is emitted at
 * its end, since only then it is known whether a command failed. Departures: strings and aggregates
 * of unknown length ("$?") are not read, as no server sends them.
 */

#include "agent/base/own.h"
#include "agent/proto/msg.h"
#include "agent/proto/redis.h"

#define LINE_BYTES 65536 /* bytes of a line */

struct element {
	char type;
	bool cut; /* its head was not copied whole */
	bool null;
	uint64_t size;	/* with its head; of an aggregate, its head */
	int64_t number; /* of elements; the value of an integer */
	struct otr_slice text;
};

static bool is_line(char type)
{
	return memchr("+-:_#,(", type, 7) != NULL;
}

static bool is_bulk(char type)
{
	return type == '$' || type == '=' || type == '!';
}

static bool is_aggregate(char type)
{
	return memchr("*~%>|", type, 5) != NULL;
}

static enum otr_parse cut_element(struct otr_slice in, struct element *el)
{
	el->cut = true;
	el->size = in.len;
	return OTR_PARSE_MSG;
}

/* `scanned`: how many bytes are known to hold no LF. */
static enum otr_parse read_line(uint32_t *scanned, struct otr_slice in, unsigned int flags,
				struct element *el)
{
	size_t from = *scanned < in.len ? *scanned : 0;
	const char *lf = memchr(in.data + from, '\n', in.len - from);

	*scanned = 0;
	if (!lf) {
		el->text = otr_slice_sub(in, 1, in.len);
		if (flags)
			return cut_element(in, el);
		*scanned = (uint32_t)in.len;
		return in.len < LINE_BYTES ? OTR_PARSE_MORE : OTR_PARSE_BAD;
	}
	if (lf < in.data + 2 || lf[-1] != '\r')
		return OTR_PARSE_BAD;
	el->size = (uint64_t)(lf - in.data) + 1;
	el->text = otr_slice_sub(in, 1, (size_t)el->size - 3);
	el->null = el->type == '_';
	if (el->type == ':' && otr_redis_number(in, &el->number) <= 0)
		return OTR_PARSE_BAD;
	return OTR_PARSE_MSG;
}

/* A short string is awaited; of a longer one only the length is needed. */
static enum otr_parse read_bulk(struct otr_slice in, unsigned int flags, struct element *el)
{
	int64_t len = 0;
	int head = otr_redis_number(in, &len);

	if (head < 0 || len < -1 || len > OTR_REDIS_BULK)
		return OTR_PARSE_BAD;
	if (!head)
		return flags ? cut_element(in, el) : OTR_PARSE_MORE;
	el->null = len < 0;
	el->size = (uint64_t)head + (el->null ? 0 : (uint64_t)len + 2);
	if (el->null || len > OTR_REDIS_ARG)
		return OTR_PARSE_MSG;
	el->text = otr_slice_sub(in, (size_t)head, (size_t)len);
	in = otr_slice_sub(in, (size_t)head + (size_t)len, 2);
	if (in.len && memcmp(in.data, "\r\n", in.len))
		return OTR_PARSE_BAD;
	return in.len < 2 && !flags ? OTR_PARSE_MORE : OTR_PARSE_MSG;
}

static enum otr_parse read_aggregate(struct otr_slice in, unsigned int flags, struct element *el)
{
	int head = otr_redis_number(in, &el->number);

	if (head < 0 || el->number < -1 || el->number > INT32_MAX)
		return OTR_PARSE_BAD;
	if (!head)
		return flags ? cut_element(in, el) : OTR_PARSE_MORE;
	el->size = (uint64_t)head;
	el->null = el->number < 0;
	if (el->null)
		el->number = 0;
	if (el->type == '%' || el->type == '|')
		el->number *= 2;
	return OTR_PARSE_MSG;
}

/* Reads the element that begins `in`. Returns MSG, MORE or BAD. */
static enum otr_parse read_element(uint32_t *scanned, struct otr_slice in, unsigned int flags,
				   struct element *el)
{
	*el = (struct element){.type = in.data[0]};
	if (is_line(el->type))
		return read_line(scanned, in, flags, el);
	if (is_bulk(el->type))
		return read_bulk(in, flags, el);
	if (is_aggregate(el->type))
		return read_aggregate(in, flags, el);
	return OTR_PARSE_BAD;
}

static bool is_error(const struct element *el)
{
	return el->type == '-' || el->type == '!';
}

/* Keeps the first word of an error, if it looks like a code: WRONGTYPE. A script may have made the
 * message of anything. */
static void keep_error(struct otr_redis *rd, const struct element *el)
{
	const char *at = el->text.data;
	size_t n = 0;

	rd->failed = true;
	while (n < el->text.len && n < OTR_REDIS_WORD &&
	       ((at[n] >= 'A' && at[n] <= 'Z') || at[n] == '_'))
		n++;
	if (n < 2 || n == OTR_REDIS_WORD || (n < el->text.len && at[n] != ' ')) {
		at = "ERR";
		n = 3;
	}
	memcpy(rd->word, at, n);
	rd->word_len = (uint8_t)n;
}

/* Can the request of the oldest debt be answered so? */
static bool is_possible(enum otr_redis_owed owed, const struct element *el)
{
	char type = el->type;
	bool list = type == '*' || type == '~' || type == '%';
	bool text = type == '$' || type == '=';

	if (is_error(el))
		return true;
	switch (owed) {
	case OTR_REDIS_STATUS:
	case OTR_REDIS_SELECT:
	case OTR_REDIS_MULTI:
	case OTR_REDIS_DISCARD:
	case OTR_REDIS_RESET:
		return type == '+' || text;
	case OTR_REDIS_INT:
		return type == ':' || el->null;
	case OTR_REDIS_BULK_OR_NULL:
		return text || el->null || type == ',';
	case OTR_REDIS_LIST:
	case OTR_REDIS_HELLO:
	case OTR_REDIS_EXEC:
		return list || el->null;
	case OTR_REDIS_SET:
		return type == '+' || text || el->null;
	case OTR_REDIS_PING:
		return type == '+' || text || list;
	case OTR_REDIS_SUBSCRIBE:
	case OTR_REDIS_PSUBSCRIBE:
	case OTR_REDIS_SSUBSCRIBE:
	case OTR_REDIS_UNSUBSCRIBE:
	case OTR_REDIS_PUNSUBSCRIBE:
	case OTR_REDIS_SUNSUBSCRIBE:
		return false; /* it is confirmed, or an error */
	case OTR_REDIS_ANY:
	case OTR_REDIS_STREAM:
	case OTR_REDIS_UNKNOWN:
		break;
	}
	return true;
}

static void begin_unit(struct otr_redis *rd, enum otr_redis_unit unit, const struct element *el)
{
	rd->rest = is_aggregate(el->type) ? (uint64_t)el->number : 0;
	rd->unit = (uint8_t)(rd->rest && !el->cut ? unit : OTR_REDIS_NOTHING);
}

static enum otr_parse emit(struct otr_redis *rd, struct otr_msg *msg)
{
	msg->kind = OTR_MSG_RESPONSE;
	msg->stream = rd->answered + 1;
	msg->failed = rd->failed;
	if (rd->failed)
		otr_msg_add_text(msg, OTR_KEY_DB_RESPONSE_STATUS_CODE,
				 (struct otr_slice){rd->word, rd->word_len});
	rd->failed = false;
	otr_redis_paid(rd);
	rd->spoke = true;
	return OTR_PARSE_MSG;
}

/* What an answer changes on this connection. */
static void note_answer(struct otr_redis *rd, enum otr_redis_owed owed, const struct element *el)
{
	if (owed == OTR_REDIS_SELECT && is_error(el))
		rd->db = rd->db_before;
	if (owed == OTR_REDIS_HELLO && !is_error(el))
		rd->resp3 = el->type == '%';
	if (owed == OTR_REDIS_RESET)
		rd->subscribed = rd->resp3 = false;
	if (owed == OTR_REDIS_STREAM && !is_error(el))
		rd->ended = true;
}

/* An answer to no request that was seen is stepped over. */
static enum otr_parse ignore(struct otr_redis *rd, const struct element *el)
{
	begin_unit(rd, OTR_REDIS_PUSH, el);
	rd->spoke = true;
	return OTR_PARSE_SKIP;
}

static enum otr_parse take_answer(struct otr_redis *rd, const struct element *el,
				  struct otr_msg *msg)
{
	enum otr_redis_owed owed = OTR_REDIS_ANY;

	if (!otr_redis_owes(rd, &owed) || owed == OTR_REDIS_UNKNOWN) {
		rd->ended |= owed == OTR_REDIS_UNKNOWN && rd->n && rd->overlaps;
		return ignore(rd, el);
	}
	if (!is_possible(owed, el)) {
		otr_redis_mispaired(rd);
		return ignore(rd, el);
	}
	if (is_error(el))
		keep_error(rd, el);
	note_answer(rd, owed, el);
	if (owed == OTR_REDIS_EXEC && is_aggregate(el->type) && el->number && !el->cut) {
		begin_unit(rd, OTR_REDIS_WHOLE, el);
		msg->opens = true;
		return OTR_PARSE_SKIP;
	}
	msg->partial = el->cut;
	if (el->cut)
		msg->end = OTR_END_RUN;
	else if (is_aggregate(el->type) && el->number)
		msg->end = OTR_END_LATER;
	begin_unit(rd, OTR_REDIS_ANSWER, el);
	return emit(rd, msg);
}

/* Which requests does an array that begins with `word` confirm? ANY: none. */
static enum otr_redis_owed confirms(struct otr_slice word)
{
	static const struct otr_slice words[] = {
		OTR_SLICE("subscribe"),	  OTR_SLICE("psubscribe"),   OTR_SLICE("ssubscribe"),
		OTR_SLICE("unsubscribe"), OTR_SLICE("punsubscribe"), OTR_SLICE("sunsubscribe")};

	for (size_t i = 0; i < OTR_ARRAY_SIZE(words); i++)
		if (otr_slice_eq(word, words[i]))
			return (enum otr_redis_owed)(OTR_REDIS_SUBSCRIBE + i);
	return OTR_REDIS_ANY;
}

/* Is the unit that is being read a confirmation for the oldest request? */
static bool is_awaited(const struct otr_redis *rd)
{
	enum otr_redis_owed owed;

	return otr_redis_owes(rd, &owed) && owed == (enum otr_redis_owed)rd->confirms;
}

static bool is_message(struct otr_slice word)
{
	return otr_slice_eq(word, OTR_SLICE("message")) ||
	       otr_slice_eq(word, OTR_SLICE("pmessage")) ||
	       otr_slice_eq(word, OTR_SLICE("smessage"));
}

/* Begins an array that may be a push or a confirmation: its first element tells. `el` is its head,
 * `first` its first element. */
static enum otr_parse take_push(struct otr_redis *rd, const struct element *el,
				struct otr_slice first, struct otr_msg *msg)
{
	rd->confirms = el->number == 3 ? (uint8_t)confirms(first) : OTR_REDIS_ANY;
	if (rd->confirms) {
		begin_unit(rd, OTR_REDIS_CONFIRM, el);
		msg->opens = is_awaited(rd);
		return OTR_PARSE_SKIP;
	}
	if (el->type != '>' && !is_message(first))
		return take_answer(rd, el, msg);
	begin_unit(rd, OTR_REDIS_PUSH, el);
	return OTR_PARSE_SKIP;
}

/* Must the first element of an array be looked at? */
static bool may_be_push(const struct otr_redis *rd, const struct element *el)
{
	enum otr_redis_owed owed = OTR_REDIS_ANY;

	if (el->type == '>')
		return true;
	otr_redis_owes(rd, &owed);
	return el->type == '*' && !rd->resp3 &&
	       (rd->subscribed || otr_redis_is_subscribe(owed) || owed == OTR_REDIS_PING);
}

static enum otr_parse begin_answer(struct otr_redis *rd, struct otr_slice in, unsigned int flags,
				   uint64_t *used, struct otr_msg *msg)
{
	struct element el, first = {0};
	enum otr_parse rc = read_element(&rd->scanned[0], in, flags, &el);

	if (rc != OTR_PARSE_MSG)
		return rc;
	rd->confirmed |= el.type != '*';
	rd->resp3 |= el.type == '>';
	if (may_be_push(rd, &el) && el.number && !el.cut) {
		if (in.len > el.size)
			rc = read_element(&rd->scanned[0],
					  otr_slice_sub(in, (size_t)el.size, in.len), flags,
					  &first);
		else
			rc = flags ? OTR_PARSE_MSG : OTR_PARSE_MORE;
		if (rc != OTR_PARSE_MSG)
			return rc;
		*used = el.size;
		return take_push(rd, &el, first.text, msg);
	}
	*used = el.size;
	if (el.type == '|' || el.type == '>') {
		begin_unit(rd, el.type == '|' ? OTR_REDIS_ATTRIBUTE : OTR_REDIS_PUSH, &el);
		msg->opens = el.type == '|';
		return OTR_PARSE_SKIP;
	}
	return take_answer(rd, &el, msg);
}

/* The last element of a unit was read. */
static enum otr_parse end_unit(struct otr_redis *rd, const struct element *last,
			       struct otr_msg *msg)
{
	enum otr_redis_unit unit = (enum otr_redis_unit)rd->unit;

	rd->unit = OTR_REDIS_NOTHING;
	switch (unit) {
	case OTR_REDIS_ANSWER:
		msg->over = true;
		return OTR_PARSE_SKIP;
	case OTR_REDIS_WHOLE:
		return emit(rd, msg);
	case OTR_REDIS_ATTRIBUTE:
		msg->opens = true;
		return OTR_PARSE_SKIP;
	case OTR_REDIS_CONFIRM:
		if (last->type == ':')
			rd->subscribed = last->number > 0;
		if (!is_awaited(rd) || !otr_redis_confirmed(rd))
			return OTR_PARSE_SKIP;
		return emit(rd, msg);
	case OTR_REDIS_NOTHING:
	case OTR_REDIS_PUSH:
		break;
	}
	return OTR_PARSE_SKIP;
}

/* Counts one element of a unit. */
static void take_element(struct otr_redis *rd, const struct element *el)
{
	if (is_error(el) && rd->unit == OTR_REDIS_WHOLE && !rd->failed)
		keep_error(rd, el);
	if (el->type != '|')
		rd->rest--;
	if (is_aggregate(el->type))
		rd->rest += (uint64_t)el->number;
}

static bool is_open(const struct otr_redis *rd)
{
	return rd->unit == OTR_REDIS_WHOLE || rd->unit == OTR_REDIS_ATTRIBUTE ||
	       (rd->unit == OTR_REDIS_CONFIRM && is_awaited(rd));
}

/* The rest of an answer that is emitted at its end was not copied. */
static enum otr_parse emit_cut(struct otr_redis *rd, struct otr_msg *msg)
{
	rd->unit = OTR_REDIS_NOTHING;
	rd->rest = 0;
	msg->end = OTR_END_RUN;
	msg->partial = true;
	return emit(rd, msg);
}

static enum otr_parse go_on(struct otr_redis *rd, struct otr_slice in, unsigned int flags,
			    uint64_t *used, struct otr_msg *msg)
{
	enum otr_parse rc = OTR_PARSE_MSG;
	struct element el = {0};
	uint64_t at = 0;

	while (rd->rest && at < in.len) {
		rc = read_element(&rd->scanned[0], otr_slice_sub(in, (size_t)at, in.len), flags,
				  &el);
		if (rc != OTR_PARSE_MSG || el.cut)
			break;
		at += el.size;
		take_element(rd, &el);
	}
	if (rc == OTR_PARSE_BAD && !at)
		return rc;
	if (el.cut)
		at = in.len;
	if (!at)
		return OTR_PARSE_MORE;
	*used = at;
	if (rd->rest && flags && rd->unit == OTR_REDIS_WHOLE)
		return emit_cut(rd, msg);
	if (!rd->rest)
		return end_unit(rd, &el, msg);
	msg->opens = is_open(rd);
	return OTR_PARSE_SKIP;
}

enum otr_parse otr_redis_back(struct otr_redis *rd, struct otr_slice in, unsigned int flags,
			      uint64_t *used, struct otr_msg *msg)
{
	if (rd->unit != OTR_REDIS_NOTHING)
		return go_on(rd, in, flags, used, msg);
	return begin_answer(rd, in, flags, used, msg);
}

bool otr_redis_chain(struct otr_slice in)
{
	uint32_t scanned = 0;
	struct element el;

	for (int i = 0; i < 4 && in.len; i++) {
		if (read_element(&scanned, in, 0, &el) == OTR_PARSE_BAD)
			return false;
		if (!el.size || el.size >= in.len)
			break;
		in = otr_slice_sub(in, (size_t)el.size, in.len);
	}
	return true;
}
