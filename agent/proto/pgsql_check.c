/* SPDX-License-Identifier: Apache-2.0 */
/*
 * pgsql_check.c - which bytes can be a PostgreSQL message: sections 55.7 "Message Formats" and
 * 55.2.1 "Start-up" of the manual of version 17.
 *
 * The length is checked for each type, and the beginning of the body if that is fixed: nothing else
 * shows that a connection that is joined in its middle is PostgreSQL.
 */

#include "agent/proto/pgsql.h"

#include "agent/base/eight.h"
#include "agent/base/own.h"

#define LENGTH_MAX  0x40000000u /* bytes; the server refuses more */
#define STARTUP_MAX 10000u
#define CHAIN	    4	       /* messages in a row that are checked */
#define CERTAIN_MAX (1u << 20) /* bytes; a larger length may be chance */

/* How a body begins. */
enum shape {
	ANY,
	EMPTY,
	TEXT,	/* text up to the NUL that ends the body */
	NAMES,	/* Parse, Bind, Execute: begins with a string */
	TARGET, /* 'S' or 'P', a name, NUL */
	COUNT,	/* begins with a number of columns */
	STATUS, /* I, T or E */
	FIELDS, /* of an error or a notice: a letter, a string .. */
	AUTH,
	COPY, /* begins with a format, 0 or 1 */
	PAIR, /* two strings */
	EXEC, /* a string and a number, and no more */
	TAG,  /* of CommandComplete: upper-case words, numbers */
};

struct kind {
	char type;
	uint8_t shape;
	uint8_t strong;	      /* this type alone shows the side */
	uint32_t least, most; /* of the length field; most 0: LENGTH_MAX */
	size_t need;	      /* of the body */
};

#define TYPES 128 /* each type is a character of ASCII */

static const struct kind front[TYPES] = {
	['Q'] = {'Q', TEXT, 1, 5, 0, OTR_PGSQL_TEXT},
	['P'] = {'P', NAMES, 1, 8, 0, OTR_PGSQL_TEXT},
	['B'] = {'B', NAMES, 1, 12, 0, 256},
	['E'] = {'E', EXEC, 1, 9, 4 + 256, 256},
	['D'] = {'D', TARGET, 1, 6, 4 + 256, 256},
	['C'] = {'C', TARGET, 0, 6, 4 + 256, 256},
	['S'] = {'S', EMPTY, 1, 4, 4, 0},
	['H'] = {'H', EMPTY, 0, 4, 4, 0},
	['X'] = {'X', EMPTY, 0, 4, 4, 0},
	['F'] = {'F', ANY, 0, 14, 0, 0},
	['p'] = {'p', ANY, 0, 5, 65536, 0},
	['d'] = {'d', ANY, 0, 4, 0, 0},
	['c'] = {'c', EMPTY, 0, 4, 4, 0},
	['f'] = {'f', TEXT, 0, 5, 65536, 0},
};

static const struct kind back[TYPES] = {
	['R'] = {'R', AUTH, 1, 8, 65536, 4},	 ['K'] = {'K', ANY, 0, 12, 4 + 260, 0},
	['S'] = {'S', PAIR, 0, 7, 65536, 2},	 ['Z'] = {'Z', STATUS, 1, 5, 5, 1},
	['T'] = {'T', COUNT, 1, 6, 0, 2},	 ['D'] = {'D', COUNT, 0, 6, 0, 2},
	['C'] = {'C', TAG, 1, 6, 4 + 64, 64},	 ['E'] = {'E', FIELDS, 1, 6, 1 << 20, 1024},
	['N'] = {'N', FIELDS, 1, 6, 1 << 20, 2}, ['I'] = {'I', EMPTY, 0, 4, 4, 0},
	['s'] = {'s', EMPTY, 0, 4, 4, 0},	 ['1'] = {'1', EMPTY, 1, 4, 4, 0},
	['2'] = {'2', EMPTY, 1, 4, 4, 0},	 ['3'] = {'3', EMPTY, 1, 4, 4, 0},
	['n'] = {'n', EMPTY, 1, 4, 4, 0},	 ['t'] = {'t', COUNT, 0, 6, 0, 2},
	['A'] = {'A', ANY, 0, 10, 65536, 0},	 ['G'] = {'G', COPY, 0, 7, 65536, 1},
	['H'] = {'H', COPY, 0, 7, 65536, 1},	 ['W'] = {'W', COPY, 0, 7, 65536, 1},
	['d'] = {'d', ANY, 0, 4, 0, 0},		 ['c'] = {'c', EMPTY, 0, 4, 4, 0},
	['V'] = {'V', ANY, 0, 8, 0, 0},		 ['v'] = {'v', ANY, 0, 12, 65536, 0},
};

static const struct kind *kind_of(bool client, char type)
{
	const struct kind *k = &(client ? front : back)[(unsigned char)type % TYPES];

	return k->type == type && type ? k : NULL;
}

/* Has `s`, as statements have, no control characters but white space? */
static bool is_text(struct otr_slice s)
{
	size_t i = 0;

	while (i + 8 <= s.len && !otr_eight_has_control(otr_eight(s.data + i)))
		i += 8;
	for (; i < s.len; i++)
		if ((unsigned char)s.data[i] < ' ' && !memchr("\t\n\r\f\v", s.data[i], 5))
			return false;
	return true;
}

/* Does the text end with the body? `whole`: `body` is all of the body. */
static bool text_ends_body(struct otr_slice body, bool whole)
{
	const char *nul = memchr(body.data, 0, body.len);

	if (!nul)
		return !whole && is_text(body);
	return nul == body.data + body.len - 1 && whole &&
	       is_text(otr_slice_sub(body, 0, body.len - 1));
}

/* Does the body begin with text up to a NUL? The NUL may be missing if the body is longer than
 * what was copied. */
static bool begins_with_name(struct otr_slice body, bool whole)
{
	const char *nul = memchr(body.data, 0, body.len);
	size_t n = nul ? (size_t)(nul - body.data) : body.len;

	return (nul || !whole) && is_text(otr_slice_sub(body, 0, n));
}

static bool is_exec(struct otr_slice body, bool whole)
{
	const char *nul = memchr(body.data, 0, body.len);

	return begins_with_name(body, whole) && (!whole || body.data + body.len == nul + 5);
}

static inline bool in_tag(char c)
{
	return (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') || c == ' ';
}

static bool is_tag(struct otr_slice body, bool whole)
{
	size_t i = 0;

	if (body.data[0] < 'A' || body.data[0] > 'Z')
		return false;
	while (i < body.len && in_tag(body.data[i]))
		i++;
	if (i == body.len)
		return !whole;
	return !body.data[i] && i + 1 == body.len && whole;
}

static bool fits_shape(enum shape shape, struct otr_slice body, bool whole)
{
	if (!body.len)
		return true; /* no byte of the body was copied yet: only its length can be checked */
	switch (shape) {
	case TEXT:
		return text_ends_body(body, whole);
	case NAMES:
	case PAIR:
		return begins_with_name(body, whole);
	case TARGET:
		return (body.data[0] == 'S' || body.data[0] == 'P') &&
		       (body.len == 1 || text_ends_body(otr_slice_sub(body, 1, body.len), whole));
	case COUNT: /* at most 1664 columns */
		return (unsigned char)body.data[0] <= 6;
	case STATUS:
		return memchr("ITE", body.data[0], 3) != NULL;
	case FIELDS:
		return body.data[0] == 'S' || body.data[0] == 'V';
	case AUTH:
		return !body.data[0];
	case COPY:
		return (unsigned char)body.data[0] <= 1;
	case EXEC:
		return is_exec(body, whole);
	case TAG:
		return is_tag(body, whole);
	case ANY:
	case EMPTY:
		break;
	}
	return true;
}

/* Can the length field, as far as it was copied, not be right? */
static bool is_wrong_length(const struct kind *k, struct otr_slice in)
{
	uint32_t most = k->most ? k->most : LENGTH_MAX, len;

	if (in.len < 5) /* the first byte of the length decides */
		return in.len > 1 && (unsigned char)in.data[1] > most >> 24;
	len = otr_pgsql_u32(in.data + 1);
	return len < k->least || len > most;
}

/* Returns the part of the body that was copied and is needed. */
static struct otr_slice body_of(const struct kind *k, struct otr_slice in, bool *whole)
{
	uint32_t len = otr_pgsql_u32(in.data + 1) - 4;
	size_t need = len < k->need ? len : k->need;
	struct otr_slice body = otr_slice_sub(in, 5, need);

	*whole = body.len == len;
	return body;
}

static bool valid_kind(const struct kind *k, struct otr_slice in)
{
	bool whole;
	struct otr_slice body;

	if (!k || is_wrong_length(k, in))
		return false;
	if (in.len < 5)
		return true;
	body = body_of(k, in, &whole);
	return fits_shape((enum shape)k->shape, body, whole);
}

bool otr_pgsql_valid(bool client, struct otr_slice in)
{
	return in.len && valid_kind(kind_of(client, in.data[0]), in);
}

bool otr_pgsql_begins(bool client, struct otr_slice in, size_t *need)
{
	const struct kind *k = kind_of(client, in.data[0]);

	if (!valid_kind(k, in))
		return false;
	*need = k->need;
	return true;
}

bool otr_pgsql_strong(bool client, struct otr_slice in)
{
	const struct kind *k = in.len ? kind_of(client, in.data[0]) : NULL;

	return k && k->strong && in.len >= 5 && valid_kind(k, in) &&
	       otr_pgsql_u32(in.data + 1) < CERTAIN_MAX && (in.len > 5 || k->shape == EMPTY);
}

bool otr_pgsql_certain(bool client, struct otr_slice in)
{
	uint64_t size;

	if (!otr_pgsql_strong(client, in))
		return false;
	for (int i = 0; i < CHAIN && in.len; i++) {
		if (!otr_pgsql_valid(client, in))
			return false;
		if (in.len < 5)
			break;
		size = (uint64_t)otr_pgsql_u32(in.data + 1) + 1;
		if (size >= in.len)
			break;
		in = otr_slice_sub(in, (size_t)size, in.len);
	}
	return true;
}

bool otr_pgsql_startup_valid(struct otr_slice in)
{
	uint32_t len, code;

	if (in.len < 8) /* the packet begins with 0, 0, a byte less than STARTUP_MAX, any byte */
		return in.len && !in.data[0] && (in.len < 2 || !in.data[1]) &&
		       (in.len < 3 || (unsigned char)in.data[2] <= STARTUP_MAX >> 8);
	len = otr_pgsql_u32(in.data);
	code = otr_pgsql_u32(in.data + 4);
	if (len < 8 || len > STARTUP_MAX)
		return false;
	if (code >> 16 == 1234) /* requests to cancel, for SSL, for GSS */
		return (code & 0xffff) >= 5678 && (code & 0xffff) <= 5680;
	/* The name of a parameter follows. Kafka's Metadata request begins with the same bytes,
	 * but there a number follows. */
	return code >> 16 == 3 && (code & 0xffff) < 10000 && len > 8 &&
	       (in.len == 8 || in.data[8] == '_' || (in.data[8] >= 'a' && in.data[8] <= 'z'));
}
