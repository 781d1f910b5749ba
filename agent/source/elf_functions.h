/* SPDX-License-Identifier: Apache-2.0 */
#ifndef OTR_ELF_FUNCTIONS_H
#define OTR_ELF_FUNCTIONS_H

/*
 * elf_functions.h - where the functions of an ELF file are, by name.
 *
 * The owner of the file may write anything into it: numbers in it are used for bounded reads only,
 * and nothing is allocated by them. 64-bit files of this machine's byte order.
 */

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define OTR_ELF_CODE 256 /* bytes of a function that are read at most */

/* Finds the offset in the file of each of the `n` names (at most 63 bytes each) in the table of
 * dynamic symbols; 0: the file has no such function. Returns how many were found, or -errno where
 * the file is no ELF file of this machine. */
int otr_elf_functions(int fd, const char *const names[], size_t n, uint64_t offsets[]);

/* Reads the code at an offset, at most OTR_ELF_CODE bytes. Returns how many. */
size_t otr_elf_code(int fd, uint64_t offset, uint8_t out[OTR_ELF_CODE]);

#endif /* OTR_ELF_FUNCTIONS_H */
