/* SPDX-License-Identifier: Apache-2.0 */
#ifndef OTR_PROTO_H
#define OTR_PROTO_H

/*
 * proto.h - what one application protocol has to provide.
 *
 * A parser turns the bytes of one connection into messages. It does no I/O,
 * reads no clock, and knows nothing of sockets, spans in flight or exporters:
 * the same calls drive it from a live kernel, a recorded file, a unit test and
 * a fuzzer. To add a protocol, write agent/proto/NAME.c, add one line to
 * agent/proto/table.c, and seed tests/fuzz/corpus/NAME.
 */

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "agent/base/slice.h"
#include "agent/span.h"
#include "bpf/event.h"

struct otr_side;
struct otr_span_builder;

enum otr_parse {
	OTR_PARSE_MSG,	  /* *msg is whole, or `partial`; *used > 0 are spent */
	OTR_PARSE_SKIP,	  /* *used > 0 are spent; nothing to report yet */
	OTR_PARSE_MORE,	  /* `in` is a proper prefix; *used is 0, wait */
	OTR_PARSE_BAD,	  /* not this protocol; *used is 0, resync or give up */
	OTR_PARSE_SWITCH, /* *used are spent; msg->next speaks from here on, or,
			   * when NULL, nobody we know: mute */
};

/* Set in `flags` of parse(). */
#define OTR_IN_CUT \
	1u	      /* capture ends here and more was moved: give what there
		       * is (partial) or BAD, never MORE */
#define OTR_IN_EOF 2u /* the stream ended here */
#define OTR_IN_TAIL \
	4u /* `in` is the last 8 bytes of a run whose middle was not
			* copied (body_by_tail): MSG, the body is over; SKIP, more
			* will come; BAD */

enum otr_msg_kind {
	OTR_MSG_REQUEST,
	OTR_MSG_RESPONSE,
	OTR_MSG_ONEWAY, /* a request that gets no answer */
};

#define OTR_MSG_ATTRS 16

/* One message, in words every protocol shares. Slices point into the parser's
 * input or its state and die at the next call on the same state. */
struct otr_msg {
	enum otr_msg_kind kind;
	bool failed;	     /* the protocol itself reports an error */
	bool partial;	     /* capture ended before the message did */
	bool interim;	     /* 1xx, a row of many: the answer is not over */
	int32_t status;	     /* its status code, 0 where it has none */
	uint64_t stream;     /* joins answer to question; 0: in order */
	struct otr_slice op; /* "GET", "SELECT", "HGET" */
	struct otr_slice target;    /* path, statement, key, topic */
	struct otr_slice trace_ctx; /* traceparent, empty when absent */
	struct otr_slice trace_state;
	struct otr_slice baggage;
	struct otr_attr attrs[OTR_MSG_ATTRS]; /* what the conventions ask for */
	uint8_t n_attrs;
	const struct otr_proto_ops *next; /* with SWITCH */
};

struct otr_proto_ops {
	const char *name;  /* "http1", as in scopes, counters and the manual */
	size_t state_size; /* bytes of per-connection state, zeroed; may be 0 */
	enum otr_capture capture;
	uint32_t head_bytes; /* asked for per run, or per call */
	bool body_by_tail;   /* needs a run's last 8 bytes: chunked bodies */

	/* Could a connection that opens with `head` be ours? Sees at least one
	 * byte and at most OTR_SNIFF_MAX. Must not say yes to a bare prefix
	 * that another protocol shares. */
	bool (*sniff)(enum otr_dir dir, struct otr_slice head);

	/* Takes at most one message off the front of `in`. `*used` may pass
	 * in.len: the stream skips the rest, copied or not, so a body need not
	 * be captured to be stepped over. */
	enum otr_parse (*parse)(void *state, enum otr_dir dir,
				struct otr_slice in, unsigned int flags,
				uint64_t *used, struct otr_msg *msg);

	/* Bytes were lost. Returns the offset in `in` of the next place a
	 * message can start, or in.len if there is none. NULL: the protocol
	 * cannot recover and the connection is dropped. */
	size_t (*resync)(void *state, enum otr_dir dir, struct otr_slice in);

	/* Names the span and sets its attributes, following the OpenTelemetry
	 * semantic conventions, as seen from `side` (role, layer, addresses).
	 * Given copies, so both messages are whole here. `rsp` is NULL when no
	 * answer was seen. Returns 0 or -ENOMEM. */
	int (*describe)(const struct otr_side *side, const struct otr_msg *req,
			const struct otr_msg *rsp, struct otr_span_builder *sb);

	/* Frees what `state` owns, not `state`. NULL when it owns nothing. */
	void (*fini)(void *state);
};

#define OTR_SNIFF_MAX 64

/* Every protocol we speak, strictest sniff first; ends with NULL. */
extern const struct otr_proto_ops *const otr_protos[];

#endif /* OTR_PROTO_H */
