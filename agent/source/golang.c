/* SPDX-License-Identifier: Apache-2.0 */
/*
 * golang.c - is a process a Go program, and where do its goroutines keep their numbers?
 *
 * Go writes its version into section .go.buildinfo of every executable (Go's
 * debug/buildinfo): 14 bytes of magic, pointer size, flags; since 1.18 (flag 2) the
 * version follows inline at byte 32, its length before it as a varint. The offsets of
 * goid and parentGoid in struct g are a matter of the version; one we have not verified
 * is "unknown", and then nothing is said of parents in that process.
 */

#include <fcntl.h>
#include <gelf.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "agent/base/own.h"
#include "agent/base/slice.h"
#include "agent/source/bpf.h"
#include "bpf/shared.h"

static const struct {
	const char *version; /* its beginning */
	uint32_t goid, parent;
} layouts[] = {
	{"go1.26", 152, 280}, /* verified: tests/bats/go.bats */
};

static void end_elf(Elf **e)
{
	if (*e)
		elf_end(*e);
}

static void close_fd(int *fd)
{
	if (*fd >= 0)
		close(*fd);
}

static Elf_Data *section(Elf *elf, const char *name)
{
	Elf_Scn *scn = NULL;
	size_t names;
	GElf_Shdr sh;
	const char *is;

	if (elf_getshdrstrndx(elf, &names))
		return NULL;
	while ((scn = elf_nextscn(elf, scn))) {
		if (!gelf_getshdr(scn, &sh))
			return NULL;
		is = elf_strptr(elf, names, sh.sh_name);
		if (is && !strcmp(is, name))
			return elf_getdata(scn, NULL);
	}
	return NULL;
}

static struct otr_slice version_of(const Elf_Data *info)
{
	const char *at = info->d_buf;

	if (info->d_size < 34 || memcmp(at, "\xff Go buildinf:", 14) ||
	    !(at[15] & 2))
		return OTR_SLICE_NONE;
	/* Versions are shorter than 128: a varint of one byte. */
	return otr_slice_sub((struct otr_slice){at, info->d_size}, 33,
			     (unsigned char)at[32] & 0x7f);
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

bool otr_go_version(uint32_t tgid, char out[OTR_GO_VERSION])
{
	OTR_AUTO(close_fd) int fd = -1;
	OTR_AUTO(end_elf) Elf *elf = NULL;
	struct otr_slice version;
	Elf_Data *info;
	char path[64];

	snprintf(path, sizeof(path), "/proc/%u/exe", tgid);
	fd = open(path, O_RDONLY | O_CLOEXEC);
	if (fd < 0)
		return false;
	elf_version(EV_CURRENT);
	elf = elf_begin(fd, ELF_C_READ, NULL);
	info = elf ? section(elf, ".go.buildinfo") : NULL;
	if (!info || !info->d_buf)
		return false;
	version = version_of(info);
	snprintf(out, OTR_GO_VERSION, "%.*s", OTR_SLICE_ARG(version));
	return true;
}

void otr_go_layout(uint32_t tgid, uint32_t *goid, uint32_t *parent)
{
	char version[OTR_GO_VERSION];

	*goid = *parent = 0;
	if (otr_go_version(tgid, version))
		look_up(otr_slice_str(version), goid, parent);
}
