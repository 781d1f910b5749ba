/* SPDX-License-Identifier: Apache-2.0 */
/*
 * shim_state.c - the ring of one process, mapped: made, greeted, refused, dropped. What is read
 * from it is in shim.c.
 */

#include "agent/source/shim_state.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

#include "agent/base/clock.h"
#include "agent/resource/procfs.h"

#define ALL	(OTR_RING_HEAD + OTR_RING_BYTES)
#define SEALS	(F_SEAL_SHRINK | F_SEAL_GROW)
#define LOOK_NS 50000000ull	     /* between two looks whether a process lives */
#define FOREIGN (OTR_SHIM_RINGS / 4) /* rings of one other user than this agent's */

void otr_shim_drop(struct shim *sh)
{
	munmap(sh->rd.ring, ALL + OTR_RING_BYTES);
	if (sh->pidfd >= 0)
		close(sh->pidfd);
	free(sh);
}

struct shim *otr_shim_of(const struct otr_shims *s, uint32_t tgid)
{
	struct shim *sh;

	DL_FOREACH(s->all, sh)
		if (sh->tgid == tgid && !sh->rd.broken && !sh->replaced)
			return sh;
	return NULL;
}

/* Is it as large as a ring, and sealed, so that nobody can shrink it while it is mapped? */
static bool is_ring(int fd)
{
	struct stat st;
	int seals = fcntl(fd, F_GET_SEALS);

	return seals >= 0 && (seals & SEALS) == SEALS && !fstat(fd, &st) && st.st_size == ALL;
}

static struct otr_ring *map_ring(int fd)
{
	const int how = MAP_SHARED | MAP_FIXED, rw = PROT_READ | PROT_WRITE;
	char *at = mmap(NULL, ALL + OTR_RING_BYTES, PROT_NONE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	struct otr_ring *ring = (void *)at;

	if (at == MAP_FAILED)
		return NULL;
	if (mmap(at, ALL, rw, how, fd, 0) == MAP_FAILED ||
	    mmap(at + ALL, OTR_RING_BYTES, rw, how, fd, OTR_RING_HEAD) == MAP_FAILED ||
	    ring->magic != OTR_RING_MAGIC || ring->abi != OTR_ABI ||
	    ring->bytes != OTR_RING_BYTES) {
		munmap(at, ALL + OTR_RING_BYTES);
		return NULL;
	}
	return ring;
}

bool otr_shims_room(size_t all, size_t theirs, uint32_t uid)
{
	return all < OTR_SHIM_RINGS && (uid == geteuid() || theirs < FOREIGN);
}

static size_t count(const struct shim *list, uint32_t uid, size_t *all)
{
	const struct shim *at;
	size_t theirs = 0;

	DL_FOREACH(list, at) {
		theirs += at->uid == uid;
		++*all;
	}
	return theirs;
}

bool otr_shims_has_room(const struct otr_shims *s, uint32_t uid)
{
	size_t all = 0, theirs = count(s->all, uid, &all) + count(s->held, uid, &all);

	return otr_shims_room(all, theirs, uid);
}

void otr_shim_set_threshold(const struct otr_shims *s, struct shim *sh)
{
	uint64_t threshold = s->threshold ? s->threshold(s->threshold_arg, sh->tgid) : 0;

	if (threshold == sh->threshold)
		return;
	sh->threshold = threshold;
	__atomic_store_n(&sh->rd.ring->switches.threshold, threshold, __ATOMIC_RELAXED);
}

/* Switches that are in the process's environment hold as well. */
void otr_shim_write_switches(const struct otr_shims *s, struct shim *sh)
{
	struct otr_ring_switches *to = &sh->rd.ring->switches;

	to->flags = s->switches.flags;
	to->threshold = sh->threshold;
	otr_shim_set_threshold(s, sh);
	otr_shim_write_late_evidence(s, sh);
	memcpy(to->hosts.name, s->switches.hosts.name, sizeof(to->hosts.name));
	__atomic_store_n(&to->hosts.n, s->switches.hosts.n, __ATOMIC_RELEASE);
	__atomic_store_n(&sh->rd.ring->paused, s->paused, __ATOMIC_RELEASE);
}

struct shim *otr_shim_make(int fd, uint32_t tgid, uint32_t uid)
{
	struct shim *sh = is_ring(fd) ? calloc(1, sizeof(*sh)) : NULL;

	if (!sh)
		return NULL;
	sh->rd.ring = map_ring(fd);
	if (!sh->rd.ring) {
		free(sh);
		return NULL;
	}
	sh->rd.slots = (const char *)sh->rd.ring + OTR_RING_HEAD;
	sh->pidfd = -1;
	sh->found_ns = otr_now();
	sh->tgid = tgid;
	sh->uid = uid;
	sh->parent = otr_procfs_parent(tgid);
	otr_cpu_clamp_begin(&sh->clamp, tgid);
	return sh;
}

void otr_shim_refuse(int fd)
{
	struct otr_ring *ring = is_ring(fd) ? map_ring(fd) : NULL;

	if (!ring)
		return;
	__atomic_store_n(&ring->off, 1, __ATOMIC_RELEASE);
	munmap(ring, ALL + OTR_RING_BYTES);
}

bool otr_shim_has_ended(struct shim *sh, uint64_t now_ns)
{
	struct pollfd pf = {.fd = sh->pidfd, .events = POLLIN};

	if (sh->pidfd < 0)
		return true;
	if (now_ns - sh->looked_ns < LOOK_NS)
		return false;
	sh->looked_ns = now_ns;
	otr_cpu_clamp_look(&sh->clamp);
	return poll(&pf, 1, 0) > 0;
}
