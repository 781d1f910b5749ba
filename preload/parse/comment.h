/* SPDX-License-Identifier: Apache-2.0 */
#ifndef OTR_COMMENT_H
#define OTR_COMMENT_H

/*
 * comment.h - can a comment be put behind a statement without changing its meaning? Pure;
 * tests/unit/pqwire_test.c.
 */

#include <stddef.h>

#pragma GCC visibility push(hidden) /* exports.map: nothing of ours gets out */

#define OTR_TRACEPARENT 55 /* 00-32-16-2 */
/* The form of sqlcommenter, which the agent and others read. */
#define OTR_COMMENT_HEAD " /*traceparent='"
#define OTR_COMMENT_TAIL "'*/"
#define OTR_COMMENT_LEN \
	(sizeof(OTR_COMMENT_HEAD) - 1 + OTR_TRACEPARENT + sizeof(OTR_COMMENT_TAIL) - 1)

enum otr_comment {
	OTR_COMMENT_MAY,
	OTR_COMMENT_HAS_ONE, /* the text has the word "traceparent" in it */
	OTR_COMMENT_ODD,     /* the text cannot be read for certain, or is no statement */
};

/* Reads PostgreSQL's dialect. Where a setting of the session decides how a text is read (a
 * backslash in a string), the answer is ODD. */
enum otr_comment otr_comment_may(const char *sql, size_t len);

/* Writes `len` bytes of `sql`, the comment and a NUL to `out`. */
void otr_comment_put(char *out, const char *sql, size_t len,
		     const char traceparent[OTR_TRACEPARENT]);

#pragma GCC visibility pop

#endif /* OTR_COMMENT_H */
