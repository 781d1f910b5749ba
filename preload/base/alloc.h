/* SPDX-License-Identifier: Apache-2.0 */
#ifndef OTR_ALLOC_H
#define OTR_ALLOC_H

/*
 * alloc.h - the memory in which the library keeps what it knows.
 *
 * All that is mapped counts where a program locks what it has in memory (mlockall), and where
 * no more is promised than there is (vm.overcommit_memory = 2), there in each child again. So
 * what few programs need is made when it is needed.
 */

#include <stddef.h>

#pragma GCC visibility push(hidden) /* exports.map: nothing of ours gets out */

/* For the constructor: what most programs need. 0: there is none, or so little that it is
 * the program's. */
int otr_alloc_tables(void);

/* Zeroed pages, the kernel's until they are used; NULL: none. */
void *otr_alloc(size_t size);
/* What `place`, a pointer, points to: made when that is NULL. NULL: none is to be had. */
void *otr_alloc_once(void *place, size_t size);

#pragma GCC visibility pop

#endif /* OTR_ALLOC_H */
