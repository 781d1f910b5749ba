/* SPDX-License-Identifier: Apache-2.0 */
#ifndef TESTS_BSON_H
#define TESTS_BSON_H

/* bson.h - messages of MongoDB, made field by field, for tests of its parser. */

#include <stdint.h>
#include <string.h>

#include "agent/base/slice.h"

/* A message that is made; begins zeroed. The sizes of `at` documents are not set yet. */
struct made {
	char bytes[65536];
	size_t len;
	size_t docs[8];
	size_t n_docs;
};

static inline void put(struct made *m, const void *bytes, size_t len)
{
	memcpy(m->bytes + m->len, bytes, len);
	m->len += len;
}

static inline void put_u32_at(struct made *m, size_t at, uint32_t value)
{
	for (int i = 0; i < 4; i++)
		m->bytes[at + (size_t)i] = (char)(value >> 8 * i);
}

static inline void put_u32(struct made *m, uint32_t value)
{
	m->len += 4;
	put_u32_at(m, m->len - 4, value);
}

static inline void put_name(struct made *m, char type, const char *name)
{
	put(m, &type, 1);
	put(m, name, strlen(name) + 1);
}

/* The size of what is between is set by end_sized(). */
static inline void begin_sized(struct made *m)
{
	m->docs[m->n_docs++] = m->len;
	put_u32(m, 0);
}

static inline void end_sized(struct made *m)
{
	size_t at = m->docs[--m->n_docs];

	put_u32_at(m, at, (uint32_t)(m->len - at));
}

static inline void begin_doc(struct made *m, char type, const char *name)
{
	put_name(m, type, name);
	begin_sized(m);
}

static inline void end_doc(struct made *m)
{
	put(m, "", 1);
	end_sized(m);
}

static inline void put_text(struct made *m, const char *name, const char *text)
{
	put_name(m, 2, name);
	put_u32(m, (uint32_t)strlen(text) + 1);
	put(m, text, strlen(text) + 1);
}

static inline void put_int(struct made *m, const char *name, uint32_t value)
{
	put_name(m, 16, name);
	put_u32(m, value);
}

static inline void put_bytes(struct made *m, const char *name, const char *text)
{
	put_name(m, 5, name);
	put_u32(m, (uint32_t)strlen(text));
	put(m, "", 1);
	put(m, text, strlen(text));
}

/* OP_MSG with one document, whose fields follow. */
static inline void begin_msg(struct made *m, uint32_t id, uint32_t to, uint32_t flags)
{
	m->n_docs = 0;
	begin_sized(m);
	put_u32(m, id);
	put_u32(m, to);
	put_u32(m, 2013);
	put_u32(m, flags);
	put(m, "", 1);
	begin_sized(m);
}

static inline void end_msg(struct made *m)
{
	end_doc(m);
	end_sized(m);
}

/* {find: collection, $db: "shop"} */
static inline void put_find(struct made *m, uint32_t id, const char *collection)
{
	begin_msg(m, id, 0, 0);
	put_text(m, "find", collection);
	put_text(m, "$db", "shop");
	end_msg(m);
}

/* {ok: `ok`} */
static inline void put_ok(struct made *m, uint32_t id, uint32_t to, uint32_t ok)
{
	begin_msg(m, id, to, 0);
	put_int(m, "ok", ok);
	end_msg(m);
}

static inline struct otr_slice view(const struct made *m)
{
	return (struct otr_slice){m->bytes, m->len};
}

#endif /* TESTS_BSON_H */
