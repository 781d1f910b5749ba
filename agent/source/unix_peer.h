/* SPDX-License-Identifier: Apache-2.0 */
#ifndef OTR_UNIX_PEER_H
#define OTR_UNIX_PEER_H

/*
 * unix_peer.h - who is at the other end of a connection of AF_UNIX, as the kernel says
 * (NETLINK_SOCK_DIAG, linux/unix_diag.h). No privilege is needed within one network namespace.
 * The probes see it by themselves; the library could ask nobody without a descriptor of its own.
 */

#include <stdint.h>

/* Returns a descriptor to ask with, or -errno: this kernel has no CONFIG_UNIX_DIAG, or otrace
 * may not use it. */
int otr_unix_peer_open(void);

/* The inode of the socket that the one with `inode` is connected to; 0: none, or the connection
 * is over, or in another network namespace than the one `fd` was opened in. Does not block. */
uint64_t otr_unix_peer(int fd, uint64_t inode);

#endif /* OTR_UNIX_PEER_H */
