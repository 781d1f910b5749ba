/* SPDX-License-Identifier: Apache-2.0 */
#ifndef OTR_TCP_EMIT_H
#define OTR_TCP_EMIT_H

/* tcp_emit.h - one connection of a capture, and the events of its two ends. Inside of
 * tcp_conns.c. */

#include <stdbool.h>
#include <stdint.h>

#include "agent/source/source.h"
#include "agent/source/tcp_order.h"

enum {
	OTR_NEAR, /* the end that sent the SYN; not seen: that sent the first bytes */
	OTR_FAR,
};

/* What one end sent. */
struct otr_tcp_side {
	struct otr_tcp_order order;
	uint32_t isn; /* of its SYN */
	bool has_isn;
	bool has_fin, over; /* its end is known; all before it was given */
	uint32_t fin;	    /* sequence number of its end */
	uint64_t sent;	    /* bytes that were given */

	/* The run: bytes in this direction until bytes move in the other. */
	bool cut; /* not all of its bytes were captured */
	uint32_t run_pos, run_calls;
	uint64_t run_bytes, run_first_ns, run_last_ns;
	uint8_t tail[8];
};

struct otr_tcp_conn {
	uint64_t id;		 /* ends are connections 2 * id and 2 * id + 1 */
	struct otr_addr addr[2]; /* of OTR_NEAR and OTR_FAR */
	uint32_t endpoint[2];	 /* numbers of endpoint.h */
	bool seen_open;		 /* its SYN was captured, so OTR_NEAR is the client */
	bool announced;		 /* CONN_OPEN was given */
	int8_t last;		 /* who sent last; -1: nobody yet */
	uint64_t syn_ns;
	struct otr_tcp_side side[2];
};

/* Where events go. `rc` keeps the first error that `fn` returned. */
struct otr_tcp_emit {
	otr_event_fn fn;
	void *arg;
	int rc;
	/* The struct otr_ev_data that is made. */
	_Alignas(uint64_t) char record[sizeof(struct otr_ev_data) + OTR_DATA_MAX];
};

/* OTR_EV_CONN_OPEN of both ends, once. */
void otr_tcp_emit_open(struct otr_tcp_emit *to, struct otr_tcp_conn *cn, uint64_t time_ns);

/* Bytes that `from` sent, at both ends. */
void otr_tcp_emit_data(struct otr_tcp_emit *to, struct otr_tcp_conn *cn, int from, uint32_t seq,
		       uint32_t len, struct otr_slice data, uint64_t time_ns);

/* `from` sends nothing more. */
void otr_tcp_emit_eof(struct otr_tcp_emit *to, struct otr_tcp_conn *cn, int from, uint64_t time_ns);

/* OTR_EV_CONN_CLOSE of both ends; `error`: ECONNRESET, or 0. */
void otr_tcp_emit_close(struct otr_tcp_emit *to, const struct otr_tcp_conn *cn, int error,
			uint64_t time_ns);

/* The connect() of OTR_NEAR was refused. */
void otr_tcp_emit_refused(struct otr_tcp_emit *to, const struct otr_tcp_conn *cn, uint64_t time_ns);

#endif /* OTR_TCP_EMIT_H */
