/* SPDX-License-Identifier: Apache-2.0 */
#ifndef OTR_FD_CLOSER_H
#define OTR_FD_CLOSER_H

/* fd_closer.h - closes descriptors in a thread, where close() may wait for long. */

#include <stddef.h>

struct otr_fd_closer;

/* Closes `n` descriptors: soon, in the thread, which is started when it is first needed; or at once,
 * where there can be no thread or it is far behind. */
void otr_fd_closer_close(struct otr_fd_closer **cp, const int fds[], size_t n);

/* Returns when all are closed, and ends the thread. */
void otr_fd_closer_free(struct otr_fd_closer **cp);

#endif /* OTR_FD_CLOSER_H */
