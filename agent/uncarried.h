/* SPDX-License-Identifier: Apache-2.0 */
#ifndef OTR_UNCARRIED_H
#define OTR_UNCARRIED_H

/*
 * uncarried.h - programs that do not carry the library, so that it sees nothing of them: as the
 * process that starts them reports (bpf/ring.h, enum otr_uncarried), or as /proc shows.
 */

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct otr_buf;

#define OTR_UNCARRIED_ROWS 32 /* further programs are counted together */

struct otr_uncarried_row {
	int why;
	uint32_t tgid; /* the process that reported it last */
	uint64_t times;
	char name[64]; /* of the program */
};

struct otr_uncarried_table {
	struct otr_uncarried_row rows[OTR_UNCARRIED_ROWS];
	size_t n;
	uint64_t more; /* reports beyond OTR_UNCARRIED_ROWS programs */
};

/* Adds a program; with OTR_UNCARRIED_DEEP, `path` is that of the module. An unknown `why` is
 * ignored. */
void otr_uncarried_add(struct otr_uncarried_table *t, uint32_t tgid, int why, const char *path);

/* Was this process added for this reason? */
bool otr_uncarried_is(const struct otr_uncarried_table *t, uint32_t tgid, int why);

/* Appends one line for each program. `root`: otrace runs as root, so that probes are missing by
 * choice. */
void otr_uncarried_print(struct otr_buf *out, const struct otr_uncarried_table *t, bool root);

#endif /* OTR_UNCARRIED_H */
