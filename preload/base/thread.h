/* SPDX-License-Identifier: Apache-2.0 */
#ifndef OTR_PRELOAD_THREAD_H
#define OTR_PRELOAD_THREAD_H

/* thread.h - the threads of the process, each with a slot in otr_shim.selves. */

#include <stdint.h>

struct otr_self;

#pragma GCC visibility push(hidden) /* exports.map: nothing of ours gets out */

/* Finds libc's variable for otr_is_single_threaded(): once, in the constructor. */
void otr_threads_find(void);

/* The slot of the calling thread, which takes one at its first call. NULL: all are taken. */
struct otr_self *otr_self_now(void);

/* The slot of the calling thread, or NULL where it has none yet. */
const struct otr_self *otr_self_peek(void);

/* In a child after fork: its one thread keeps the slot that it had in the parent. */
void otr_threads_forked(void);

/* Has thread `tid` of this process ended? One system call; 0 under a seccomp filter. */
int otr_has_ended(int32_t tid);

/* Is it certain that the process has never had a second thread? */
int otr_is_single_threaded(void);

#pragma GCC visibility pop

#endif /* OTR_PRELOAD_THREAD_H */
