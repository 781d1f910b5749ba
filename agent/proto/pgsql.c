/* SPDX-License-Identifier: Apache-2.0 */
/*
 * pgsql.c - PostgreSQL's protocol 3 on one connection ("Frontend/Backend Protocol", chapter 55 of
 * the manual of version 17).
 *
 *	| type, 1 byte | length, 4, big-endian, itself included | body |
 *
 * A request is a Query, an Execute of the extended protocol (it begins with the Parse or Bind of
 * its batch), a FunctionCall, or a batch that only prepares. Its answer begins with the first
 * message that the server sends for it. The answer to a Query, or to a batch that failed, ends at
 * ReadyForQuery and is emitted there. Each request has a serial number, and its answer has the same
 * one (msg.stream).
 *
 * Passwords, rows, parameters and COPY data are stepped over by their length. Departures: protocol
 * 2 (before 7.4) is not read; encrypted GSSAPI is treated as TLS.
 */

#include "agent/proto/pgsql.h"

#include "agent/base/own.h"

enum side {
	UNKNOWN,
	CLIENT,
	SERVER
};

#define UNDECIDED 64 /* bytes that are enough to show which side sent them */

/* Returns the side that sends bytes like these, where a connection is joined in its middle. */
static enum side side_by_bytes(struct otr_slice in, bool (*test)(bool client, struct otr_slice in))
{
	bool client = otr_pgsql_startup_valid(in) || test(true, in);
	bool server = test(false, in);

	if (client == server)
		return UNKNOWN;
	return client ? CLIENT : SERVER;
}

static enum side side_of(const struct otr_pgsql *pg, enum otr_dir dir)
{
	if (!pg->client)
		return UNKNOWN;
	return pg->client == 1 + dir ? CLIENT : SERVER;
}

static void learn_side(struct otr_pgsql *pg, enum otr_dir dir, enum side side)
{
	pg->client = (uint8_t)(1 + (side == CLIENT ? dir : !dir));
}

/* Takes the answer to SSLRequest or GSSENCRequest, which is one byte. */
static enum otr_parse answer_encryption(struct otr_pgsql *pg, struct otr_slice in, uint64_t *used)
{
	pg->asked = false;
	if (in.data[0] != 'S' && in.data[0] != 'G' && in.data[0] != 'N')
		return OTR_PARSE_BAD;
	*used = 1;
	if (in.data[0] == 'N')
		return OTR_PARSE_SKIP;
	pg->encrypted = true;
	return OTR_PARSE_SWITCH;
}

static enum otr_parse take_message(struct otr_pgsql *pg, bool client, struct otr_slice in,
				   unsigned int flags, uint64_t *used, struct otr_msg *msg)
{
	struct otr_pgsql_frame fr;
	size_t need;

	if (!otr_pgsql_begins(client, in, &need))
		return OTR_PARSE_BAD;
	if (in.len < 5 && !flags)
		return OTR_PARSE_MORE;
	if (in.len < 5) {
		*used = in.len; /* a hole begins within the header of the message */
		return client ? OTR_PARSE_SKIP : otr_pgsql_back_part(pg, msg);
	}
	fr.type = in.data[0];
	fr.size = (uint64_t)otr_pgsql_u32(in.data + 1) + 1;
	need = fr.size - 5 < need ? (size_t)fr.size - 5 : need;
	if (in.len - 5 < need && !flags)
		return OTR_PARSE_MORE;
	fr.body = otr_slice_sub(in, 5, need);
	fr.whole = fr.body.len == fr.size - 5;
	*used = fr.size;
	return client ? otr_pgsql_front(pg, &fr, msg) : otr_pgsql_back(pg, &fr, msg);
}

/* The side is not known. Returns MORE if more bytes can show it, otherwise BAD. */
static enum otr_parse await_side(struct otr_slice in, unsigned int flags)
{
	bool possible = otr_pgsql_startup_valid(in) || otr_pgsql_valid(true, in) ||
			otr_pgsql_valid(false, in);

	return possible && !flags && in.len < UNDECIDED ? OTR_PARSE_MORE : OTR_PARSE_BAD;
}

static enum otr_parse parse(void *state, enum otr_dir dir, struct otr_slice in, unsigned int flags,
			    uint64_t *used, struct otr_msg *msg)
{
	struct otr_pgsql *pg = state;
	enum side side = side_of(pg, dir);

	*used = 0;
	if (!in.len)
		return flags ? OTR_PARSE_BAD : OTR_PARSE_MORE;
	if (pg->encrypted) {
		*used = in.len;
		return OTR_PARSE_SWITCH;
	}
	if (flags & OTR_IN_TAIL) {
		*used = in.len;
		return side == CLIENT ? otr_pgsql_front_tail(pg, in, msg)
				      : otr_pgsql_back_tail(pg, in, msg);
	}
	if (side == UNKNOWN) {
		side = side_by_bytes(in, otr_pgsql_strong);
		if (side == UNKNOWN)
			return await_side(in, flags);
		learn_side(pg, dir, side);
	}
	if (side == CLIENT && !in.data[0])
		return otr_pgsql_startup(pg, in, flags, used, msg);
	if (side == SERVER && pg->asked && in.data[0] != 'E')
		return answer_encryption(pg, in, used);
	return take_message(pg, side == CLIENT, in, flags, used, msg);
}

/* Returns the number of batches that the server has not finished. */
static unsigned int count_batches(const struct otr_pgsql *pg)
{
	const struct otr_pgsql_debt *debt;
	unsigned int n = 0;

	for (uint8_t i = 0; i < pg->n; i++) {
		debt = &pg->debts[(pg->first + i) % OTR_PGSQL_QUEUE];
		if (debt->owed == OTR_PGSQL_OWES_READY || debt->owed == OTR_PGSQL_OWES_SYNC)
			n += debt->n < 2 ? debt->n : 2;
	}
	return n;
}

/* Called after a hole in the answers: if the client has sent another batch, it has read the
 * answers to the batches before. */
static void drop_answered(struct otr_pgsql *pg)
{
	memset(&pg->answer, 0, sizeof(pg->answer));
	while (count_batches(pg) > 1)
		otr_pgsql_paid(pg);
}

static bool starts_here(enum side side, struct otr_slice in)
{
	if (side == UNKNOWN)
		return side_by_bytes(in, otr_pgsql_certain) != UNKNOWN;
	return otr_pgsql_certain(side == CLIENT, in);
}

static size_t resync(void *state, enum otr_dir dir, struct otr_slice in)
{
	struct otr_pgsql *pg = state;
	enum side side = side_of(pg, dir);
	size_t i = 0;

	if (side == CLIENT)
		otr_pgsql_doubt(pg);
	else
		drop_answered(pg);
	while (i < in.len && !starts_here(side, otr_slice_sub(in, i, in.len)))
		i++;
	return i;
}

/* The first message must be whole, or fill the bytes that a sniff gets, since packets of MySQL
 * can begin with the same bytes. */
static bool sniff(enum otr_dir dir, struct otr_slice head)
{
	(void)dir;
	if (head.len >= 8 && otr_pgsql_startup_valid(head))
		return head.len > 8 || head.data[4]; /* a request for encryption */
	if (head.len < 5 || !head.data[0] ||
	    (head.len < OTR_SNIFF_MAX && head.len <= otr_pgsql_u32(head.data + 1)))
		return false;
	return side_by_bytes(head, otr_pgsql_certain) != UNKNOWN;
}

/* TLS follows an SSLRequest, unless the server answers N. */
static const char *unread(struct otr_slice first, struct otr_slice answer)
{
	bool refused = answer.len && answer.data[0] == 'N';

	if (refused || !otr_slice_starts(first, OTR_SLICE("\0\0\0\x08\x04\xd2\x16\x2f")))
		return NULL;
	return "TLS: not readable here";
}

const struct otr_proto_ops otr_pgsql = {
	.name = "pgsql",
	.title = "PostgreSQL",
	.scope = "otrace/postgresql",
	.client_only = true,
	.server_exe = "postgres",
	.system = "postgresql",
	.label = "postgres",
	.ok_status = "00000",
	.in_order = true,
	.state_size = sizeof(struct otr_pgsql),
	.capture = OTR_CAPTURE_CALLS,
	.head_bytes = 4096, /* the end of an answer is at the end of a call */
	.body_by_tail = true,
	.sniff = sniff,
	.parse = parse,
	.resync = resync,
	.describe = otr_pgsql_describe,
	.blank = &otr_pgsql_blank,
	.unread = unread,
};
