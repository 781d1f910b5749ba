/* SPDX-License-Identifier: Apache-2.0 */
/*
 * procs.c - what is known of processes, from events alone: no clock, no /proc.
 *
 *	fork	the child has the facts of its parent until it executes a program: prefork
 *		workers are the service that made them
 *	exec	program and arguments are new, the environment is unknown again; the folder,
 *		the cgroup and a name given by the user stay
 *	exit	the facts are kept for 60 s, of at most a thousand processes: their last spans
 *		come late. These spans hold references to the resource
 *
 * Parent and child share facts until one of them changes.
 */

#include <errno.h>
#include <stdlib.h>

#include <utlist.h>

#include "agent/base/keyed.h"
#include "agent/base/loss.h"
#include "agent/base/own.h"
#include "agent/base/recent.h"
#include "agent/resource/make.h"
#include "agent/resource/resource.h"
#include "bpf/event.h"

#define GRACE_NS   60000000000ull
#define EXITED_MAX 1024
#define TICK_NS	   10000000ull /* unit of start times in /proc; kernel and /proc agree to that */
#define TEXT_BYTES 8192	       /* of one fact, at most */

struct facts {
	unsigned int refs;
	struct otr_facts known; /* each text is an allocation of its own */
	char comm[16];
};

struct proc {
	uint32_t tgid;
	uint64_t start_ns;   /* since boot; 0: unknown */
	uint64_t created_ns; /* since the epoch; 0: unknown. Never changes */
	uint64_t exit_ns;    /* 0: it has not exited */
	struct facts *facts;
	bool named;	  /* it has an OTR_META_SERVICE of its own, not that of its parent */
	unsigned int age; /* of the host's facts from which `resource` was made */
	struct otr_resource *resource; /* NULL: it has to be made */
	struct proc *prev, *next;      /* of those that have exited, in order of `exit_ns` */
	UT_hash_handle hh;	       /* its order is that of arrival */
};

struct otr_procs {
	struct proc *all;
	struct otr_recent recent; /* of `all` */
	struct proc *exited;
	size_t n_exited, max;
	uint64_t now_ns;
	uint64_t epoch_ns; /* time of boot, by CLOCK_REALTIME; 0: unknown */
	struct facts *host;
	unsigned int host_age;
	uint64_t changes; /* events that may have changed a fact */
};

static void facts_unref(struct facts **fp)
{
	struct facts *f = OTR_TAKE(*fp);

	if (!f || --f->refs)
		return;
	for (size_t i = 0; i < OTR_META_MAX; i++)
		free((char *)(uintptr_t)f->known.text[i].data);
	free(f);
}

static struct facts *facts_new(void)
{
	struct facts *f = calloc(1, sizeof(*f));

	if (f)
		f->refs = 1;
	return f;
}

/* Sets one fact; an empty text removes it. */
static int fact_set(struct facts *f, size_t key, struct otr_slice s)
{
	char *copy = NULL;

	s = otr_slice_sub(s, 0, TEXT_BYTES);
	if (s.len) {
		copy = malloc(s.len);
		if (!copy)
			return -ENOMEM;
		memcpy(copy, s.data, s.len);
	}
	free((char *)(uintptr_t)f->known.text[key].data);
	f->known.text[key] = (struct otr_slice){copy, s.len};
	return 0;
}

static void set_comm(struct facts *f, const char comm[16])
{
	if (!comm[0])
		return;
	memcpy(f->comm, comm, sizeof(f->comm));
	f->known.comm = (struct otr_slice){f->comm, strnlen(f->comm, sizeof(f->comm))};
}

/* Gives `p` facts of its own, so that they can change. */
static int facts_own(struct proc *p)
{
	OTR_AUTO(facts_unref) struct facts *copy = NULL;

	if (p->facts->refs == 1)
		return 0;
	copy = facts_new();
	if (!copy)
		return -ENOMEM;
	for (size_t i = 0; i < OTR_META_MAX; i++)
		if (fact_set(copy, i, p->facts->known.text[i]))
			return -ENOMEM;
	set_comm(copy, p->facts->comm);
	facts_unref(&p->facts);
	p->facts = OTR_TAKE(copy);
	return 0;
}

static void proc_free(struct proc *p)
{
	facts_unref(&p->facts);
	otr_resource_unref(&p->resource);
	free(p);
}

static void forget(struct otr_procs *procs, struct proc *p)
{
	HASH_DEL(procs->all, p);
	otr_recent_drop(&procs->recent, p->tgid);
	if (p->exit_ns) {
		DL_DELETE(procs->exited, p);
		procs->n_exited--;
	}
	proc_free(p);
}

/* Frees one process for another: the one that exited first, else the oldest. */
static void make_room(struct otr_procs *procs)
{
	if (HASH_COUNT(procs->all) < procs->max)
		return;
	if (!procs->exited)
		otr_loss_add(OTR_LOSS_EVICT, 1);
	forget(procs, procs->exited ? procs->exited : procs->all);
}

static void forget_exited(struct otr_procs *procs)
{
	while (procs->exited &&
	       (procs->n_exited > EXITED_MAX || procs->exited->exit_ns + GRACE_NS < procs->now_ns))
		forget(procs, procs->exited);
}

static struct proc *find(const struct otr_procs *procs, uint32_t tgid)
{
	struct proc *p;

	HASH_FIND(hh, procs->all, &tgid, sizeof(tgid), p);
	return p;
}

static struct proc *insert(struct otr_procs *procs, uint32_t tgid, struct facts *facts)
{
	struct proc *p;

	make_room(procs);
	p = calloc(1, sizeof(*p));
	if (!p)
		return NULL;
	p->tgid = tgid;
	p->facts = facts ? facts : facts_new();
	if (facts)
		facts->refs++;
	if (p->facts)
		HASH_ADD(hh, procs->all, tgid, sizeof(p->tgid), p);
	if (p->facts && p->hh.tbl)
		return p;
	proc_free(p);
	return NULL;
}

static struct proc *find_or_insert(struct otr_procs *procs, uint32_t tgid)
{
	struct proc *p = find(procs, tgid);

	return p ? p : insert(procs, tgid, NULL);
}

static void on_change(struct proc *p)
{
	otr_resource_unref(&p->resource);
}

static void learn_start(struct proc *p, uint64_t start_ns)
{
	if (start_ns)
		p->start_ns = start_ns;
}

static int take_fork(struct otr_procs *procs, const struct otr_ev_proc *ev)
{
	struct proc *old = find(procs, ev->hdr.tgid), *p, *parent;

	if (old)
		forget(procs, old); /* the pid was used again */
	make_room(procs);
	parent = find(procs, ev->ppid);
	p = insert(procs, ev->hdr.tgid, parent ? parent->facts : NULL);
	if (!p)
		return -ENOMEM;
	learn_start(p, ev->start_ns);
	if (!p->facts->comm[0])
		set_comm(p->facts, ev->comm);
	return 0;
}

/* Is `ev` about another process than `p`, with the same pid? */
static bool is_other(const struct proc *p, const struct otr_ev_proc *ev)
{
	return p->exit_ns || (p->start_ns && ev->start_ns && p->start_ns != ev->start_ns);
}

static int take_exec(struct otr_procs *procs, const struct otr_ev_proc *ev)
{
	struct otr_slice exe = {ev->text, ev->exe_len};
	struct otr_slice args = {ev->text + ev->exe_len, ev->args_len};
	struct proc *p = find(procs, ev->hdr.tgid);
	struct facts *f;

	if (p && is_other(p, ev)) {
		forget(procs, p);
		p = NULL;
	}
	if (!p)
		p = insert(procs, ev->hdr.tgid, NULL);
	if (!p || facts_own(p))
		return -ENOMEM;
	learn_start(p, ev->start_ns);
	on_change(p);
	f = p->facts;
	set_comm(f, ev->comm);
	/* The environment of the parent stands until that of the process is read. */
	fact_set(f, OTR_META_JAR, OTR_SLICE_NONE);
	fact_set(f, OTR_META_GO, OTR_SLICE_NONE);
	if (!p->named)
		fact_set(f, OTR_META_SERVICE, OTR_SLICE_NONE);
	return fact_set(f, OTR_META_EXE, exe) || fact_set(f, OTR_META_CMDLINE, args) ? -ENOMEM : 0;
}

static int take_exit(struct otr_procs *procs, const struct otr_ev_proc *ev)
{
	struct proc *p = find(procs, ev->hdr.tgid);

	if (p && !p->exit_ns && !is_other(p, ev)) {
		p->exit_ns = ev->hdr.time_ns ? ev->hdr.time_ns : 1;
		DL_APPEND(procs->exited, p);
		procs->n_exited++;
		on_change(p);
	}
	forget_exited(procs);
	return 0;
}

static uint64_t read_decimal(struct otr_slice s)
{
	uint64_t n = 0;

	for (size_t i = 0; i < s.len && i < 19; i++) {
		if (s.data[i] < '0' || s.data[i] > '9')
			return 0;
		n = n * 10 + (uint64_t)(s.data[i] - '0');
	}
	return n;
}

/* Is `args` a title? Programs write over their arguments to show a title in ps. The arguments of
 * the exec name the service better, so only a longer reading of them replaces them. */
static bool is_title(const struct facts *f, struct otr_slice args)
{
	struct otr_slice have = f->known.text[OTR_META_CMDLINE];

	return have.len && !otr_slice_starts(args, have);
}

static int take_host_meta(struct otr_procs *procs, size_t key, struct otr_slice s)
{
	if (otr_slice_eq(procs->host->known.text[key], s))
		return 0;
	procs->host_age++;
	return fact_set(procs->host, key, s);
}

static void learn_comm(struct facts *f, struct otr_slice s)
{
	char comm[sizeof(f->comm)] = "";

	s = otr_slice_sub(s, 0, sizeof(comm) - 1);
	if (s.len)
		memcpy(comm, s.data, s.len);
	set_comm(f, comm);
}

static int take_meta(struct otr_procs *procs, const struct otr_ev_meta *ev)
{
	struct otr_slice s = {ev->text, ev->len < TEXT_BYTES ? ev->len : TEXT_BYTES};
	struct proc *p;

	if (ev->key == OTR_META_NONE || ev->key == OTR_META_NAMED || ev->key >= OTR_META_MAX)
		return 0; /* no fact of a process, or a fact of a later version of otrace */
	if (!ev->hdr.tgid)
		return take_host_meta(procs, ev->key, s);
	p = find_or_insert(procs, ev->hdr.tgid);
	if (!p)
		return -ENOMEM;
	if (ev->key == OTR_META_START && !p->created_ns && read_decimal(s)) {
		p->created_ns = read_decimal(s);
		on_change(p);
	}
	if (ev->key == OTR_META_SERVICE)
		p->named = true;
	if (otr_slice_eq(p->facts->known.text[ev->key], s) ||
	    (ev->key == OTR_META_CMDLINE && is_title(p->facts, s)))
		return 0;
	if (facts_own(p))
		return -ENOMEM;
	on_change(p);
	if (ev->key == OTR_META_COMM) {
		learn_comm(p->facts, s);
		return 0;
	}
	return fact_set(p->facts, ev->key, s);
}

/* The first clock counts: a clock that is set later changes no start time of a process. */
static int take_clock(struct otr_procs *procs, const struct otr_ev_clock *ev)
{
	uint64_t epoch = ev->realtime_ns - ev->boottime_ns;

	if (!procs->epoch_ns && ev->boottime_ns && ev->realtime_ns > ev->boottime_ns)
		procs->epoch_ns = epoch - epoch % TICK_NS;
	return 0;
}

int otr_procs_event(struct otr_procs *procs, const struct otr_event *ev)
{
	if (ev->time_ns > procs->now_ns)
		procs->now_ns = ev->time_ns;
	procs->changes += ev->kind == OTR_EV_META || ev->kind == OTR_EV_PROC_FORK ||
			  ev->kind == OTR_EV_PROC_EXEC;
	switch (ev->kind) {
	case OTR_EV_PROC_FORK:
		return take_fork(procs, (const struct otr_ev_proc *)ev);
	case OTR_EV_PROC_EXEC:
		return take_exec(procs, (const struct otr_ev_proc *)ev);
	case OTR_EV_PROC_EXIT:
		return take_exit(procs, (const struct otr_ev_proc *)ev);
	case OTR_EV_META:
		return take_meta(procs, (const struct otr_ev_meta *)ev);
	case OTR_EV_CLOCK:
		return take_clock(procs, (const struct otr_ev_clock *)ev);
	default:
		return 0;
	}
}

static struct otr_resource *make(const struct otr_procs *procs, struct proc *p)
{
	if (!p->created_ns && p->start_ns && procs->epoch_ns)
		p->created_ns = procs->epoch_ns + p->start_ns - p->start_ns % TICK_NS;
	p->age = procs->host_age;
	return otr_resource_make(&(struct otr_make){
		.facts = &p->facts->known,
		.host = &procs->host->known,
		.tgid = p->tgid,
		.created_ns = p->created_ns,
	});
}

struct otr_resource *otr_procs_resource(struct otr_procs *procs, uint32_t tgid)
{
	struct proc *p = otr_recent_find(&procs->recent, tgid);

	if (!p) {
		p = find_or_insert(procs, tgid);
		if (!p)
			return NULL;
		otr_recent_put(&procs->recent, tgid, p);
	}
	if (p->age != procs->host_age)
		on_change(p);
	if (!p->resource)
		p->resource = make(procs, p);
	return p->resource;
}

struct otr_slice otr_procs_env(const struct otr_procs *procs, uint32_t tgid, const char *name)
{
	const struct proc *p = find(procs, tgid);

	if (!p)
		return OTR_SLICE_NONE;
	return otr_name_env(p->facts->known.text[OTR_META_ENV], name);
}

struct otr_slice otr_procs_sample(const struct otr_procs *procs, uint32_t tgid)
{
	const struct proc *p = find(procs, tgid);

	return p ? p->facts->known.text[OTR_META_SAMPLE] : OTR_SLICE_NONE;
}

uint64_t otr_procs_changes(const struct otr_procs *procs)
{
	return procs->changes;
}

int otr_procs_new(struct otr_procs **out, size_t max)
{
	OTR_AUTO(otr_procs_free) struct otr_procs *procs = NULL;

	procs = calloc(1, sizeof(*procs));
	if (!procs)
		return -ENOMEM;
	procs->max = max ? max : 1;
	procs->host = facts_new();
	if (!procs->host)
		return -ENOMEM;
	*out = OTR_TAKE(procs);
	return 0;
}

void otr_procs_free(struct otr_procs **pp)
{
	struct otr_procs *procs = OTR_TAKE(*pp);
	struct proc *p, *next;

	if (!procs)
		return;
	HASH_ITER(hh, procs->all, p, next)
		forget(procs, p);
	facts_unref(&procs->host);
	free(procs);
}
