/* SPDX-License-Identifier: Apache-2.0 */
#ifndef OTR_CONFIG_H
#define OTR_CONFIG_H

/* config.h - sets options from command line, environment and file, and prints them. The rows of the
 * table are struct otr_option. */

#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>

#include "agent/config/option.h"

struct otr_err;

/* Where a value came from, the weakest first. A weaker origin never overrides a stronger one, so
 * origins can be read in any order. */
enum otr_option_origin {
	OTR_ORIGIN_DEFAULT,
	OTR_ORIGIN_FILE, /* the file of configuration */
	OTR_ORIGIN_OTEL, /* OTEL_* */
	OTR_ORIGIN_ENV,	 /* OTRACE_* */
	OTR_ORIGIN_FLAG,
};

enum otr_help_asked {
	OTR_HELP_NONE,
	OTR_HELP_USUAL, /* -h, --help */
	OTR_HELP_ALL,	/* --help=all */
};

/* A table bound to the struct it fills. */
struct otr_options {
	const struct otr_option *table; /* ends with a row whose name is NULL */
	void *dst;
	uint8_t *origin;  /* enum otr_option_origin, one per row */
	uint32_t *line;	  /* of the key in the file, one per row; 0: it is not there */
	const char *file; /* its path, borrowed; NULL: none was read */

	/* Set by the caller after otr_options_init(): the command that the options are for. */
	uint32_t command;	  /* the bit of the command; 0: all commands */
	const char *name;	  /* "run", for messages; may be NULL */
	enum otr_help_asked help; /* read by otr_options_args() */
};

/* Binds `table` to `dst` and sets every field to its fallback. Borrows both
 * until otr_options_fini(). Returns 0 or -ENOMEM. */
int otr_options_init(struct otr_options *opts, const struct otr_option *table, void *dst);

/* Frees the strings in `dst`; the table and `dst` are not used any more. */
void otr_options_fini(struct otr_options *opts);

/* Parses `text` into the option called `name`. Returns 0, -ENOENT if there is no such option,
 * -EINVAL or -ERANGE for a bad value: `err` quotes the text, its origin and what is right, and
 * the field keeps its value. */
int otr_options_set(struct otr_options *opts, const char *name, const char *text,
		    enum otr_option_origin origin, struct otr_err *err);

/* Likewise for the row `opt`; `from` is what the error begins with. A text that a stronger origin
 * overrides is checked all the same. */
int otr_options_set_row(struct otr_options *opts, const struct otr_option *opt, const char *text,
			enum otr_option_origin origin, const char *from, struct otr_err *err);

/* Reads the environment into every option of the command. Returns as otr_options_set() does. */
int otr_options_env(struct otr_options *opts, struct otr_err *err);

/* Reads the flags in `argv`, NULL at the end: --a=b, --a b, -o X, -oX, -q, --. Words that are
 * no option move to the front of `argv`, with NULL after them. `end_at_arg`: the first such
 * word ends the options, and it and all words behind it stay as they are. Returns as
 * otr_options_set() does; stops at -h and --help. */
int otr_options_args(struct otr_options *opts, char **argv, bool end_at_arg, struct otr_err *err);

/* The origin of the option's value: "--export", "OTRACE_EXPORT", "OTEL_..", "FILE:LINE"; valid
 * until the next call. NULL: the option has its default. */
const char *otr_options_origin(const struct otr_options *opts, const char *name);

/* The row called `name`, or NULL. */
const struct otr_option *otr_option_find(const struct otr_option *table, const char *name);

/* The option of the command that `name` most likely means (see otr_value_meant()), or NULL. */
const struct otr_option *otr_option_meant(const struct otr_options *opts, const char *name);

/* Is it an option of the command, or is there no command? */
bool otr_option_belongs(const struct otr_options *opts, const struct otr_option *opt);

/* Is it a key of the file of configuration? Writes the key: a_b for the option "a-b". */
bool otr_option_key(const struct otr_option *opt, char out[64]);

/* Do both hold the same value for `opt`? */
bool otr_options_equal(const struct otr_options *a, const struct otr_options *b,
		       const struct otr_option *opt);

/* Exchanges the value of `opt` and its origin. */
void otr_options_swap(struct otr_options *a, struct otr_options *b, const struct otr_option *opt);

/* Writes OTRACE_A_B for the option "a-b". */
void otr_option_env_name(const struct otr_option *opt, char out[64]);

/* Print the options of the command, or the whole table: for a terminal, by groups, and as the
 * section OPTIONS of otrace(1). */
void otr_options_help(const struct otr_options *opts, FILE *out);
void otr_options_mdoc(const struct otr_options *opts, FILE *out);

/* Print the keys of the file of configuration: each with its help and an example, behind a #; each
 * with its value and the origin of that. Neither prints a password. */
void otr_options_example(const struct otr_options *opts, FILE *out);
void otr_options_show(const struct otr_options *opts, FILE *out);

/* The heading of a group of options. */
const char *otr_option_title(const char *group);

/* Prints one option for a terminal: "  -o, --output FILE    Sentence." Without `whole`, the first
 * sentence alone. */
void otr_option_print(const struct otr_option *opt, bool whole, FILE *out);

#endif /* OTR_CONFIG_H */
