/* SPDX-License-Identifier: Apache-2.0 */
#ifndef OTR_DIAL_H
#define OTR_DIAL_H

/* dial.h - connect() that fails. */

#include <stdint.h>
#include <sys/socket.h>

#include "bpf/causality_state.h"

#pragma GCC visibility push(hidden) /* not exported: see exports.map */

struct otr_fd;
struct otr_self;

/* Does this errno say that connect() failed on the network, not by a mistake of the caller? */
int otr_dial_is_failure(int error);

/* After connect() to `sa` has not succeeded. `error`: its errno; EINPROGRESS: it is pending. */
void otr_dial(struct otr_self *self, struct otr_fd *f, const struct sockaddr *sa, socklen_t len,
	      uint64_t start_ns, int error);

/* A pending connect() has failed with `error`: emits that once, and only if no bytes moved. */
void otr_dial_failed(struct otr_self *self, struct otr_fd *f, int error);

/* `fd` is about to be closed while its connect() is pending. */
void otr_dial_closing(struct otr_self *self, int fd);

#pragma GCC visibility pop

#endif /* OTR_DIAL_H */
