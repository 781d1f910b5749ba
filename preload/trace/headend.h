/* SPDX-License-Identifier: Apache-2.0 */
#ifndef OTR_PRELOAD_HEADEND_H
#define OTR_PRELOAD_HEADEND_H

/* headend.h - request heads that are longer than the bytes that are copied of each run. */

#include <stdint.h>
#include <sys/uio.h>

#pragma GCC visibility push(hidden) /* not exported: see exports.map */

struct otr_shim_dir;

/* Returns how many bytes of a call in the direction of requests are copied: `cap`, or more if the
 * head of the request does not end in these. */
uint32_t otr_head_cap(struct otr_shim_dir *w, int first, uint64_t moved, const struct iovec *iov,
		      int n, uint32_t cap);

#pragma GCC visibility pop

#endif /* OTR_PRELOAD_HEADEND_H */
