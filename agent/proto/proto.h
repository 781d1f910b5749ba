/* SPDX-License-Identifier: Apache-2.0 */
#ifndef OTR_PROTO_H
#define OTR_PROTO_H

/*
 * proto.h - what one application protocol has to provide.
 *
 * A parser turns the bytes of one connection into messages. It does no I/O,
 * reads no clock, has no globals, and knows nothing of sockets, open spans or
 * exporters: the same calls drive it from a live kernel, a recording, a unit
 * test and a fuzzer. To add a protocol, write agent/proto/NAME.c, add one line
 * to agent/proto/table.c, and seed tests/fuzz/corpus/NAME; see
 * docs/CONTRIBUTING.md.
 */

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "agent/base/slice.h"
#include "agent/proto/header_names.h"
#include "agent/span/span.h"
#include "bpf/event.h"

struct otr_blank_ops;
struct otr_proto_memory;
struct otr_side;
struct otr_span_builder;
struct otr_proto_settings;

enum otr_parse {
	OTR_PARSE_MSG,	  /* *msg is whole, or `partial`; *used > 0 bytes are spent */
	OTR_PARSE_SKIP,	  /* *used > 0 bytes are spent; see `opens`, `over` below */
	OTR_PARSE_MORE,	  /* `in` is a proper prefix of a message; *used is 0: wait */
	OTR_PARSE_BAD,	  /* `in` is not this protocol; *used is 0: resync or give up */
	OTR_PARSE_SWITCH, /* *used bytes are spent; msg->next reads from here on, both
			   * directions; NULL: no parser does, the connection is muted,
			   * and *used > 0 */
};

/* Set in `flags` of parse(). With any of them but ALONE the answer is never MORE. */

/* Bytes behind `in` moved and were not copied: the answer is made of `in` alone. */
#define OTR_IN_CUT 1u

/* The stream ended behind `in`, which is not empty. The caller ends what is open. */
#define OTR_IN_EOF 2u

/* The request that `in` answers will not be read: it is no reason for MORE any more. */
#define OTR_IN_ALONE 8u

/* `in` is the last bytes, 8 at most, of a run whose middle was not copied. Only for
 * protocols with body_by_tail, and only while a message is open in this direction: one
 * with OTR_END_LATER, or a row of SKIPs with `opens`. *used is in.len. The answer is SKIP
 * with `over` if the open message ended there; MSG if the message that the row opened ended
 * there; SKIP without `over` if the message goes on or its end is not known; or BAD. */
#define OTR_IN_TAIL 4u

/*
 * Where a message begins and ends, for the caller of parse():
 *
 *	SKIP opens   SKIP opens   MSG          SKIP         SKIP over
 *	|------------|------------|------------|------------|-----------|
 *	begins here                 end LATER                    ends here
 *
 * It begins at the first byte of the MSG's `in`, or, if SKIPs with `opens` came
 * right before it in this direction, at the first byte of the first of those. Any
 * SKIP without `opens` breaks such a row. It ends as `end` says.
 *
 * Bytes that the parser would need next but were not captured: while a message is
 * open (LATER, or a row of `opens`), the stream waits for the end of the run and
 * gives its tail, if the protocol wants it; otherwise, or if the tail did not end
 * it, the end of the run (the other side speaks, the stream closes) ends it; a row
 * without its MSG is forgotten. Then, as after every hole, resync() is called
 * before the next parse(), and forgets what was open.
 *
 * In a protocol that is `multiplexed`, an answer may be open while others begin and end:
 *
 *	MSG 1     MSG 3     END 3     MSG 5     END 1
 *	|---------|---------|---------|---------|-----|
 *	`stream`  end STREAM          end STREAM
 *
 * Its end is OTR_END_STREAM, and an OTR_MSG_END with its `stream` ends it. Each request ends
 * HERE, at the end of its head.
 */
enum otr_end {
	OTR_END_HERE,	/* behind *used bytes, which may pass in.len, even by far */
	OTR_END_LATER,	/* SKIPs follow in this direction; the last sets `over` */
	OTR_END_STREAM, /* behind the OTR_MSG_END of its `stream`: `multiplexed` answers */
	OTR_END_RUN,	/* not known, as the head is cut: at the end of its run. The bytes to
		      * there belong to the message; resync() comes next */
};

/* As *used: all bytes of this direction, until the stream ends. */
#define OTR_USED_ALL UINT64_MAX

enum otr_msg_kind {
	OTR_MSG_REQUEST,
	OTR_MSG_RESPONSE,
	OTR_MSG_ONEWAY, /* a request that gets no answer */
	OTR_MSG_END,	/* ends the exchange of its `stream`, from either side, HERE. Its status,
			 * if any, and its attributes belong to the answer, as trailers do */
};

#define OTR_MSG_ATTRS 16

/* A broker sends a message to a consumer unasked: that is a REQUEST that is `pushed`, or a ONEWAY
 * where nothing confirms it. The RESPONSE that confirms it is `pushed`, too, and has its `stream`,
 * which is not 0. Numbers of these and of requests may be the same.
 *
 * A RESPONSE with `since` answers all open requests with numbers from that one to `stream`; an END
 * ends all of these, and what is pushed with them. */

/* One message, in terms that all protocols share. Slices point into the parser's input
 * or its state, and live until the next call on the same state. The caller zeroes it
 * before each parse(), by otr_msg_clear() or whole. */
struct otr_msg {
	enum otr_msg_kind kind;
	enum otr_end end;	    /* with MSG */
	bool opens;		    /* with SKIP: part of the message that the next MSG gives */
	bool over;		    /* with SKIP: the open message ends behind *used bytes */
	bool failed;		    /* the protocol itself reports an error */
	bool partial;		    /* not copied to its end: some texts are cut or absent */
	bool interim;		    /* RESPONSE: the final answer is to come (1xx) */
	bool dropped;		    /* with SKIP: a request for which the state has no room */
	bool pushed;		    /* the serving side sends it unasked: see below */
	bool awaits;		    /* with MORE: the request that `in` answers was not read yet */
	int32_t status;		    /* its status code; 0: it has none */
	uint16_t skips;		    /* RESPONSE: requests behind its own that the server dropped */
	uint64_t stream;	    /* pairs an answer with its request; 0: in order */
	uint64_t since;		    /* the first number of a range that ends with `stream`; or 0 */
	struct otr_slice op;	    /* "GET", "SELECT", "HGET" */
	struct otr_slice target;    /* path, statement, key, topic */
	struct otr_slice trace_ctx; /* traceparent, empty when absent */
	struct otr_slice trace_state;
	struct otr_slice baggage;
	const struct otr_proto_ops *next; /* with SWITCH */
	uint8_t n_attrs;

	/* For the semantic conventions. The last field: a copy ends behind the used ones. */
	struct otr_attr attrs[OTR_MSG_ATTRS];
};

/* Zeroes all but `attrs`: those behind `n_attrs` mean nothing. */
static inline void otr_msg_clear(struct otr_msg *msg)
{
	memset(msg, 0, offsetof(struct otr_msg, attrs));
}

/* One protocol: all that the rest of otrace knows of it. */
struct otr_proto_ops {
	const char *name;  /* "http1", as in counters and the manual */
	const char *title; /* "HTTP/1", "PostgreSQL", as people write it */
	const char *scope; /* instrumentation scope of its spans: "otrace/http" */

	/* The server's end of an exchange becomes no span, only an end of the wire: the spans of
	 * a database would repeat those of its clients. */
	bool client_only;
	const char *server_exe; /* with client_only: names of the server's executable, by blanks */

	/* How the console shows client spans of this protocol. NULL: by their host, as those of
	 * HTTP. */
	const char *system;    /* their db.system.name: "postgresql" */
	const char *label;     /* shown instead of `system`: "postgres"; NULL: `system` */
	const char *ok_status; /* the db.response.status_code of a success, which is not shown */

	/* Answers come in order of `stream`: a request whose answer was passed over has lost it. */
	bool in_order;

	/* Many exchanges are under way at once, each with a `stream` of its own, by which answers
	 * find their requests whatever was lost (see OTR_END_STREAM). */
	bool multiplexed;

	size_t state_size; /* bytes of per-connection state, zeroed; may be 0 */

	/* Gives what the user set to a fresh `state`, which borrows it; NULL: it is not asked. Not
	 * called where the defaults hold. */
	void (*set_up)(void *state, const struct otr_proto_settings *settings);

	/* Tells a fresh `state` in which direction a client's bytes go, where the source knows; NULL:
	 * it sees that by itself. */
	void (*set_client)(void *state, enum otr_dir dir);

	enum otr_capture capture; /* how sources copy its connections */
	uint32_t head_bytes;	  /* how many bytes they copy, per run or per call */
	uint32_t answer_bytes;	  /* with CALLS: of answers, so many bytes of each run are copied,
				   * not of each call; 0: they are copied as requests are */
	bool body_by_tail;	  /* needs the last 8 bytes of a run: chunked bodies */

	/* Is a connection whose first bytes are `head` of this protocol? `head` has 1 to
	 * OTR_SNIFF_MAX bytes. Must be false for a prefix that another protocol
	 * shares. */
	bool (*sniff)(enum otr_dir dir, struct otr_slice head);

	/* Takes at most one message off the front of `in`. `*used` may pass in.len: the
	 * stream skips the rest, so a body that was not copied can be stepped over. */
	enum otr_parse (*parse)(void *state, enum otr_dir dir, struct otr_slice in,
				unsigned int flags, uint64_t *used, struct otr_msg *msg);

	/* Called after bytes were lost, after a message ended with its run, and after BAD
	 * (then `in` begins behind the first byte, or the same place would be found
	 * again). Forgets what was open in this direction. Returns the offset in `in` of the
	 * next place where a message can begin, or in.len. NULL: the protocol cannot
	 * recover, and the connection is muted. */
	size_t (*resync)(void *state, enum otr_dir dir, struct otr_slice in);

	/* Names the span and sets its attributes by the semantic conventions of
	 * OpenTelemetry, as seen from `side`. Both messages are copies, with all their
	 * texts; `rsp` is NULL if no answer was seen. Returns 0 or -ENOMEM; or
	 * OTR_NO_SPAN: the exchange becomes none, as one in which nothing happened. */
	int (*describe)(const struct otr_side *side, const struct otr_msg *req,
			const struct otr_msg *rsp, struct otr_span_builder *sb);

	/* Remembers what an answer tells about other messages, for their describe(). Called once
	 * the answer came; its own describe() is called when its trace is over. NULL: none does. */
	void (*learn)(struct otr_proto_memory *memory, const struct otr_msg *rsp);

	/* Secrets of its logins that a recording may not hold (blank.h); NULL: none are sent in the
	 * clear. */
	const struct otr_blank_ops *blank;

	/* Frees what `state` owns, not `state`. NULL when it owns nothing. */
	void (*fini)(void *state);

	/* Returns why a connection of this protocol cannot be read, as "TLS: not readable
	 * here", a constant; NULL if its bytes give no reason. `first`: the first 16 bytes of the
	 * side that spoke first; `answer`: those of the other side, or empty. NULL: there
	 * is never a reason. */
	const char *(*unread)(struct otr_slice first, struct otr_slice answer);
};

#define OTR_SNIFF_MAX 64
#define OTR_NO_SPAN   1

/* What the user set. The owner fills it in before the first event; stream/ and stitch/
 * borrow it, and describe() gets it in struct otr_side. Zero is the default of each field. */
struct otr_proto_settings {
	bool no_query_text;    /* db.query.text is not set */
	bool no_trace_context; /* traceparent and tracestate are ignored */
	bool no_baggage;       /* baggage is ignored */
	/* HTTP methods that are called by their names, separated by commas; NULL: those of
	 * the conventions. */
	const char *http_methods;
	char *const *redact; /* query keys whose values are hidden too, NULL ends; or NULL */
	struct otr_header_names headers; /* of requests, that become attributes */
};

/* Every protocol that is parsed, strictest sniff first; NULL ends it. */
extern const struct otr_proto_ops *const otr_protos[];

#endif /* OTR_PROTO_H */
