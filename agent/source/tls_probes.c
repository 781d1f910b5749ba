/* SPDX-License-Identifier: Apache-2.0 */
/*
 * tls_probes.c - see tls_probes.h.
 *
 * To look at a process means to read its memory map: some 50 us, and ten times that in a large
 * program. So it is looked at a few times while its program starts, and later only when it moves
 * TLS that nobody reads; each time that this was in vain, it takes twice as long until the next.
 */

#include "agent/source/tls_probes.h"

#include "agent/base/keyed.h"

#include <errno.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <unistd.h>

#include "agent/base/clock.h"
#include "agent/base/own.h"
#include "agent/source/fd_closer.h"

#define PROCS_MAX 4096
#define FDS_MAX	  8192 /* of all processes, and no more than half of what may be open */
#define LINKS_MAX (3 * OTR_TLS_LINKS)
#define AGAIN_NS  (100 * OTR_NS_PER_MS)
#define AGAIN_MAX (60 * OTR_NS_PER_S)

/* When a program that has begun is looked at, in ms from its beginning. */
static const uint16_t starts_ms[] = {0, 1, 2, 4, 7, 11, 16, 24, 36, 60, 100};

struct proc {
	uint32_t tgid;
	uint8_t start;	  /* the next of starts_ms; at the end, none */
	bool has_refused; /* it was told why */
	bool is_unread;	  /* it has moved TLS that nobody reads */
	bool has_bio;	  /* and has probes where its library reads ciphertext */
	uint64_t since_ns;
	uint64_t due_ns; /* when it is looked at next; 0: not */
	uint64_t looked_ns;
	uint64_t again_ns; /* how long after that, if it asks */
	struct otr_tls_file files[OTR_TLS_FILES];
	size_t n_files;
	int links[LINKS_MAX];
	size_t n_links;
	UT_hash_handle hh;
};

struct otr_tls_probes {
	struct proc *procs;
	int programs[OTR_TLS_PROGRAMS];
	bool is_ready;	/* `programs` is set */
	bool is_wanted; /* there is a process with a TLS library */
	bool has_multi;
	size_t n_links, max_links; /* of all processes */
	uint64_t due_ns;	   /* the earliest of all; 0: none */
	struct otr_fd_closer *closer;
	otr_tls_refused_fn refused;
	void *arg;
};

/* Without room for descriptors the agent could read no file any more. The limit stays as it is, since
 * the program of `run` inherits it. */
static size_t links_max(void)
{
	struct rlimit files;

	if (getrlimit(RLIMIT_NOFILE, &files) || files.rlim_cur / 2 > FDS_MAX)
		return FDS_MAX;
	return files.rlim_cur / 2;
}

int otr_tls_probes_new(struct otr_tls_probes **out, otr_tls_refused_fn refused, void *arg)
{
	struct otr_tls_probes *tp = calloc(1, sizeof(*tp));

	if (!tp)
		return -ENOMEM;
	for (size_t i = 0; i < OTR_TLS_PROGRAMS; i++)
		tp->programs[i] = -1;
	tp->max_links = links_max();
	tp->refused = refused;
	tp->arg = arg;
	*out = tp;
	return 0;
}

void otr_tls_probes_ready(struct otr_tls_probes *tp, const int programs[OTR_TLS_PROGRAMS],
			  bool has_multi)
{
	memcpy(tp->programs, programs, sizeof(tp->programs));
	tp->has_multi = has_multi;
	tp->is_ready = true;
}

/* To remove a probe, the kernel waits until no CPU is in it: some milliseconds for each. So it is
 * done by a thread. */
static void drop_links(struct otr_tls_probes *tp, struct proc *p)
{
	tp->n_links -= p->n_links;
	otr_fd_closer_close(&tp->closer, p->links, p->n_links);
	p->n_links = 0;
	p->n_files = 0;
	p->has_bio = false;
}

static void drop(struct otr_tls_probes *tp, struct proc *p)
{
	drop_links(tp, p);
	HASH_DEL(tp->procs, p);
	free(p);
}

void otr_tls_probes_free(struct otr_tls_probes **pp)
{
	struct otr_tls_probes *tp = OTR_TAKE(*pp);
	struct proc *p, *next;

	if (!tp)
		return;
	HASH_ITER(hh, tp->procs, p, next)
		drop(tp, p);
	otr_fd_closer_free(&tp->closer);
	free(tp);
}

static struct proc *find(const struct otr_tls_probes *tp, uint32_t tgid)
{
	struct proc *p;

	HASH_FIND(hh, tp->procs, &tgid, sizeof(tgid), p);
	return p;
}

/* The table is full: the end of some processes may have been lost. */
static void drop_ended(struct otr_tls_probes *tp)
{
	struct proc *p, *next;

	HASH_ITER(hh, tp->procs, p, next)
		if (kill((pid_t)p->tgid, 0) && errno == ESRCH)
			drop(tp, p);
}

static struct proc *make(struct otr_tls_probes *tp, uint32_t tgid)
{
	struct proc *p;

	if (HASH_COUNT(tp->procs) >= PROCS_MAX)
		drop_ended(tp);
	p = HASH_COUNT(tp->procs) < PROCS_MAX ? calloc(1, sizeof(*p)) : NULL;

	if (!p)
		return NULL;
	p->tgid = tgid;
	p->again_ns = AGAIN_NS;
	HASH_ADD(hh, tp->procs, tgid, sizeof(p->tgid), p);
	if (p->hh.tbl)
		return p;
	free(p);
	return NULL;
}

static void set_due(struct otr_tls_probes *tp, struct proc *p, uint64_t due_ns)
{
	p->due_ns = due_ns;
	if (due_ns && (!tp->due_ns || due_ns < tp->due_ns))
		tp->due_ns = due_ns;
}

void otr_tls_probes_want(struct otr_tls_probes *tp, uint32_t tgid, enum otr_tls_reason why,
			 uint64_t now_ns)
{
	struct proc *p = find(tp, tgid);

	if (!p && why != OTR_TLS_RECORDS) /* it may be a process on trial */
		p = make(tp, tgid);
	if (!p)
		return;
	if (why == OTR_TLS_RECORDS) {
		p->is_unread = true;
		if (!p->due_ns)
			set_due(tp, p,
				p->looked_ns && now_ns < p->looked_ns + p->again_ns
					? p->looked_ns + p->again_ns
					: now_ns);
		return;
	}
	p->start = why == OTR_TLS_FORKED ? OTR_ARRAY_SIZE(starts_ms) - 1 : 0;
	p->since_ns = now_ns;
	p->again_ns = AGAIN_NS;
	set_due(tp, p, now_ns);
}

void otr_tls_probes_drop(struct otr_tls_probes *tp, uint32_t tgid)
{
	struct proc *p = find(tp, tgid);

	if (p)
		drop(tp, p);
}

static void add_links(struct otr_tls_probes *tp, struct proc *p, const struct otr_tls_attached *at)
{
	memcpy(p->links + p->n_links, at->links, at->n_links * sizeof(at->links[0]));
	p->n_links += at->n_links;
	tp->n_links += at->n_links;
}

static void keep_links(struct otr_tls_probes *tp, struct proc *p, const struct otr_tls_attached *at)
{
	memcpy(p->files, at->files, sizeof(p->files));
	p->n_files = at->n_files;
	add_links(tp, p, at);
}

static size_t min(size_t a, size_t b)
{
	return a < b ? a : b;
}

/* How many links more the process may have; with as many as that of all processes, `all` may. */
static size_t room_for(const struct otr_tls_probes *tp, const struct proc *p, size_t *all)
{
	*all = tp->max_links - min(tp->n_links, tp->max_links);
	return min(min(OTR_TLS_LINKS, LINKS_MAX - p->n_links), *all);
}

/* Says why the process has not got all probes that it needs: once. */
static void refuse(struct otr_tls_probes *tp, struct proc *p, const struct otr_tls_attached *at,
		   size_t all)
{
	bool is_limit = at->error == ENOSPC && at->max_links == all;

	if (at->error && !p->has_refused)
		tp->refused(tp->arg, p->tgid, at->path, is_limit ? EMFILE : at->error);
	p->has_refused |= at->error != 0;
}

/* A process that has all its probes moves TLS that nobody reads: some of its sessions move no bytes
 * of sockets. */
static void look_off_sockets(struct otr_tls_probes *tp, struct proc *p)
{
	struct otr_tls_attached at = {
		.pid = p->tgid,
		.has_multi = tp->has_multi,
		.is_unread = true,
		.is_off_sockets = true,
	};
	size_t all;

	at.max_links = room_for(tp, p, &all);
	memcpy(at.programs, tp->programs, sizeof(at.programs));
	if (otr_tls_attach(&at) < 0)
		return;
	p->has_bio = true;
	add_links(tp, p, &at);
	refuse(tp, p, &at, all);
}

/* Returns whether the process is still there. */
static bool look(struct otr_tls_probes *tp, struct proc *p, uint64_t now_ns)
{
	struct otr_tls_attached at = {
		.pid = p->tgid,
		.has_multi = tp->has_multi,
		.is_unread = p->is_unread,
		.n_files = p->n_files,
	};
	size_t before = p->n_links, all;

	at.max_links = room_for(tp, p, &all);
	memcpy(at.programs, tp->programs, sizeof(at.programs));
	memcpy(at.files, p->files, sizeof(at.files));
	p->looked_ns = now_ns;
	if (otr_tls_attach(&at) < 0)
		return true;
	if (at.is_found && !tp->is_ready) {
		tp->is_wanted = true;
		return true;
	}
	keep_links(tp, p, &at);
	refuse(tp, p, &at, all);
	if (before && p->n_links == before && p->is_unread && !p->has_bio)
		look_off_sockets(tp, p);
	if (p->n_links > before)
		p->again_ns = AGAIN_NS;
	else if (p->start == OTR_ARRAY_SIZE(starts_ms) && p->again_ns < AGAIN_MAX)
		p->again_ns *= 2;
	return !at.is_gone;
}

/* When is the process to be looked at after this? 0: not. */
static uint64_t next_start(struct proc *p, uint64_t now_ns)
{
	uint64_t due_ns;

	while (p->start < OTR_ARRAY_SIZE(starts_ms)) {
		due_ns = p->since_ns + starts_ms[p->start] * OTR_NS_PER_MS;
		if (due_ns > now_ns)
			return due_ns;
		p->start++;
	}
	return 0;
}

void otr_tls_probes_step(struct otr_tls_probes *tp, uint64_t now_ns)
{
	struct proc *p, *next;

	if (!tp->due_ns || now_ns < tp->due_ns || (tp->is_wanted && !tp->is_ready))
		return;
	tp->due_ns = 0;
	HASH_ITER(hh, tp->procs, p, next) {
		if (p->due_ns && p->due_ns <= now_ns) {
			p->due_ns = 0;
			if (!look(tp, p, now_ns)) {
				drop(tp, p);
				continue;
			}
			p->due_ns = tp->is_wanted && !tp->is_ready ? now_ns : next_start(p, now_ns);
		}
		set_due(tp, p, p->due_ns);
	}
}

bool otr_tls_probes_wanted(const struct otr_tls_probes *tp)
{
	return tp->is_wanted;
}

int otr_tls_probes_rest_ms(const struct otr_tls_probes *tp, int ms)
{
	uint64_t now_ns, rest;

	if (!tp->due_ns)
		return ms;
	now_ns = otr_now();
	if (now_ns >= tp->due_ns)
		return tp->is_wanted && !tp->is_ready ? 5 : 1;
	rest = (tp->due_ns - now_ns) / OTR_NS_PER_MS + 1;
	return rest < (uint64_t)ms ? (int)rest : ms;
}

size_t otr_tls_probes_count(const struct otr_tls_probes *tp)
{
	const struct proc *p;
	size_t n = 0;

	for (p = tp->procs; p; p = p->hh.next)
		n += p->n_links > 0;
	return n;
}
