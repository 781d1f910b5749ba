/* SPDX-License-Identifier: Apache-2.0 */
#ifndef OTR_IO_H
#define OTR_IO_H

/*
 * io.h - one call that moves bytes, whatever function makes it.
 * The wrappers of hooks/exports.c describe their call. Its caller gets the value, errno and bytes
 * that it would get without the library.
 */

#include <sys/types.h>
#include <sys/uio.h>

#include "preload/trace/call.h"

#pragma GCC visibility push(hidden) /* not exported: see exports.map */

/* Makes the call `o`, with a header in it where one belongs. Returns what the call returned,
 * without the bytes of the header. */
ssize_t otr_out(const struct otr_out *o);

/* After a call that receives, which returned `ret`. errno stays as it is. */
void otr_in(const struct otr_in *in, ssize_t ret);

#pragma GCC visibility pop

#endif /* OTR_IO_H */
