/* SPDX-License-Identifier: Apache-2.0 */
#ifndef OTR_UNIX_PEER_H
#define OTR_UNIX_PEER_H

/*
 * unix_peer.h - finds the other end of an AF_UNIX connection (NETLINK_SOCK_DIAG,
 * linux/unix_diag.h). This needs no privilege within one network namespace. The probes see the
 * other end themselves; the library would need a descriptor of its own for it.
 */

#include <stdint.h>

/* Returns a descriptor for otr_unix_peer(), or -errno: this kernel has no CONFIG_UNIX_DIAG, or it
 * may not be used. */
int otr_unix_peer_open(void);

/* The inode of the socket that the socket `inode` is connected to. 0: there is none, the
 * connection is over, or it is in another network namespace than `fd`. Does not block. */
uint64_t otr_unix_peer(int fd, uint64_t inode);

#endif /* OTR_UNIX_PEER_H */
