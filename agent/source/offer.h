/* SPDX-License-Identifier: Apache-2.0 */
#ifndef OTR_SOURCE_OFFER_H
#define OTR_SOURCE_OFFER_H

/*
 * offer.h - the doors: the sockets at which processes with the library offer their rings. There
 * are several, since only a few offers can wait at one (net.unix.max_dgram_qlen, mostly 10).
 *
 * Each door exists twice: as an abstract socket, which is reached from this network namespace,
 * and as a path in the session's folder, which is reached from this mount namespace. Everybody
 * there can read the names; only the processes of the session know the secret that an offer must
 * contain.
 */

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "bpf/ring.h"

#define OTR_OFFER_DOORS (2 * OTR_RING_DOORS)

/* The process `tgid` starts a program that will not carry the library; `why`: enum otr_uncarried.
 * The process says so itself; `path` may hold any byte but NUL. */
typedef void (*otr_uncarried_fn)(void *arg, uint32_t tgid, int why, const char *path);

/* The ring of the process `tgid` is read from now on. */
typedef void (*otr_shim_born_fn)(void *arg, uint32_t tgid);

struct otr_offers {
	char session[OTR_RING_SESSION]; /* NAME.SECRET; see bpf/ring.h */
	int door[OTR_OFFER_DOORS];	/* abstract sockets first; -1: not open */
	int epoll;			/* readable when an offer waits */
	bool shut;			/* no offer is taken for a while */
	bool pidfds;			/* the kernel sends a pidfd with each offer */
	otr_uncarried_fn uncarried;	/* or NULL */
	void *uncarried_arg;
};

/* Opens all doors. Returns 0 or -errno, and then none is open. */
int otr_offers_open(struct otr_offers *o);
void otr_offers_close(struct otr_offers *o);

/* The process that sent an offer, as the kernel says. */
struct otr_offerer {
	uint32_t tgid, uid;
	/* The caller closes it. It is of the process that sent the offer, even if its number is
	 * that of another process by now (Linux 6.5). -EMFILE: no descriptor left; else negative:
	 * the process has ended; OTR_OFFER_NO_PIDFD: this kernel sends none. */
	int pidfd;
};
#define OTR_OFFER_NO_PIDFD INT32_MIN

/* Gives the descriptor of the next offer, which the caller discards, and who sent it. Returns
 * -EAGAIN: no offer waits; -EINVAL: a datagram was no offer, and was dropped. Then `who` holds
 * nothing to close. */
int otr_offers_next(struct otr_offers *o, struct otr_offerer *who);

/* Closes a descriptor of an offer, whatever it is, without blocking. */
void otr_offers_discard(int fd);

#endif /* OTR_SOURCE_OFFER_H */
