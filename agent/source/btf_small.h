/* SPDX-License-Identifier: Apache-2.0 */
#ifndef OTR_BTF_SMALL_H
#define OTR_BTF_SMALL_H

/*
 * btf_small.h - the part of a kernel's type information that our programs need.
 *
 * For each type that a program reads, libbpf searches the names of all 130,000 types of the kernel:
 * that was a quarter of the time that a start takes. So it gets a copy with the needed structs
 * alone.
 */

struct btf;

/* Copies from the file `path` each struct that `own`, the type information of the programs, names,
 * with those of its members whose names `own` has, and all that lies in it by value. Pointers
 * become void *. Our own structs, otr_*, are left out. Returns a descriptor of the copy, in the
 * form of `path`, or -errno: -ENOENT: the kernel has no such struct, or has it in a module. */
int otr_btf_small(const char *path, struct btf *own);

#endif /* OTR_BTF_SMALL_H */
