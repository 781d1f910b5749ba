/* SPDX-License-Identifier: Apache-2.0 */
#ifndef OTR_SPOOL_DIR_H
#define OTR_SPOOL_DIR_H

/* spool_dir.h - the folder of a spool: ours alone, reached by no link that another user made. */

struct otr_err;

/* Opens the folder `path`, which is made if its parent is there, and takes its lock. Returns its
 * descriptor, and that of the lock in `lock_fd`; or -errno, with the reason in `err`, if it says more
 * than the errno. */
int otr_spool_dir_open(const char *path, int *lock_fd, struct otr_err *err);

#endif /* OTR_SPOOL_DIR_H */
