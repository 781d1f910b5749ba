/* SPDX-License-Identifier: Apache-2.0 */
/*
 * http_peer.c - who asks: attributes of a server's span that are those of its connection. They are
 * kept with the connection, from its second request on.
 */

#include "agent/proto/http.h"

#include <string.h>
#include <sys/socket.h>

#include "agent/proto/msg.h"
#include "agent/proto/side.h"
#include "agent/proto/url.h"
#include "agent/span/attr_block.h"
#include "agent/span/span_builder.h"

/* Forwarded may have a port, which is left out. */
static void set_client(const struct otr_side *side, const struct otr_msg *req,
		       struct otr_span_builder *sb)
{
	char buf[OTR_ADDR_TEXT];
	struct otr_slice client = otr_msg_text(req, OTR_KEY_CLIENT_ADDRESS);
	uint16_t port;

	client = otr_url_host(client, &port);
	if (!client.len && side->conn)
		client = otr_addr_text(&side->conn->remote, buf);
	otr_sb_string(sb, OTR_KEY_CLIENT_ADDRESS, client);
}

/* Do the attributes depend on the remote address alone? */
static bool is_plain(const struct otr_side *side, const struct otr_msg *req)
{
	return side->memo && side->conn && side->conn->local.family != AF_UNIX &&
	       side->conn->remote.family != AF_UNIX &&
	       !otr_msg_text(req, OTR_KEY_CLIENT_ADDRESS).len;
}

static bool is_remote(const struct otr_side_memo *memo, const struct otr_addr *remote)
{
	return !memcmp(&memo->remote, remote, sizeof(*remote));
}

void otr_http_peer(const struct otr_side *side, const struct otr_msg *req,
		   struct otr_span_builder *sb)
{
	struct otr_side_memo *memo = is_plain(side, req) ? side->memo : NULL;
	bool again = memo && is_remote(memo, &side->conn->remote);
	uint16_t from = sb->span.n_attrs;

	if (again && memo->peer) {
		otr_sb_block(sb, memo->peer);
		return;
	}
	otr_side_peer(side, sb);
	set_client(side, req, sb);
	if (!memo)
		return;
	otr_side_memo_fini(memo);
	memo->remote = side->conn->remote;
	if (again)
		memo->peer = otr_sb_block_since(sb, from, false);
}
