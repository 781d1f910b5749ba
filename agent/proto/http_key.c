/* SPDX-License-Identifier: Apache-2.0 */
/*
 * http_key.c - what the parts of an HTTP span depend on; see http_describe.c.
 *
 * A key begins with the lengths of all texts behind it, so no two requests have one key.
 */

#include "agent/proto/http.h"

#include <string.h>
#include <sys/socket.h>

#include "agent/proto/attr_cache.h"
#include "agent/proto/msg.h"
#include "agent/proto/side.h"

enum part { /* the first byte of each key in the cache of a stitcher */
	PART_REQUEST = 'h',
	PART_AGENT,
	PART_TARGET,
};

enum text { /* behind a request_key */
	TEXT_METHOD,
	TEXT_VERSION,
	TEXT_HOST,
	TEXT_FORWARDED,
	TEXT_SCHEME,
	TEXT_SERVICE,
	TEXT_PATH,
	TEXTS,
};

/* All but the target of a request: the same for most requests of a service. */
struct request_key {
	uint8_t part, server, tls, same_host;
	uint8_t unix_socket, too_long;
	uint16_t text_len[TEXTS];
	uint32_t order;	     /* in which the texts stand */
	struct otr_addr end; /* the server's: it names the server where no Host does */
};

static bool is_unix(const struct otr_ev_conn *conn)
{
	return conn->local.family == AF_UNIX || conn->remote.family == AF_UNIX;
}

static void set_end(struct request_key *fixed, const struct otr_ev_conn *conn)
{
	fixed->end = fixed->server ? conn->local : conn->remote;
	fixed->unix_socket = is_unix(conn);
}

/* Is the target no path alone? Then the server's name may come from it. */
static bool names_server(const struct otr_msg *req)
{
	return !req->target.len || req->target.data[0] != '/' ||
	       otr_slice_eq(req->op, OTR_SLICE("CONNECT"));
}

static void add_text(struct otr_attr_key *key, struct request_key *fixed, enum text which,
		     struct otr_slice text)
{
	if (!text.len || fixed->text_len[which])
		return; /* the first one counts */
	if (text.len > UINT16_MAX) {
		fixed->too_long = true;
		return;
	}
	fixed->text_len[which] = (uint16_t)text.len;
	fixed->order = fixed->order * TEXTS + which;
	otr_attr_key_add(key, text);
}

/* Adds the texts of a request that its key needs, but for its target. */
static void add_texts(struct otr_attr_key *key, struct request_key *fixed,
		      const struct otr_msg *req)
{
	add_text(key, fixed, TEXT_METHOD, req->op);
	for (const struct otr_attr *at = req->attrs; at < req->attrs + req->n_attrs; at++)
		if (at->key == OTR_KEY_NETWORK_PROTOCOL_VERSION)
			add_text(key, fixed, TEXT_VERSION, at->string);
		else if (at->key == OTR_KEY_SERVER_ADDRESS)
			add_text(key, fixed, TEXT_HOST, at->string);
		else if (at->key == OTR_KEY_URL_SCHEME)
			add_text(key, fixed, TEXT_SCHEME, at->string);
		else if (at->key == OTR_KEY_CUSTOM) /* OTR_HTTP_FORWARDED_HOST is the only one */
			add_text(key, fixed, TEXT_FORWARDED, at->string);
}

void otr_http_request_key(struct otr_attr_key *key, const struct otr_side *side,
			  const struct otr_msg *req)
{
	struct request_key fixed = {.part = PART_REQUEST,
				    .server = side->role == OTR_ROLE_SERVER,
				    .tls = side->ref.layer == OTR_LAYER_TLS,
				    .same_host = side->same_host};

	key->len = 0;
	if (req->partial || names_server(req))
		return;
	otr_attr_key_begin(key, &fixed, sizeof(fixed));
	add_texts(key, &fixed, req);
	add_text(key, &fixed, TEXT_SERVICE, side->service);
	if (side->conn)
		set_end(&fixed, side->conn);
	if (fixed.unix_socket)
		add_text(key, &fixed, TEXT_PATH,
			 (struct otr_slice){side->conn->path, sizeof(side->conn->path)});
	memcpy(key->fixed, &fixed, sizeof(fixed));
	if (fixed.too_long)
		key->len = 0;
}

void otr_http_agent_key(struct otr_attr_key *key, const struct otr_msg *req)
{
	static const char part = PART_AGENT;

	otr_attr_key_begin(key, &part, sizeof(part));
	otr_attr_key_add(key, otr_msg_text(req, OTR_KEY_USER_AGENT_ORIGINAL));
}

void otr_http_target_key(struct otr_attr_key *key, uint64_t request, const struct otr_msg *req,
			 const struct otr_msg *rsp)
{
	const struct {
		uint32_t part;
		int32_t status;
		uint64_t request;
	} fixed = {PART_TARGET, rsp ? rsp->status : 0, request};

	key->len = 0;
	if (!request)
		return;
	otr_attr_key_begin(key, &fixed, sizeof(fixed));
	otr_attr_key_add(key, req->target);
}
