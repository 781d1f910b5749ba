/* SPDX-License-Identifier: Apache-2.0 */
/*
 * bpf_arm.c - attaches programs: at start those that are always needed, later those that a traced
 * process has turned out to need, since these cost every process of the machine a little.
 *
 * The numbers of classic tracepoints are in tracefs, which may not be mounted. Then the agent
 * mounts it at start for a descriptor of its own, in no namespace (fsmount(2)); later it may not
 * mount (agent/base/confine.h).
 */

#include <bpf/libbpf.h>
#include <errno.h>
#include <fcntl.h>
#include <linux/perf_event.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mount.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "agent/base/clock.h"
#include "agent/base/own.h"
#include "agent/source/bpf.h"
#include "agent/source/bpf_state.h"

#include "agent/source/otrace.skel.h" /* uses types of bpf/shared.h */

/* The directory `events` of tracefs, mounted or not. It is opened once, and stays open. */
static int open_events(void)
{
	static const char *const places[] = {"/sys/kernel/tracing/events",
					     "/sys/kernel/debug/tracing/events"};
	const int how = O_PATH | O_DIRECTORY | O_CLOEXEC;
	int fd = -1, fs, root;

	for (size_t i = 0; fd < 0 && i < OTR_ARRAY_SIZE(places); i++)
		fd = faccessat(AT_FDCWD, places[i], X_OK, AT_EACCESS) ? -1 : open(places[i], how);
	if (fd >= 0)
		return fd;
	fs = fsopen("tracefs", FSOPEN_CLOEXEC);
	root = fs < 0 || fsconfig(fs, FSCONFIG_CMD_CREATE, NULL, NULL, 0)
		       ? -1
		       : fsmount(fs, FSMOUNT_CLOEXEC, 0);
	fd = root < 0 ? -errno : openat(root, "events", how);
	if (root >= 0 && fd < 0)
		fd = -errno;
	if (fs >= 0)
		close(fs);
	if (root >= 0)
		close(root);
	return fd;
}

static int events(void)
{
	static int fd = -1;

	if (fd < 0)
		fd = open_events();
	return fd;
}

/* The number of a tracepoint, or -errno: -ENOENT: there is none. `name`:
 * "syscalls/sys_exit_poll". */
static int tracepoint_id(const char *name)
{
	char path[128], text[16] = "";
	int dir = events(), fd;
	ssize_t n;

	if (dir < 0)
		return dir;
	snprintf(path, sizeof(path), "%s/id", name);
	fd = openat(dir, path, O_RDONLY | O_CLOEXEC);
	if (fd < 0)
		return -errno;
	n = read(fd, text, sizeof(text) - 1);
	close(fd);
	return n > 0 ? atoi(text) : -EIO;
}

/* As libbpf attaches a tracepoint, but with the number from tracefs_id(). */
static struct bpf_link *attach_tracepoint(const struct bpf_program *prog, const char *name)
{
	struct perf_event_attr attr = {
		.type = PERF_TYPE_TRACEPOINT,
		.size = sizeof(attr),
		.sample_period = 1,
		.wakeup_events = 1,
	};
	struct bpf_link *link;
	int id = tracepoint_id(name), fd, rc;

	if (id < 0) {
		errno = -id;
		return NULL;
	}
	attr.config = (uint64_t)id;
	fd = (int)syscall(SYS_perf_event_open, &attr, -1, 0, -1, PERF_FLAG_FD_CLOEXEC);
	if (fd < 0)
		return NULL;
	link = bpf_program__attach_perf_event(prog, fd);
	if (link)
		return link; /* the link owns the descriptor */
	rc = errno;
	close(fd);
	errno = rc;
	return NULL;
}

/* `which`: "NAME" or "NAME@CALL", as in otr_probes. */
static struct bpf_link *attach_at(const struct bpf_program *prog, const char *which)
{
	const char *call = strchr(which, '@'), *at = bpf_program__section_name(prog);
	char name[64];

	if (call) {
		snprintf(name, sizeof(name), "syscalls/sys_exit_%s", call + 1);
		return attach_tracepoint(prog, name);
	}
	return strncmp(at, "tp/", 3) ? bpf_program__attach(prog) : attach_tracepoint(prog, at + 3);
}

static int attach_program(struct otr_bpf *b, const char *which)
{
	struct bpf_program *prog;
	struct bpf_link *link;
	char name[32];

	snprintf(name, sizeof(name), "%.*s", (int)strcspn(which, "@"), which);
	prog = bpf_object__find_program_by_name(b->skel->obj, name);
	if (!prog || b->n_links == OTR_ARRAY_SIZE(b->links))
		return -ENOENT;
	link = attach_at(prog, which);
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
			snprintf(b->why[row], sizeof(b->why[row]), "%s: %s", programs[i],
				 strerror(-rc));
			return rc;
		}
	}
	return 0;
}

int otr_bpf_attach(struct otr_bpf *b, size_t row)
{
	events();
	return attach_all(b, row);
}

static void arm(struct otr_bpf *b, enum otr_probe_when when, uint32_t want, uint32_t *armed)
{
	if (!want || *armed)
		return;
	*armed = 1;
	for (size_t row = 0; otr_probes[row].name; row++)
		if (otr_probes[row].when == when && b->choice[row] >= 0 && otr_bpf_attach(b, row))
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
	otr_bpf_tls_step(b, otr_now(), true);
}
