/* SPDX-License-Identifier: Apache-2.0 */
#ifndef OTR_DIAL_H
#define OTR_DIAL_H

/* dial.h - connect() that comes to nothing. */

#include <stdint.h>
#include <sys/socket.h>

#include "bpf/causality_state.h"

#pragma GCC visibility push(hidden) /* exports.map: nothing of ours gets out */

struct otr_fd;
struct otr_self;

/* Did the network say so? All else is the caller's mistake. */
int otr_dial_is_failure(int error);

/* connect() did not succeed yet. `error`: what it said, or EINPROGRESS. */
void otr_dial(struct otr_self *self, struct otr_fd *f, const struct sockaddr *sa, socklen_t len,
	      uint64_t start_ns, int error);

/* It failed; nothing is done where bytes moved, or it was told already. */
void otr_dial_failed(struct otr_self *self, struct otr_fd *f, int error);

/* `fd` is about to be closed. */
void otr_dial_closing(struct otr_self *self, int fd);

#pragma GCC visibility pop

#endif /* OTR_DIAL_H */
