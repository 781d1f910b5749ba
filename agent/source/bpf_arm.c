/* SPDX-License-Identifier: Apache-2.0 */
/*
 * bpf_arm.c - attaching: at start what is always needed, later what a traced process turned
 * out to need, since that costs every process of the machine a little.
 *
 * Classic tracepoints are named in tracefs, which may not be mounted. Then we mount it,
 * where nobody else sees it: in a mount namespace of a thread that lives as long as the
 * attaching.
 */

#include <bpf/libbpf.h>
#include <errno.h>
#include <pthread.h>
#include <sched.h>
#include <stdio.h>
#include <string.h>
#include <sys/mount.h>
#include <unistd.h>

#include "agent/base/clock.h"
#include "agent/base/own.h"
#include "agent/source/bpf_load.h"

#include "agent/otrace.skel.h" /* speaks of types in bpf/shared.h */

#define TRACEFS "/sys/kernel/tracing"

static int attach_program(struct otr_bpf *b, const char *name)
{
	struct bpf_program *prog;
	struct bpf_link *link;

	prog = bpf_object__find_program_by_name(b->skel->obj, name);
	if (!prog || b->n_links == OTR_ARRAY_SIZE(b->links))
		return -ENOENT;
	link = bpf_program__attach(prog);
	if (!link)
		return -errno;
	b->links[b->n_links++] = link;
	return 0;
}

static int attach_all(struct otr_bpf *b, size_t row)
{
	const struct otr_probe *probe = &otr_probes[row];
	const char *const *programs;
	int rc;

	if (b->choice[row] < 0)
		return -EOPNOTSUPP;
	programs = probe->choices[b->choice[row]].programs;
	for (size_t i = 0; i < OTR_PROBE_PROGRAMS && programs[i]; i++) {
		rc = attach_program(b, programs[i]);
		/* A machine may lack a system call (arm64 has no epoll_wait). */
		if (rc && !(rc == -ENOENT && !probe->required)) {
			snprintf(b->why[row], sizeof(b->why[row]), "%s: %s",
				 programs[i], strerror(-rc));
			return rc;
		}
	}
	return 0;
}

struct errand {
	struct otr_bpf *b;
	size_t row;
	int rc;
};

/* In a thread, so that the mount namespace is its own and the agent keeps its view. */
static void *attach_with_tracefs(void *arg)
{
	struct errand *er = arg;

	if (unshare(CLONE_NEWNS) ||
	    mount(NULL, "/sys", NULL, MS_REC | MS_PRIVATE, NULL) ||
	    mount("tracefs", TRACEFS, "tracefs", 0, NULL)) {
		er->rc = -errno;
		return NULL;
	}
	er->rc = attach_all(er->b, er->row);
	return NULL;
}

int otr_bpf_attach(struct otr_bpf *b, size_t row)
{
	struct errand er = {.b = b, .row = row};
	pthread_t thread;

	if (!access(TRACEFS "/events", X_OK) ||
	    !access("/sys/kernel/debug/tracing/events", X_OK))
		return attach_all(b, row);
	if (pthread_create(&thread, NULL, attach_with_tracefs, &er))
		return -EAGAIN;
	pthread_join(thread, NULL);
	if (er.rc && !b->why[row][0])
		snprintf(b->why[row], sizeof(b->why[row]), "tracefs: %s",
			 strerror(-er.rc));
	return er.rc;
}

static void arm(struct otr_bpf *b, enum otr_probe_when when, uint32_t want,
		uint32_t *armed)
{
	if (!want || *armed)
		return;
	*armed = 1;
	for (size_t row = 0; otr_probes[row].name; row++)
		if (otr_probes[row].when == when && b->choice[row] >= 0 &&
		    otr_bpf_attach(b, row))
			b->choice[row] = -1;
}

void otr_bpf_arm(struct otr_bpf *b)
{
	arm(b, OTR_PROBE_WAITS, b->ctl->want_waits, &b->ctl->waits);
	if (b->ctl->waits && !b->ctl->waits_ns)
		b->ctl->waits_ns = otr_now();
	arm(b, OTR_PROBE_WAKES, b->ctl->want_wakes, &b->ctl->wakes);
}

void otr_bpf_arm_all(struct otr_bpf *b)
{
	b->ctl->want_waits = 1;
	b->ctl->want_wakes = 1;
	otr_bpf_arm(b);
}
