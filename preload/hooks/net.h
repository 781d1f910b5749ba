/* SPDX-License-Identifier: Apache-2.0 */
#ifndef OTR_NET_H
#define OTR_NET_H

/* net.h - descriptors that other wrappers see arrive. */

struct msghdr;

#pragma GCC visibility push(hidden) /* exports.map: nothing of ours gets out */

/* A message was received: descriptors in it may have numbers that were known as other sockets. */
void otr_fds_received(const struct msghdr *msg);

#pragma GCC visibility pop

#endif /* OTR_NET_H */
