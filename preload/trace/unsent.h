/* SPDX-License-Identifier: Apache-2.0 */
#ifndef OTR_UNSENT_H
#define OTR_UNSENT_H

/* unsent.h - the unsent part of a header: what the kernel did not take of it. */

#pragma GCC visibility push(hidden) /* not exported: see exports.map */

/*
 * Before any call that sends on `fd`, also while the library is off: sends the unsent part of a
 * header, by send() if `is_message`, else by write(). `flags`: those of the caller's call. Returns
 * 0 if there is no unsent part any more; or -1 with the errno that the caller's call would set if
 * it could send none of its own bytes.
 */
int otr_unsent_send(int fd, int is_message, int flags);

#pragma GCC visibility pop

#endif /* OTR_UNSENT_H */
