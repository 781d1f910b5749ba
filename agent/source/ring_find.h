/* SPDX-License-Identifier: Apache-2.0 */
#ifndef OTR_RING_FIND_H
#define OTR_RING_FIND_H

/*
 * ring_find.h - finds the ring that a process has mapped, by its name in /proc/PID/maps, and
 * opens it through map_files, which takes CAP_SYS_ADMIN or CAP_CHECKPOINT_RESTORE.
 *
 * A process can give that name to anything, and change what is mapped meanwhile. So only memory
 * is opened (a file could block the agent for long): the device is compared before and after the
 * file is looked up. The caller checks whether it is a ring.
 */

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define OTR_MAPPED_RINGS 4 /* of one process: that of its parent may be mapped, too */

/* What became of an attempt to adopt the ring of a process. */
enum otr_adopt {
	OTR_ADOPT_TAKEN,
	OTR_ADOPT_HELD,	  /* another agent reads it; this one will when the lease is over */
	OTR_ADOPT_LATER,  /* the library is there, and has no ring yet */
	OTR_ADOPT_NONE,	  /* the process carries no library, or its ring is not to be had */
	OTR_ADOPT_DENIED, /* this takes CAP_SYS_ADMIN or CAP_CHECKPOINT_RESTORE */
};

struct otr_ring_find {
	int pidfd; /* opened before anything else was read */
	uint32_t uid;
	uint32_t pid; /* in the pid namespace of the process */
	bool carries; /* the library is mapped */
	int fds[OTR_MAPPED_RINGS];
	size_t n;
};

struct otr_ring_find_range {
	unsigned long from, to;
};

/* Does this line of /proc/PID/maps, without its end, map a ring from its beginning? `major`,
 * `minor`: the device of memory. Pure. */
bool otr_ring_find_line(const char *line, unsigned int major, unsigned int minor,
			struct otr_ring_find_range *range);

/* Returns 0, also where the process has no ring, or -errno: -EPERM: this is not allowed; -ESRCH:
 * the process has ended. Then nothing is open. */
int otr_ring_find_find(uint32_t pid, struct otr_ring_find *out);

/* Closes the descriptors that are open in `m`. */
void otr_ring_find_fini(struct otr_ring_find *m);

#endif /* OTR_RING_FIND_H */
