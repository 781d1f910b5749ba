/* SPDX-License-Identifier: Apache-2.0 */
/*
 * elf_functions.c - functions of an ELF file, by name; see elf_functions.h and elf(5).
 *
 * Names are looked up in the hash table of the dynamic symbols (DT_GNU_HASH), so that a library
 * with 100,000 symbols takes a dozen reads. Its layout: four words (buckets, first symbol, words
 * of the filter, shift), the filter, the buckets, and one word for each symbol: its hash, with bit
 * 0 set at the end of a bucket.
 */

#include "agent/source/elf_functions.h"

#include <elf.h>
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "agent/base/foreign.h"
#include "agent/base/own.h"

#define SECTIONS_MAX 1024
#define SEGMENTS_MAX 64
#define CHAIN_MAX    4096 /* symbols of one bucket */
#define NAME_MAX_LEN 64

struct elf {
	int fd;
	Elf64_Ehdr head;
	Elf64_Phdr segments[SEGMENTS_MAX];
	Elf64_Shdr symbols, strings, hash;
};

#if defined(__x86_64__)
#define MACHINE EM_X86_64
#else
#define MACHINE EM_AARCH64
#endif

static bool read_head(struct elf *e)
{
	const Elf64_Ehdr *eh = &e->head;

	return otr_foreign_at(e->fd, 0, &e->head, sizeof(e->head)) &&
	       !memcmp(eh->e_ident, ELFMAG, SELFMAG) && eh->e_ident[EI_CLASS] == ELFCLASS64 &&
	       eh->e_machine == MACHINE && eh->e_shentsize == sizeof(Elf64_Shdr) &&
	       eh->e_phentsize == sizeof(Elf64_Phdr) && eh->e_shnum <= SECTIONS_MAX &&
	       eh->e_phnum <= SEGMENTS_MAX && eh->e_phoff < INT64_MAX / 2 &&
	       eh->e_shoff < INT64_MAX / 2 &&
	       otr_foreign_at(e->fd, eh->e_phoff, e->segments, eh->e_phnum * sizeof(Elf64_Phdr));
}

static bool read_section(const struct elf *e, uint32_t i, Elf64_Shdr *out)
{
	return i < e->head.e_shnum &&
	       otr_foreign_at(e->fd, e->head.e_shoff + i * sizeof(*out), out, sizeof(*out)) &&
	       out->sh_offset < INT64_MAX / 2 && out->sh_size < INT64_MAX / 2;
}

/* The table of dynamic symbols, their names, and the hash table over them. */
static bool find_tables(struct elf *e)
{
	bool symbols = false, hash = false;
	Elf64_Shdr is;

	for (uint32_t i = 0; i < e->head.e_shnum && !(symbols && hash); i++) {
		if (!read_section(e, i, &is))
			return false;
		if (is.sh_type == SHT_DYNSYM && is.sh_entsize == sizeof(Elf64_Sym)) {
			e->symbols = is;
			symbols = read_section(e, is.sh_link, &e->strings);
		} else if (is.sh_type == SHT_GNU_HASH) {
			e->hash = is;
			hash = true;
		}
	}
	return symbols && hash;
}

static bool read_word(const struct elf *e, uint64_t at, uint32_t *out)
{
	return at <= e->hash.sh_size - sizeof(*out) && e->hash.sh_size >= sizeof(*out) &&
	       otr_foreign_at(e->fd, e->hash.sh_offset + at, out, sizeof(*out));
}

static uint32_t hash_of(const char *name)
{
	uint32_t h = 5381;

	for (; *name; name++)
		h = h * 33 + (unsigned char)*name;
	return h;
}

/* Where in the file is what is loaded at `address`? 0: it is not in the file. */
static uint64_t offset_of(const struct elf *e, uint64_t address)
{
	for (size_t i = 0; i < e->head.e_phnum; i++) {
		const Elf64_Phdr *ph = &e->segments[i];

		if (ph->p_type == PT_LOAD && ph->p_flags & PF_X && address >= ph->p_vaddr &&
		    address - ph->p_vaddr < ph->p_filesz && ph->p_offset < INT64_MAX / 2)
			return address - ph->p_vaddr + ph->p_offset;
	}
	return 0;
}

/* Symbol `i`: gives its offset in the file if it is a function of this name. */
static bool is_symbol(const struct elf *e, uint64_t i, const char *name, uint64_t *offset)
{
	char is[NAME_MAX_LEN];
	size_t len = strlen(name) + 1;
	Elf64_Sym sym;

	if (i >= e->symbols.sh_size / sizeof(sym) ||
	    !otr_foreign_at(e->fd, e->symbols.sh_offset + i * sizeof(sym), &sym, sizeof(sym)) ||
	    ELF64_ST_TYPE(sym.st_info) != STT_FUNC || !sym.st_shndx || len > sizeof(is) ||
	    sym.st_name > e->strings.sh_size || e->strings.sh_size - sym.st_name < len ||
	    !otr_foreign_at(e->fd, e->strings.sh_offset + sym.st_name, is, len) ||
	    memcmp(is, name, len))
		return false;
	*offset = offset_of(e, sym.st_value);
	return *offset != 0;
}

static uint64_t look_up(const struct elf *e, const char *name)
{
	uint32_t buckets, first, words, i, h = hash_of(name), is = 0;
	uint64_t chains, offset = 0;

	if (!read_word(e, 0, &buckets) || !read_word(e, 4, &first) || !read_word(e, 8, &words) ||
	    !buckets)
		return 0;
	chains = 16 + 8 * (uint64_t)words;
	if (!read_word(e, chains + 4 * (uint64_t)(h % buckets), &i) || i < first)
		return 0;
	chains += 4 * (uint64_t)buckets;
	for (uint32_t n = 0; n < CHAIN_MAX && !(is & 1); n++, i++) {
		if (!read_word(e, chains + 4 * (uint64_t)(i - first), &is))
			return 0;
		if ((is | 1) == (h | 1) && is_symbol(e, i, name, &offset))
			return offset;
	}
	return 0;
}

int otr_elf_functions(int fd, const char *const names[], size_t n, uint64_t offsets[])
{
	struct elf e = {.fd = fd};
	int found = 0;

	memset(offsets, 0, n * sizeof(offsets[0]));
	if (!read_head(&e))
		return -ENOEXEC;
	if (!find_tables(&e))
		return 0;
	for (size_t i = 0; i < n; i++) {
		offsets[i] = look_up(&e, names[i]);
		found += offsets[i] != 0;
	}
	return found;
}

size_t otr_elf_code(int fd, uint64_t offset, uint8_t out[OTR_ELF_CODE])
{
	ssize_t n = offset < INT64_MAX / 2 ? pread(fd, out, OTR_ELF_CODE, (off_t)offset) : 0;

	return n > 0 ? (size_t)n : 0;
}
