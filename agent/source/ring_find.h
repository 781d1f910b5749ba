/* SPDX-License-Identifier: Apache-2.0 */
#ifndef OTR_RING_FIND_H
#define OTR_RING_FIND_H

/*
 * ring_find.h - the ring that a process has mapped, found by its name in /proc/PID/maps and
 * opened through map_files, which takes CAP_SYS_ADMIN or CAP_CHECKPOINT_RESTORE.
 *
 * A process can name what it likes so, and change what is mapped while we look. So only
 * memory is opened (a file could keep whoever opens it waiting), by what the kernel says of
 * its device before and after it is looked up. Whether it is a ring is seen later.
 */

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define OTR_MAPPED_RINGS 4 /* of one process: its maker's may be there, too */

/* What became of an attempt to adopt the ring of a process. */
enum otr_adopt {
	OTR_ADOPT_TAKEN,
	OTR_ADOPT_HELD,	  /* another agent reads it; this one will when the lease is over */
	OTR_ADOPT_LATER,  /* the library is there, and has no ring yet */
	OTR_ADOPT_NONE,	  /* the process carries no library, or its ring is not to be had */
	OTR_ADOPT_DENIED, /* this takes CAP_SYS_ADMIN or CAP_CHECKPOINT_RESTORE */
};

struct otr_ring_find {
	int pidfd; /* opened before all the rest was read */
	uint32_t uid;
	uint32_t pid; /* as the process sees itself */
	bool carries; /* the library is there */
	int fds[OTR_MAPPED_RINGS];
	size_t n;
};

struct otr_ring_find_range {
	unsigned long from, to;
};

/* One line of /proc/PID/maps, without its end: does it map a ring from its beginning?
 * `major`, `minor`: of the device that memory is on. Pure. */
bool otr_ring_find_line(const char *line, unsigned int major, unsigned int minor,
			struct otr_ring_find_range *range);

/* Returns 0, also where there is none, or -errno: -EPERM, we may not; -ESRCH, it is gone. Then
 * nothing is open. */
int otr_ring_find_find(uint32_t pid, struct otr_ring_find *out);

/* Closes what is open of it. */
void otr_ring_find_fini(struct otr_ring_find *m);

#endif /* OTR_RING_FIND_H */
