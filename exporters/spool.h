/* SPDX-License-Identifier: Apache-2.0 */
#ifndef OTR_SPOOL_H
#define OTR_SPOOL_H

/*
 * spool.h - batches that wait on disk, so that neither an outage of the backend nor the end of otrace,
 * of whatever kind, loses them.
 *
 *	DIR/lock				flock(2) while in use
 *	DIR/00000000000000000007.batch	| head 64 | body |, the oldest batch
 *	DIR/00000000000000000008.batch
 *
 * A batch is written under another name and renamed, so it is whole or not there. It is not synced:
 * what otrace wrote survives its end by kill -9, but a power cut may take the last seconds. Batches are
 * sent in the order in which they came. If they would exceed the limit, the oldest ones are dropped.
 *
 * One thread puts, another one takes; all functions may be called at once.
 */

#include <stddef.h>
#include <stdint.h>

#include "agent/base/slice.h"

struct otr_buf;
struct otr_err;
struct otr_spool;

#define OTR_SPOOL_KIND 32 /* bytes of the name of what bodies are, with its NUL */

/* Opens the folder `dir`, which is made if it is missing, for at most `max_bytes`. `kind` names what
 * bodies are ("otlp/grpc+gzip"). Batches of before are kept; those that are damaged are removed, and
 * counted as OTR_LOSS_EXPORT. Returns 0, or -errno with the reason in `err`: in use by another process,
 * holding batches of another kind or version, which this one cannot send, or not to be read. */
int otr_spool_open(struct otr_spool **out, const char *dir, uint64_t max_bytes, const char *kind,
		   struct otr_err *err);

/* Forgets the folder, and leaves the batches in it. Sets *sp to NULL. */
void otr_spool_close(struct otr_spool **sp);

/* Appends a batch of `n` spans. `*dropped` is the number of spans that were dropped for it. Returns 0, or
 * -errno: then the batch is in no file. -EMSGSIZE: it is larger than the spool; -EAGAIN: there is no room
 * for it beside the batch that is being sent. */
int otr_spool_put(struct otr_spool *sp, struct otr_slice body, uint32_t n, uint64_t *dropped);

/* Reads the oldest batch into `body`, and keeps it from being dropped. Returns 0; -ENOENT: there is
 * none; -EBADMSG: it was damaged or is gone, and is removed and counted; or another -errno: it cannot be
 * read now, and stays. */
int otr_spool_first(struct otr_spool *sp, struct otr_buf *body, uint32_t *n);

/* Removes the batch that otr_spool_first() read. */
void otr_spool_done(struct otr_spool *sp);

struct otr_spool_stats {
	uint64_t batches, spans, bytes; /* on disk now */
};
void otr_spool_stats(struct otr_spool *sp, struct otr_spool_stats *out);

/* Sleeps until `until_ns` (CLOCK_MONOTONIC), a batch is put into an empty spool, or otr_spool_wake(). */
void otr_spool_wait(struct otr_spool *sp, uint64_t until_ns);
void otr_spool_wake(struct otr_spool *sp);

#endif /* OTR_SPOOL_H */
