/* SPDX-License-Identifier: Apache-2.0 */
/* packet.c - headers of captured packets; see packet.h. */

#include "agent/source/packet.h"

#include <string.h>
#include <sys/socket.h>

/* Link types, by their numbers in files (https://www.tcpdump.org/linktypes.html); 12 and 14 are
 * what libpcap makes of 101 on some systems. */
enum {
	LINK_NULL = 0,
	LINK_ETHERNET = 1,
	LINK_RAW_12 = 12,
	LINK_RAW_14 = 14,
	LINK_RAW = 101,
	LINK_LOOP = 108,
	LINK_SLL = 113,
	LINK_IPV4 = 228,
	LINK_IPV6 = 229,
	LINK_SLL2 = 276,
};

enum {
	ETHER_IPV4 = 0x0800,
	ETHER_IPV6 = 0x86dd,
	ETHER_VLAN = 0x8100,	       /* 802.1Q */
	ETHER_VLAN_OUTER = 0x88a8,     /* 802.1ad */
	ETHER_VLAN_OLD_OUTER = 0x9100, /* before the standard */
};

#define VLAN_TAGS_MAX 4
#define PAYLOAD_MAX   (1u << 20) /* the kernel's segmentation offload makes 512 KiB at most */
#define OPTIONS_MAX   16	 /* extension headers of IPv6 that are stepped over */

/* What is left of a packet, from the header that is read next. */
struct rest {
	const uint8_t *at;
	size_t captured;
	size_t wire; /* >= captured */
};

static unsigned int u16(const uint8_t *at)
{
	return (unsigned int)at[0] << 8 | at[1];
}

static uint32_t u32(const uint8_t *at)
{
	return (uint32_t)u16(at) << 16 | u16(at + 2);
}

/* Steps over a header. The caller has checked that it was captured. */
static void step(struct rest *r, size_t n)
{
	r->at += n;
	r->captured -= n;
	r->wire -= n;
}

/* The packet ends after `n` more bytes; what follows fills the frame of Ethernet. */
static void end_after(struct rest *r, size_t n)
{
	if (r->wire > n)
		r->wire = n;
	if (r->captured > n)
		r->captured = n;
}

static enum otr_packet_is read_tcp(struct rest *r, struct otr_packet *out)
{
	size_t head;

	if (r->captured < 20)
		return r->wire < 20 ? OTR_PACKET_BAD : OTR_PACKET_CUT;
	head = (size_t)(r->at[12] >> 4) * 4;
	if (head < 20 || head > r->wire || r->wire - head > PAYLOAD_MAX)
		return OTR_PACKET_BAD;
	out->from.port = (uint16_t)u16(r->at);
	out->to.port = (uint16_t)u16(r->at + 2);
	out->seq = u32(r->at + 4);
	out->ack = u32(r->at + 8);
	out->flags = r->at[13];
	out->len = (uint32_t)(r->wire - head);
	out->data = r->captured < head
			    ? OTR_SLICE_NONE
			    : (struct otr_slice){(const char *)r->at + head, r->captured - head};
	return OTR_PACKET_TCP;
}

static void set_addr(struct otr_addr *addr, uint16_t family, const uint8_t *ip, size_t len)
{
	memset(addr, 0, sizeof(*addr));
	addr->family = family;
	memcpy(addr->ip, ip, len);
}

/* RFC 791. A length of 0: the kernel's segmentation offload, or a packet above 64 KiB. */
static enum otr_packet_is read_ipv4(struct rest *r, struct otr_packet *out)
{
	size_t head, len;

	if (r->captured < 20)
		return r->wire < 20 ? OTR_PACKET_BAD : OTR_PACKET_CUT;
	head = (size_t)(r->at[0] & 15) * 4;
	len = u16(r->at + 2);
	if (head < 20 || (len && len < head) || head > r->wire)
		return OTR_PACKET_BAD;
	if (u16(r->at + 6) & 0x3fff)
		return OTR_PACKET_FRAGMENT;
	if (r->at[9] != 6)
		return OTR_PACKET_OTHER;
	if (head > r->captured)
		return OTR_PACKET_CUT;
	if (len)
		end_after(r, len);
	set_addr(&out->from, AF_INET, r->at + 12, 4);
	set_addr(&out->to, AF_INET, r->at + 16, 4);
	step(r, head);
	return read_tcp(r, out);
}

/* Steps over extension headers of IPv6 (RFC 8200, 4) up to that of TCP. */
static enum otr_packet_is step_over_options(struct rest *r, unsigned int next)
{
	size_t len;

	for (int i = 0; next != 6; i++) {
		if (next == 44)
			return OTR_PACKET_FRAGMENT;
		if (i == OPTIONS_MAX || (next != 0 && next != 43 && next != 60))
			return OTR_PACKET_OTHER;
		if (r->captured < 8)
			return r->wire < 8 ? OTR_PACKET_BAD : OTR_PACKET_CUT;
		len = ((size_t)r->at[1] + 1) * 8;
		if (len > r->wire)
			return OTR_PACKET_BAD;
		if (len > r->captured)
			return OTR_PACKET_CUT;
		next = r->at[0];
		step(r, len);
	}
	return OTR_PACKET_TCP;
}

static enum otr_packet_is read_ipv6(struct rest *r, struct otr_packet *out)
{
	enum otr_packet_is is;
	unsigned int next;
	size_t len;

	if (r->captured < 40)
		return r->wire < 40 ? OTR_PACKET_BAD : OTR_PACKET_CUT;
	len = u16(r->at + 4);
	next = r->at[6];
	set_addr(&out->from, AF_INET6, r->at + 8, 16);
	set_addr(&out->to, AF_INET6, r->at + 24, 16);
	step(r, 40);
	if (len)
		end_after(r, len);
	is = step_over_options(r, next);
	return is == OTR_PACKET_TCP ? read_tcp(r, out) : is;
}

/* By the version in the first half byte. */
static enum otr_packet_is read_ip(struct rest *r, struct otr_packet *out)
{
	if (!r->captured)
		return r->wire ? OTR_PACKET_CUT : OTR_PACKET_OTHER;
	switch (r->at[0] >> 4) {
	case 4:
		return read_ipv4(r, out);
	case 6:
		return read_ipv6(r, out);
	default:
		return OTR_PACKET_OTHER;
	}
}

/* Reads what an EtherType announces, behind VLAN tags. */
static enum otr_packet_is read_ether(struct rest *r, unsigned int type, struct otr_packet *out)
{
	for (int i = 0;
	     type == ETHER_VLAN || type == ETHER_VLAN_OUTER || type == ETHER_VLAN_OLD_OUTER; i++) {
		if (i == VLAN_TAGS_MAX)
			return OTR_PACKET_OTHER;
		if (r->captured < 4)
			return OTR_PACKET_CUT;
		type = u16(r->at + 2);
		step(r, 4);
	}
	return type == ETHER_IPV4 || type == ETHER_IPV6 ? read_ip(r, out) : OTR_PACKET_OTHER;
}

/* Size of the header of the link layer, and where its EtherType stands; 0, -1: none. */
struct link {
	int type;
	uint8_t size;
	int8_t ether_at;
};

static const struct link links[] = {
	{LINK_NULL, 4, -1}, {LINK_LOOP, 4, -1}, {LINK_ETHERNET, 14, 12}, {LINK_SLL, 16, 14},
	{LINK_SLL2, 20, 0}, {LINK_RAW, 0, -1},	{LINK_RAW_12, 0, -1},	 {LINK_RAW_14, 0, -1},
	{LINK_IPV4, 0, -1}, {LINK_IPV6, 0, -1},
};

static const struct link *find_link(int type)
{
	for (size_t i = 0; i < sizeof(links) / sizeof(links[0]); i++)
		if (links[i].type == type)
			return &links[i];
	return NULL;
}

bool otr_packet_has_link(int link)
{
	return find_link(link);
}

enum otr_packet_is otr_packet_read(int link, struct otr_slice frame, uint32_t wire_len,
				   struct otr_packet *out)
{
	const struct link *of = find_link(link);
	struct rest r = {(const uint8_t *)frame.data, frame.len,
			 wire_len > frame.len ? wire_len : frame.len};
	unsigned int type;

	if (!of)
		return OTR_PACKET_OTHER;
	if (r.captured < of->size)
		return OTR_PACKET_CUT;
	type = of->ether_at < 0 ? 0 : u16(r.at + of->ether_at);
	step(&r, of->size);
	return of->ether_at < 0 ? read_ip(&r, out) : read_ether(&r, type, out);
}
