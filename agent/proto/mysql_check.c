/* SPDX-License-Identifier: Apache-2.0 */
/*
 * mysql_check.c - which bytes are MySQL's for certain: a greeting, a login, a command with a
 * statement, the beginning of an answer. MySQL 8.4 Source Code Documentation, "Client/Server
 * Protocol".
 *
 * Nothing else shows that a connection that is joined in its middle is MySQL. A command or an
 * answer of which some bytes may be chance is not recognised: COM_PING is five bytes.
 */

#include "agent/proto/mysql.h"

#include "agent/base/own.h"

#define COM_QUERY   0x03
#define COM_PREPARE 0x16
#define COM_EXECUTE 0x17
#define FILLER	    19 /* zeros in a login, behind flags, size and character set */

/* Words that statements begin with. A text of another protocol hardly begins with one of them right
 * behind the number of a command. */
static const char *const words[] = {
	"select", "insert", "update",	"delete",  "replace",  "set",	    "show",    "call",
	"begin",  "commit", "rollback", "start",   "create",   "alter",	    "drop",    "truncate",
	"use",	  "load",   "with",	"explain", "describe", "savepoint", "release", "lock",
	"unlock", "do",	    "execute",	"prepare", "analyze",  "optimize",
};

size_t otr_mysql_decisive(struct otr_slice in)
{
	size_t all;

	if (in.len < OTR_MYSQL_HEAD)
		return OTR_MYSQL_HEAD;
	all = OTR_MYSQL_HEAD + (size_t)otr_mysql_u24(in.data);
	return all < OTR_SNIFF_MAX ? all : OTR_SNIFF_MAX;
}

/* Returns the decisive part of the packet's body; none if it is not all there. */
static struct otr_slice body_of(struct otr_slice in, uint32_t *len, uint8_t *seq)
{
	size_t need = otr_mysql_decisive(in);

	if (in.len < need)
		return OTR_SLICE_NONE;
	*len = otr_mysql_u24(in.data);
	*seq = (uint8_t)in.data[3];
	return otr_slice_sub(in, OTR_MYSQL_HEAD, need - OTR_MYSQL_HEAD);
}

static bool is_digit(char c)
{
	return c >= '0' && c <= '9';
}

/* "8.0.36", "5.5.5-10.11.6-MariaDB-0+deb12u1": returns the length, 0 if it is no version. */
static size_t version_len(struct otr_slice s)
{
	size_t i = 0, dots = 0;

	while (i < s.len && s.data[i] > ' ' && s.data[i] < 0x7f) {
		dots += s.data[i] == '.';
		i++;
	}
	return i && is_digit(s.data[0]) && dots ? i : 0;
}

/* | 10 | version | 0 | thread, 4 | 8 bytes of the challenge | 0 | .. | */
bool otr_mysql_is_greeting(struct otr_slice in)
{
	uint32_t len;
	uint8_t seq;
	struct otr_slice body = body_of(in, &len, &seq);
	size_t n;

	if (body.len < 32 || seq || len > 512 || body.data[0] != 10)
		return false;
	body = otr_slice_sub(body, 1, body.len);
	n = version_len(body);
	if (!n)
		return false;
	if (n == body.len)
		return true; /* all of the bytes that a sniff gets */
	return !body.data[n] && (n + 13 >= body.len || !body.data[n + 13]);
}

/* | capabilities, 4 | largest packet, 4 | character set | 23 zeros, the last 4 MariaDB's | user |
 */
bool otr_mysql_is_login(struct otr_slice in)
{
	static const char zeros[FILLER];
	uint32_t len, caps;
	uint8_t seq;
	struct otr_slice body = body_of(in, &len, &seq);

	if (body.len < 32 || (seq != 1 && seq != 2) || len > 65536)
		return false;
	caps = otr_mysql_u32(body.data);
	if (!(caps & OTR_MYSQL_CAN_41) || memcmp(body.data + 9, zeros, sizeof(zeros)))
		return false;
	if (len == 32)
		return seq == 1 && (caps & OTR_MYSQL_CAN_SSL);
	return (caps & OTR_MYSQL_CAN_SECURE) && otr_mysql_u32(body.data + 4) >= 1024;
}

/* Does the statement begin with a known word, and hold no control character but white space? */
static bool is_statement(struct otr_slice s)
{
	struct otr_slice word;
	size_t n = 0;

	for (size_t i = 0; i < s.len; i++)
		if ((unsigned char)s.data[i] < ' ' && !memchr("\t\n\r", s.data[i], 3))
			return false;
	while (n < s.len && otr_lower(s.data[n]) >= 'a' && otr_lower(s.data[n]) <= 'z')
		n++;
	word = otr_slice_sub(s, 0, n);
	if (n < s.len && !memchr(" \t\n\r(;*`", s.data[n], 8))
		return false;
	for (size_t i = 0; n && i < OTR_ARRAY_SIZE(words); i++)
		if (otr_slice_eq_nocase(word, otr_slice_str(words[i])))
			return true;
	return false;
}

/* | 0x17 | id, 4 | flags | 1, 4 | */
static bool is_execute(struct otr_slice body)
{
	static const char one[4] = {1, 0, 0, 0};
	uint32_t id;

	if (body.len < 10)
		return false;
	id = otr_mysql_u32(body.data + 1);
	return id && id < 1u << 24 && (unsigned char)body.data[5] <= 0x0f &&
	       !memcmp(body.data + 6, one, sizeof(one));
}

bool otr_mysql_is_command(struct otr_slice in)
{
	uint32_t len;
	uint8_t seq;
	struct otr_slice body = body_of(in, &len, &seq);

	if (!body.len || seq)
		return false;
	if (body.data[0] == COM_EXECUTE)
		return is_execute(body);
	if (body.data[0] != COM_QUERY && body.data[0] != COM_PREPARE)
		return false;
	body = otr_slice_sub(body, 1, body.len);
	if (otr_slice_starts(body, (struct otr_slice){"\0\1", 2}))
		body = otr_slice_sub(body, 2, body.len); /* no attributes */
	return is_statement(body);
}

/* | 0xff | code, 2 | '#' | SQLSTATE, 5 | message | */
static bool is_error(struct otr_slice body)
{
	if (body.len < 9 || body.data[0] != '\xff' || body.data[3] != '#')
		return false;
	for (int i = 4; i < 9; i++)
		if (!is_digit(body.data[i]) && (body.data[i] < 'A' || body.data[i] > 'Z'))
			return false;
	return otr_mysql_u16(body.data + 1) >= 1000;
}

/* | 0 | rows | id | status | warnings |, and no more. A status has autocommit or a transaction. */
static bool is_ok(struct otr_slice body, uint32_t len)
{
	uint64_t n;

	if (body.len != len || len > 64 || body.data[0])
		return false;
	body = otr_slice_sub(body, 1, body.len);
	return otr_mysql_lenenc(&body, &n) && otr_mysql_lenenc(&body, &n) && body.len == 4 &&
	       (otr_mysql_u16(body.data) & 3) && otr_mysql_u16(body.data) < 0x4000;
}

/* Does a definition of a column follow? | length | 2 | 3, "def" | .. | */
static bool is_shape(struct otr_slice in, uint8_t seq)
{
	return in.len >= 8 && (uint8_t)in.data[3] == seq && !memcmp(in.data + 4, "\3def", 4) &&
	       otr_mysql_u24(in.data) < 4096;
}

bool otr_mysql_is_answer(struct otr_slice in)
{
	uint32_t len;
	uint8_t seq;
	struct otr_slice body = body_of(in, &len, &seq), next;

	if (!body.len || seq != 1)
		return false;
	next = otr_slice_sub(in, OTR_MYSQL_HEAD + (size_t)len, in.len);
	if (is_error(body) ||
	    (is_ok(body, len) && (!next.len || (next.len > 3 && next.data[3] == 2))))
		return true;
	if (len <= 3 && body.data[0] && body.data[0] != '\xfb')
		return is_shape(next, 2);
	return len == 12 && !body.data[0] && !body.data[9] && otr_mysql_u32(body.data + 1) &&
	       (is_shape(next, 2) || (!next.len && !otr_mysql_u32(body.data + 5)));
}
