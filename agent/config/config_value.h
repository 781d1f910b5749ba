/* SPDX-License-Identifier: Apache-2.0 */
#ifndef OTR_CONFIG_VALUE_H
#define OTR_CONFIG_VALUE_H

/* config_value.h - parses values of options, those of commands and those of exporters. */

#include <stdbool.h>
#include <stddef.h>

#include "agent/config/option.h"

struct otr_buf;
struct otr_err;

/* Parses `text` into `field`, which has the type of `opt`; a list gets one more item. Returns
 * 0, -EINVAL, -ERANGE or -ENOMEM with the reason in `err`, which begins with `from` ("--hold"). */
int otr_value_parse(const struct otr_option *opt, const char *text, const char *from, void *field,
		    struct otr_err *err);

/* Appends the value of `field` as text that otr_value_parse() reads; of a list, of the item `i`.
 * Nothing where there is none. */
void otr_value_print(const struct otr_option *opt, const void *field, size_t i,
		     struct otr_buf *out);

/* Do both fields hold the same value? */
bool otr_value_equal(const struct otr_option *opt, const void *a, const void *b);

/* How many bytes a field of this type takes. */
size_t otr_value_size(const struct otr_option *opt);

/* Frees a string or a list; the field is NULL then. */
void otr_value_clear(const struct otr_option *opt, void *field);

/* The most edits between a word and the one that was probably meant. */
#define OTR_VALUE_NEAR 2

/* The word of `words` (NULL ends) that `text` most likely means: at most OTR_VALUE_NEAR edits
 * away, and at most half as many as the word has letters: two edits turn "no" into any word of
 * two letters. Or NULL. */
const char *otr_value_meant(const char *const *words, const char *text);

/* Writes "a, b or c" into `out`. */
void otr_value_words(const char *const *words, char *out, size_t size);

#endif /* OTR_CONFIG_VALUE_H */
