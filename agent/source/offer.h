/* SPDX-License-Identifier: Apache-2.0 */
#ifndef OTR_SOURCE_OFFER_H
#define OTR_SOURCE_OFFER_H

/*
 * offer.h - the socket at which processes with the library offer their rings.
 *
 * Its name can be read by everybody in this network namespace; the secret that must come
 * with an offer only by the processes of this session.
 */

#include <stddef.h>
#include <stdint.h>

/* Makes it. Returns its descriptor, or -errno; NAME.SECRET is then in `session`. */
int otr_offer_open(char *session, size_t size);

/* The descriptor that the next offer gives (yours to close), and the process the kernel says
 * it is from. -EAGAIN: none waits; -EINVAL: one that was none, and is gone. */
int otr_offer_next(int fd, const char *session, uint32_t *tgid);

#endif /* OTR_SOURCE_OFFER_H */
