/* SPDX-License-Identifier: Apache-2.0 */
#ifndef OTR_ERR_H
#define OTR_ERR_H

/*
 * err.h - an error as a person reads it.
 *
 * The first line is enough alone: what failed, what was read, from where. Up to
 * three more lines say why, what would have been right, and a command to try:
 *
 *	otrace attach: no process 1234: /proc/1234 is not there
 *	    try  otrace attach :5000     follows restarts of whoever serves it
 *
 * Whoever handles the error prints it, once; nobody else logs it.
 */

#include <stdbool.h>

struct otr_err {
	char text[2048]; /* lines parted by \n, no last one; "" while no error */
};

/* Sets the first line, and forgets the others. */
void otr_err_set(struct otr_err *err, const char *fmt, ...) __attribute__((format(printf, 2, 3)));

/* Adds a line below it. */
void otr_err_hint(struct otr_err *err, const char *fmt, ...) __attribute__((format(printf, 2, 3)));

/* Prints to stderr as "otrace CMD: line" and the hints indented; CMD may be
 * NULL: "otrace: line". Control bytes come out escaped. */
void otr_err_print(const struct otr_err *err, const char *cmd);

#endif /* OTR_ERR_H */
