/* SPDX-License-Identifier: Apache-2.0 */
#ifndef OTR_SIDE_H
#define OTR_SIDE_H

/* side.h - what every protocol tells of the connection a message was seen on. */

#include <stdint.h>

#include "agent/base/slice.h"

struct otr_addr;
struct otr_side;
struct otr_span_builder;

#define OTR_ADDR_TEXT 112 /* of an address, its NUL included */

/* Writes the address of `addr` into `buf`; an IPv4 address mapped into IPv6 as IPv4.
 * Returns none where it is not known. */
struct otr_slice otr_addr_text(const struct otr_addr *addr, char buf[OTR_ADDR_TEXT]);

/* Sets network.peer.address and network.peer.port, of a Unix socket its path. */
void otr_side_peer(const struct otr_side *side, struct otr_span_builder *sb);

/* The address of the socket that serves, in `buf`, and its port: the remote one for a
 * client, the local one for a server. */
struct otr_slice otr_side_server(const struct otr_side *side, char buf[OTR_ADDR_TEXT],
				 uint16_t *port);

#endif /* OTR_SIDE_H */
