/* SPDX-License-Identifier: Apache-2.0 */
#ifndef OTR_KIND_H
#define OTR_KIND_H

/* kind.h - processes in which there is nothing to trace, as proc(5) shows them. */

#include <stddef.h>
#include <stdint.h>

enum otr_kind {
	OTR_KIND_PROGRAM,
	OTR_KIND_KERNEL, /* a thread of the kernel */
	OTR_KIND_ENDED,	 /* a zombie: its parent has not asked for its status */
	OTR_KIND_THREAD, /* a thread that is not its process's first */
	OTR_KIND_32BIT,
};

struct otr_kind_of {
	enum otr_kind kind;
	char name[32];	 /* of the thread */
	uint32_t parent; /* of OTR_KIND_THREAD: the process */
};

/* Reads what kind of process `pid` is; OTR_KIND_PROGRAM if that cannot be read. */
void otr_kind_read(uint32_t pid, struct otr_kind_of *out);

#endif /* OTR_KIND_H */
