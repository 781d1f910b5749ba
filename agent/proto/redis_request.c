/* SPDX-License-Identifier: Apache-2.0 */
/*
 * redis_request.c - the text of a Redis request: the command as it would be typed into redis-cli,
 * its keys and the fields of hashes, and a question mark for each other argument.
 *
 *	SET user:17 ?		HSET cart:4 ink ? pen ?		EVALSHA 0a3f.. ? key ?
 */

#include "agent/proto/redis.h"

#include <stdlib.h>

#include "agent/base/own.h"
#include "agent/proto/db_span.h"

#define KEY_MAX	   128 /* bytes of a key that are shown */
#define TEXT_CLOSE 4   /* bytes for the sign that the text goes on */

static void put(struct otr_redis_request *rq, const char *bytes, size_t n)
{
	if (rq->full || rq->text_len + n + TEXT_CLOSE > sizeof(rq->text)) {
		rq->full = true;
		return;
	}
	memcpy(rq->text + rq->text_len, bytes, n);
	rq->text_len += (uint16_t)n;
}

static void put_byte(struct otr_redis_request *rq, char c)
{
	static const char hex[] = "0123456789abcdef";
	const char code[4] = {'\\', 'x', hex[(unsigned char)c >> 4], hex[c & 15]};
	const char sign[2] = {'\\', c};

	if (c < ' ' || c > '~')
		put(rq, code, sizeof(code));
	else if (c == '"' || c == '\\')
		put(rq, sign, sizeof(sign));
	else
		put(rq, &c, 1);
}

static bool is_plain(struct otr_slice key)
{
	for (size_t i = 0; i < key.len; i++)
		if (key.data[i] <= ' ' || key.data[i] > '~' || key.data[i] == '"' ||
		    key.data[i] == '\'' || key.data[i] == '\\')
			return false;
	return key.len > 0;
}

/* Writes a key as redis-cli takes it: in quotes, if it is no plain word. */
static void put_key(struct otr_redis_request *rq, struct otr_slice key)
{
	struct otr_slice shown = otr_slice_sub(key, 0, KEY_MAX);

	if (otr_db_is_secret_key(key)) {
		put(rq, "?", 1);
		return;
	}
	if (is_plain(shown)) {
		put(rq, shown.data, shown.len);
	} else {
		put(rq, "\"", 1);
		for (size_t i = 0; i < shown.len; i++)
			put_byte(rq, shown.data[i]);
		put(rq, "\"", 1);
	}
	if (shown.len < key.len)
		put(rq, "..", 2);
}

/* Has argument `i` of a command its keys behind a number of keys at `at`? */
static bool is_counted(const struct otr_redis_request *rq, uint32_t at, uint32_t i)
{
	return i > at && i - at <= rq->n_keys;
}

static bool is_key(const struct otr_redis_request *rq, uint32_t i)
{
	switch ((enum otr_redis_keys)rq->command->keys) {
	case OTR_REDIS_KEY:
		return i == 1;
	case OTR_REDIS_KEYS2:
	case OTR_REDIS_FIELD:
		return i <= 2;
	case OTR_REDIS_KEYS:
	case OTR_REDIS_FIELDS:
		return true;
	case OTR_REDIS_KEYS_TIMEOUT:
		return i + 1 < rq->argc;
	case OTR_REDIS_KEY_VALUES:
		return i % 2;
	case OTR_REDIS_FIELD_VALUES:
		return i == 1 || i % 2 == 0;
	case OTR_REDIS_KEY2:
		return i == 2;
	case OTR_REDIS_KEYS_FROM_2:
		return i >= 2;
	case OTR_REDIS_KEY3:
		return i == 3;
	case OTR_REDIS_COUNTED_1:
		return is_counted(rq, 1, i);
	case OTR_REDIS_COUNTED_2:
	case OTR_REDIS_SCRIPT:
		return is_counted(rq, 2, i);
	case OTR_REDIS_STORE:
		return i == 1 || is_counted(rq, 2, i);
	case OTR_REDIS_STREAMS:
		return rq->streams && i - rq->streams <= (rq->argc - 1 - rq->streams) / 2;
	case OTR_REDIS_NO_KEYS:
	case OTR_REDIS_SUBCOMMAND:
		break;
	}
	return false;
}

static bool is_identifier(struct otr_slice s)
{
	for (size_t i = 0; i < s.len; i++)
		if (!otr_is_alnum(s.data[i]) && s.data[i] != '_')
			return false;
	return s.len && s.len < OTR_REDIS_PROC;
}

static bool is_digest(struct otr_slice s)
{
	for (size_t i = 0; i < s.len; i++)
		if (!(s.data[i] >= '0' && s.data[i] <= '9') &&
		    !(otr_lower(s.data[i]) >= 'a' && otr_lower(s.data[i]) <= 'f'))
			return false;
	return s.len == 40;
}

/* Reads the first argument of EVALSHA and FCALL. That of EVAL is a script, which may hold values.
 */
static void take_procedure(struct otr_redis_request *rq, struct otr_slice arg)
{
	bool by_digest = !strncmp(rq->command->name, "EVALSHA", 7);

	if (rq->command->name[0] != 'F' && !by_digest)
		return;
	if (by_digest ? !is_digest(arg) : !is_identifier(arg))
		return;
	memcpy(rq->proc, arg.data, arg.len);
	rq->proc_len = (uint8_t)arg.len;
}

/* Returns a number of at most 7 digits, or -1. */
static int64_t small_number(struct otr_slice arg)
{
	int64_t n = 0;

	if (!arg.len || arg.len > 7)
		return -1;
	for (size_t i = 0; i < arg.len; i++) {
		if (arg.data[i] < '0' || arg.data[i] > '9')
			return -1;
		n = n * 10 + (arg.data[i] - '0');
	}
	return n;
}

static void take_client_reply(struct otr_redis_request *rq, struct otr_slice arg)
{
	static const struct otr_slice modes[] = {OTR_SLICE("ON"), OTR_SLICE("OFF"),
						 OTR_SLICE("SKIP")};

	if (rq->argi == 1)
		rq->is_reply = otr_slice_eq_nocase(arg, OTR_SLICE("REPLY"));
	else if (rq->argi == 2 && rq->is_reply)
		for (size_t i = 0; i < OTR_ARRAY_SIZE(modes); i++)
			if (otr_slice_eq_nocase(arg, modes[i]))
				rq->reply = (uint8_t) "NFS"[i];
}

/* Keeps what later arguments, or the answer, depend on. */
static void take_meaning(struct otr_redis_request *rq, struct otr_slice arg)
{
	enum otr_redis_keys keys = (enum otr_redis_keys)rq->command->keys;
	int64_t n;

	if (keys == OTR_REDIS_SCRIPT && rq->argi == 1)
		take_procedure(rq, arg);
	if ((keys == OTR_REDIS_COUNTED_1 && rq->argi == 1) ||
	    (rq->argi == 2 && (keys == OTR_REDIS_COUNTED_2 || keys == OTR_REDIS_STORE ||
			       keys == OTR_REDIS_SCRIPT))) {
		n = small_number(arg);
		rq->n_keys = n > 0 ? (uint32_t)n : 0;
	}
	if (keys == OTR_REDIS_STREAMS && !rq->streams &&
	    otr_slice_eq_nocase(arg, OTR_SLICE("STREAMS")))
		rq->streams = rq->argi;
	if (rq->command->owed == OTR_REDIS_SELECT && rq->argi == 1)
		rq->index = (uint32_t)(small_number(arg) + 1);
	if (keys == OTR_REDIS_SUBCOMMAND && rq->argi <= 2 && !strcmp(rq->command->name, "CLIENT"))
		take_client_reply(rq, arg);
}

static bool takes_subcommand(const struct otr_redis_request *rq)
{
	return rq->command->keys == OTR_REDIS_SUBCOMMAND || rq->command->keys == OTR_REDIS_KEY2;
}

static void take_name(struct otr_redis_request *rq, struct otr_slice arg, bool whole)
{
	rq->command = whole ? otr_redis_command(arg) : NULL;
	if (!rq->command && !(whole && otr_redis_is_module(arg)))
		arg = OTR_REDIS_OTHER;
	rq->op_len = (uint8_t)arg.len;
	memcpy(rq->op, arg.data, arg.len);
	put(rq, arg.data, arg.len);
}

void otr_redis_argument(struct otr_redis_request *rq, struct otr_slice arg, bool whole)
{
	if (!rq->argi) {
		take_name(rq, arg, whole);
		rq->argi = 1;
		return;
	}
	if (rq->command && whole)
		take_meaning(rq, arg);
	put(rq, " ", 1);
	if (!rq->command || !whole)
		put(rq, "?", 1);
	else if (is_key(rq, rq->argi))
		put_key(rq, arg);
	else if ((rq->argi == 1 && takes_subcommand(rq) && otr_redis_is_subcommand(arg)) ||
		 (rq->argi == 1 && rq->proc_len))
		put(rq, arg.data, arg.len);
	else
		put(rq, "?", 1);
	rq->argi++;
}
