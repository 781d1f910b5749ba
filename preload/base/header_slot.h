/* SPDX-License-Identifier: Apache-2.0 */
#ifndef OTR_HEADER_SLOT_H
#define OTR_HEADER_SLOT_H

/* header_slot.h - headers that are being sent, each in a slot of otr_shim.headers. */

#include <stddef.h>
#include <stdint.h>
#include <sys/uio.h>

struct otr_fd;
struct otr_header;

#pragma GCC visibility push(hidden) /* exports.map: nothing of ours gets out */

/* Takes a slot for a header that goes out on `f`, which is held. NULL: all are taken, or another
 * thread sends a header on `f`. */
struct otr_header *otr_header_claim(struct otr_fd *f);

/* Gives the slot back: all of the header was sent, or nothing of it. */
void otr_header_free(struct otr_fd *f);

/* `unsent` bytes of the header still have to be sent, the first of which is at offset `at`. */
void otr_header_set_unsent(struct otr_fd *f, size_t unsent, size_t at);

/* Sets *unsent to what still has to be sent. Returns 0 where that is nothing. */
int otr_header_get_unsent(const struct otr_fd *f, struct iovec *unsent);

/* The same as otr_header_set_unsent(), or otr_header_free() where `unsent` is 0, by a thread that cannot
 * hold `f` now. Nothing happens where the connection is another one by now: its count is not
 * `life` any more. */
void otr_header_set_unsent_unheld(struct otr_fd *f, uint32_t life, size_t unsent, size_t at);

/* The number that kept the state is closed: its header goes along to `heir`, with the thread
 * that sends the unsent part. Both are held, and `heir` has its new `life`. */
void otr_header_pass_on(struct otr_fd *f, struct otr_fd *heir);

#pragma GCC visibility pop

#endif /* OTR_HEADER_SLOT_H */
