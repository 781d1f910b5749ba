/* SPDX-License-Identifier: Apache-2.0 */
/*
 * bpf.c - the kernel's probes as a source of events, once they are loaded. Loading is in
 * bpf_load.c, attaching in bpf_arm.c.
 */

#include "agent/source/bpf.h"

#include <bpf/bpf.h>
#include <bpf/libbpf.h>
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "agent/base/loss.h"
#include "agent/base/own.h"
#include "agent/source/bpf_state.h"
#include "agent/source/tls_probes.h"

#include "agent/source/otrace.skel.h" /* uses types of bpf/shared.h */

/* What a uprobe costs beside its program, by OVERHEAD.md: a trap, and a second one to step over an
 * instruction (15 us in a virtual machine within another, 3 on hardware). */
#define TRAP_NS 600
#define STEP_NS 3000

int otr_bpf_target(struct otr_bpf *b, uint32_t tgid, bool follow)
{
	struct otr_target target = {.follow = follow};

	otr_go_layout(tgid, &target.go_goid, &target.go_parent);
	if (bpf_map__update_elem(b->skel->maps.otr_targets, &tgid, sizeof(tgid), &target,
				 sizeof(target), BPF_ANY))
		return -errno;
	otr_bpf_begun(b, tgid, false);
	return 0;
}

static void close_link(struct bpf_link **link)
{
	bpf_link__destroy(*link);
}

static struct bpf_link *attach_iter(struct bpf_program *prog, uint32_t tgid)
{
	union bpf_iter_link_info info = {.task = {.pid = tgid}};
	LIBBPF_OPTS(bpf_iter_attach_opts, opts, .link_info = &info, .link_info_len = sizeof(info));
	struct bpf_link *link = NULL;

	if (tgid)
		link = bpf_program__attach_iter(prog, &opts);
	return link ? link : bpf_program__attach_iter(prog, NULL);
}

/* Runs an iterator to its end, over one process, or (0) all. */
static int run_iter(struct bpf_program *prog, uint32_t tgid)
{
	OTR_AUTO(close_link) struct bpf_link *link = NULL;
	char rest[256];
	int fd, rc = 0;
	ssize_t n;

	link = attach_iter(prog, tgid);
	if (!link)
		return -errno;
	fd = bpf_iter_create(bpf_link__fd(link));
	if (fd < 0)
		return -errno;
	do {
		n = read(fd, rest, sizeof(rest));
	} while (n > 0 || (n < 0 && (errno == EAGAIN || errno == EINTR)));
	if (n < 0)
		rc = -errno;
	close(fd);
	return rc;
}

int otr_bpf_list(struct otr_bpf *b, uint32_t tgid)
{
	struct bpf_program *files = b->skel->progs.otr_list_files;

	if (!tgid && b->tls)
		otr_bpf_tls_start(b);
	/* Sockets first: a socket that is first seen after its thread is traced is new. */
	if (bpf_program__fd(files) >= 0)
		run_iter(files, tgid);
	return run_iter(b->skel->progs.otr_list_tasks, tgid);
}

void otr_bpf_untarget(struct otr_bpf *b, uint32_t tgid)
{
	struct bpf_map *map = b->skel->maps.otr_targets;
	struct otr_target target = {.off = 1};

	if (b->tls)
		otr_tls_probes_drop(b->tls, tgid);
	if (bpf_map__update_elem(map, &tgid, sizeof(tgid), &target, sizeof(target), BPF_ANY))
		return;
	run_iter(b->skel->progs.otr_list_tasks, tgid);
	bpf_map__delete_elem(map, &tgid, sizeof(tgid), 0);
}

int otr_bpf_names(struct otr_bpf *b)
{
	return run_iter(b->skel->progs.otr_list_tasks, (uint32_t)getpid());
}

int otr_bpf_listeners(struct otr_bpf *b, otr_event_fn fn, void *arg)
{
	struct bpf_program *files = b->skel->progs.otr_list_files;
	uint32_t host = b->ctl->host;
	int rc;

	if (bpf_program__fd(files) < 0)
		return -EOPNOTSUPP;
	b->ctl->host = 1;
	rc = run_iter(files, 0);
	b->ctl->host = host;
	otr_bpf_drain(b, fn, arg);
	return rc;
}

bool otr_bpf_limited(const struct otr_bpf *b)
{
	for (size_t row = 0; otr_probes[row].name; row++)
		if (b->choice[row] < 0)
			return true;
	return false;
}

int otr_bpf_fd(const struct otr_bpf *b)
{
	return ring_buffer__epoll_fd(b->rings);
}

int otr_bpf_record(void *arg, void *data, size_t len)
{
	struct otr_bpf *b = arg;
	const struct otr_event *ev;

	if (len > sizeof(b->copy)) {
		otr_loss_add(OTR_LOSS_RECORD, 1);
		return 0;
	}
	memcpy(b->copy, data, len);
	ev = otr_event_check(b->copy, len);
	if (!ev) {
		otr_loss_add(OTR_LOSS_RECORD, 1);
		return 0;
	}
	otr_bpf_tls_record(b, ev);
	b->fn(b->fn_arg, ev);
	return 0;
}

int otr_bpf_drain(struct otr_bpf *b, otr_event_fn fn, void *arg)
{
	b->fn = fn;
	b->fn_arg = arg;
	/* Cleared before the drain: a record that comes meanwhile may wake the agent again. */
	__atomic_store_n(&b->ctl->woken, 0, __ATOMIC_SEQ_CST);
	return ring_buffer__consume(b->rings);
}

static uint64_t sum(const struct bpf_map *map, uint32_t key, uint64_t *values, int cpus)
{
	uint64_t n = 0;

	if (bpf_map__lookup_elem(map, &key, sizeof(key), values, sizeof(*values) * (size_t)cpus, 0))
		return 0;
	for (int i = 0; i < cpus; i++)
		n += values[i];
	return n;
}

static void report_losses(struct otr_bpf *b, uint64_t now_ns, otr_event_fn fn, void *arg)
{
	struct otr_ev_lost lost = {
		.hdr = {.kind = OTR_EV_LOST,
			.hook = OTR_HOOK_AGENT,
			.size = sizeof(lost),
			.time_ns = now_ns},
	};
	uint64_t n;

	for (uint32_t cause = 1; cause < OTR_LOSS_MAX; cause++) {
		n = sum(b->skel->maps.otr_losses, cause, b->percpu, b->cpus);
		if (n <= b->lost[cause])
			continue;
		lost.cause = cause;
		lost.n = n - b->lost[cause];
		b->lost[cause] = n;
		otr_loss_add(cause, lost.n);
		fn(arg, &lost.hdr);
	}
}

void otr_bpf_watch(struct otr_bpf *b, uint64_t conn, enum otr_dir dir, bool want)
{
	otr_watch_set(&b->watch, otr_dir_key(conn, dir), want);
}

static bool look_at_run(void *ctx, uint64_t key, struct otr_run_now *now)
{
	const struct otr_bpf *b = ctx;

	return !bpf_map__lookup_elem(b->skel->maps.otr_runs, &key, sizeof(key), now, sizeof(*now),
				     0);
}

/* To read a counter takes a system call, and there are many: they are not read at each step of 10
 * ms. */
void otr_bpf_poll(struct otr_bpf *b, uint64_t now_ns, bool all, otr_event_fn fn, void *arg)
{
	otr_watch_emit(&b->watch, now_ns, look_at_run, b, fn, arg);
	if (all || now_ns - b->losses_ns >= OTR_LOSSES_NS) {
		b->losses_ns = now_ns;
		report_losses(b, now_ns, fn, arg);
	}
	otr_bpf_arm(b);
	otr_bpf_tls_step(b, now_ns, false);
}

void otr_bpf_policy(struct otr_bpf *b, uint64_t conn, enum otr_dir dir, enum otr_capture capture,
		    uint32_t head_bytes)
{
	uint64_t key = otr_dir_key(conn, dir);
	struct otr_policy policy = {
		.capture = capture,
		.head_bytes = head_bytes ? head_bytes : OTR_HEAD_BYTES,
	};

	if (policy.head_bytes > OTR_DATA_MAX)
		policy.head_bytes = OTR_DATA_MAX;
	if (bpf_map__update_elem(b->skel->maps.otr_policies, &key, sizeof(key), &policy,
				 sizeof(policy), BPF_ANY))
		otr_loss_add(OTR_LOSS_TABLE, 1);
	__atomic_add_fetch(&b->ctl->policy_gen, 1, __ATOMIC_RELEASE);
}

uint64_t otr_bpf_hits(const struct otr_bpf *b, enum otr_hit hook)
{
	uint64_t values[OTR_CPUS_MAX];

	return sum(b->skel->maps.otr_hits, hook, values, b->cpus);
}

uint64_t otr_bpf_cost_ns(const struct otr_bpf *b)
{
	uint64_t calls = otr_bpf_hits(b, OTR_HIT_DATA) + otr_bpf_hits(b, OTR_HIT_LIFE);
	uint64_t light = otr_bpf_hits(b, OTR_HIT_WAIT) + otr_bpf_hits(b, OTR_HIT_WAKE);
	uint64_t tls = otr_bpf_hits(b, OTR_HIT_TLS);

	/* A wait or a wake-up moves no bytes: it costs a third of a captured call. A call of a TLS
	 * library is two hits, and its plaintext is captured once. */
	return calls * b->price_ns + light * b->price_ns / 3 + tls * (TRAP_NS + b->price_ns / 2) +
	       otr_bpf_hits(b, OTR_HIT_STEP) * STEP_NS;
}

int otr_bpf_door(struct otr_bpf *b, uint64_t inode)
{
	uint32_t yes = 1;

	return bpf_map__update_elem(b->skel->maps.otr_doors, &inode, sizeof(inode), &yes,
				    sizeof(yes), BPF_ANY);
}

void otr_bpf_lib(struct otr_bpf *b, uint32_t tgid)
{
	uint32_t yes = 1;

	if (bpf_map__update_elem(b->skel->maps.otr_libs, &tgid, sizeof(tgid), &yes, sizeof(yes),
				 BPF_ANY))
		otr_loss_add(OTR_LOSS_TABLE, 1);
	__atomic_add_fetch(&b->ctl->libs_gen, 1, __ATOMIC_RELEASE);
}

/* An offer may be on its way: the entry is marked at first, and deleted the next time. */
static void doubt_lib(struct otr_bpf *b, uint32_t tgid)
{
	const struct bpf_map *libs = b->skel->maps.otr_libs;
	uint32_t marked = 2, value;

	if (bpf_map__lookup_elem(libs, &tgid, sizeof(tgid), &value, sizeof(value), 0))
		return;
	if (value != marked) {
		bpf_map__update_elem(libs, &tgid, sizeof(tgid), &marked, sizeof(marked), BPF_EXIST);
		return;
	}
	bpf_map__delete_elem(libs, &tgid, sizeof(tgid), 0);
	__atomic_add_fetch(&b->ctl->libs_gen, 1, __ATOMIC_RELEASE);
}

void otr_bpf_sweep_libs(struct otr_bpf *b, bool (*known)(void *arg, uint32_t tgid), void *arg)
{
	const struct bpf_map *libs = b->skel->maps.otr_libs;
	uint32_t tgid, next, *at = NULL;
	int left = (int)bpf_map__max_entries(libs);

	while (left-- && !bpf_map__get_next_key(libs, at, &next, sizeof(next))) {
		if (at && !known(arg, tgid))
			doubt_lib(b, tgid);
		tgid = next;
		at = &tgid;
	}
	if (at && !known(arg, tgid))
		doubt_lib(b, tgid);
}

void otr_bpf_pause(struct otr_bpf *b, bool pause)
{
	__atomic_store_n(&b->ctl->paused, pause, __ATOMIC_RELEASE);
}

void otr_bpf_trials(struct otr_bpf *b, bool on)
{
	__atomic_store_n(&b->ctl->trials, on, __ATOMIC_RELEASE);
}

uint64_t otr_bpf_price_ns(const struct otr_bpf *b)
{
	return b->price_ns;
}
