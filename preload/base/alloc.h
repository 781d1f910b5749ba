/* SPDX-License-Identifier: Apache-2.0 */
#ifndef OTR_ALLOC_H
#define OTR_ALLOC_H

/*
 * alloc.h - memory for the state of the library, by mmap alone.
 *
 * Mapped memory counts even if it is not used where a program locks its memory (mlockall), and
 * where the kernel promises no more than there is (vm.overcommit_memory = 2), there in each
 * child again. So what few programs need is mapped when it is needed.
 */

#include <stddef.h>

#pragma GCC visibility push(hidden) /* exports.map: nothing of ours gets out */

/* In the constructor: maps the tables that most programs need. 0: there is no memory, or so
 * little that it is left to the program. */
int otr_alloc_tables(void);

/* `size` bytes of zeros, which take memory when they are first used; NULL: there is none. */
void *otr_alloc(size_t size);
/* `place` is the address of a pointer. Returns that pointer; where it is NULL, memory is
 * allocated for it first, once for all threads. NULL: there is no memory, or a seccomp filter
 * is in force. */
void *otr_alloc_once(void *place, size_t size);

#pragma GCC visibility pop

#endif /* OTR_ALLOC_H */
