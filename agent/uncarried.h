/* SPDX-License-Identifier: Apache-2.0 */
#ifndef OTR_UNCARRIED_H
#define OTR_UNCARRIED_H

/*
 * uncarried.h - programs that are not seen since they do not carry the library: as who starts
 * them says (bpf/ring.h, enum otr_uncarried), or as /proc shows.
 */

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct otr_buf;

#define OTR_UNCARRIED_ROWS 32 /* further programs are counted together */

struct otr_uncarried_row {
	int why;
	uint32_t tgid; /* who said so last */
	uint64_t times;
	char name[64]; /* of the program */
};

struct otr_uncarried_table {
	struct otr_uncarried_row rows[OTR_UNCARRIED_ROWS];
	size_t n;
	uint64_t more; /* that found no row */
};

/* `path` is the program's; of OTR_UNCARRIED_DEEP the module's. What `why` says nothing about
 * is not taken. */
void otr_uncarried_add(struct otr_uncarried_table *t, uint32_t tgid, int why, const char *path);

/* Did otr_uncarried_add() say so of this process? */
bool otr_uncarried_is(const struct otr_uncarried_table *t, uint32_t tgid, int why);

/* One line each; `root`: otrace runs with root's rights, and leaves probes out by choice. */
void otr_uncarried_print(struct otr_buf *out, const struct otr_uncarried_table *t, bool root);

#endif /* OTR_UNCARRIED_H */
