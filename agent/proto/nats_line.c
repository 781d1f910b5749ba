/* SPDX-License-Identifier: Apache-2.0 */
/*
 * nats_line.c - lines of the NATS client protocol, and the headers of messages.
 *
 *	PUB subject [reply] bytes CR LF  payload CR LF
 *	HPUB subject [reply] header-bytes all-bytes CR LF  headers payload CR LF
 *	MSG subject sid [reply] bytes CR LF  payload CR LF
 *	HMSG subject sid [reply] header-bytes all-bytes CR LF  headers payload CR LF
 *	headers: NATS/1.0 [status [text]] CR LF  name: value CR LF ..  CR LF
 */

#include "agent/base/own.h"
#include "agent/proto/nats.h"

#define WORDS 5 /* of a line, at most, behind its verb */

struct verb {
	struct otr_slice name;
	uint8_t verb;
	uint8_t side;
	uint8_t min, max; /* words behind it; 255: any text */
};

#define VERB(name, side, min, max)                                                     \
	{                                                                              \
		{#name, sizeof(#name) - 1}, OTR_NATS_##name, OTR_NATS_##side, min, max \
	}
#define TEXT 255

static const struct verb verbs[] = {
	VERB(INFO, SERVER, 0, TEXT),
	VERB(CONNECT, CLIENT, 0, TEXT),
	VERB(PUB, CLIENT, 2, 3),
	VERB(HPUB, CLIENT, 3, 4),
	VERB(SUB, CLIENT, 2, 3),
	VERB(UNSUB, CLIENT, 1, 2),
	VERB(MSG, SERVER, 3, 4),
	VERB(HMSG, SERVER, 4, 5),
	VERB(PING, EITHER, 0, 0),
	VERB(PONG, EITHER, 0, 0),
	{{"+OK", 3}, OTR_NATS_OK, OTR_NATS_SERVER, 0, 0},
	{{"-ERR", 4}, OTR_NATS_ERR, OTR_NATS_SERVER, 0, TEXT},
	{{"RS+", 3}, OTR_NATS_OTHER, OTR_NATS_EITHER, 0, TEXT},
	{{"RMSG", 4}, OTR_NATS_OTHER, OTR_NATS_EITHER, 0, TEXT},
	{{"LS+", 3}, OTR_NATS_OTHER, OTR_NATS_EITHER, 0, TEXT},
	{{"LMSG", 4}, OTR_NATS_OTHER, OTR_NATS_EITHER, 0, TEXT},
};

static bool is_blank(char c)
{
	return c == ' ' || c == '\t';
}

/* The verb that `in` begins with; a server takes small letters, too. NULL: there is none. `*maybe`:
 * more bytes may make it one. */
static const struct verb *verb_of(struct otr_slice in, bool *maybe)
{
	*maybe = false;
	for (size_t i = 0; i < OTR_ARRAY_SIZE(verbs); i++) {
		struct otr_slice name = verbs[i].name, head = otr_slice_sub(in, 0, name.len);

		if (!in.len || otr_lower(in.data[0]) != otr_lower(name.data[0]) ||
		    !otr_slice_eq_nocase(head, otr_slice_sub(name, 0, head.len)))
			continue;
		if (in.len <= name.len)
			*maybe = true;
		else if (is_blank(in.data[name.len]) || in.data[name.len] == '\r' ||
			 in.data[name.len] == '\n')
			return &verbs[i];
	}
	return NULL;
}

/* Reads a decimal number of at most 10 digits; false: it is none, or above OTR_NATS_PAYLOAD. */
static bool number(struct otr_slice word, uint32_t *out)
{
	uint64_t n = 0;

	if (!word.len || word.len > 10)
		return false;
	for (size_t i = 0; i < word.len; i++) {
		if (word.data[i] < '0' || word.data[i] > '9')
			return false;
		n = n * 10 + (uint64_t)(word.data[i] - '0');
	}
	*out = (uint32_t)n;
	return n <= OTR_NATS_PAYLOAD;
}

/* Subjects, inboxes and numbers: anything but blanks and control characters. */
static bool is_word(struct otr_slice word)
{
	for (size_t i = 0; i < word.len; i++)
		if ((unsigned char)word.data[i] <= ' ' || word.data[i] == 127)
			return false;
	return word.len > 0;
}

/* A subject that messages are sent to: tokens between dots, none of which is empty. */
static bool is_subject(struct otr_slice word)
{
	if (!is_word(word) || word.data[0] == '.' || word.data[word.len - 1] == '.')
		return false;
	for (size_t i = 1; i < word.len; i++)
		if (word.data[i] == '.' && word.data[i - 1] == '.')
			return false;
	return true;
}

/* Takes the next word off `text`. */
static struct otr_slice next_word(struct otr_slice *text)
{
	size_t from = 0, to;
	struct otr_slice word;

	while (from < text->len && is_blank(text->data[from]))
		from++;
	for (to = from; to < text->len && !is_blank(text->data[to]);)
		to++;
	word = otr_slice_sub(*text, from, to - from);
	*text = otr_slice_sub(*text, to, text->len);
	return word;
}

/* Reads the words of a line; -1: it has more, or another byte than a word may have. */
static int split(struct otr_slice text, struct otr_slice words[WORDS])
{
	struct otr_slice word;
	int n = 0;

	for (word = next_word(&text); word.len; word = next_word(&text)) {
		if (n == WORDS || !is_word(word))
			return -1;
		words[n++] = word;
	}
	return n;
}

/* The sizes are the last words, the reply subject stands before them. */
static bool take_message(struct otr_nats_line *line, const struct otr_slice *words, int n)
{
	bool is_msg = line->side == OTR_NATS_SERVER;
	bool has_headers = line->verb == OTR_NATS_HPUB || line->verb == OTR_NATS_HMSG;
	int first = is_msg ? 2 : 1, sizes = has_headers ? 2 : 1;

	line->subject = words[0];
	if (is_msg)
		line->sid = words[1];
	if (n - first - sizes == 1)
		line->reply = words[first];
	line->has_body = true;
	if (!number(words[n - 1], &line->n_body) ||
	    (has_headers && !number(words[n - 2], &line->n_headers)))
		return false;
	return line->n_headers <= line->n_body && is_subject(line->subject) &&
	       (!has_headers || line->n_headers >= 12);
}

static bool take_words(struct otr_nats_line *line, const struct verb *verb, struct otr_slice text)
{
	struct otr_slice words[WORDS] = {OTR_SLICE_NONE};
	int n;

	if (verb->max == TEXT)
		return true;
	n = split(text, words);
	if (n < verb->min || n > verb->max)
		return false;
	if (line->verb == OTR_NATS_SUB) {
		line->subject = words[0];
		line->sid = words[n - 1];
	} else if (verb->min >= 2) {
		return take_message(line, words, n);
	}
	return true;
}

/* The bytes before the LF, as far as the line may be long. */
static const char *find_lf(struct otr_slice in, size_t max, uint32_t *scanned)
{
	size_t from = *scanned < in.len ? *scanned : 0, to = in.len < max ? in.len : max;
	const char *lf = from < to ? memchr(in.data + from, '\n', to - from) : NULL;

	*scanned = lf ? 0 : (uint32_t)to;
	return lf;
}

enum otr_nats_is otr_nats_read(struct otr_nats_line *line, struct otr_slice in, uint32_t *scanned)
{
	bool maybe;
	const struct verb *verb = verb_of(in, &maybe);
	size_t max = verb && verb->max == TEXT ? OTR_NATS_LOGIN : OTR_NATS_LINE, len;
	const char *lf;

	if (!verb)
		return maybe ? OTR_NATS_MAYBE : OTR_NATS_NO;
	lf = find_lf(in, max, scanned);
	*line = (struct otr_nats_line){.verb = verb->verb, .side = verb->side};
	if (!lf)
		return in.len < max ? OTR_NATS_MAYBE : OTR_NATS_NO;
	len = (size_t)(lf - in.data);
	line->size = (uint32_t)len + 1;
	len -= len && in.data[len - 1] == '\r';
	if (!take_words(line, verb, otr_slice_sub(otr_slice_sub(in, 0, len), verb->name.len, len)))
		return OTR_NATS_NO;
	return OTR_NATS_YES;
}

static bool is_digits(struct otr_slice word)
{
	return number(word, &(uint32_t){0});
}

/* Is a line that goes on behind `head` one with headers? Those are long, and their verbs are those
 * of no other protocol. */
static bool is_long(struct otr_slice head)
{
	struct otr_slice words[WORDS];

	if (head.len < OTR_SNIFF_MAX || memchr(head.data, '\n', head.len))
		return false;
	if (!otr_slice_starts(head, OTR_SLICE("HPUB ")) &&
	    !otr_slice_starts(head, OTR_SLICE("HMSG ")))
		return false;
	return split(otr_slice_sub(head, 5, head.len), words) > 0 && is_subject(words[0]);
}

bool otr_nats_is_sure(struct otr_slice head)
{
	struct otr_nats_line line;
	const char *lf = memchr(head.data, '\n', head.len);

	if (otr_slice_starts(head, OTR_SLICE("INFO {\"")) ||
	    otr_slice_starts(head, OTR_SLICE("CONNECT {\"")))
		return true;
	if (!lf)
		return is_long(head);
	if (head.data[0] < 'A' || head.data[0] > 'Z' || lf - head.data < 2 || lf[-1] != '\r' ||
	    otr_nats_read(&line, head, &(uint32_t){0}) != OTR_NATS_YES)
		return false;
	if (line.verb == OTR_NATS_SUB)
		return is_word(line.subject) && is_digits(line.sid);
	return line.has_body && (!line.sid.len || is_digits(line.sid));
}

static struct otr_slice trim(struct otr_slice s)
{
	while (s.len && is_blank(s.data[0]))
		s = otr_slice_sub(s, 1, s.len);
	while (s.len && (is_blank(s.data[s.len - 1]) || s.data[s.len - 1] == '\r'))
		s.len--;
	return s;
}

static void take_header(struct otr_msg *msg, struct otr_slice name, struct otr_slice value)
{
	if (otr_slice_eq_nocase(name, OTR_SLICE("traceparent")))
		msg->trace_ctx = value;
	else if (otr_slice_eq_nocase(name, OTR_SLICE("tracestate")))
		msg->trace_state = value;
	else if (otr_slice_eq_nocase(name, OTR_SLICE("baggage")))
		msg->baggage = value;
}

/* Takes the next line off, without its end. A line whose end is missing is none. */
static struct otr_slice next_line(struct otr_slice *in)
{
	const char *lf = in->len ? memchr(in->data, '\n', in->len) : NULL;
	struct otr_slice line = {in->data, lf ? (size_t)(lf - in->data) : 0};

	*in = otr_slice_sub(*in, lf ? line.len + 1 : in->len, in->len);
	return line;
}

int otr_nats_headers(struct otr_slice headers, struct otr_msg *msg)
{
	struct otr_slice line = next_line(&headers), word;
	const char *colon;
	uint32_t status = 0;

	word = next_word(&line);
	line = trim(line);
	word = next_word(&line);
	if (word.len != 3 || !number(word, &status))
		status = 0;
	for (line = next_line(&headers); line.len > 1; line = next_line(&headers)) {
		colon = memchr(line.data, ':', line.len);
		if (colon)
			take_header(msg, otr_slice_sub(line, 0, (size_t)(colon - line.data)),
				    trim(otr_slice_sub(line, (size_t)(colon - line.data) + 1,
						       line.len)));
	}
	return (int)status;
}
