/* SPDX-License-Identifier: Apache-2.0 */
#ifndef OTR_CONFIG_H
#define OTR_CONFIG_H

/*
 * config.h - one table of options, many ways to set them.
 *
 * An option is declared once, in a table, and from that row come its flag, its
 * environment variable, its line in the config file, its default, its range
 * check, its --help text and its entry in otrace.yaml(5).
 */

#include <stddef.h>
#include <stdint.h>
#include <stdio.h>

struct otr_err;

enum otr_option_type {
	OTR_OPTION_BOOL,	    /* bool      on, off, true, false, 1, 0 */
	OTR_OPTION_INT,	    /* int64_t   min..max */
	OTR_OPTION_BYTES,    /* size_t    64KiB, 16MiB */
	OTR_OPTION_DURATION, /* uint64_t  ns: 250ms, 5s */
	OTR_OPTION_SHARE,    /* double    10%, 0.1 */
	OTR_OPTION_RATE,     /* struct otr_rate   10%, 0.1, 100/s */
	OTR_OPTION_ADDR,     /* struct otr_addr   127.0.0.1:4310 */
	OTR_OPTION_ENUM,     /* int       one of `words` */
	OTR_OPTION_STRING,   /* char *    owned by the config */
	OTR_OPTION_LIST,     /* char **   comma-separated, or the option repeated */
};

struct otr_option {
	/* "a-b" is the flag --a-b, the variable OTRACE_A_B, and a_b in the YAML
	 * file. `env` is a standard variable to honour as well, or NULL. */
	const char *name;
	const char *env;
	char letter;	       /* -o; 0: none */
	uint32_t commands;     /* which commands take it, one bit each */
	const char *const *words; /* of an enum; NULL ends */

	enum otr_option_type type;
	size_t offset; /* of the field, within the struct the table fills */
	const char *fallback;
	int64_t min, max; /* inclusive, in the field's own unit; 0, 0: any */
	const char *help; /* a sentence: capital, full stop */
};

/* Where a value came from, weakest first: `otrace config show` prints it, and a weaker
 * origin never overrides a stronger one, so they can be read in any order. */
enum otr_origin {
	OTR_ORIGIN_DEFAULT,
	OTR_ORIGIN_FILE,
	OTR_ORIGIN_OTEL, /* OTEL_*: their own syntax, integers are ms */
	OTR_ORIGIN_ENV,	 /* OTRACE_* */
	OTR_ORIGIN_FLAG,
};

/* A table bound to the struct it fills. */
struct otr_options {
	const struct otr_option *table; /* ends with a row whose name is NULL */
	void *dst;
	uint8_t *origin; /* enum otr_origin, one per row */
};

/* Binds `table` to `dst` and sets every field to its fallback. Borrows both
 * until otr_options_fini(). Returns 0 or -ENOMEM. */
int otr_options_init(struct otr_options *opts, const struct otr_option *table,
		    void *dst);

/* Frees the strings set in `dst`, and lets go of both. */
void otr_options_fini(struct otr_options *opts);

/* Parses `text` into the option called `name`. Returns 0, -ENOENT for no such
 * option, or -EINVAL or -ERANGE for a bad value; `err` then quotes the text,
 * its origin and what would have been accepted, and nothing has changed. */
int otr_options_set(struct otr_options *opts, const char *name, const char *text,
		   enum otr_origin origin, struct otr_err *err);

/* Print the table: for a terminal, and as the body of otrace.yaml(5). */
void otr_options_help(const struct otr_options *opts, FILE *out);
void otr_options_mdoc(const struct otr_options *opts, FILE *out);

#endif /* OTR_CONFIG_H */
