/* SPDX-License-Identifier: Apache-2.0 */
#ifndef OTR_SOURCE_FOLDER_H
#define OTR_SOURCE_FOLDER_H

/*
 * folder.h - the runtime folder of a session: it holds the sockets at which rings are offered
 * by path, so that processes in other network namespaces reach them.
 */

#include <stddef.h>

struct sockaddr_un;

/* Makes the folder, and writes its path to `out`. It lies in /run for root, else in
 * XDG_RUNTIME_DIR, else in /tmp. Where no folder can be made `out` is a name without a slash,
 * and the session has abstract sockets alone. Removes the folders that agents of this user
 * left behind when they were killed. Returns 0, or -errno: no random bytes. */
int otr_folder_make(char *out, size_t size);

/* Binds a socket to `at`, a path in the folder, which all who may enter the folder may then
 * send to. Returns 0 or -errno. */
int otr_folder_bind(int fd, const struct sockaddr_un *at);

/* Removes the sockets and the folder. A name without a slash is fine. */
void otr_folder_remove(const char *folder);

#endif /* OTR_SOURCE_FOLDER_H */
