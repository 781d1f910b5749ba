/* SPDX-License-Identifier: Apache-2.0 */
/* elf_class.c - for how many bits a program is made: elf(5), e_ident. */

#include "agent/base/elf_class.h"

#include <elf.h>
#include <fcntl.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

int otr_elf_class(const char *path)
{
	unsigned char ident[EI_NIDENT] = {0};
	int fd = open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK | O_NOCTTY);
	int is = ELFCLASSNONE;
	struct stat st;

	if (fd < 0)
		return is;
	if (!fstat(fd, &st) && S_ISREG(st.st_mode) &&
	    pread(fd, ident, sizeof(ident), 0) == sizeof(ident) &&
	    !memcmp(ident, ELFMAG, SELFMAG))
		is = ident[EI_CLASS];
	close(fd);
	return is;
}
