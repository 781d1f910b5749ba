/* SPDX-License-Identifier: Apache-2.0 */
/*
 * mysql.c - the protocol of MySQL and MariaDB on one connection (MySQL 8.4 Source Code
 * Documentation, "Client/Server Protocol"; MariaDB's "Client/Server Protocol").
 *
 *	| length, 3, little-endian | number, 1 | body |
 *
 * The server greets, the client logs in, then each command of the client begins at number 0 and its
 * answer goes on from there. A request is a command; its answer is emitted at its last packet. Each
 * request has a serial number, and its answer has the same one (msg.stream). A packet of 0xffffff
 * bytes is continued by the next one.
 *
 * Logins, parameters, rows and files are stepped over by their length. Departures: logins of
 * protocol 3.20 and greetings of protocol 9 are not read; what follows COM_BINLOG_DUMP is not read.
 */

#include "agent/proto/mysql.h"

#include "agent/base/own.h"

enum side {
	UNKNOWN,
	CLIENT,
	SERVER
};

static enum side side_by_bytes(struct otr_slice in)
{
	in = otr_slice_sub(in, 0, otr_mysql_decisive(in));
	if (otr_mysql_is_greeting(in) || otr_mysql_is_answer(in))
		return SERVER;
	return otr_mysql_is_login(in) || otr_mysql_is_command(in) ? CLIENT : UNKNOWN;
}

static enum side side_of(const struct otr_mysql *my, enum otr_dir dir)
{
	if (!my->client)
		return UNKNOWN;
	return my->client == 1 + dir ? CLIENT : SERVER;
}

/* How many bytes of a packet are needed? */
static size_t need_of(const struct otr_mysql *my, bool client, struct otr_slice in, uint32_t len)
{
	size_t most = OTR_MYSQL_ANSWER;

	if (client && !my->infile)
		most = my->phase == OTR_MYSQL_GREETED || in.data[3] ? OTR_MYSQL_LOGIN
								    : OTR_MYSQL_TEXT;
	else if (!client && !my->n && otr_mysql_is_greeting(in))
		most = OTR_MYSQL_LOGIN;
	return len < most ? len : most;
}

static enum otr_parse spend_part(struct otr_mysql *my, bool client, struct otr_slice in,
				 uint64_t *used, struct otr_msg *msg)
{
	*used = in.len; /* a hole begins within the header of the packet */
	return client ? OTR_PARSE_SKIP : otr_mysql_back_part(my, msg);
}

static enum otr_parse take_packet(struct otr_mysql *my, bool client, struct otr_slice in,
				  unsigned int flags, uint64_t *used, struct otr_msg *msg)
{
	struct otr_mysql_packet pk;
	enum otr_parse rc;
	size_t need;

	if (in.len < OTR_MYSQL_HEAD)
		return flags ? spend_part(my, client, in, used, msg) : OTR_PARSE_MORE;
	pk.len = otr_mysql_u24(in.data);
	pk.seq = (uint8_t)in.data[3];
	if (!client && !my->n && !flags && !pk.seq && in.len < otr_mysql_decisive(in))
		return OTR_PARSE_MORE; /* it may be a greeting */
	need = need_of(my, client, in, pk.len);
	if (in.len - OTR_MYSQL_HEAD < need && !flags)
		return OTR_PARSE_MORE;
	pk.body = otr_slice_sub(in, OTR_MYSQL_HEAD, need);
	pk.whole = pk.body.len == pk.len;
	rc = client ? otr_mysql_front(my, &pk, msg) : otr_mysql_back(my, &pk, msg);
	*used = rc == OTR_PARSE_BAD ? 0 : OTR_MYSQL_HEAD + (uint64_t)pk.len;
	return rc;
}

static enum otr_parse take_tail(struct otr_mysql *my, enum side side, struct otr_slice in,
				uint64_t *used, struct otr_msg *msg)
{
	*used = in.len;
	return side == SERVER ? otr_mysql_back_tail(my, in, msg) : OTR_PARSE_SKIP;
}

/* Rows are stepped over, many at once. */
static bool take_rows(struct otr_mysql *my, struct otr_slice in, uint64_t *used,
		      struct otr_msg *msg)
{
	*used = otr_mysql_rows(my, in);
	if (*used)
		otr_mysql_back_part(my, msg);
	return *used > 0;
}

static enum otr_parse parse(void *state, enum otr_dir dir, struct otr_slice in, unsigned int flags,
			    uint64_t *used, struct otr_msg *msg)
{
	struct otr_mysql *my = state;
	enum side side = side_of(my, dir);

	*used = 0;
	if (!in.len)
		return flags ? OTR_PARSE_BAD : OTR_PARSE_MORE;
	if (my->opaque) {
		*used = in.len;
		return OTR_PARSE_SWITCH;
	}
	if (flags & OTR_IN_TAIL)
		return take_tail(my, side, in, used, msg);
	if (side == UNKNOWN) {
		if (in.len < otr_mysql_decisive(in))
			return flags ? OTR_PARSE_BAD : OTR_PARSE_MORE;
		side = side_by_bytes(in);
		if (side == UNKNOWN)
			return OTR_PARSE_BAD;
		my->client = (uint8_t)(1 + (side == CLIENT ? dir : !dir));
	}
	if (side == SERVER && take_rows(my, in, used, msg))
		return OTR_PARSE_SKIP;
	return take_packet(my, side == CLIENT, in, flags, used, msg);
}

/* Called after a hole in the answers: if the client has sent another command, it has read the
 * answers to those before. */
static void drop_answered(struct otr_mysql *my)
{
	memset(&my->answer, 0, sizeof(my->answer));
	my->infile = false;
	while (otr_mysql_unpaid(my) > 1)
		otr_mysql_paid(my);
}

/* Called after a hole in the commands: the database may be another one now. */
static void doubt(struct otr_mysql *my)
{
	my->database[0] = '\0';
	my->db_serial = 0;
	my->continued = my->open = my->infile = false;
}

static bool starts_here(enum side side, struct otr_slice in)
{
	if (side == UNKNOWN)
		return side_by_bytes(in) != UNKNOWN;
	if (side == CLIENT)
		return otr_mysql_is_login(in) || otr_mysql_is_command(in);
	return otr_mysql_is_greeting(in) || otr_mysql_is_answer(in);
}

static size_t resync(void *state, enum otr_dir dir, struct otr_slice in)
{
	struct otr_mysql *my = state;
	enum side side = side_of(my, dir);
	size_t i = 0;

	if (side == CLIENT)
		doubt(my);
	else
		drop_answered(my);
	while (i < in.len && !starts_here(side, otr_slice_sub(in, i, in.len)))
		i++;
	return i;
}

static bool sniff(enum otr_dir dir, struct otr_slice head)
{
	(void)dir;
	return otr_mysql_is_greeting(head) || otr_mysql_is_login(head) ||
	       otr_mysql_is_command(head);
}

/* The first bytes of a login: | length | 1 | capabilities | .. | */
static const char *unread(struct otr_slice first, struct otr_slice answer)
{
	uint32_t caps;

	if (first.len < 6 || first.data[3] || first.data[4] != 10 || first.data[5] < '0' ||
	    first.data[5] > '9' || answer.len < 8 || answer.data[3] != 1)
		return NULL;
	caps = otr_mysql_u32(answer.data + OTR_MYSQL_HEAD);
	if (otr_mysql_u24(answer.data) == 32 && (caps & OTR_MYSQL_CAN_SSL))
		return "TLS: not readable here";
	if (caps & (OTR_MYSQL_CAN_COMPRESS | OTR_MYSQL_CAN_ZSTD))
		return "compressed MySQL protocol: not read";
	return NULL;
}

const struct otr_proto_ops otr_mysql = {
	.name = "mysql",
	.title = "MySQL",
	.scope = "otrace/mysql",
	.client_only = true,
	.server_exe = "mariadbd",
	.system = "mysql",
	.in_order = true,
	.state_size = sizeof(struct otr_mysql),
	.capture = OTR_CAPTURE_CALLS,
	.head_bytes = 4096, /* the end of an answer is at the end of a call */
	.body_by_tail = true,
	.sniff = sniff,
	.parse = parse,
	.resync = resync,
	.describe = otr_mysql_describe,
	.blank = &otr_mysql_blank,
	.unread = unread,
};
