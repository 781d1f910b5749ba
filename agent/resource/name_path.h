/* SPDX-License-Identifier: Apache-2.0 */
#ifndef OTR_NAME_PATH_H
#define OTR_NAME_PATH_H

/* name_path.h - names in the path of a program. All slices alias the argument. */

#include "agent/base/slice.h"

/* Returns a link of /proc/PID/exe without the " (deleted)" that the kernel adds. */
struct otr_slice otr_name_exe(struct otr_slice link);

/* Returns the part behind the last '/'. */
struct otr_slice otr_name_base(struct otr_slice path);

/* Returns the base name without a version: "python" of "/usr/bin/python3.11". */
struct otr_slice otr_name_family(struct otr_slice exe);

#endif /* OTR_NAME_PATH_H */
