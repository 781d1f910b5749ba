/* SPDX-License-Identifier: Apache-2.0 */
#ifndef OTR_NAME_PATH_H
#define OTR_NAME_PATH_H

/* name_path.h - what the path of a program says. All slices alias their argument. */

#include "agent/base/slice.h"

/* A link of /proc/PID/exe without the " (deleted)" that the kernel adds. */
struct otr_slice otr_name_exe(struct otr_slice link);

/* What stands behind the last '/'. */
struct otr_slice otr_name_base(struct otr_slice path);

/* The runtime's family without its version: of "/usr/bin/python3.11" it is "python". */
struct otr_slice otr_name_family(struct otr_slice exe);

#endif /* OTR_NAME_PATH_H */
