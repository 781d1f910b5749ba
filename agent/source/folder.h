/* SPDX-License-Identifier: Apache-2.0 */
#ifndef OTR_SOURCE_FOLDER_H
#define OTR_SOURCE_FOLDER_H

/*
 * folder.h - the runtime folder of a session. It holds the sockets at which rings are offered by
 * path, so that processes in other network namespaces reach them.
 */

#include <stddef.h>

struct sockaddr_un;

/* Makes the folder and writes its path to `out`: in /run for root, else in XDG_RUNTIME_DIR, else
 * in /tmp. Where no folder can be made, `out` is a name without a slash, and the session has
 * abstract sockets only. Removes the folders of agents of this user that were killed. Returns 0,
 * or -errno where there are no random bytes. */
int otr_folder_make(char *out, size_t size);

/* Binds a socket to `at`, a path in the folder; whoever may enter the folder may send to it.
 * Returns 0 or -errno. */
int otr_folder_bind(int fd, const struct sockaddr_un *at);

/* Removes the sockets and the folder. `folder` may be a name without a slash. */
void otr_folder_remove(const char *folder);

#endif /* OTR_SOURCE_FOLDER_H */
