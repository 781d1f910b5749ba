/* SPDX-License-Identifier: Apache-2.0 */
/* side.c - attributes that every protocol takes from the connection of a message. */

#include "agent/proto/side.h"

#include <arpa/inet.h>
#include <sys/socket.h>

#include "agent/span/attr_block.h"
#include "agent/span/span_builder.h"

/* Writes what inet_ntop() writes. inet_ntop() would take a tenth of the time that a span costs. */
static struct otr_slice write_v4(const uint8_t *ip, char buf[OTR_ADDR_TEXT])
{
	char *at = buf;

	for (int i = 0; i < 4; i++) {
		if (i)
			*at++ = '.';
		if (ip[i] >= 100)
			*at++ = (char)('0' + ip[i] / 100);
		if (ip[i] >= 10)
			*at++ = (char)('0' + ip[i] / 10 % 10);
		*at++ = (char)('0' + ip[i] % 10);
	}
	*at = '\0';
	return (struct otr_slice){buf, (size_t)(at - buf)};
}

static const uint8_t mapped[12] = {[10] = 0xff, [11] = 0xff};

void otr_addr_unmap(struct otr_addr *addr)
{
	if (addr->family != AF_INET6 || memcmp(addr->ip, mapped, sizeof(mapped)) != 0)
		return;
	addr->family = AF_INET;
	memmove(addr->ip, addr->ip + sizeof(mapped), 4);
	memset(addr->ip + 4, 0, sizeof(mapped));
}

struct otr_slice otr_addr_text(const struct otr_addr *addr, char buf[OTR_ADDR_TEXT])
{
	if (addr->family == AF_INET)
		return write_v4(addr->ip, buf);
	if (addr->family != AF_INET6)
		return OTR_SLICE_NONE;
	if (!memcmp(addr->ip, mapped, sizeof(mapped)))
		return write_v4(addr->ip + sizeof(mapped), buf);
	return otr_slice_str(inet_ntop(AF_INET6, addr->ip, buf, OTR_ADDR_TEXT));
}

/* Returns the path of a Unix socket; an abstract name is shown with '@' before it. */
static struct otr_slice unix_path(const struct otr_ev_conn *conn, char buf[OTR_ADDR_TEXT])
{
	size_t n;

	memcpy(buf, conn->path, sizeof(conn->path));
	if (!buf[0] && buf[1])
		buf[0] = '@';
	n = strnlen(buf, OTR_ADDR_TEXT);
	return n ? (struct otr_slice){buf, n} : OTR_SLICE_NONE;
}

static struct otr_slice set_address(const struct otr_ev_conn *conn, const struct otr_addr *addr,
				    char buf[OTR_ADDR_TEXT], uint16_t *port)
{
	*port = 0;
	if (conn->local.family == AF_UNIX || conn->remote.family == AF_UNIX)
		return unix_path(conn, buf);
	*port = addr->port;
	return otr_addr_text(addr, buf);
}

void otr_side_peer(const struct otr_side *side, struct otr_span_builder *sb)
{
	char buf[OTR_ADDR_TEXT];
	uint16_t port;

	if (!side->conn)
		return;
	otr_sb_string(sb, OTR_KEY_NETWORK_PEER_ADDRESS,
		      set_address(side->conn, &side->conn->remote, buf, &port));
	if (port)
		otr_sb_int(sb, OTR_KEY_NETWORK_PEER_PORT, port);
}

struct otr_slice otr_side_server(const struct otr_side *side, char buf[OTR_ADDR_TEXT],
				 uint16_t *port)
{
	*port = 0;
	if (!side->conn)
		return OTR_SLICE_NONE;
	return set_address(side->conn,
			   side->role == OTR_ROLE_SERVER ? &side->conn->local : &side->conn->remote,
			   buf, port);
}

void otr_side_memo_fini(struct otr_side_memo *memo)
{
	otr_attr_block_unref(&memo->peer);
}
