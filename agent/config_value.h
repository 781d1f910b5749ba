/* SPDX-License-Identifier: Apache-2.0 */
#ifndef OTR_CONFIG_VALUE_H
#define OTR_CONFIG_VALUE_H

/* config_value.h - text becomes a value of an option: of a command, or of an exporter. */

#include <stdint.h>

#include "agent/config.h"

/* Parses `text` into `field`, of the type `opt` has. A list is appended to.
 * Returns 0, -EINVAL, -ERANGE or -ENOMEM; `err` then says why, after `from`
 * ("--hold"). */
int otr_value_parse(const struct otr_option *opt, const char *text, const char *from, void *field,
		    struct otr_err *err);

/* Frees what a string or a list holds. */
void otr_value_clear(const struct otr_option *opt, void *field);

/* The word of `words` (NULL ends) that `text` most likely meant, at most 2
 * edits away and less than half of it; or NULL. */
const char *otr_value_meant(const char *const *words, const char *text);

/* "a, b or c" into `out`. */
void otr_value_words(const char *const *words, char *out, size_t size);

#endif /* OTR_CONFIG_VALUE_H */
