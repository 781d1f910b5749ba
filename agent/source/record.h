/* SPDX-License-Identifier: Apache-2.0 */
#ifndef OTR_RECORD_H
#define OTR_RECORD_H

/*
 * record.h - the events of a session in a file, `.otr`.
 *
 *	+----------+--------+-------+-------+-------------------+ ...
 *	| OTRACE\r\n        | ABI   | zero  | record, padded to 8 |
 *	| 8 bytes           | u32   | u32   |                     |
 *	+----------+--------+-------+-------+-------------------+ ...
 *
 * Records are those of bpf/event.h in the order merge.c released them, so that a
 * replay is the same, byte for byte. Passwords of PostgreSQL logins are blanked
 * (record_auth.h). Little endian, as every machine we run on.
 */

#include <stdint.h>

struct otr_err;
struct otr_event;
struct otr_record;

/* Creates `path` (mode 0600: it holds payload). Returns 0 or -errno with the reason
 * in `err`. */
int otr_record_open(struct otr_record **out, const char *path, struct otr_err *err);

/* Appends one record. Errors stick and come out of close. */
void otr_record_put(struct otr_record *rec, const struct otr_event *ev);

/* Writes what is left. Returns 0 or -errno; frees *rp either way. */
int otr_record_close(struct otr_record **rp);

/* Reads `path` from its start and gives each record, checked, to `fn`; stops when that
 * returns other than 0 and returns it. A foreign, truncated or damaged file: -EINVAL,
 * with the byte offset in `err`; what came before it was given. */
typedef int (*otr_record_fn)(void *arg, const struct otr_event *ev);
int otr_record_read(const char *path, otr_record_fn fn, void *arg, struct otr_err *err);

#endif /* OTR_RECORD_H */
