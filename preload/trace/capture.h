/* SPDX-License-Identifier: Apache-2.0 */
#ifndef OTR_CAPTURE_H
#define OTR_CAPTURE_H

/* capture.h - how many of the bytes that move are copied. */

#include <stddef.h>

#include "preload/base/shim.h"

#pragma GCC visibility push(hidden) /* not exported: see exports.map */

/* Reads the policies of both directions of `f` from the table that the agent writes. There must be
 * a ring. */
void otr_take_policies(struct otr_fd *f);

/* How many bytes of the next call that sends on `f` may be read after the call? */
size_t otr_capture_wanted(const struct otr_fd *f);

#pragma GCC visibility pop

#endif /* OTR_CAPTURE_H */
