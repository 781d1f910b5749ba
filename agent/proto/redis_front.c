/* SPDX-License-Identifier: Apache-2.0 */
/*
 * redis_front.c - requests of a Redis client: "Redis serialization protocol specification", Sending
 * commands, Inline commands.
 *
 *	*3 CR LF  $3 CR LF SET CR LF  $3 CR LF key CR LF  $5 CR LF value CR LF
 *
 * A request is taken argument by argument. An argument of up to OTR_REDIS_ARG bytes is awaited;
 * of a longer one only the length is needed.
 */

#include "agent/base/own.h"
#include "agent/proto/msg.h"
#include "agent/proto/redis.h"

#define LINE_BYTES 4096 /* bytes of an inline command */

/* Notes what the request changes on this connection once it is executed, and returns how it is
 * answered. */
static enum otr_redis_owed note_effects(struct otr_redis *rd, const struct otr_redis_request *rq)
{
	enum otr_redis_owed owed =
		rq->command ? (enum otr_redis_owed)rq->command->owed : OTR_REDIS_ANY;
	bool queued = rd->in_multi;

	if (owed == OTR_REDIS_MULTI) {
		rd->in_multi = true;
	} else if (owed == OTR_REDIS_EXEC || owed == OTR_REDIS_DISCARD) {
		queued = rd->in_multi = false;
	} else if (owed == OTR_REDIS_SELECT) {
		rd->db_before = rd->db;
		rd->db = rq->index;
	} else if (owed == OTR_REDIS_HELLO && !rd->serial) {
		rd->db = 1; /* a connection begins with database 0 */
	} else if (owed == OTR_REDIS_RESET) {
		rd->db = 1;
		queued = rd->in_multi = false;
	}
	return queued && owed != OTR_REDIS_STREAM ? OTR_REDIS_STATUS : owed; /* QUEUED */
}

/* Is the request one without an answer? */
static bool is_unanswered(struct otr_redis *rd, const struct otr_redis_request *rq)
{
	bool skipped = rd->skips_next;

	rd->skips_next = false;
	if (rq->reply == 'N') {
		rd->no_replies = false;
		return false;
	}
	if (rq->reply == 'F')
		rd->no_replies = true;
	if (rq->reply == 'S' && !rd->no_replies)
		rd->skips_next = true;
	return skipped || rq->reply || rd->no_replies;
}

/* How many confirmations does SUBSCRIBE get? UNSUBSCRIBE without a channel gets one for each that
 * there is: those after the first are taken for pushes. */
static uint32_t count_confirmations(const struct otr_redis_request *rq)
{
	return rq->argc > 1 ? rq->argc - 1 : 1;
}

static void emit_database(struct otr_redis *rd, uint32_t db, struct otr_msg *msg)
{
	char *at = rd->db_text + sizeof(rd->db_text);

	if (!db--)
		return;
	do
		*--at = (char)('0' + db % 10);
	while (db /= 10);
	otr_msg_add_text(msg, OTR_KEY_DB_NAMESPACE,
			 (struct otr_slice){at, (size_t)(rd->db_text + sizeof(rd->db_text) - at)});
}

static void close_text(struct otr_redis_request *rq)
{
	if (!rq->full)
		return;
	memcpy(rq->text + rq->text_len, " ..", 3);
	rq->text_len += 3;
}

static enum otr_parse emit(struct otr_redis *rd, struct otr_msg *msg)
{
	struct otr_redis_request *rq = &rd->request;
	uint32_t db = rd->db, n;
	enum otr_redis_owed owed;

	otr_redis_turn(rd);
	owed = note_effects(rd, rq);
	close_text(rq);
	msg->op = (struct otr_slice){rq->op, rq->op_len};
	msg->target = (struct otr_slice){rq->text, rq->text_len};
	otr_msg_add_text(msg, OTR_KEY_DB_STORED_PROCEDURE_NAME,
			 (struct otr_slice){rq->proc, rq->proc_len});
	emit_database(rd, owed == OTR_REDIS_HELLO ? rd->db : db, msg);
	msg->partial = rq->cut;
	n = otr_redis_is_subscribe(owed) ? count_confirmations(rq) : 1;
	rq->argc = 0;
	if (is_unanswered(rd, rq)) {
		msg->kind = OTR_MSG_ONEWAY;
		return OTR_PARSE_MSG;
	}
	msg->kind = OTR_MSG_REQUEST;
	msg->stream = ++rd->serial;
	otr_redis_owe(rd, owed, n);
	return OTR_PARSE_MSG;
}

static void begin(struct otr_redis_request *rq, uint32_t argc)
{
	memset(rq, 0, offsetof(struct otr_redis_request, op));
	rq->argc = argc;
}

/* Takes | $ | length | CR LF | bytes | CR LF | off `in`. Returns how many bytes it has, which may
 * pass the end of `in`; 0: more are needed; -1: it is no argument. */
static int64_t take_argument(struct otr_redis_request *rq, struct otr_slice in, bool cut)
{
	struct otr_slice arg;
	int64_t len;
	int head;

	if (!in.len)
		return 0;
	head = in.data[0] == '$' ? otr_redis_number(in, &len) : -1;
	if (head <= 0)
		return head;
	if (len < 0 || len > OTR_REDIS_BULK)
		return -1;
	if (len > OTR_REDIS_ARG) {
		otr_redis_argument(rq, OTR_SLICE_NONE, false);
		return head + len + 2;
	}
	arg = otr_slice_sub(in, (size_t)head, (size_t)len);
	in = otr_slice_sub(in, (size_t)head + (size_t)len, 2);
	if (in.len && memcmp(in.data, "\r\n", in.len))
		return -1;
	if (in.len < 2 && !cut)
		return 0;
	otr_redis_argument(rq, arg, arg.len == (size_t)len);
	return head + len + 2;
}

/* The bytes behind `at` were not copied. Emits what is known of the request; what follows it is not
 * known. */
static enum otr_parse emit_cut(struct otr_redis *rd, size_t len, uint64_t *used,
			       struct otr_msg *msg)
{
	*used = len;
	if (!rd->request.argc || !rd->request.argi || rd->request.command == NULL ||
	    rd->request.is_reply) {
		rd->request.argc = 0;
		return OTR_PARSE_SKIP;
	}
	rd->request.cut = true;
	msg->end = OTR_END_RUN;
	return emit(rd, msg);
}

static enum otr_parse take_arguments(struct otr_redis *rd, struct otr_slice in, uint64_t at,
				     unsigned int flags, uint64_t *used, struct otr_msg *msg)
{
	struct otr_redis_request *rq = &rd->request;
	int64_t n = 1;

	while (rq->argi < rq->argc && at < in.len) {
		n = take_argument(rq, otr_slice_sub(in, (size_t)at, in.len), flags != 0);
		if (n <= 0)
			break;
		at += (uint64_t)n;
	}
	if (n < 0 && !at) {
		rq->argc = 0;
		return OTR_PARSE_BAD;
	}
	if (rq->argi == rq->argc) {
		*used = at;
		return emit(rd, msg);
	}
	if (flags && n >= 0)
		return emit_cut(rd, in.len, used, msg);
	if (!at)
		return OTR_PARSE_MORE;
	*used = at;
	msg->opens = true;
	return OTR_PARSE_SKIP;
}

static bool is_space(char c)
{
	return c == ' ' || c == '\t' || c == '\r' || c == '\n';
}

/* Takes one word off an inline command, without its quotes. */
static struct otr_slice take_word(struct otr_slice *line)
{
	struct otr_slice word;
	size_t from = 0, to;
	char quote = 0;

	while (from < line->len && is_space(line->data[from]))
		from++;
	if (from < line->len && (line->data[from] == '"' || line->data[from] == '\''))
		quote = line->data[from++];
	for (to = from; to < line->len; to++) {
		if (quote ? line->data[to] == quote : is_space(line->data[to]))
			break;
		if (quote == '"' && line->data[to] == '\\')
			to++;
	}
	to = to < line->len ? to : line->len;
	word = otr_slice_sub(*line, from, to - from);
	*line = otr_slice_sub(*line, to + (quote != 0), line->len);
	return word;
}

static uint32_t count_words(struct otr_slice line)
{
	uint32_t n = 0;

	while (line.len && (take_word(&line).len || line.len))
		n++;
	return n;
}

/* The line that begins `in`, its LF included; empty: more bytes are needed. */
static struct otr_slice take_line(struct otr_redis *rd, struct otr_slice in)
{
	size_t from = rd->scanned[1] < in.len ? rd->scanned[1] : 0;
	const char *lf = memchr(in.data + from, '\n', in.len - from);

	rd->scanned[1] = lf ? 0 : (uint32_t)in.len;
	return otr_slice_sub(in, 0, lf ? (size_t)(lf - in.data) + 1 : 0);
}

static enum otr_parse take_inline(struct otr_redis *rd, struct otr_slice in, unsigned int flags,
				  uint64_t *used, struct otr_msg *msg)
{
	struct otr_slice line = take_line(rd, in), word;

	if (!line.len && !flags && in.len < LINE_BYTES)
		return OTR_PARSE_MORE;
	rd->scanned[1] = 0;
	if (!line.len)
		return OTR_PARSE_BAD;
	while (line.len && is_space(line.data[line.len - 1]))
		line.len--;
	if (line.len) {
		word = line;
		word = take_word(&word);
		if (!otr_redis_command(word))
			return OTR_PARSE_BAD;
		begin(&rd->request, count_words(line));
		while (line.len)
			otr_redis_argument(&rd->request, take_word(&line), true);
		emit(rd, msg);
	}
	*used = (uint64_t)(line.data - in.data) + line.len;
	while (*used < in.len && in.data[*used] != '\n')
		++*used;
	++*used;
	return msg->op.len ? OTR_PARSE_MSG : OTR_PARSE_SKIP; /* an empty line is no request */
}

enum otr_parse otr_redis_front(struct otr_redis *rd, struct otr_slice in, unsigned int flags,
			       uint64_t *used, struct otr_msg *msg)
{
	struct otr_redis_request *rq = &rd->request;
	int64_t argc = 0;
	int head;

	if (rq->argc)
		return take_arguments(rd, in, 0, flags, used, msg);
	if (in.data[0] != '*')
		return take_inline(rd, in, flags, used, msg);
	head = otr_redis_number(in, &argc);
	if (head < 0 || argc > OTR_REDIS_ARGS)
		return OTR_PARSE_BAD;
	if (!head && !flags)
		return OTR_PARSE_MORE;
	if (!head || argc <= 0) { /* a request without arguments is not answered */
		*used = head ? (uint64_t)head : in.len;
		return OTR_PARSE_SKIP;
	}
	begin(rq, (uint32_t)argc);
	return take_arguments(rd, in, (uint64_t)head, flags, used, msg);
}
