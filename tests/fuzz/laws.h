/* SPDX-License-Identifier: Apache-2.0 */
#ifndef OTR_LAWS_H
#define OTR_LAWS_H

/*
 * laws.h - the six laws of a parser, checked over one conversation.
 *
 *   1. Progress   MSG, SKIP, SWITCH: used > 0. MORE, BAD: used == 0.
 *   2. Prefix     if `in` gives MSG, no shorter prefix of it gives BAD.
 *   3. Cuts       the same bytes cut anywhere into reads give the same messages.
 *   4. Bounds     inputs end at an unreadable page; state is exactly state_size.
 *   5. Recovery   resync() returns at most in.len; what follows garbage is found.
 *   6. Cut short  with OTR_IN_CUT or OTR_IN_EOF the answer is never MORE.
 *
 * A broken law is printed to stderr, and the program aborts, so that a fuzzer and a unit test
 * both fail. The runner takes the place of stream/: it keeps positions, begins and ends.
 */

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "agent/base/buf.h"
#include "agent/proto/proto.h"

/* One read or write; `data` aliases the conversation. */
struct otr_conv_part {
	enum otr_dir dir;
	struct otr_slice data;
};

struct otr_conv {
	struct otr_conv_part *pieces;
	size_t n;
	size_t cap;
	struct otr_buf bytes;
	struct otr_buf expect; /* lines of the file that begin with "= " */
	size_t *at;	       /* while it grows: offsets into `bytes` */
};

/* Reads a conversation: lines "> bytes" (client to server) and "< bytes", with C
 * escapes \r \n \\ \xHH; "= line" is what is expected; '#' begins a comment. Returns 0
 * or -errno. */
int otr_conv_load(struct otr_conv *cv, const char *path);

/* Takes a fuzzer's bytes: a header of three bytes per part (direction in bit 0 of the
 * first, then the length, little-endian), then its data. */
int otr_conv_fuzz(struct otr_conv *cv, const uint8_t *data, size_t size);
void otr_conv_fini(struct otr_conv *cv);

/* Runs `cv` through `proto`, cut into reads of `cut` bytes (0: as it is), and writes
 * one line per message into `out`. Ends at BAD and SWITCH, which get a line, too. */
void otr_laws_run(const struct otr_proto_ops *proto, const struct otr_conv *cv, size_t cut,
		  struct otr_buf *out);

/* Checks laws 1, 2, 3, 4, 6 and the bound of 5. */
void otr_laws_check(const struct otr_proto_ops *proto, const struct otr_conv *cv);

/* Checks law 5: every message of one direction of `cv` is found behind `garbage`. For
 * recorded conversations alone: those of a fuzzer need not hold a message. Returns how many were
 * looked for. */
size_t otr_laws_recover(const struct otr_proto_ops *proto, const struct otr_conv *cv,
			enum otr_dir dir, struct otr_slice garbage);

#endif /* OTR_LAWS_H */
