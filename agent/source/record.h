/* SPDX-License-Identifier: Apache-2.0 */
#ifndef OTR_RECORD_H
#define OTR_RECORD_H

/*
 * record.h - writes the events of a session to a file, `.otr`; replay.c reads it.
 *
 *	+----------+--------+-------+-------+-------------------+ ...
 *	| OTRACE\r\n        | ABI   | zero  | record, padded to 8 |
 *	| 8 bytes           | u32   | u32   |                     |
 *	+----------+--------+-------+-------+-------------------+ ...
 *
 * Records are those of bpf/event.h in the order in which merge.c released them, so that a
 * replay gives the same spans, byte for byte. Whoever records has taken secrets out of them
 * (agent/proto/blank.h). Little endian, as every machine we run on.
 */

#include <stddef.h>
#include <stdint.h>

struct otr_err;
struct otr_event;
struct otr_record;

#define OTR_RECORD_MAGIC     "OTRACE\r\n"
#define OTR_RECORD_PADDED(n) (((size_t)(n) + 7) & ~(size_t)7)

/* What a file begins with. */
struct otr_record_head {
	char magic[8];
	uint32_t abi; /* OTR_ABI of who wrote it */
	uint32_t zero;
};

/* Creates `path` (mode 0600: it holds payload). Returns 0 or -errno with the reason
 * in `err`. */
int otr_record_open(struct otr_record **out, const char *path, struct otr_err *err);

/* Appends one record. The first error is kept, and returned by otr_record_close(). */
void otr_record_put(struct otr_record *rec, const struct otr_event *ev);

/* Writes what is buffered. Returns 0, or -errno of the first error; frees *rp either way. */
int otr_record_close(struct otr_record **rp);

#endif /* OTR_RECORD_H */
