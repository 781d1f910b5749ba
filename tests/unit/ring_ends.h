/* SPDX-License-Identifier: Apache-2.0 */
#ifndef OTR_RING_ENDS_H
#define OTR_RING_ENDS_H

/* ring_ends.h - a process with the library, and the agent, at both ends of a ring, in one
 * process. */

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include "agent/base/clock.h"
#include "agent/base/err.h"
#include "agent/base/loss.h"
#include "agent/source/ring_find.h"
#include "agent/source/ring_lease.h"
#include "agent/source/shim.h"
#include "agent/source/shim_state.h"
#include "preload/base/clock.h"
#include "preload/base/fd.h"
#include "preload/base/real.h"
#include "preload/base/shim.h"
#include "preload/ring/emit.h"
#include "preload/ring/reader_change.h"
#include "preload/ring/ring.h"

static struct otr_shims *shims;
static uint32_t born;
static uint64_t lost[OTR_LOSS_MAX];
static uint64_t reported_ns; /* of the last connection */

uint64_t otr_clock_ns(void)
{
	return otr_now();
}

void otr_emit_behind(void)
{
}

static inline bool is_ring_fd(int fd)
{
	char name[64], to[64] = "";

	snprintf(name, sizeof(name), "/proc/self/fd/%d", fd);
	return readlink(name, to, sizeof(to) - 1) > 0 && strstr(to, "memfd:otrace-ring");
}

static inline int rings_open(void)
{
	int n = 0;

	for (int fd = 0; fd < 100; fd++)
		n += is_ring_fd(fd);
	return n;
}

/* Set: the ring that is made next is kept, so that another agent can find it. */
static bool keep;
static int kept;

static inline void keep_ring(void)
{
	int fd = 0;

	while (fd < 100 && !is_ring_fd(fd))
		fd++;
	kept = dup(fd);
}

/* What a child that is started next does. */
static int (*child)(void);

static inline int closes(void)
{
	int was = rings_open();

	otr_ring_forked();
	return was == 1 && !rings_open();
}

/* The process has closed its descriptors, and the number of one is that of another file. */
static inline int keeps(void)
{
	struct stat st;

	for (int fd = 3; fd < 100; fd++)
		dup2(0, fd);
	otr_ring_forked();
	for (int fd = 3; fd < 100; fd++)
		if (fstat(fd, &st))
			return 0;
	return 1;
}

/* Called while a ring is made. */
uint32_t otr_netns(void)
{
	int status = 0;
	pid_t pid = child ? fork() : -1;

	if (keep)
		keep_ring();
	if (!pid)
		_exit(!child());
	if (pid > 0)
		waitpid(pid, &status, 0);
	assert_int_equal(status, 0);
	return 1;
}

static inline void is_born(void *arg, uint32_t tgid)
{
	(void)arg;
	born = tgid;
}

static inline int came(void *arg, const struct otr_event *ev)
{
	const struct otr_ev_lost *at = (const void *)ev;

	(void)arg;
	if (ev->kind == OTR_EV_LOST)
		lost[at->cause] += at->n;
	if (ev->kind == OTR_EV_CONN_OPEN)
		reported_ns = ev->time_ns;
	return 0;
}

static inline void say_session(void)
{
	const char *session = otr_shims_session(shims);

	memset(&otr_shim, 0, sizeof(otr_shim));
	otr_shim.session_len = (uint16_t)strlen(session);
	otr_shim.name_len = (uint16_t)strcspn(session, ".");
	memcpy(otr_shim.session, session, otr_shim.session_len);
}

/* This process loads the library, and offers its ring to the agent in it. */
static inline void joins(void)
{
	say_session();
	otr_shim.pid = getpid();
	assert_true(otr_ring_ready());
	born = 0;
	otr_shims_drain(shims, 1, came, NULL);
	assert_int_equal(born, getpid());
}

static inline void emit_at_ring(uint64_t time_ns)
{
	struct otr_ev_conn *cn;
	uint64_t place;

	cn = otr_ring_reserve(sizeof(*cn), &place);
	memset(cn, 0, sizeof(*cn));
	cn->hdr = (struct otr_event){.kind = OTR_EV_CONN_OPEN,
				     .hook = OTR_HOOK_PRELOAD,
				     .size = sizeof(*cn),
				     .time_ns = time_ns,
				     .conn = 1};
	otr_ring_commit(place);
}

static inline int begin(void **state)
{
	struct otr_err err;

	(void)state;
	memset(lost, 0, sizeof(lost));
	otr_real_find();
	if (otr_shims_open(&shims, &err))
		return -1;
	otr_shims_on_born(shims, is_born, NULL);
	return 0;
}

static inline int end(void **state)
{
	(void)state;
	otr_shims_close(&shims);
	return 0;
}

#endif /* OTR_RING_ENDS_H */
