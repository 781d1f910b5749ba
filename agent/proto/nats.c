/* SPDX-License-Identifier: Apache-2.0 */
/*
 * nats.c - NATS on one connection: the client protocol of docs.nats.io, versions 0 and 1, with the
 * conventions of JetStream for subjects and replies.
 *
 *	client	PUB orders _INBOX.a.1 5		a request: send orders
 *	server	MSG _INBOX.a.1 9 2		its answer, found by the reply subject
 *	client	PUB orders 5			send orders, which is not answered
 *	server	MSG orders 7 5			pushed: process orders
 *
 * Answers are found by a number made of the reply subject. The first reply ends a request; others
 * to the same subject are messages. Status messages that answer nothing, as the idle heartbeats of
 * JetStream, are stepped over. What servers say to each other is not read.
 */

#include "agent/proto/nats.h"

#include "agent/proto/msg.h"

#define TLS_RECORD 0x16

/* Numbers of requests have the highest bit, serial numbers of others have not. */
static uint64_t number_of(struct otr_slice subject)
{
	uint64_t h = 0xcbf29ce484222325u; /* FNV-1a */

	for (size_t i = 0; i < subject.len; i++)
		h = (h ^ (unsigned char)subject.data[i]) * 0x100000001b3u;
	return h | 1ull << 63;
}

/* "_INBOX.", or the "_INBOX_user." of clients that may see their own replies alone. */
bool otr_nats_is_inbox(struct otr_slice subject)
{
	return otr_slice_starts(subject, OTR_SLICE("_INBOX"));
}

static void remember(struct otr_nats *na, uint64_t number)
{
	if (na->n_asked == OTR_NATS_ASKED) {
		na->n_asked--;
		memmove(na->asked, na->asked + 1, na->n_asked * sizeof(na->asked[0]));
	}
	na->asked[na->n_asked++] = number;
}

static bool take_asked(struct otr_nats *na, uint64_t number)
{
	for (uint16_t i = 0; i < na->n_asked; i++) {
		if (na->asked[i] != number)
			continue;
		na->n_asked--;
		memmove(na->asked + i, na->asked + i + 1, (na->n_asked - i) * sizeof(na->asked[0]));
		return true;
	}
	return false;
}

/* JetStream answers this request by the messages themselves, which have their own subjects. */
static bool is_pull(struct otr_slice subject)
{
	return otr_slice_starts(subject, OTR_SLICE("$JS.API.CONSUMER.MSG.NEXT."));
}

static enum otr_parse take_publish(struct otr_nats *na, const struct otr_nats_line *line,
				   struct otr_msg *msg)
{
	msg->op = OTR_SLICE("send");
	msg->kind = OTR_MSG_ONEWAY;
	msg->stream = ++na->serial;
	if (!otr_nats_is_inbox(line->reply) || is_pull(line->subject))
		return OTR_PARSE_MSG;
	msg->kind = OTR_MSG_REQUEST;
	msg->stream = number_of(line->reply);
	remember(na, msg->stream);
	return OTR_PARSE_MSG;
}

static enum otr_parse take_delivery(struct otr_nats *na, const struct otr_nats_line *line,
				    int status, struct otr_msg *msg)
{
	uint64_t number = otr_nats_is_inbox(line->subject) ? number_of(line->subject) : 0;

	if (number && take_asked(na, number)) {
		msg->kind = OTR_MSG_RESPONSE;
		msg->stream = number;
		msg->status = status;
		msg->failed = status >= 400;
		return OTR_PARSE_MSG;
	}
	if (status)
		return OTR_PARSE_SKIP;
	msg->op = OTR_SLICE("process");
	msg->kind = OTR_MSG_ONEWAY;
	msg->pushed = true;
	msg->stream = ++na->serial;
	return OTR_PARSE_MSG;
}

/* All of the line, and of the headers what is read of them, is there, or will not come. */
static enum otr_parse take_message(struct otr_nats *na, const struct otr_nats_line *line,
				   struct otr_slice in, uint64_t *used, struct otr_msg *msg)
{
	size_t n = line->n_headers < OTR_NATS_HEADERS ? line->n_headers : OTR_NATS_HEADERS;
	struct otr_slice headers = otr_slice_sub(in, line->size, n);
	int status = n ? otr_nats_headers(headers, msg) : 0;

	msg->partial = headers.len < line->n_headers;
	msg->target = line->subject;
	*used = (uint64_t)line->size + line->n_body + 2;
	if (line->side == OTR_NATS_CLIENT)
		return take_publish(na, line, msg);
	return take_delivery(na, line, status, msg);
}

static bool is_wrong_side(const struct otr_nats *na, enum otr_dir dir,
			  const struct otr_nats_line *line)
{
	if (!na->client || line->side == OTR_NATS_EITHER)
		return false;
	return (na->client == 1 + dir) != (line->side == OTR_NATS_CLIENT);
}

static void learn_client(struct otr_nats *na, enum otr_dir dir, const struct otr_nats_line *line)
{
	if (!na->client && line->side == OTR_NATS_CLIENT)
		na->client = (uint8_t)(1 + dir);
	else if (!na->client && line->side == OTR_NATS_SERVER)
		na->client = (uint8_t)(1 + !dir);
}

static enum otr_parse take_line(struct otr_nats *na, const struct otr_nats_line *line,
				struct otr_slice in, unsigned int flags, uint64_t *used,
				struct otr_msg *msg)
{
	uint32_t headers = line->n_headers < OTR_NATS_HEADERS ? line->n_headers : OTR_NATS_HEADERS;

	if (line->verb == OTR_NATS_OTHER) { /* a route or a leaf node: no client */
		*used = line->size;
		return OTR_PARSE_SWITCH;
	}
	if (!line->has_body) {
		*used = line->size;
		return OTR_PARSE_SKIP;
	}
	if (!(flags & ~OTR_IN_ALONE) && in.len < line->size + headers)
		return OTR_PARSE_MORE;
	return take_message(na, line, in, used, msg);
}

static enum otr_parse parse(void *state, enum otr_dir dir, struct otr_slice in, unsigned int flags,
			    uint64_t *used, struct otr_msg *msg)
{
	struct otr_nats *na = state;
	struct otr_nats_line line;
	bool cut = flags & ~OTR_IN_ALONE;

	*used = 0;
	if (!in.len)
		return cut ? OTR_PARSE_BAD : OTR_PARSE_MORE;
	if (in.data[0] == TLS_RECORD && na->client) { /* behind the INFO of a server with TLS */
		*used = in.len;
		return OTR_PARSE_SWITCH;
	}
	switch (otr_nats_read(&line, in, &na->scanned[dir])) {
	case OTR_NATS_NO:
		break;
	case OTR_NATS_MAYBE:
		if (!cut)
			return OTR_PARSE_MORE;
		na->scanned[dir] = 0;
		*used = in.len; /* how long its message is, is not known */
		return OTR_PARSE_SKIP;
	case OTR_NATS_YES:
		if (is_wrong_side(na, dir, &line))
			break;
		learn_client(na, dir, &line);
		return take_line(na, &line, in, flags, used, msg);
	}
	na->scanned[dir] = 0;
	return OTR_PARSE_BAD;
}

/* May a line begin behind this byte? In a text, a verb is a word of it. */
static bool may_precede(char c)
{
	return !otr_is_alnum(c) && !memchr(" -_.,:;/=&?\"'([{<+$", c, 19);
}

/* Is it one line, whose payload, as far as it is there, ends where it should? */
static bool is_line(const struct otr_nats *na, enum otr_dir dir, struct otr_slice in)
{
	struct otr_nats_line line;
	uint64_t end;

	if (otr_nats_read(&line, in, &(uint32_t){0}) != OTR_NATS_YES ||
	    is_wrong_side(na, dir, &line))
		return false;
	end = (uint64_t)line.size + line.n_body;
	return !line.has_body || end + 2 > in.len ||
	       (in.data[end] == '\r' && in.data[end + 1] == '\n');
}

static size_t resync(void *state, enum otr_dir dir, struct otr_slice in)
{
	struct otr_nats *na = state;
	size_t i = 0;

	na->scanned[dir] = 0;
	while (i < in.len && ((i && !may_precede(in.data[i - 1])) ||
			      !is_line(na, dir, otr_slice_sub(in, i, in.len))))
		i++;
	return i;
}

static bool sniff(enum otr_dir dir, struct otr_slice head)
{
	(void)dir;
	return otr_nats_is_sure(head);
}

const struct otr_proto_ops otr_nats = {
	.name = "nats",
	.title = "NATS",
	.scope = "otrace/nats",
	.client_only = true,
	.server_exe = "nats-server",
	.system = "nats",
	.multiplexed = true,
	.state_size = sizeof(struct otr_nats),
	.capture = OTR_CAPTURE_CALLS,
	.head_bytes = OTR_LONG_CALLS,
	.sniff = sniff,
	.parse = parse,
	.resync = resync,
	.describe = otr_nats_describe,
	.blank = &otr_nats_blank,
};
