/* SPDX-License-Identifier: Apache-2.0 */
/* elf_class.c - for how many bits a program is made: elf(5), e_ident. */

#include "agent/base/elf_class.h"

#include <elf.h>
#include <fcntl.h>
#include <string.h>
#include <unistd.h>

#include "agent/base/foreign.h"

int otr_elf_class(const char *path)
{
	unsigned char ident[EI_NIDENT];
	int fd = otr_foreign_open(AT_FDCWD, path);
	int is = ELFCLASSNONE;

	if (fd < 0)
		return is;
	if (otr_foreign_at(fd, 0, ident, sizeof(ident)) && !memcmp(ident, ELFMAG, SELFMAG))
		is = ident[EI_CLASS];
	close(fd);
	return is;
}
