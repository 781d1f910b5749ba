/* SPDX-License-Identifier: Apache-2.0 */
#ifndef OTR_SIDE_H
#define OTR_SIDE_H

/* side.h - the end of a connection at which a message was seen, for describe(). */

#include <stdbool.h>
#include <stdint.h>

#include "agent/base/slice.h"
#include "bpf/event.h"

struct otr_attr_block;
struct otr_proto_memory;
struct otr_proto_ops;
struct otr_proto_settings;
struct otr_resource;
struct otr_span_builder;

/* What describe() keeps with a connection, for its life: the attributes of its peer. Begins zeroed;
 * otr_side_memo_fini() empties it. */
struct otr_side_memo {
	struct otr_attr_block *peer; /* NULL: not asked for twice so far */
	struct otr_addr remote;	     /* of which it is the peer */
};

void otr_side_memo_fini(struct otr_side_memo *memo);

/* One end of one message: which process moved its first byte, where, when, and what the source
 * knew of its cause. stream/ fills it in for otr_stitch_msg(), stitch/ for describe(). It
 * borrows everything it points to for the call. */
struct otr_side {
	struct otr_ref ref;		/* the message's first byte */
	const struct otr_ev_conn *conn; /* addresses, namespace, peer, ISNs; NULL: not known */
	uint32_t tgid;
	uint64_t strand;
	uint64_t start_ns;
	uint64_t run_pos; /* with msg(): where the run begins in which that byte is; 0: not known */
	const struct otr_cause *cause; /* of the first byte; NULL: not known */
	const struct otr_proto_ops *proto;
	const struct otr_proto_settings *settings; /* with describe(); NULL: the defaults */
	struct otr_proto_memory *memory;	   /* with describe(), never NULL then */
	struct otr_side_memo *memo;		   /* with describe(), of `conn`; or NULL */
	struct otr_resource *resource; /* of the process; NULL: not known, or msg() of an answer */
	struct otr_slice service;      /* with describe(): its service.name, or none */
	enum otr_role role;
	bool same_host; /* the process asks another address by the host name for which it was asked itself */
};

#define OTR_ADDR_TEXT 112 /* bytes of an address as text, with its NUL */

/* Makes an IPv4 address of one that is mapped into IPv6 (::ffff:a.b.c.d). */
void otr_addr_unmap(struct otr_addr *addr);

/* Writes the address of `addr` into `buf`, an IPv4 address mapped into IPv6 as IPv4.
 * Returns a none slice if the family is neither. */
struct otr_slice otr_addr_text(const struct otr_addr *addr, char buf[OTR_ADDR_TEXT]);

/* Sets network.peer.address and network.peer.port; of a Unix socket, its path. */
void otr_side_peer(const struct otr_side *side, struct otr_span_builder *sb);

/* Writes the address of the serving socket into `buf` and its port into `*port`: the remote
 * address for a client, the local one for a server. */
struct otr_slice otr_side_server(const struct otr_side *side, char buf[OTR_ADDR_TEXT],
				 uint16_t *port);

#endif /* OTR_SIDE_H */
