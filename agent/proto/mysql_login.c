/* SPDX-License-Identifier: Apache-2.0 */
/*
 * mysql_login.c - greeting and login of a MySQL connection, and the fields that packets are made
 * of. MySQL 8.4 Source Code Documentation, "Connection Phase"; MariaDB's "Connection".
 *
 * Of a login only the capabilities and the database are kept; passwords, challenges and the user
 * are not looked at.
 */

#include "agent/base/own.h"
#include "agent/proto/msg.h"
#include "agent/proto/mysql.h"

#define NULL_VALUE 0xfb
#define ERROR	   0xff

bool otr_mysql_lenenc(struct otr_slice *in, uint64_t *value)
{
	static const uint8_t sizes[] = {2, 3, 8}; /* behind 0xfc, 0xfd, 0xfe */
	unsigned char first;
	size_t n = 0;

	if (!in->len)
		return false;
	first = (unsigned char)in->data[0];
	if (first == NULL_VALUE || first == ERROR)
		return false;
	*value = first < NULL_VALUE ? first : 0;
	if (first > NULL_VALUE)
		n = sizes[first - 0xfc];
	if (in->len < 1 + n)
		return false;
	for (size_t i = n; i > 0; i--)
		*value = *value << 8 | (unsigned char)in->data[i];
	*in = otr_slice_sub(*in, 1 + n, in->len);
	return true;
}

bool otr_mysql_text(struct otr_slice *in, struct otr_slice *text)
{
	uint64_t len;

	if (!otr_mysql_lenenc(in, &len) || len > in->len)
		return false;
	*text = otr_slice_sub(*in, 0, (size_t)len);
	*in = otr_slice_sub(*in, (size_t)len, in->len);
	return true;
}

bool otr_mysql_string(struct otr_slice *in, struct otr_slice *text)
{
	const char *nul = in->len ? memchr(in->data, 0, in->len) : NULL;

	if (!nul)
		return false;
	*text = otr_slice_sub(*in, 0, (size_t)(nul - in->data));
	*in = otr_slice_sub(*in, text->len + 1, in->len);
	return true;
}

/* | 10 | version, 0 | thread, 4 | challenge, 8 | 0 | capabilities, 2 | charset | status, 2 |
 *   capabilities, 2 | .. | */
void otr_mysql_greeting(struct otr_mysql *my, struct otr_slice body)
{
	struct otr_slice version = OTR_SLICE_NONE;
	uint8_t client = my->client;
	uint32_t status;

	memset(my, 0, offsetof(struct otr_mysql, serial));
	memset(&my->answer, 0, sizeof(my->answer));
	memset(my->stmts, 0, sizeof(my->stmts));
	my->database[0] = '\0';
	my->client = client;
	my->phase = OTR_MYSQL_GREETED;
	body = otr_slice_sub(body, 1, body.len);
	if (!otr_mysql_string(&body, &version))
		return;
	my->mariadb =
		memmem(version.data, version.len, "MariaDB", 7) ? OTR_MYSQL_YES : OTR_MYSQL_NO;
	if (body.len < 20)
		return;
	my->server_caps = otr_mysql_u16(body.data + 13) | otr_mysql_u16(body.data + 18) << 16;
	my->has_server_caps = true;
	status = otr_mysql_u16(body.data + 16);
	my->escapes = status & OTR_MYSQL_NO_BACKSLASH ? OTR_MYSQL_NO : OTR_MYSQL_YES;
}

/* Reads the database behind the user and the response. */
static void read_db(struct otr_mysql *my, struct otr_slice body, uint32_t caps)
{
	struct otr_slice user, response, db = OTR_SLICE_NONE;
	bool ok = otr_mysql_string(&body, &user);

	if (ok && (caps & OTR_MYSQL_CAN_LENENC_AUTH)) {
		ok = otr_mysql_text(&body, &response);
	} else if (ok && body.len && (caps & OTR_MYSQL_CAN_SECURE)) {
		size_t skip = 1 + (size_t)(unsigned char)body.data[0];

		ok = skip <= body.len;
		body = otr_slice_sub(body, skip, body.len);
	} else {
		ok = ok && otr_mysql_string(&body, &response);
	}
	if (ok && (caps & OTR_MYSQL_CAN_DB))
		otr_mysql_string(&body, &db);
	otr_mysql_keep_db(my->database, db);
}

/* | capabilities, 4 | size, 4 | charset | 23 | user, 0 | response | database, 0 | .. | A SSLRequest
 * ends behind the 23 bytes, whose last four are the capabilities of MariaDB alone. */
enum otr_parse otr_mysql_login(struct otr_mysql *my, const struct otr_mysql_packet *pk)
{
	uint32_t caps, own;

	if (pk->body.len < 32) {
		my->phase = OTR_MYSQL_LOGIN_SENT;
		return OTR_PARSE_SKIP;
	}
	own = otr_mysql_u32(pk->body.data);
	if (pk->len == 32 && (own & OTR_MYSQL_CAN_SSL)) {
		my->opaque = true;
		return OTR_PARSE_SWITCH;
	}
	caps = my->has_server_caps ? own & my->server_caps : own;
	my->phase = OTR_MYSQL_LOGIN_SENT;
	my->compress = caps & (OTR_MYSQL_CAN_COMPRESS | OTR_MYSQL_CAN_ZSTD);
	my->attrs = caps & OTR_MYSQL_CAN_ATTRS;
	my->no_shape = caps & OTR_MYSQL_CAN_NO_SHAPE;
	my->deprecate = caps & OTR_MYSQL_CAN_DEPRECATE ? OTR_MYSQL_YES : OTR_MYSQL_NO;
	if (!my->mariadb && otr_mysql_u32(pk->body.data + 28))
		my->mariadb = OTR_MYSQL_YES;
	read_db(my, otr_slice_sub(pk->body, 32, pk->body.len), caps);
	return OTR_PARSE_SKIP;
}

/* A packet of the server in the exchange of authentication. OK ends it. */
enum otr_parse otr_mysql_login_answer(struct otr_mysql *my, const struct otr_mysql_packet *pk)
{
	if (!pk->body.len || pk->body.data[0])
		return OTR_PARSE_SKIP;
	my->phase = OTR_MYSQL_COMMANDS;
	my->opaque = my->compress;
	return my->opaque ? OTR_PARSE_SWITCH : OTR_PARSE_SKIP;
}

/* Takes the value of an attribute, by its type. */
static bool take_value(struct otr_slice *in, unsigned char type, struct otr_slice *value)
{
	static const uint8_t sizes[] = {0, 1, 2, 4, 4, 8, 0, 0, 8, 4, 0, 0, 0, 2};
	size_t n = type < OTR_ARRAY_SIZE(sizes) ? sizes[type] : 0;

	*value = OTR_SLICE_NONE;
	if (type == 6)
		return true;
	if (!n) /* texts, and times, of which the first byte is the length as well */
		return otr_mysql_text(in, value);
	if (in->len < n)
		return false;
	*in = otr_slice_sub(*in, n, in->len);
	return true;
}

/* The values follow the types and names of all attributes. `types`: behind the byte that says that
 * they are there. */
static bool take_values(struct otr_slice *in, uint64_t n, const char *nulls,
			struct otr_slice *context)
{
	struct otr_slice types = *in, name, value;
	unsigned char type;

	for (uint64_t i = 0; i < n; i++)
		if (in->len < 2 ||
		    (*in = otr_slice_sub(*in, 2, in->len), !otr_mysql_text(in, &name)))
			return false;
	for (uint64_t i = 0; i < n; i++) {
		type = (unsigned char)types.data[0];
		types = otr_slice_sub(types, 2, types.len);
		if (!otr_mysql_text(&types, &name))
			return false;
		if ((unsigned char)nulls[i / 8] >> i % 8 & 1)
			continue;
		if (!take_value(in, type, &value))
			return false;
		if (otr_slice_eq(name, OTR_SLICE("traceparent")))
			*context = value;
	}
	return true;
}

/* | number of attributes | 1 | NULLs | 1 | types and names | values | query | */
struct otr_slice otr_mysql_query(struct otr_slice in, struct otr_slice *context)
{
	uint64_t n, sets;
	const char *nulls;
	size_t n_nulls;

	if (!otr_mysql_lenenc(&in, &n) || !otr_mysql_lenenc(&in, &sets) || n > 1024)
		return OTR_SLICE_NONE;
	if (!n)
		return in;
	nulls = in.data;
	n_nulls = (size_t)(n + 7) / 8;
	if (in.len <= n_nulls || in.data[n_nulls] != 1)
		return OTR_SLICE_NONE;
	in = otr_slice_sub(in, n_nulls + 1, in.len);
	return take_values(&in, n, nulls, context) ? in : OTR_SLICE_NONE;
}
