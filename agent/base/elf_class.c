/* SPDX-License-Identifier: Apache-2.0 */
/* elf_class.c - for how many bits a program is made: elf(5), e_ident. */

#include "agent/base/elf_class.h"

#include <elf.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "agent/base/foreign.h"

struct look {
	char path[64]; /* /proc/PID/exe */
	int class;
};

/* It may lie where its owner lets readers wait. */
static void look_at(void *io)
{
	unsigned char ident[EI_NIDENT];
	struct look *lk = io;
	int fd = otr_foreign_open(AT_FDCWD, lk->path);

	if (fd < 0)
		return;
	if (otr_foreign_at(fd, 0, ident, sizeof(ident)) && !memcmp(ident, ELFMAG, SELFMAG))
		lk->class = ident[EI_CLASS];
	close(fd);
}

int otr_elf_class(uint32_t pid)
{
	struct look lk = {.class = ELFCLASSNONE};

	snprintf(lk.path, sizeof(lk.path), "/proc/%u/exe", pid);
	otr_foreign_within(OTR_FOREIGN_MS, look_at, NULL, &lk, sizeof(lk));
	return lk.class;
}
