/* SPDX-License-Identifier: Apache-2.0 */
#ifndef OTR_ENTER_H
#define OTR_ENTER_H

/* enter.h - a wrapper uses the state of the library between otr_enter() and otr_leave() alone. */

#include "preload/base/shim.h"

#pragma GCC visibility push(hidden) /* not exported: see exports.map */

/* In the constructor, and in a child after fork: sets the state of a process that has made no call
 * yet. */
void otr_process_begin(void);

/* Returns the slot of the calling thread; otr_leave() must follow. NULL: the wrapper must only make
 * the call, as it is called within another wrapper, or by a signal handler that interrupted one, or
 * as no slot is free. */
struct otr_self *otr_enter(void);

/* Ends what otr_enter() began, and releases the connections that the thread holds. */
void otr_leave(struct otr_self *self);

/* Before a call that moves bytes of `fd`: offers the ring, if it is not offered yet, so that the
 * kernel side leaves all bytes of the process to the library. errno stays as it is.
 * otr_offer_early() is the slow path. */
void otr_offer_early(int fd);
static inline void otr_ensure_offered(int fd)
{
	if (!otr_is_off() && (!otr_get(&otr_shim.is_offered) || !otr_get(otr_shim.alive)))
		otr_offer_early(fd);
}

#pragma GCC visibility pop

#endif /* OTR_ENTER_H */
