/* SPDX-License-Identifier: Apache-2.0 */
/*
 * golang.c - is a process a Go program, and where do its goroutines keep their numbers?
 *
 * Go writes its version into section .go.buildinfo of every executable (debug/buildinfo of Go):
 * 14 bytes of magic, pointer size, flags; since Go 1.18 (flag 2) the version follows at byte 32,
 * its length before it as a varint. The offsets of goid and parentGoid in struct g depend on the
 * version. Where a version was not verified, they are "unknown", and no parents are claimed in
 * that process.
 *
 * The owner of an executable may write anything into it: sizes in it are used for bounded reads
 * only.
 */

#include <elf.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "agent/base/foreign.h"
#include "agent/base/own.h"
#include "agent/base/slice.h"
#include "agent/source/bpf.h"
#include "bpf/shared.h"

static const struct {
	const char *version; /* bytes of the section that are read */
	uint32_t goid, parent;
} layouts[] = {
	{"go1.26", 152, 280}, /* verified: tests/bats/http.bats */
};

/* Section headers of an ordinary Go program: some 40; names: 1 KiB. */
#define SECTIONS 1024
#define NAMES	 65536
#define INFO	 (33 + 127) /* how much of the section is needed */

static void close_fd(int *fd)
{
	if (*fd >= 0)
		close(*fd);
}

static void free_headers(Elf64_Shdr **all)
{
	free(*all);
}

static bool read_head(int fd, Elf64_Ehdr *eh)
{
	return otr_foreign_at(fd, 0, eh, sizeof(*eh)) && !memcmp(eh->e_ident, ELFMAG, SELFMAG) &&
	       eh->e_ident[EI_CLASS] == ELFCLASS64 && eh->e_shentsize == sizeof(Elf64_Shdr) &&
	       eh->e_shnum <= SECTIONS && eh->e_shstrndx < eh->e_shnum;
}

/* Finds section `name`. Numbers of the file are used for bounded reads only. */
static bool find_section(int fd, const Elf64_Ehdr *eh, const Elf64_Shdr *all, const char *name,
			 Elf64_Shdr *out)
{
	Elf64_Shdr names = all[eh->e_shstrndx];
	char is[32];

	for (unsigned int i = 0; i < eh->e_shnum; i++) {
		if (all[i].sh_type != SHT_PROGBITS || all[i].sh_name > NAMES ||
		    names.sh_offset > INT64_MAX / 2 ||
		    !otr_foreign_at(fd, names.sh_offset + all[i].sh_name, is, strlen(name) + 1))
			continue;
		is[strlen(name)] = 0;
		if (strcmp(is, name))
			continue;
		*out = all[i];
		return true;
	}
	return false;
}

/* Reads the beginning of section .go.buildinfo to `out`, however large the file says the section
 * is. */
static bool read_info(int fd, char out[INFO])
{
	OTR_AUTO(free_headers) Elf64_Shdr *all = NULL;
	Elf64_Shdr info;
	Elf64_Ehdr eh;

	if (!read_head(fd, &eh))
		return false;
	all = calloc(eh.e_shnum, sizeof(*all));
	if (!all || !otr_foreign_at(fd, eh.e_shoff, all, eh.e_shnum * sizeof(*all)) ||
	    !find_section(fd, &eh, all, ".go.buildinfo", &info))
		return false;
	memset(out, 0, INFO);
	return otr_foreign_at(fd, info.sh_offset, out, info.sh_size < INFO ? info.sh_size : INFO);
}

static struct otr_slice version_of(const char info[INFO])
{
	if (memcmp(info, "\xff Go buildinf:", 14) || !(info[15] & 2))
		return OTR_SLICE_NONE;
	/* Versions are shorter than 128: a varint of one byte. */
	return otr_slice_sub((struct otr_slice){info, INFO}, 33, (unsigned char)info[32] & 0x7f);
}

static void look_up(struct otr_slice version, uint32_t *goid, uint32_t *parent)
{
	struct otr_slice is;

	*goid = OTR_GO_UNKNOWN;
	*parent = 0;
	for (size_t i = 0; i < OTR_ARRAY_SIZE(layouts); i++) {
		is = otr_slice_str(layouts[i].version);
		if (!otr_slice_starts(version, is))
			continue;
		*goid = layouts[i].goid;
		*parent = layouts[i].parent;
	}
}

struct look {
	uint32_t tgid;
	bool is_go;
	char version[OTR_GO_VERSION];
};

static void look_at(void *io)
{
	OTR_AUTO(close_fd) int fd = -1;
	struct look *lk = io;
	char path[64], info[INFO];
	struct otr_slice version;

	snprintf(path, sizeof(path), "/proc/%u/exe", lk->tgid);
	fd = otr_foreign_open(AT_FDCWD, path);
	lk->is_go = fd >= 0 && read_info(fd, info);
	if (!lk->is_go)
		return;
	version = version_of(info);
	snprintf(lk->version, sizeof(lk->version), "%.*s", OTR_SLICE_ARG(version));
}

bool otr_go_version(uint32_t tgid, char out[OTR_GO_VERSION])
{
	struct look lk = {.tgid = tgid};

	if (otr_foreign_within(OTR_FOREIGN_MS, look_at, NULL, &lk, sizeof(lk)) || !lk.is_go)
		return false;
	memcpy(out, lk.version, sizeof(lk.version));
	return true;
}

void otr_go_layout(uint32_t tgid, uint32_t *goid, uint32_t *parent)
{
	char version[OTR_GO_VERSION];

	*goid = *parent = 0;
	if (otr_go_version(tgid, version))
		look_up(otr_slice_str(version), goid, parent);
}
