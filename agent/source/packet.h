/* SPDX-License-Identifier: Apache-2.0 */
#ifndef OTR_PACKET_H
#define OTR_PACKET_H

/*
 * packet.h - reads the headers of one captured packet: link layer, IPv4 or IPv6, TCP.
 *
 * Pure and bounded: a packet may hold any bytes. Link layers: Ethernet (with VLAN tags), Linux
 * cooked (SLL, SLL2), loopback of BSD, and raw IP.
 */

#include <stdint.h>

#include "agent/base/slice.h"
#include "bpf/event.h"

enum {
	OTR_TCP_FIN = 1,
	OTR_TCP_SYN = 2,
	OTR_TCP_RST = 4,
	OTR_TCP_ACK = 16,
};

/* One TCP segment. */
struct otr_packet {
	struct otr_addr from, to;
	uint32_t seq; /* of the first byte of the payload; of the SYN, if it is one */
	uint32_t ack; /* with OTR_TCP_ACK */
	uint8_t flags;
	uint32_t len;	       /* bytes of payload that were on the wire */
	struct otr_slice data; /* those of them that were captured, from the first on */
};

enum otr_packet_is {
	OTR_PACKET_TCP,
	OTR_PACKET_OTHER,    /* of another protocol */
	OTR_PACKET_FRAGMENT, /* a part of an IP packet, which is not put together */
	OTR_PACKET_CUT,	     /* too little of it was captured to read its headers */
	OTR_PACKET_BAD,	     /* its headers contradict each other */
};

/* Is this link type (DLT_.. of pcap) one that otr_packet_read() reads? */
bool otr_packet_has_link(int link);

/* Reads a packet of which the bytes `frame` were captured, and which had `wire_len` bytes. Fills in
 * `*out` with OTR_PACKET_TCP only; `data` points into `frame`. */
enum otr_packet_is otr_packet_read(int link, struct otr_slice frame, uint32_t wire_len,
				   struct otr_packet *out);

#endif /* OTR_PACKET_H */
