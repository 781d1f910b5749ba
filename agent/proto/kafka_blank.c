/* SPDX-License-Identifier: Apache-2.0 */
/*
 * kafka_blank.c - blanks the secrets of Kafka logins in a recording: SASL, in its own requests or,
 * behind SaslHandshake v0, without any header.
 *
 *	client | length | api 36 | version | id | client id | user, password, SCRAM |  ->  | .. | 0 0 .. |
 *	server | length | id | error, salt, SCRAM |                                    ->  | .. | 0 0 .. |
 *
 * A connection is followed from the first such request to the next one of another kind. A program
 * may read the length of a message by itself, so a record may begin behind it.
 */

#include <string.h>

#include "agent/base/own.h"
#include "agent/proto/blank.h"
#include "agent/proto/kafka.h"
#include "bpf/event.h"

#define LOGINS 64  /* at once; then the oldest one is forgotten */
#define READ   512 /* bytes of a request that are looked at */

/* Begins zeroed. */
struct logins {
	struct login {
		uint64_t conn; /* 0: free */
		uint8_t layer;
		uint8_t dir; /* of the client's bytes */
	} rows[LOGINS];
	uint32_t next; /* the row that is used next */
};

static struct login *find(struct logins *all, uint64_t conn, uint8_t layer)
{
	for (struct login *at = all->rows; at < all->rows + LOGINS; at++)
		if (at->conn == conn && at->layer == layer)
			return at;
	return NULL;
}

/* Reads the header of a request at the front of a record, or behind its length. Returns how many
 * bytes of the record it has; 0: none begins there. */
static uint32_t read_head(const struct otr_ev_data *ev, struct otr_kafka_head *head)
{
	struct otr_slice in = {(const char *)ev->data, ev->cap < READ ? ev->cap : READ};
	char whole[4 + READ] = {0};

	if (otr_kafka_is_request(in, true, head) == OTR_KAFKA_YES)
		return (uint32_t)head->len;
	if (ev->moved > OTR_KAFKA_SIZE)
		return 0;
	for (int i = 0; i < 4; i++)
		whole[i] = (char)(ev->moved >> (24 - 8 * i));
	memcpy(whole + 4, ev->data, in.len);
	in = (struct otr_slice){whole, in.len + 4};
	return otr_kafka_is_request(in, true, head) == OTR_KAFKA_YES ? (uint32_t)head->len - 4 : 0;
}

static bool is_login(const struct otr_kafka_head *head)
{
	return (head->api == OTR_KAFKA_SASL_AUTHENTICATE ||
		head->api == OTR_KAFKA_SASL_HANDSHAKE) &&
	       head->version < 16 && head->client.len < READ;
}

/* Notes what the record tells of its connection. Is that in a login? */
static bool note(struct logins *all, const struct otr_ev_data *ev)
{
	struct login *at = find(all, ev->hdr.conn, ev->layer);
	struct otr_kafka_head head;

	if (at && at->dir != ev->dir)
		return true;
	if (!read_head(ev, &head))
		return at;
	if (!is_login(&head)) {
		if (at)
			at->conn = 0;
		return false;
	}
	if (!at)
		at = &all->rows[all->next++ % LOGINS];
	*at = (struct login){ev->hdr.conn, ev->layer, ev->dir};
	return true;
}

static bool concerns(void *state, const struct otr_event *hdr)
{
	struct logins *all = state;

	if (hdr->kind == OTR_EV_DATA)
		return note(all, (const struct otr_ev_data *)hdr);
	if (hdr->kind == OTR_EV_RUN)
		return find(all, hdr->conn, ((const struct otr_ev_run *)hdr)->layer);
	if (hdr->kind == OTR_EV_CONN_CLOSE)
		for (struct login *at = all->rows; at < all->rows + LOGINS; at++)
			if (at->conn == hdr->conn)
				at->conn = 0;
	return false;
}

/* How many bytes of a record stay: those that the parser needs. */
static uint32_t kept(const struct logins *all, const struct otr_ev_data *ev)
{
	const struct login *at = find((struct logins *)all, ev->hdr.conn, ev->layer);
	uint32_t size = ev->cap < 4 ? 0 : otr_kafka_u32((const char *)ev->data);
	uint32_t length = size + 4u == ev->moved || (ev->moved == 4 && size < 65536) ? 4 : 0;
	struct otr_kafka_head head;
	uint32_t n;

	if (at && at->dir != ev->dir)
		return length + 4;
	n = read_head(ev, &head);
	if (!n)
		return length;
	return head.api == OTR_KAFKA_SASL_AUTHENTICATE ? n : ev->cap;
}

static void blank(void *state, struct otr_event *hdr)
{
	struct otr_ev_data *ev = (void *)hdr;
	uint32_t keep;

	if (hdr->kind == OTR_EV_RUN) {
		memset(((struct otr_ev_run *)hdr)->tail, 0,
		       sizeof(((struct otr_ev_run *)hdr)->tail));
		return;
	}
	keep = kept(state, ev);
	if (keep < ev->cap)
		memset(ev->data + keep, 0, ev->cap - keep);
}

const struct otr_blank_ops otr_kafka_blank = {
	.state_size = sizeof(struct logins), .concerns = concerns, .blank = blank};
