/* SPDX-License-Identifier: Apache-2.0 */
/*
 * find.c - finds a function of libc (or of its libdl) by name, without dlsym(): before glibc 2.34
 * dlsym() was in libdl, which a program may not have loaded.
 */

#include <elf.h>
#include <link.h>
#include <stddef.h>
#include <string.h>

#include "preload/base/real.h"

/* The symbol tables of one library. */
struct tables {
	ElfW(Addr) base;
	const ElfW(Sym) * syms;
	const char *strings;
	const uint16_t *versions; /* NULL: the library has no versions */
	const uint32_t *hash;	  /* DT_GNU_HASH, or NULL */
	const uint32_t *sysv;	  /* DT_HASH, or NULL */
};

struct wanted {
	const char *name;
	void *at; /* the result */
};

/* The address of a table. Most loaders have replaced the offset in the file by the address
 * already. */
static const void *address(ElfW(Addr) base, ElfW(Addr) value)
{
	return (const void *)(value < base ? value + base : value);
}

/* Returns 0 if the library has no symbol table. */
static int read_tables(struct tables *t, const struct dl_phdr_info *lib)
{
	const ElfW(Dyn) *dyn = NULL;

	*t = (struct tables){.base = lib->dlpi_addr};
	for (int i = 0; i < lib->dlpi_phnum; i++)
		if (lib->dlpi_phdr[i].p_type == PT_DYNAMIC)
			dyn = (const void *)(t->base + lib->dlpi_phdr[i].p_vaddr);
	for (; dyn && dyn->d_tag != DT_NULL; dyn++) {
		const void *at = address(t->base, dyn->d_un.d_ptr);

		if (dyn->d_tag == DT_SYMTAB)
			t->syms = at;
		else if (dyn->d_tag == DT_STRTAB)
			t->strings = at;
		else if (dyn->d_tag == DT_VERSYM)
			t->versions = at;
		else if (dyn->d_tag == DT_GNU_HASH)
			t->hash = at;
		else if (dyn->d_tag == DT_HASH)
			t->sysv = at;
	}
	return t->syms && t->strings && (t->hash || t->sysv);
}

/* The hash function of DT_GNU_HASH. */
static uint32_t hash_of(const char *name)
{
	uint32_t h = 5381;

	for (; *name; name++)
		h = h * 33 + (unsigned char)*name;
	return h;
}

#define VERSION_HIDDEN 0x8000 /* of DT_VERSYM: an older version */

/* Is symbol `i` the function of this name, defined here, in its default version? */
static int is_function(const struct tables *t, uint32_t i, const char *name)
{
	const ElfW(Sym) *sym = &t->syms[i];

	return sym->st_shndx && ELF64_ST_TYPE(sym->st_info) == STT_FUNC &&
	       !(t->versions && t->versions[i] & VERSION_HIDDEN) &&
	       !strcmp(t->strings + sym->st_name, name);
}

/* Searches the whole symbol table, whose length is in the System V hash table. */
static void *search_table(const struct tables *t, const char *name)
{
	for (uint32_t i = 1; i < t->sysv[1]; i++)
		if (is_function(t, i, name))
			return (void *)(t->base + t->syms[i].st_value);
	return NULL;
}

/* Searches DT_GNU_HASH: bucket counts, bloom filter, buckets, chains. */
static void *search_hash(const struct tables *t, const char *name)
{
	uint32_t buckets = t->hash[0], first = t->hash[1], words = t->hash[2];
	const uint32_t *bucket = (const void *)((const ElfW(Addr) *)(t->hash + 4) + words);
	const uint32_t *chain = bucket + buckets;
	uint32_t h = hash_of(name), i = buckets ? bucket[h % buckets] : 0;

	if (i < first)
		return NULL;
	do {
		if ((chain[i - first] | 1) == (h | 1) && is_function(t, i, name))
			return (void *)(t->base + t->syms[i].st_value);
	} while (!(chain[i++ - first] & 1));
	return NULL;
}

static void *look_up(const struct tables *t, const char *name)
{
	return t->hash ? search_hash(t, name) : search_table(t, name);
}

/* For dl_iterate_phdr(): searches a library if it is libc or libdl. */
static int visit(struct dl_phdr_info *lib, size_t size, void *arg)
{
	const char *slash = strrchr(lib->dlpi_name, '/');
	struct wanted *w = arg;
	struct tables t;

	(void)size;
	if (!slash || (strncmp(slash, "/libc.", 6) && strncmp(slash, "/libdl.", 7)) ||
	    !read_tables(&t, lib))
		return 0;
	w->at = look_up(&t, w->name);
	return w->at != NULL;
}

void *otr_find(const char *name)
{
	struct wanted w = {.name = name};

	dl_iterate_phdr(visit, &w);
	return w.at;
}

void *otr_find_in(const void *image, const char *name)
{
	const ElfW(Ehdr) *eh = image;
	const ElfW(Phdr) *ph = (const void *)((const char *)image + eh->e_phoff);
	struct dl_phdr_info lib = {.dlpi_phdr = ph, .dlpi_phnum = eh->e_phnum};
	struct tables t;

	for (int i = 0; i < eh->e_phnum && !lib.dlpi_addr; i++)
		if (ph[i].p_type == PT_LOAD)
			lib.dlpi_addr = (ElfW(Addr))image + ph[i].p_offset - ph[i].p_vaddr;
	return read_tables(&t, &lib) ? look_up(&t, name) : NULL;
}
