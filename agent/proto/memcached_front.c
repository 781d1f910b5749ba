/* SPDX-License-Identifier: Apache-2.0 */
/*
 * memcached_front.c - requests of a Memcached client: doc/protocol.txt of Memcached 1.6.
 *
 *	set KEY FLAGS EXPTIME BYTES [noreply] CR LF  data CR LF
 *	get KEY KEY .. CR LF
 *	ms KEY BYTES FLAG .. CR LF  data CR LF
 *
 * Keys are shown, all other arguments and the data are not. Data is stepped over by its length.
 */

#include "agent/base/own.h"
#include "agent/proto/db_span.h"
#include "agent/proto/memcached.h"
#include "agent/proto/msg.h"

#define ANY 255

/* In the order of the alphabet. */
static const struct otr_memcached_command commands[] = {
	{"add", OTR_MEMCACHED_STORE, 4, 4, 1, 1, 4, true},
	{"append", OTR_MEMCACHED_STORE, 4, 4, 1, 1, 4, true},
	{"cache_memlimit", OTR_MEMCACHED_LINE_, 1, 1, 0, 0, 0, false},
	{"cas", OTR_MEMCACHED_STORE, 5, 5, 1, 1, 4, true},
	{"decr", OTR_MEMCACHED_NUMBER, 2, 2, 1, 1, 0, true},
	{"delete", OTR_MEMCACHED_DELETE, 1, 2, 1, 1, 0, true},
	{"flush_all", OTR_MEMCACHED_LINE_, 0, 1, 0, 0, 0, true},
	{"gat", OTR_MEMCACHED_VALUES, 2, ANY, ANY, 2, 0, true},
	{"gats", OTR_MEMCACHED_VALUES, 2, ANY, ANY, 2, 0, true},
	{"get", OTR_MEMCACHED_VALUES, 1, ANY, ANY, 1, 0, true},
	{"gets", OTR_MEMCACHED_VALUES, 1, ANY, ANY, 1, 0, true},
	{"incr", OTR_MEMCACHED_NUMBER, 2, 2, 1, 1, 0, true},
	{"lru", OTR_MEMCACHED_LINE_, 1, ANY, 0, 0, 0, false},
	{"lru_crawler", OTR_MEMCACHED_STREAM, 1, ANY, 0, 0, 0, false},
	{"ma", OTR_MEMCACHED_META, 1, ANY, 1, 1, 0, false},
	{"md", OTR_MEMCACHED_META, 1, ANY, 1, 1, 0, false},
	{"me", OTR_MEMCACHED_META, 1, ANY, 1, 1, 0, false},
	{"mg", OTR_MEMCACHED_META, 1, ANY, 1, 1, 0, true},
	{"mn", OTR_MEMCACHED_MN, 0, 0, 0, 0, 0, false},
	{"ms", OTR_MEMCACHED_META, 2, ANY, 1, 1, 2, true},
	{"prepend", OTR_MEMCACHED_STORE, 4, 4, 1, 1, 4, true},
	{"quit", OTR_MEMCACHED_QUIT, 0, 0, 0, 0, 0, false},
	{"replace", OTR_MEMCACHED_STORE, 4, 4, 1, 1, 4, true},
	{"set", OTR_MEMCACHED_STORE, 4, 4, 1, 1, 4, true},
	{"shutdown", OTR_MEMCACHED_QUIT, 0, 1, 0, 0, 0, false},
	{"slabs", OTR_MEMCACHED_LINE_, 1, ANY, 0, 0, 0, false},
	{"stats", OTR_MEMCACHED_STATS, 0, ANY, 0, 0, 0, false},
	{"touch", OTR_MEMCACHED_TOUCH, 2, 2, 1, 1, 0, true},
	{"verbosity", OTR_MEMCACHED_LINE_, 1, 1, 0, 0, 0, false},
	{"version", OTR_MEMCACHED_VERSION, 0, 0, 0, 0, 0, false},
	{"watch", OTR_MEMCACHED_STREAM, 0, ANY, 0, 0, 0, false},
};

const struct otr_memcached_command *otr_memcached_command(struct otr_slice name)
{
	for (size_t i = 0; i < OTR_ARRAY_SIZE(commands); i++)
		if (otr_slice_eq(name, otr_slice_str(commands[i].name)))
			return &commands[i];
	return NULL;
}

struct otr_slice otr_memcached_line(struct otr_slice in, uint32_t *scanned, size_t *size)
{
	size_t from = *scanned < in.len ? *scanned : 0;
	const char *lf = memchr(in.data + from, '\n', in.len - from);
	size_t len;

	*scanned = lf ? 0 : (uint32_t)in.len;
	if (!lf)
		return OTR_SLICE_NONE;
	len = (size_t)(lf - in.data);
	*size = len + 1;
	if (len && in.data[len - 1] == '\r')
		len--;
	return otr_slice_sub(in, 0, len);
}

struct otr_slice otr_memcached_word(struct otr_slice *line)
{
	size_t from = 0, to;

	while (from < line->len && line->data[from] == ' ')
		from++;
	to = from;
	while (to < line->len && line->data[to] != ' ')
		to++;
	struct otr_slice word = otr_slice_sub(*line, from, to - from);

	*line = otr_slice_sub(*line, to, line->len);
	return word;
}

bool otr_memcached_number(struct otr_slice word, uint64_t *number)
{
	uint64_t n = 0;

	if (!word.len || word.len > 18)
		return false;
	for (size_t i = 0; i < word.len; i++) {
		if (word.data[i] < '0' || word.data[i] > '9')
			return false;
		n = n * 10 + (uint64_t)(word.data[i] - '0');
	}
	*number = n;
	return true;
}

/* What is read of a request line. */
struct request {
	const struct otr_memcached_command *command;
	uint32_t argc; /* without the command and `noreply` */
	uint64_t size; /* of the data */
	bool has_data;
	bool noreply;
	bool quiet; /* the flag q of a meta command: it may be answered or not */
};

static bool is_key(const struct otr_memcached_command *command, uint32_t arg)
{
	return command->keys && arg >= command->key_at &&
	       (command->keys == ANY || arg < command->key_at + command->keys);
}

/* A key has no control characters; on the wire it cannot have blanks. "get /path HTTP/1.1" is HTTP. */
static bool is_valid_key(struct otr_slice key)
{
	if (!key.len || key.len > OTR_MEMCACHED_KEY || otr_slice_starts(key, OTR_SLICE("HTTP/")))
		return false;
	for (size_t i = 0; i < key.len; i++)
		if ((unsigned char)key.data[i] <= ' ' || key.data[i] == 127)
			return false;
	return true;
}

static bool is_meta(const struct request *rq)
{
	return rq->command->owed == OTR_MEMCACHED_META;
}

static bool read_argument(struct request *rq, struct otr_slice arg)
{
	const struct otr_memcached_command *command = rq->command;

	if (otr_slice_eq(arg, OTR_SLICE("noreply")) && !is_meta(rq) &&
	    command->owed != OTR_MEMCACHED_VALUES) {
		rq->noreply = true;
		return true;
	}
	rq->argc++;
	if (is_key(command, rq->argc) && !is_valid_key(arg))
		return false;
	if (rq->argc == command->size_at) {
		rq->has_data =
			otr_memcached_number(arg, &rq->size) && rq->size <= OTR_MEMCACHED_VALUE;
		return rq->has_data;
	}
	if (command->owed == OTR_MEMCACHED_STORE && rq->argc > 1 && arg.data[0] != '-')
		return otr_memcached_number(arg, &(uint64_t){0});
	rq->quiet |= is_meta(rq) && rq->argc > 1 && otr_slice_eq(arg, OTR_SLICE("q"));
	return true;
}

/* Reads a whole line. False: it is no valid request. */
static bool read_request(struct request *rq, struct otr_slice line)
{
	struct otr_slice arg;

	*rq = (struct request){.command = otr_memcached_command(otr_memcached_word(&line))};
	if (!rq->command)
		return false;
	for (arg = otr_memcached_word(&line); arg.len; arg = otr_memcached_word(&line))
		if (!read_argument(rq, arg))
			return false;
	return rq->argc >= rq->command->min_args &&
	       (rq->command->max_args == ANY || rq->argc <= rq->command->max_args);
}

static void add_text(struct otr_memcached *mc, struct otr_slice word)
{
	size_t room = sizeof(mc->text) - mc->text_len - 4; /* for " .." */

	if (mc->text_len && mc->text_len < sizeof(mc->text) - 4)
		mc->text[mc->text_len++] = ' ';
	if (word.len + 1 > room) {
		word = OTR_SLICE("..");
		if (mc->text_len >= 3 && !memcmp(mc->text + mc->text_len - 3, "..", 2))
			return;
	}
	memcpy(mc->text + mc->text_len, word.data, word.len);
	mc->text_len += (uint16_t)word.len;
}

/* The command and its keys; one `?` for all that follows, or stands between. A key that looks like a
 * token is hidden, too. */
static void make_text(struct otr_memcached *mc, const struct request *rq, struct otr_slice line)
{
	struct otr_slice word = otr_memcached_word(&line);
	bool hidden = false, shown;

	mc->text_len = 0;
	add_text(mc, word);
	word = otr_memcached_word(&line);
	for (uint32_t i = 1; word.len; i++, word = otr_memcached_word(&line)) {
		if (mc->text_len + word.len + 8 > sizeof(mc->text)) {
			add_text(mc, OTR_SLICE(".."));
			return;
		}
		shown = is_key(rq->command, i) && !otr_db_is_secret_key(word);
		if (shown)
			add_text(mc, word);
		else if (!hidden)
			add_text(mc, OTR_SLICE("?"));
		hidden = !shown;
	}
}

/* A request that gets no answer, or of which it is not known whether it gets one. */
static bool is_unanswered(struct otr_memcached *mc, const struct request *rq)
{
	if (rq->command->owed == OTR_MEMCACHED_STREAM)
		mc->ended = true;
	mc->quiet |= rq->quiet;
	return rq->noreply || rq->quiet || rq->command->owed == OTR_MEMCACHED_QUIT ||
	       rq->command->owed == OTR_MEMCACHED_STREAM;
}

static void owe(struct otr_memcached *mc, unsigned int owed)
{
	mc->overlaps |= mc->n > 0;
	if (mc->n == OTR_MEMCACHED_DEBTS) {
		mc->ended = true;
		return;
	}
	mc->debts[(mc->first + mc->n++) % OTR_MEMCACHED_DEBTS] = (uint8_t)owed;
}

static enum otr_parse emit(struct otr_memcached *mc, const struct request *rq,
			   struct otr_slice line, struct otr_msg *msg)
{
	otr_memcached_turn(mc);
	make_text(mc, rq, line);
	msg->op = otr_slice_str(rq->command->name);
	msg->target = (struct otr_slice){mc->text, mc->text_len};
	msg->kind = OTR_MSG_ONEWAY;
	if (is_unanswered(mc, rq))
		return OTR_PARSE_MSG;
	msg->kind = OTR_MSG_REQUEST;
	msg->stream = ++mc->serial;
	owe(mc, rq->command->owed | (rq->argc == rq->command->key_at ? OTR_MEMCACHED_ONE_KEY : 0));
	return OTR_PARSE_MSG;
}

/* The end of the line was not copied: what follows it is not known. */
static enum otr_parse take_cut(struct otr_memcached *mc, struct otr_slice in, uint64_t *used,
			       struct otr_msg *msg)
{
	struct otr_slice line = in;
	struct request rq = {.command = otr_memcached_command(otr_memcached_word(&line))};

	*used = in.len;
	if (!rq.command || !line.len || rq.command->owed != OTR_MEMCACHED_VALUES)
		return OTR_PARSE_SKIP;
	msg->end = OTR_END_RUN;
	msg->partial = true;
	return emit(mc, &rq, in, msg);
}

enum otr_parse otr_memcached_front(struct otr_memcached *mc, struct otr_slice in,
				   unsigned int flags, uint64_t *used, struct otr_msg *msg)
{
	size_t size = 0;
	struct otr_slice line = otr_memcached_line(in, &mc->scanned[1], &size);
	struct request rq;

	if (!size && flags)
		return take_cut(mc, in, used, msg);
	if (!size)
		return in.len < OTR_MEMCACHED_LINE ? OTR_PARSE_MORE : OTR_PARSE_BAD;
	if (!read_request(&rq, line))
		return OTR_PARSE_BAD;
	*used = size + (rq.has_data ? rq.size + 2 : 0);
	return emit(mc, &rq, line, msg);
}

/* Does no other protocol have such a line? Beanstalkd has "delete 17". */
static bool is_sure(const struct otr_memcached_command *command, struct otr_slice line)
{
	otr_memcached_word(&line);
	return command->is_sure &&
	       !(command->owed == OTR_MEMCACHED_DELETE &&
		 otr_memcached_number(otr_memcached_word(&line), &(uint64_t){0}));
}

bool otr_memcached_is_request(struct otr_slice head, bool any)
{
	size_t size = 0;
	struct otr_slice line = otr_memcached_line(head, &(uint32_t){0}, &size);
	struct request rq;

	if (size)
		return line.len + 2 == size && read_request(&rq, line) &&
		       (any || is_sure(rq.command, line));
	/* A line that is longer than the bytes that are looked at names keys. */
	line = head;
	rq = (struct request){.command = otr_memcached_command(otr_memcached_word(&line))};
	if (head.len < OTR_SNIFF_MAX || !rq.command || !rq.command->is_sure)
		return false;
	head = otr_memcached_word(&line);
	return rq.command->key_at == 1 && line.len && is_valid_key(head);
}
