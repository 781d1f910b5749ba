/* SPDX-License-Identifier: Apache-2.0 */
#ifndef OTR_SOURCE_OFFER_H
#define OTR_SOURCE_OFFER_H

/*
 * offer.h - the doors at which processes with the library offer their rings: several
 * sockets, since in each only a few offers can wait (net.unix.max_dgram_qlen, mostly 10).
 *
 * Each door is there twice: as an abstract socket, which is reached from this network
 * namespace, and as a path in the session's folder, which is reached from this mount
 * namespace. Their names can be read by everybody there; the secret that must come with an
 * offer only by the processes of this session.
 */

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "bpf/ring.h"

#define OTR_OFFER_DOORS (2 * OTR_RING_DOORS)

/* The process `tgid` starts a program that will not carry the library: `why` is one of enum
 * otr_uncarried. It is the process's own word; `path` may hold anything but a NUL. */
typedef void (*otr_uncarried_fn)(void *arg, uint32_t tgid, int why, const char *path);

/* The ring of the process `tgid` is read from now on. */
typedef void (*otr_shim_born_fn)(void *arg, uint32_t tgid);

struct otr_offers {
	char session[OTR_RING_SESSION]; /* NAME.SECRET; see bpf/ring.h */
	int door[OTR_OFFER_DOORS];	/* abstract ones first; -1: not open */
	int epoll;			/* readable when an offer waits */
	bool shut;			/* none is taken for a while */
	bool pidfds;			/* an offer comes with one */
	otr_uncarried_fn uncarried;	/* NULL: nobody wants to know */
	void *uncarried_arg;
};

/* Opens all doors. Returns 0 or -errno, and then none is open. */
int otr_offers_open(struct otr_offers *o);
void otr_offers_close(struct otr_offers *o);

/* From whom an offer is, as the kernel says. */
struct otr_offerer {
	uint32_t tgid, uid;
	/* Yours to close: of the process that sent it, though its number may be another's by now
	 * (Linux 6.5). -EMFILE: one descriptor too many; else negative: it has ended;
	 * OTR_OFFER_NO_PIDFD: this kernel does not say. */
	int pidfd;
};
#define OTR_OFFER_NO_PIDFD INT32_MIN

/* The descriptor that the next offer gives (yours to discard), and from whom. -EAGAIN: none
 * waits; -EINVAL: one that was none, and is gone. Then `who` holds nothing to close. */
int otr_offers_next(struct otr_offers *o, struct otr_offerer *who);

/* Closes it, whatever it is, without waiting. */
void otr_offers_discard(int fd);

#endif /* OTR_SOURCE_OFFER_H */
