/* SPDX-License-Identifier: Apache-2.0 */
/* btf_small.c - see btf_small.h. The form of the file is that of Documentation/bpf/btf.rst. */

#include "agent/source/btf_small.h"

#include <bpf/btf.h>
#include <errno.h>
#include <fcntl.h>
#include <linux/btf.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

#include "agent/base/own.h"

#define NEST_MAX 64 /* structs in structs */

struct whole { /* the type information of the kernel, as it lies in the file */
	char *bytes;
	size_t size;
	bool mapped;
	const char *types;
	const char *strings;
	uint32_t types_len;
	uint32_t strings_len;
	uint32_t *at; /* by id: the offset in `types` */
	uint32_t n;
};

struct small {
	struct whole from;
	struct btf *own;
	struct btf *to;
	int *id; /* by id in `from`: that in `to`; 0: not copied yet */
	int pointer;
};

static void free_small(struct small *s)
{
	if (s->from.mapped)
		munmap(s->from.bytes, s->from.size);
	else
		free(s->from.bytes);
	free(s->from.at);
	free(s->id);
	btf__free(s->to);
}

static int read_all(int fd, char *to, size_t n)
{
	ssize_t got;

	while (n) {
		got = read(fd, to, n);
		if (got < 0 && errno == EINTR)
			continue;
		if (got <= 0)
			return got ? -errno : -EIO;
		to += got;
		n -= (size_t)got;
	}
	return 0;
}

/* Linux 6.16 maps the file; before, it has to be read. */
static int map_file(struct whole *w, int fd)
{
	struct stat st;
	void *at;

	if (fstat(fd, &st))
		return -errno;
	w->size = (size_t)st.st_size;
	at = mmap(NULL, w->size, PROT_READ, MAP_PRIVATE, fd, 0);
	w->mapped = at != MAP_FAILED;
	w->bytes = w->mapped ? at : malloc(w->size);
	if (!w->bytes)
		return -ENOMEM;
	return w->mapped ? 0 : read_all(fd, w->bytes, w->size);
}

static int open_file(struct whole *w, const char *path)
{
	int fd = open(path, O_RDONLY | O_CLOEXEC), rc;

	if (fd < 0)
		return -errno;
	rc = map_file(w, fd);
	close(fd);
	return rc;
}

static int find_parts(struct whole *w)
{
	const struct btf_header *h = (const void *)w->bytes;
	uint64_t room = w->size;

	if (room < sizeof(*h) || h->magic != BTF_MAGIC || h->hdr_len > room ||
	    (h->type_off | h->hdr_len) & 3)
		return -EINVAL;
	room -= h->hdr_len;
	if ((uint64_t)h->type_off + h->type_len > room || (uint64_t)h->str_off + h->str_len > room)
		return -EINVAL;
	w->types = w->bytes + h->hdr_len + h->type_off;
	w->types_len = h->type_len;
	w->strings = w->bytes + h->hdr_len + h->str_off;
	w->strings_len = h->str_len;
	return w->strings_len && !w->strings[w->strings_len - 1] ? 0 : -EINVAL;
}

/* How many bytes follow the three words of each type, or -1. */
static int64_t rest_of(const struct btf_type *t)
{
	int64_t n = BTF_INFO_VLEN(t->info);

	switch (BTF_INFO_KIND(t->info)) {
	case BTF_KIND_INT:
	case BTF_KIND_VAR:
	case BTF_KIND_DECL_TAG:
		return 4;
	case BTF_KIND_ARRAY:
		return sizeof(struct btf_array);
	case BTF_KIND_STRUCT:
	case BTF_KIND_UNION:
	case BTF_KIND_DATASEC:
	case BTF_KIND_ENUM64:
		return n * 12;
	case BTF_KIND_ENUM:
	case BTF_KIND_FUNC_PROTO:
		return n * 8;
	case BTF_KIND_PTR:
	case BTF_KIND_FWD:
	case BTF_KIND_TYPEDEF:
	case BTF_KIND_VOLATILE:
	case BTF_KIND_CONST:
	case BTF_KIND_RESTRICT:
	case BTF_KIND_FUNC:
	case BTF_KIND_FLOAT:
	case BTF_KIND_TYPE_TAG:
		return 0;
	}
	return -1;
}

static const struct btf_type *type_at(const struct whole *w, uint32_t id)
{
	return (const void *)(w->types + w->at[id]);
}

static const char *name_of(const struct whole *w, uint32_t off)
{
	return off < w->strings_len ? w->strings + off : "";
}

static int index_types(struct whole *w)
{
	uint32_t at = 0;
	int64_t rest;

	w->at = malloc((w->types_len / sizeof(struct btf_type) + 1) * sizeof(*w->at));
	if (!w->at)
		return -ENOMEM;
	for (w->n = 1; w->types_len - at >= sizeof(struct btf_type); w->n++) {
		w->at[w->n] = at;
		rest = rest_of(type_at(w, w->n));
		at += (uint32_t)sizeof(struct btf_type);
		if (rest < 0 || rest > w->types_len - at)
			return -EINVAL;
		at += (uint32_t)rest;
	}
	return 0;
}

static int copy_type(struct small *s, uint32_t id, int depth);

static int copy_array(struct small *s, const struct btf_array *a, int depth)
{
	int index = copy_type(s, a->index_type, depth), elem = copy_type(s, a->type, depth);

	if (index < 0 || elem < 0)
		return index < 0 ? index : elem;
	return btf__add_array(s->to, index, elem, a->nelems);
}

/* Is a member of this name read? All that has no name is kept, since names may lie in it. */
static bool is_read(const struct small *s, const char *name)
{
	return !*name || btf__find_str(s->own, name) >= 0;
}

/* The types of members are added before the struct, since its members have to follow it. */
static int copy_members(struct small *s, const struct btf_type *t, int depth)
{
	const struct btf_member *m = (const void *)(t + 1);
	int id;

	for (uint32_t i = 0; i < BTF_INFO_VLEN(t->info); i++) {
		if (!is_read(s, name_of(&s->from, m[i].name_off)))
			continue;
		id = copy_type(s, m[i].type, depth);
		if (id < 0)
			return id;
	}
	return 0;
}

static int add_members(struct small *s, const struct btf_type *t)
{
	const struct btf_member *m = (const void *)(t + 1);
	uint32_t off, bits;
	const char *name;
	int id, rc = 0;

	for (uint32_t i = 0; !rc && i < BTF_INFO_VLEN(t->info); i++) {
		name = name_of(&s->from, m[i].name_off);
		if (!is_read(s, name))
			continue;
		bits = BTF_INFO_KFLAG(t->info) ? BTF_MEMBER_BITFIELD_SIZE(m[i].offset) : 0;
		off = BTF_INFO_KFLAG(t->info) ? BTF_MEMBER_BIT_OFFSET(m[i].offset) : m[i].offset;
		id = copy_type(s, m[i].type, 0); /* is there already */
		rc = id < 0 ? id : btf__add_field(s->to, name, id, off, bits);
	}
	return rc;
}

static int copy_struct(struct small *s, const struct btf_type *t, int depth)
{
	const char *name = name_of(&s->from, t->name_off);
	int rc = copy_members(s, t, depth), id;

	if (rc)
		return rc;
	if (BTF_INFO_KIND(t->info) == BTF_KIND_STRUCT)
		id = btf__add_struct(s->to, name, t->size);
	else
		id = btf__add_union(s->to, name, t->size);
	rc = id < 0 ? id : add_members(s, t);
	return rc ? rc : id;
}

static int copy_int(struct small *s, const struct btf_type *t)
{
	uint32_t bits;

	memcpy(&bits, t + 1, sizeof(bits));
	return btf__add_int(s->to, name_of(&s->from, t->name_off), t->size,
			    (int)BTF_INT_ENCODING(bits));
}

static int copy_new(struct small *s, const struct btf_type *t, int depth)
{
	const char *name = name_of(&s->from, t->name_off);

	switch (BTF_INFO_KIND(t->info)) {
	case BTF_KIND_INT:
		return copy_int(s, t);
	case BTF_KIND_ARRAY:
		return copy_array(s, (const void *)(t + 1), depth);
	case BTF_KIND_STRUCT:
	case BTF_KIND_UNION:
		return copy_struct(s, t, depth);
	case BTF_KIND_ENUM:
		return btf__add_enum(s->to, name, t->size);
	case BTF_KIND_ENUM64:
		return btf__add_enum64(s->to, name, t->size, false);
	case BTF_KIND_FLOAT:
		return btf__add_float(s->to, name, t->size);
	case BTF_KIND_TYPEDEF:
	case BTF_KIND_VOLATILE:
	case BTF_KIND_CONST:
	case BTF_KIND_RESTRICT:
	case BTF_KIND_TYPE_TAG:
		return copy_type(s, t->type, depth);
	}
	return -EINVAL;
}

/* Returns the id of the copy, or -errno. */
static int copy_type(struct small *s, uint32_t id, int depth)
{
	const struct btf_type *t;

	if (!id)
		return 0; /* void */
	if (id >= s->from.n || depth > NEST_MAX)
		return -EINVAL;
	t = type_at(&s->from, id);
	if (BTF_INFO_KIND(t->info) == BTF_KIND_PTR)
		return s->pointer;
	if (!s->id[id])
		s->id[id] = copy_new(s, t, depth + 1);
	return s->id[id];
}

/* Does `own` name this struct of the kernel? */
static bool is_named(struct btf *own, const char *name)
{
	return *name && strncmp(name, "otr_", 4) && btf__find_str(own, name) >= 0 &&
	       btf__find_by_name_kind(own, name, BTF_KIND_STRUCT) > 0;
}

static int copy_named(struct small *s)
{
	const struct btf_type *t;
	int rc;

	for (uint32_t id = 1; id < s->from.n; id++) {
		t = type_at(&s->from, id);
		if (BTF_INFO_KIND(t->info) != BTF_KIND_STRUCT ||
		    !is_named(s->own, name_of(&s->from, t->name_off)))
			continue;
		rc = copy_type(s, id, 0);
		if (rc < 0)
			return rc;
	}
	return 0;
}

/* Has the copy every struct that `own` names? */
static bool has_all(const struct small *s)
{
	const struct btf_type *t;
	const char *name;

	for (uint32_t id = 1; id < btf__type_cnt(s->own); id++) {
		t = btf__type_by_id(s->own, id);
		name = btf__name_by_offset(s->own, t->name_off);
		if (btf_is_struct(t) && is_named(s->own, name) &&
		    btf__find_by_name_kind(s->to, name, BTF_KIND_STRUCT) < 0)
			return false;
	}
	return true;
}

static int copy_all(struct small *s, const char *path)
{
	int rc = open_file(&s->from, path);

	rc = rc ? rc : find_parts(&s->from);
	rc = rc ? rc : index_types(&s->from);
	if (rc)
		return rc;
	s->id = calloc(s->from.n, sizeof(*s->id));
	s->to = btf__new_empty();
	if (!s->id || !s->to)
		return -ENOMEM;
	s->pointer = btf__add_ptr(s->to, 0);
	rc = s->pointer < 0 ? s->pointer : copy_named(s);
	return rc || has_all(s) ? rc : -ENOENT;
}

static int to_file(const struct btf *btf)
{
	uint32_t size;
	const void *bytes = btf__raw_data(btf, &size);
	int fd;

	if (!bytes)
		return -ENOMEM;
	fd = memfd_create("otrace-btf", MFD_CLOEXEC);
	if (fd < 0)
		return -errno;
	if (write(fd, bytes, size) == (ssize_t)size)
		return fd;
	close(fd);
	return -EIO;
}

int otr_btf_small(const char *path, struct btf *own)
{
	OTR_AUTO(free_small) struct small s = {.own = own};
	int rc = copy_all(&s, path);

	return rc ? rc : to_file(s.to);
}
