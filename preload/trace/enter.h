/* SPDX-License-Identifier: Apache-2.0 */
#ifndef OTR_ENTER_H
#define OTR_ENTER_H

/* enter.h - every wrapper stands between otr_enter() and otr_leave() while it uses the state. */

#include "preload/base/shim.h"

#pragma GCC visibility push(hidden) /* exports.map: nothing of ours gets out */

/* In the constructor, and in a child after fork: the state of a process that has done nothing
 * yet. */
void otr_process_begin(void);

/* The slot of the calling thread, which is inside until otr_leave(). NULL: the wrapper calls
 * through. That is so within another wrapper, in the handler of a signal that came there, and
 * where no slot is free. */
struct otr_self *otr_enter(void);

/* Gives back the connections that the thread holds. */
void otr_leave(struct otr_self *self);

/* Before the first byte of a socket moves: offers the ring, so that the kernel side leaves all
 * bytes of the process to the library. errno stays as it is. */
void otr_offer_early(int fd);
static inline void otr_before(int fd)
{
	if (!otr_is_off() && (!otr_get(&otr_shim.is_offered) || !otr_get(otr_shim.alive)))
		otr_offer_early(fd);
}

#pragma GCC visibility pop

#endif /* OTR_ENTER_H */
