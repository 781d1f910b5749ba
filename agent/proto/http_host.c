/* SPDX-License-Identifier: Apache-2.0 */
/*
 * http_host.c - is Host (RFC 9110, 7.2) the name of the server that a client is connected to?
 *
 * A proxy may pass on the Host of the request that it got (nginx with proxy_set_header, haproxy,
 * lighttpd, caddy). That is the name of the proxy, so the server is known by its address alone.
 */

#include "agent/proto/http.h"

#include <arpa/inet.h>
#include <string.h>
#include <sys/socket.h>

#include "agent/proto/side.h"

static bool is_loopback(const struct otr_addr *addr)
{
	if (addr->family == AF_INET)
		return addr->ip[0] == 127;
	return addr->family == AF_INET6 && !memcmp(addr->ip, &in6addr_loopback, 16);
}

/* Reads `host` if it is an address, not a name. */
static bool read_address(struct otr_slice host, struct otr_addr *out)
{
	char text[INET6_ADDRSTRLEN];

	if (!host.len || host.len >= sizeof(text))
		return false;
	memcpy(text, host.data, host.len);
	text[host.len] = '\0';
	out->family = memchr(text, ':', host.len) ? AF_INET6 : AF_INET;
	return inet_pton(out->family, text, out->ip) == 1;
}

bool otr_http_host_differs(const struct otr_side *side, struct otr_slice host, uint16_t port)
{
	const struct otr_addr *peer = side->conn ? &side->conn->remote : NULL;
	struct otr_addr named = {0};

	if (side->same_host)
		return true;
	if (!peer || (peer->family != AF_INET && peer->family != AF_INET6))
		return false;
	if (peer->port && peer->port != port)
		return true;
	if (otr_slice_eq_nocase(host, OTR_SLICE("localhost")))
		return !is_loopback(peer);
	if (!read_address(host, &named))
		return false;
	return named.family != peer->family ||
	       memcmp(named.ip, peer->ip, named.family == AF_INET ? 4 : 16) != 0;
}
