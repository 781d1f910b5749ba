/* SPDX-License-Identifier: Apache-2.0 */
#ifndef OTR_TCP_CONNS_H
#define OTR_TCP_CONNS_H

/*
 * tcp_conns.h - connections of a capture, as events of both their ends.
 *
 * An end is to the stages what a socket of a traced process is: bytes that it sent (OUT) and
 * received (IN), at positions that are TCP's sequence numbers, so that both ends are one wire. The
 * times of both ends are those at which the packet was captured.
 *
 * A connection whose first packets are missing begins with its first bytes of payload; which end
 * asks, its messages show.
 */

#include "agent/source/packet.h"
#include "agent/source/source.h"

/* Connections that are open at once; the one that is idle longest goes first. */
#define OTR_TCP_CONNS_MAX 65536u
/* Bytes that all of them hold, as earlier ones are missing. */
#define OTR_TCP_CONNS_HELD (64u << 20)

struct otr_tcp_conns;

/* `fn` receives the events. Returns 0 or -ENOMEM. */
int otr_tcp_conns_new(struct otr_tcp_conns **out, otr_event_fn fn, void *arg);
void otr_tcp_conns_free(struct otr_tcp_conns **cp);

/* Takes a segment, captured at `time_ns`, which does not go back. Returns 0; -ENOMEM: the segment is
 * dropped; or what `fn` returned where that is not 0. */
int otr_tcp_conns_take(struct otr_tcp_conns *tc, const struct otr_packet *pk, uint64_t time_ns);

/* The capture is over: gives what is held. Connections stay open, as nothing tells of their
 * ends. Returns 0 or what `fn` returned. */
int otr_tcp_conns_finish(struct otr_tcp_conns *tc);

#endif /* OTR_TCP_CONNS_H */
