/* SPDX-License-Identifier: Apache-2.0 */
#ifndef OTR_ELF_CLASS_H
#define OTR_ELF_CLASS_H

/* elf_class.h - for how many bits a program is made. */

/* ELFCLASS32 or ELFCLASS64 of the regular file at `path`; ELFCLASSNONE: it is no program, or
 * cannot be read. */
int otr_elf_class(const char *path);

#endif /* OTR_ELF_CLASS_H */
