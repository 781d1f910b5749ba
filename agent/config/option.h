/* SPDX-License-Identifier: Apache-2.0 */
#ifndef OTR_OPTION_H
#define OTR_OPTION_H

/*
 * option.h - what an option is: one row of a table.
 *
 * An option is declared once. The flag, the environment variable, the key of the configuration
 * file, the default, the check of the range, the text of --help, of otrace(1) and of the
 * completions are all made from its row.
 */

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* The value of an OTR_OPTION_SHARE that is set to "auto". */
#define OTR_SHARE_AUTO (-1.0)

struct otr_err;

enum otr_option_type {
	OTR_OPTION_BOOL,     /* bool      on, off, true, false, 1, 0 */
	OTR_OPTION_INT,	     /* int64_t   min..max */
	OTR_OPTION_DURATION, /* uint64_t  ns: 250ms, 5s */
	OTR_OPTION_RATE,     /* int64_t   per second: 10/s, 10 */
	OTR_OPTION_SHARE,    /* double    of 1: 10%, 0.1, or auto */
	OTR_OPTION_ENUM,     /* int       one of `words` */
	OTR_OPTION_STRING,   /* char *    owned by the config */
	OTR_OPTION_LIST,     /* char **   the option repeated; `;` parts items of a variable.
			      * NULL ends; NULL when empty */
};

struct otr_option {
	/* "a-b" is the flag --a-b and the variable OTRACE_A_B. `env` lists standard variables that
	 * are read too, parted by blanks; the first one that is set counts. Or NULL. */
	const char *name;
	const char *env;
	char letter;		  /* -o; 0: none */
	uint32_t commands;	  /* which commands take it, one bit each */
	const char *const *words; /* of an enum; NULL ends */

	enum otr_option_type type;
	size_t offset; /* of the field, in the struct that the table fills */
	const char *fallback;
	/* Inclusive, in the unit of the field; 0, 0: any. A list has at most `max` items. */
	int64_t min, max;
	const char *group; /* the heading of the option in --help=all */
	const char *value; /* the name of the value; NULL for a bool */
	const char *help;  /* sentences: capital, full stop. -h shows the first */

	/* Checks the text of a string. Returns 0, or -EINVAL with the reason in `err`, which begins
	 * with `from` ("--sample", "OTRACE_SAMPLE"). NULL: any text will do. */
	int (*check)(const char *text, const char *from, struct otr_err *err);

	/* The file of configuration has a key for each option of `otrace agent` that has an `example`
	 * of its value. The key is `key`, or the name with `_` for `-`. */
	const char *key, *example;
	bool live;   /* `otrace agent` takes a new value from the file without a restart */
	bool secret; /* the text may hold a password: no message quotes it */
	/* In the file an item of a list may be a map: {a: 1, b: 2} is a=1,b=2. The value of the key
	 * `head` stands first, without its name; "": there is no such key. NULL: no maps. */
	const char *head;

	/* Checks an item of the file further, where its user would find the fault later, and without
	 * its place. NULL: nothing. */
	int (*check_file)(const char *text, const char *from, struct otr_err *err);

	/* Gives what the manual and --help=all say beyond `help`, one paragraph a call of `line`;
	 * the text is borrowed for that call. NULL: nothing. */
	void (*details)(void (*line)(void *arg, const char *text), void *arg);
};

#endif /* OTR_OPTION_H */
