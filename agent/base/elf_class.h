/* SPDX-License-Identifier: Apache-2.0 */
#ifndef OTR_ELF_CLASS_H
#define OTR_ELF_CLASS_H

/* elf_class.h - for how many bits a program is made. */

#include <stdint.h>

/* Returns ELFCLASS32 or ELFCLASS64, the class of the executable of process `pid`; ELFCLASSNONE:
 * the process has ended, or the file cannot be read in time. */
int otr_elf_class(uint32_t pid);

#endif /* OTR_ELF_CLASS_H */
