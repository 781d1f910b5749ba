/* SPDX-License-Identifier: Apache-2.0 */
#ifndef OTR_WALK_H
#define OTR_WALK_H

/*
 * walk.h - the directory that holds what a path names, where otrace writes, perhaps as root: symbolic
 * links of root and of our effective user are followed on the way, those of others are refused.
 */

#include <limits.h>

struct otr_err;

/* Returns a descriptor of that directory (O_PATH, close-on-exec), and the last part of the path in
 * `name`, which is not looked at: "" where the path is empty or ends with a slash. Or -errno with the
 * reason in `err`, to stand behind the path, and a hint. */
int otr_walk(const char *path, char name[NAME_MAX + 1], struct otr_err *err);

#endif /* OTR_WALK_H */
