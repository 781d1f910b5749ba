/* SPDX-License-Identifier: Apache-2.0 */
#ifndef OTR_SLICE_H
#define OTR_SLICE_H

/*
 * slice.h - a view of bytes that another object owns.
 *
 * A slice owns nothing, ends at `len` and not at a NUL, and may hold any byte. An absent value has
 * data == NULL; an empty one has len == 0.
 */

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

struct otr_slice {
	const char *data;
	size_t len;
};

#define OTR_SLICE(literal) ((struct otr_slice){(literal), sizeof(literal) - 1})
#define OTR_SLICE_NONE	   ((struct otr_slice){NULL, 0})

/* For printf: "%.*s". */
#define OTR_SLICE_ARG(s) ((int)(s).len), ((s).len ? (s).data : "")

static inline struct otr_slice otr_slice_str(const char *str)
{
	return (struct otr_slice){str, str ? strlen(str) : 0};
}

/* The part from `from`, `len` bytes at most; never past the end. */
static inline struct otr_slice otr_slice_sub(struct otr_slice s, size_t from, size_t len)
{
	if (from > s.len)
		from = s.len;
	if (len > s.len - from)
		len = s.len - from;
	return (struct otr_slice){s.data ? s.data + from : NULL, len};
}

static inline bool otr_slice_eq(struct otr_slice a, struct otr_slice b)
{
	return a.len == b.len && (!a.len || !memcmp(a.data, b.data, a.len));
}

static inline char otr_lower(char c)
{
	return c >= 'A' && c <= 'Z' ? (char)(c | 0x20) : c;
}

/* An ASCII letter or digit? */
static inline bool otr_is_alnum(char c)
{
	return (otr_lower(c) >= 'a' && otr_lower(c) <= 'z') || (c >= '0' && c <= '9');
}

/* The value of a hexadecimal digit; -1: it is none. */
static inline int otr_hex_digit(char c)
{
	if (c >= '0' && c <= '9')
		return c - '0';
	c = otr_lower(c);
	return c >= 'a' && c <= 'f' ? c - 'a' + 10 : -1;
}

/* Equal but for the case of ASCII letters. */
static inline bool otr_slice_eq_nocase(struct otr_slice a, struct otr_slice b)
{
	if (a.len != b.len)
		return false;
	for (size_t i = 0; i < a.len; i++)
		if (otr_lower(a.data[i]) != otr_lower(b.data[i]))
			return false;
	return true;
}

static inline bool otr_slice_starts(struct otr_slice s, struct otr_slice with)
{
	return s.len >= with.len && !memcmp(s.data, with.data, with.len);
}

#endif /* OTR_SLICE_H */
