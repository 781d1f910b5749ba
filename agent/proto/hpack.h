/* SPDX-License-Identifier: Apache-2.0 */
#ifndef OTR_HPACK_H
#define OTR_HPACK_H

/*
 * hpack.h - the fields of HTTP/2 (HPACK, RFC 7541), as far as otrace needs them.
 *
 * A decoder that begins in the middle, or lost bytes, does not know the dynamic table: what refers
 * to an entry from before is *unknown*, never wrong. An index counts from the newest entry, so the
 * entries since then are known. Eviction needs no account: nobody refers to an entry that is gone,
 * and one that was too large for the table would only be counted behind all that is referred to.
 *
 * libnghttp2's inflater is not used: it gives up for good at the first reference that it does not
 * know, it keeps all fields (cookies, too), and its state is on the heap, where that of a parser
 * has a fixed size. tests/unit/hpack_test.c has it as a witness.
 */

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "agent/base/slice.h"
#include "agent/proto/header_names.h"

/* The fields that are read; all others are OTHER, whose values are not kept. */
enum otr_hpack_field {
	OTR_HPACK_OTHER,
	OTR_HPACK_UNKNOWN, /* it may be any of those below */
	OTR_HPACK_METHOD,
	OTR_HPACK_PATH,
	OTR_HPACK_SCHEME,
	OTR_HPACK_AUTHORITY,
	OTR_HPACK_STATUS,
	OTR_HPACK_BAGGAGE,
	OTR_HPACK_CONTENT_TYPE,
	OTR_HPACK_FORWARDED,
	OTR_HPACK_GRPC_STATUS,
	OTR_HPACK_HOST,
	OTR_HPACK_TRACEPARENT,
	OTR_HPACK_TRACESTATE,
	OTR_HPACK_USER_AGENT,
	OTR_HPACK_X_FORWARDED_FOR,
	OTR_HPACK_X_FORWARDED_HOST,
	OTR_HPACK_X_FORWARDED_PROTO,
	OTR_HPACK_FIELDS,

	/* And those that the user named: the row of struct otr_header_names behind this. */
	OTR_HPACK_NAMED = OTR_HPACK_FIELDS,
};

/* As many entries as a table of 4096 bytes, the default, can have. Of a larger table older entries
 * are unknown. */
#define OTR_HPACK_ENTRIES 128
#define OTR_HPACK_VALUES  4096 /* bytes of all values; a power of two */

struct otr_hpack_entry {
	uint32_t at; /* of its value, as `put` was then */
	uint16_t len;
	uint8_t field; /* enum otr_hpack_field */
	bool known;    /* the value is in `values`, unless newer ones are in its place */
};

/* The state of one direction. Zeroed, it is that of a connection that begins. */
struct otr_hpack {
	uint32_t inserted;			/* entries, since the begin or the last hole */
	uint32_t put;				/* bytes of `values` that were ever used */
	const struct otr_header_names *headers; /* further fields to read; NULL: none */
	struct otr_hpack_entry entries[OTR_HPACK_ENTRIES]; /* a ring */
	char values[OTR_HPACK_VALUES];			   /* a ring */
};

/* Gets each field of a block that is not OTHER. `known`: the value is. UNKNOWN has none. */
typedef void (*otr_hpack_fn)(void *arg, enum otr_hpack_field field, struct otr_slice value,
			     bool known);

/* Reads a block. Slices alias `block`, constants or memory of this thread, and live until its next
 * call. Returns false if the block is not valid, or is cut: the table is unknown from here on. */
bool otr_hpack_read(struct otr_hpack *hp, struct otr_slice block, otr_hpack_fn fn, void *arg);

/* Bytes were lost: the table is unknown. */
void otr_hpack_lost(struct otr_hpack *hp);

#define OTR_HPACK_BAD SIZE_MAX

/* Decodes a string into `out`. Returns its length; BAD: the code is not valid, or `room` too small.
 * In hpack_huffman.c. */
size_t otr_hpack_huffman(struct otr_slice in, char *out, size_t room);

/* An entry of the static table (appendix A), 1 to 61: its field, and its value if it has one. In
 * hpack_static.c. */
#define OTR_HPACK_STATIC 61
enum otr_hpack_field otr_hpack_static(uint32_t index, struct otr_slice *value);
/* Its name. "": there is no such entry. */
struct otr_slice otr_hpack_static_name(uint32_t index);

/* The field that has this name, and the reverse; `field` is behind UNKNOWN. */
struct otr_slice otr_hpack_name(enum otr_hpack_field field);
enum otr_hpack_field otr_hpack_named(struct otr_slice name);
#define OTR_HPACK_NAME_MAX 17 /* bytes of the longest name that is read */

#endif /* OTR_HPACK_H */
