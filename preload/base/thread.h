/* SPDX-License-Identifier: Apache-2.0 */
#ifndef OTR_PRELOAD_THREAD_H
#define OTR_PRELOAD_THREAD_H

/* thread.h - the threads of the process, each with a slot (struct otr_self) in otr_shim.selves. */

#include <stdint.h>

struct otr_self;

#pragma GCC visibility push(hidden) /* not exported: see exports.map */

/* In the constructor: finds libc's variable for otr_is_single_threaded(). */
void otr_threads_find(void);

/* Returns the slot of the calling thread, which takes one at its first call. NULL: none is free, or
 * a seccomp filter is in force and the thread has none. */
struct otr_self *otr_self_now(void);

/* Returns the slot of the calling thread, or NULL if it has none yet. */
const struct otr_self *otr_self_peek(void);

/* In a child after fork: its only thread keeps the slot that it had in the parent. */
void otr_threads_forked(void);

/* Has thread `tid` of this process ended? One system call; 0 under a seccomp filter. */
int otr_has_ended(int32_t tid);

/* Is it certain that the process has never had a second thread? */
int otr_is_single_threaded(void);

#pragma GCC visibility pop

#endif /* OTR_PRELOAD_THREAD_H */
