/* SPDX-License-Identifier: Apache-2.0 */
#ifndef OTR_PRELOAD_CONN_H
#define OTR_PRELOAD_CONN_H

/* conn.h - a connection begins, is checked again, and ends; in the wrappers and before messages. */

#include "preload/base/fd.h"

#pragma GCC visibility push(hidden) /* not exported: see exports.map */

/* Before a message begins on `fd`: checks that it is still the socket `f`. Returns `f`, or what
 * `fd` is now, held; NULL: no connection, or another thread holds it. */
struct otr_fd *otr_fd_recheck(int fd, struct otr_fd *f);

/* `fd` is about to be closed: emits the end of its connection, unless another number of this
 * process names the same socket. */
void otr_fd_closed(int fd);

/* After socket(), accept() or connect(): `fd` is a socket of this role (OTR_ROLE_..), no byte of
 * which has moved yet. */
void otr_fd_made(int fd, int role);

#pragma GCC visibility pop

#endif /* OTR_PRELOAD_CONN_H */
