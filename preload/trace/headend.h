/* SPDX-License-Identifier: Apache-2.0 */
#ifndef OTR_PRELOAD_HEADEND_H
#define OTR_PRELOAD_HEADEND_H

/* headend.h - request heads that are longer than what is copied of each run. */

#include <stdint.h>
#include <sys/uio.h>

#pragma GCC visibility push(hidden) /* exports.map: nothing of ours gets out */

struct otr_shim_dir;

/* `cap` bytes of a call would be copied, in the direction of requests. Returns how many are,
 * where a request's head goes on behind them. */
uint32_t otr_head_cap(struct otr_shim_dir *w, int first, uint64_t moved, const struct iovec *iov,
		      int n, uint32_t cap);

#pragma GCC visibility pop

#endif /* OTR_PRELOAD_HEADEND_H */
