/* SPDX-License-Identifier: Apache-2.0 */
#ifndef OTR_HEADER_SLOT_H
#define OTR_HEADER_SLOT_H

/* header_slot.h - the headers that are being sent, each in a slot of otr_shim.headers. */

#include <stddef.h>
#include <stdint.h>
#include <sys/uio.h>

struct otr_fd;
struct otr_header;

#pragma GCC visibility push(hidden) /* not exported: see exports.map */

/* Takes a slot for a header that goes out on `f`, which is held. NULL: all are taken, or another
 * header is sent on `f`. */
struct otr_header *otr_header_claim(struct otr_fd *f);

/* Frees the slot of `f`: all of the header was sent, or none of it. */
void otr_header_free(struct otr_fd *f);

/* `unsent` bytes of the header still have to be sent, the first of which is at offset `at`. */
void otr_header_set_unsent(struct otr_fd *f, size_t unsent, size_t at);

/* Sets *unsent to the unsent part of the header of `f`. Returns 0 if there is none. `f` need not be
 * held. */
int otr_header_get_unsent(const struct otr_fd *f, struct iovec *unsent);

/* The same as otr_header_set_unsent(), or as otr_header_free() if `unsent` is 0, for a thread
 * that does not hold `f`. Does nothing if f->gen is not `gen`: then `f` is another connection
 * by now. */
void otr_header_set_unsent_unheld(struct otr_fd *f, uint32_t gen, size_t unsent, size_t at);

/* The number `f` is closed, and `heir` takes over its state: moves the header, with the thread that
 * sends its unsent part, to `heir`. Both are held, and `heir` has its new generation. */
void otr_header_pass_on(struct otr_fd *f, struct otr_fd *heir);

#pragma GCC visibility pop

#endif /* OTR_HEADER_SLOT_H */
