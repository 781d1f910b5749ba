/* SPDX-License-Identifier: Apache-2.0 */
#ifndef OTR_ROOM_H
#define OTR_ROOM_H

/*
 * room.h - the memory in which the library keeps what it knows.
 *
 * All that is mapped counts where a program locks what it has in memory (mlockall), and where
 * no more is promised than there is (vm.overcommit_memory = 2), there in each child again. So
 * what few programs need is made when it is needed.
 */

#include <stddef.h>

#pragma GCC visibility push(hidden) /* exports.map: nothing of ours gets out */

/* For the constructor: what most programs need. 0: there is none, or so little that it is
 * the program's. `comments`: statements get one. */
int otr_rooms(int comments);

/* Zeroed pages, the kernel's until they are used; NULL: none. */
void *otr_room(size_t size);
/* What `place`, a pointer, points to: made when that is NULL. NULL: none is to be had. */
void *otr_room_once(void *place, size_t size);

/* What they have from the beginning: tls.c, safe.c, pq.c. */
int otr_tls_room(void);
int otr_copies_room(void);
int otr_pq_room(int comments);

#pragma GCC visibility pop

#endif /* OTR_ROOM_H */
