/* SPDX-License-Identifier: Apache-2.0 */
#ifndef OTR_ALLOC_H
#define OTR_ALLOC_H

/*
 * alloc.h - memory for the state of the library, by mmap alone.
 *
 * Mapped memory counts even if it is not used, if the program locks its memory (mlockall), or if
 * the kernel does not overcommit memory (vm.overcommit_memory = 2), where it counts in each child
 * again. So memory that few programs need is mapped when it is first needed.
 */

#include <stddef.h>

#pragma GCC visibility push(hidden) /* not exported: see exports.map */

/* In the constructor: maps the tables that most programs need. Returns 0 if there is no memory, or
 * the limit of the process is so low that all of it is left to the program. */
int otr_alloc_tables(void);

/* Returns `size` bytes of zeros, each page of which takes memory at its first use; NULL: there is
 * no memory. */
void *otr_alloc(size_t size);
/* `place` is the address of a pointer. Returns the pointer; if it is NULL, sets it first to `size`
 * new bytes, once for all threads. NULL: there is no memory, or a seccomp filter is in force. */
void *otr_alloc_once(void *place, size_t size);

#pragma GCC visibility pop

#endif /* OTR_ALLOC_H */
