/* SPDX-License-Identifier: Apache-2.0 */
#ifndef OTR_NET_H
#define OTR_NET_H

/* net.h - descriptors that the process receives from another. */

struct msghdr;

#pragma GCC visibility push(hidden) /* not exported: see exports.map */

/* After a message was received: forgets the numbers of the descriptors in it (SCM_RIGHTS), which
 * may have been those of other sockets. */
void otr_fds_received(const struct msghdr *msg);

#pragma GCC visibility pop

#endif /* OTR_NET_H */
