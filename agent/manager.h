/* SPDX-License-Identifier: Apache-2.0 */
#ifndef OTR_MANAGER_H
#define OTR_MANAGER_H

/*
 * manager.h - tells the service manager what the agent does: the protocol of sd_notify(3), a
 * datagram to the socket that NOTIFY_SOCKET names. Without one, nothing is told.
 */

#include <stddef.h>
#include <stdint.h>

/* The agent traces `processes` processes: it has started, or has read its configuration again. */
void otr_manager_ready(size_t processes);

/* It reads its configuration again; otr_manager_ready() follows. */
void otr_manager_reloading(void);

/* It ends: what is left is sent to the exporters. */
void otr_manager_stopping(void);

/* It lives. Told twice in the time that the manager gives (WatchdogSec=), however often it is
 * called. */
void otr_manager_alive(uint64_t now_ns);

#endif /* OTR_MANAGER_H */
