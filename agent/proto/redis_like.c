/* SPDX-License-Identifier: Apache-2.0 */
/*
 * redis_like.c - which bytes are a request or an answer of Redis, and nothing else.
 *
 * An array of strings may be a request or an answer: it is taken for a request if its first string
 * is a command that takes as many arguments. A line may be of many protocols (GET: HTTP and
 * Memcached; PING: NATS, IRC; -ERR: POP3): it is taken for a request if its first word is a command
 * that no other protocol has.
 */

#include "agent/proto/redis.h"

static bool fits_arity(const struct otr_redis_command *command, int64_t argc)
{
	return command->arity < 0 ? argc >= -command->arity : argc == command->arity;
}

/* Reads | $ | length | CR LF | off `in`. */
static enum otr_redis_like take_head(struct otr_slice *in, char mark, int64_t *number)
{
	int head;

	if (!in->len)
		return OTR_REDIS_SHORT;
	if (in->data[0] != mark)
		return OTR_REDIS_NO;
	head = otr_redis_number(*in, number);
	if (head < 0)
		return OTR_REDIS_NO;
	*in = otr_slice_sub(*in, (size_t)head, in->len);
	return head ? OTR_REDIS_YES : OTR_REDIS_SHORT;
}

/* The arguments after the command, as far as they are there. */
static bool are_strings(struct otr_slice in, int64_t n)
{
	int64_t len;

	for (; n > 0; n--) {
		switch (take_head(&in, '$', &len)) {
		case OTR_REDIS_NO:
			return false;
		case OTR_REDIS_SHORT:
			return true;
		case OTR_REDIS_YES:
			break;
		}
		if (len < 0 || len > OTR_REDIS_BULK)
			return false;
		in = otr_slice_sub(in, (size_t)len, in.len);
		if (in.len && memcmp(in.data, "\r\n", in.len < 2 ? 1 : 2))
			return false;
		in = otr_slice_sub(in, 2, in.len);
	}
	return true;
}

enum otr_redis_like otr_redis_like_request(struct otr_slice in, bool strict)
{
	const struct otr_redis_command *command;
	int64_t argc = 0, len = 0;
	struct otr_slice name;
	enum otr_redis_like like = take_head(&in, '*', &argc);

	if (like != OTR_REDIS_YES)
		return like;
	like = argc > 0 && argc <= OTR_REDIS_ARGS ? take_head(&in, '$', &len) : OTR_REDIS_NO;
	if (like != OTR_REDIS_YES)
		return like;
	if (len < 2 || len >= OTR_REDIS_OP)
		return OTR_REDIS_NO;
	name = otr_slice_sub(in, 0, (size_t)len);
	in = otr_slice_sub(in, (size_t)len, in.len);
	if (in.len < 2)
		return OTR_REDIS_SHORT;
	command = otr_redis_command(name);
	if (memcmp(in.data, "\r\n", 2) || (command && !fits_arity(command, argc)) ||
	    (!command && !otr_redis_is_module(name)))
		return OTR_REDIS_NO;
	return !strict || are_strings(otr_slice_sub(in, 2, in.len), argc - 1) ? OTR_REDIS_YES
									      : OTR_REDIS_NO;
}

static bool is_letter(char c)
{
	return otr_lower(c) >= 'a' && otr_lower(c) <= 'z';
}

/* Counts the words of a line, and finds the first. */
static uint32_t split(struct otr_slice line, struct otr_slice *first)
{
	uint32_t n = 0;
	bool inside = false;

	*first = (struct otr_slice){line.data, 0};
	for (size_t i = 0; i < line.len; i++) {
		if (line.data[i] == ' ') {
			inside = false;
			continue;
		}
		n += !inside;
		inside = true;
		if (n == 1)
			first->len = i + 1;
	}
	return n;
}

enum otr_redis_like otr_redis_like_inline(struct otr_slice in)
{
	const struct otr_redis_command *command;
	struct otr_slice line = in, word;
	const char *lf = memchr(in.data, '\n', in.len);
	uint32_t n;

	if (!is_letter(in.data[0]))
		return OTR_REDIS_NO;
	line.len = lf ? (size_t)(lf - in.data) : in.len;
	if (lf && line.len && line.data[line.len - 1] == '\r')
		line.len--;
	n = split(line, &word);
	if (!lf)
		return word.len < OTR_REDIS_OP ? OTR_REDIS_SHORT : OTR_REDIS_NO;
	command = otr_redis_command(word);
	return command && !command->plain && command->arity != 1 && fits_arity(command, n)
		       ? OTR_REDIS_YES
		       : OTR_REDIS_NO;
}

enum otr_redis_like otr_redis_like_answer(struct otr_slice in)
{
	static const struct otr_slice pong = {"+PONG\r\n", 7};
	int64_t len = 0;
	enum otr_redis_like like;

	if (in.data[0] == '+') {
		if (in.len < pong.len && otr_slice_starts(pong, in))
			return OTR_REDIS_SHORT;
		return otr_slice_starts(in, pong) ? OTR_REDIS_YES : OTR_REDIS_NO;
	}
	like = take_head(&in, '$', &len);
	if (like != OTR_REDIS_YES || len == -1)
		return like;
	if (len < 0 || len > 40)
		return OTR_REDIS_NO;
	in = otr_slice_sub(in, (size_t)len, in.len);
	if (in.len < 2)
		return in.len && in.data[0] != '\r' ? OTR_REDIS_NO : OTR_REDIS_SHORT;
	return in.data[0] == '\r' && in.data[1] == '\n' ? OTR_REDIS_YES : OTR_REDIS_NO;
}
