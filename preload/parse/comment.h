/* SPDX-License-Identifier: Apache-2.0 */
#ifndef OTR_COMMENT_H
#define OTR_COMMENT_H

/*
 * comment.h - can a comment follow an SQL statement without changing its meaning?
 *
 * Pure: tests/unit/pqwire_test.c.
 */

#include <stddef.h>

#include "preload/parse/environ.h"

#pragma GCC visibility push(hidden) /* not exported: see exports.map */

/* The format of sqlcommenter, which the agent and other tools read. */
#define OTR_COMMENT_HEAD " /*traceparent='"
#define OTR_COMMENT_TAIL "'*/"
#define OTR_COMMENT_LEN \
	(sizeof(OTR_COMMENT_HEAD) - 1 + OTR_PARENT_LEN + sizeof(OTR_COMMENT_TAIL) - 1)

enum otr_comment {
	OTR_COMMENT_MAY,     /* a comment can follow */
	OTR_COMMENT_HAS_ONE, /* the text contains "traceparent" */
	OTR_COMMENT_ODD,     /* the text is no statement, or its end cannot be found for certain */
};

/* Reads a statement in PostgreSQL's dialect. ODD also if a setting of the session decides how the
 * text is read (a backslash in a string). */
enum otr_comment otr_comment_may(const char *sql, size_t len);

/* Writes `len` bytes of `sql`, the comment and a NUL to `out`, which has room for them. */
void otr_comment_put(char *out, const char *sql, size_t len,
		     const char traceparent[OTR_PARENT_LEN]);

#pragma GCC visibility pop

#endif /* OTR_COMMENT_H */
