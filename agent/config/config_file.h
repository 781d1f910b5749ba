/* SPDX-License-Identifier: Apache-2.0 */
#ifndef OTR_CONFIG_FILE_H
#define OTR_CONFIG_FILE_H

/*
 * config_file.h - reads the file of configuration into a table of options.
 *
 * The file is YAML: one map from keys to values. A key is the name of an option with `_` for `-`;
 * a value is what the option takes, as text. An option that may be repeated takes a list.
 *
 *	cpu_budget: 5%
 *	ignore: [GET /health, GET /metrics]
 *	rules:
 *	  - {exe: /usr/bin/node, sample: 10%}	# --rule exe=/usr/bin/node,sample=10%
 *
 * Anchors, aliases and tags are refused, so that a text takes as much memory as it has bytes.
 */

#include "agent/base/slice.h"
#include "agent/config/config.h"

#define OTR_CONFIG_FILE_BYTES (256 * 1024) /* what is longer is refused */

/* Reads `text`, the content of the file `path` (borrowed for the life of `opts`). Returns 0,
 * -ENOMEM, or -EINVAL or -ERANGE with the reason in `err`: it begins with "PATH:LINE:COLUMN: ".
 * Some options may be set then. */
int otr_options_yaml(struct otr_options *opts, const char *path, struct otr_slice text,
		     struct otr_err *err);

/* Opens the file, and reads it as above. Root, and whoever has a capability, takes the file only if it
 * is root's or his own, and nobody else can write it. Returns -ENOENT where there is none, or -EIO, -EPERM, -EFBIG with the reason
 * in `err`. */
int otr_options_file(struct otr_options *opts, const char *path, struct otr_err *err);

#endif /* OTR_CONFIG_FILE_H */
