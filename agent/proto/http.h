/* SPDX-License-Identifier: Apache-2.0 */
#ifndef OTR_HTTP_H
#define OTR_HTTP_H

/* http.h - what the versions of HTTP have in common: the fields of a request, and spans. */

#include <stdbool.h>
#include <stdint.h>

#include "agent/base/slice.h"

struct otr_attr_key;
struct otr_msg;
struct otr_side;
struct otr_span_builder;

#define OTR_HTTP_METHOD_MAX  24
#define OTR_HTTP_TRACESTATES 8 /* fields of one head: a tracestate may be split over several */

/* An attribute of messages that is in no convention: the host for which the first proxy was
 * asked. */
#define OTR_HTTP_FORWARDED_HOST OTR_SLICE("forwarded.host")

/* Likewise, of answers: the side that reset the stream, "client" or "server". ERROR_TYPE is why. */
#define OTR_HTTP_RESET_BY OTR_SLICE("reset.by")

/* A request that was read. Slices alias the bytes it was read from. */
struct otr_http_request {
	struct otr_slice method;
	struct otr_slice target; /* as sent */
	struct otr_slice version;
	struct otr_slice host;
	struct otr_slice scheme;    /* HTTP/1 has none */
	struct otr_slice forwarded; /* RFC 7239, the first field */
	struct otr_slice x_forwarded_for;
	struct otr_slice x_forwarded_host;
	struct otr_slice x_forwarded_proto;
	struct otr_slice user_agent;
	struct otr_slice traceparent;
	struct otr_slice baggage;
	uint8_t n_traceparent, n_tracestate;
	struct otr_slice tracestate[OTR_HTTP_TRACESTATES]; /* not cleared: `n_tracestate` counts */
};

/* Adds to `msg` what the conventions ask for. In http_request.c. */
void otr_http_request_fill(const struct otr_http_request *req, struct otr_msg *msg);

/* Does Host, `host` and `port`, contradict the address that the client is connected to? Then a
 * proxy passed on the Host of its own request, and Host does not name the server. */
bool otr_http_host_differs(const struct otr_side *side, struct otr_slice host, uint16_t port);

/* Keys of the parts of a span that http_describe.c remembers: what each depends on. `request`: the
 * serial of what is known for the key of the request, or 0. In http_key.c. */
void otr_http_request_key(struct otr_attr_key *key, const struct otr_side *side,
			  const struct otr_msg *req);
void otr_http_agent_key(struct otr_attr_key *key, const struct otr_msg *req);
void otr_http_target_key(struct otr_attr_key *key, uint64_t request, const struct otr_msg *req,
			 const struct otr_msg *rsp);

/* Sets network.peer.* and client.address of a server's span. In http_peer.c. */
void otr_http_peer(const struct otr_side *side, const struct otr_msg *req,
		   struct otr_span_builder *sb);

int otr_http_describe(const struct otr_side *side, const struct otr_msg *req,
		      const struct otr_msg *rsp, struct otr_span_builder *sb);

#endif /* OTR_HTTP_H */
