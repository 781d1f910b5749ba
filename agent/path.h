/* SPDX-License-Identifier: Apache-2.0 */
#ifndef OTR_PATH_H
#define OTR_PATH_H

/* path.h - a program, found as a shell finds it. */

#include <stddef.h>

struct otr_err;

/* The path of `name`: itself where it holds a slash, else the first executable of that
 * name in PATH. Returns 0, -ENOENT or -EACCES; `err` then says where was looked, and
 * what may have been meant. */
int otr_path_find(const char *name, char *out, size_t size, struct otr_err *err);

#endif /* OTR_PATH_H */
