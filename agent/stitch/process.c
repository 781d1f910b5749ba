/* SPDX-License-Identifier: Apache-2.0 */
/*
 * process.c - the process that `otrace run` started, as the root of what it did.
 *
 * A script that calls curl twice and psql once is one piece of work: one trace, whose
 * root is the script. So a request of that process, or of one it made, which nothing
 * else accounts for, is its child; weakly, since all that is known is who started whom.
 *
 * Nobody's stay nobody's where the process is no piece of work but a service:
 *
 *	who has accepted a connection, whatever is spoken there, and whom it makes after
 *		that, calls on its own account: a timer's call does not belong to the start
 *		of the server. So does whom it makes while it listens: a worker.
 *	if the first process itself serves, runs for longer than a trace is kept together
 *		(close_ns), or calls as only a load generator does, it is let go of: what
 *		it and its children called becomes what it is without it. Else a worker
 *		of a week were one trace.
 *
 * What was let go of is no span; nor is a process without children.
 *
 * With the library nobody tells of forks. There the process is named before it starts, and
 * whose environment has the name (TRACEPARENT) is its work, by the same rules.
 */

#include "agent/stitch/process.h"
#include "agent/stitch/exchange.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>

#include "agent/base/own.h"
#include "agent/resource/name_path.h"
#include "agent/resource/resource.h"

#define KIDS_MAX 4096 /* they wait for its end */

static struct otr_slice executable(const struct otr_resource *res)
{
	for (uint16_t i = 0; res && i < res->n_attrs; i++)
		if (res->attrs[i].key == OTR_KEY_PROCESS_EXECUTABLE_NAME)
			return res->attrs[i].string;
	return OTR_SLICE_NONE;
}

/* As a shell puts it, with the signal's number in the exit code. */
static void describe_end(int status, struct otr_span_builder *sb)
{
	int sig = WIFSIGNALED(status) ? WTERMSIG(status) : 0;
	int code = sig ? 128 + sig : WEXITSTATUS(status);
	const char *name = sig ? sigabbrev_np(sig) : NULL;
	char text[32];

	otr_sb_int(sb, OTR_KEY_PROCESS_EXIT_CODE, code);
	if (name)
		snprintf(text, sizeof(text), "SIG%s", name);
	else
		snprintf(text, sizeof(text), "%d", code);
	if (code)
		otr_sb_error(sb, otr_slice_str(text));
}

static int describe(const struct otr_side *side, const struct otr_msg *req,
		    const struct otr_msg *rsp, struct otr_span_builder *sb)
{
	struct otr_slice exe = executable(side->resource);

	sb->span.kind = OTR_SPAN_INTERNAL;
	otr_sb_name(sb, req->op.len ? req->op : exe);
	otr_sb_string(sb, OTR_KEY_PROCESS_EXECUTABLE_NAME, exe);
	otr_sb_int(sb, OTR_KEY_PROCESS_PID, side->tgid);
	if (rsp)
		describe_end(rsp->status, sb);
	return 0;
}

static const struct otr_proto_ops process_ops = {
	.name = "process",
	.scope = "otrace/process",
	.describe = describe,
};

static struct otr_descendant *kin_of(const struct otr_stitch *st, uint32_t tgid)
{
	struct otr_descendant *descendants = NULL;

	HASH_FIND(hh, st->run.descendants, &tgid, sizeof(tgid), descendants);
	return descendants;
}

static struct otr_descendant *kin_add(struct otr_stitch *st, uint32_t tgid)
{
	struct otr_descendant *descendants = kin_of(st, tgid);

	if (descendants || !(descendants = calloc(1, sizeof(*descendants))))
		return descendants;
	descendants->tgid = tgid;
	HASH_ADD(hh, st->run.descendants, tgid, sizeof(descendants->tgid), descendants);
	if (descendants->hh.tbl)
		return descendants;
	free(descendants); /* no memory */
	return NULL;
}

static void kin_drop(struct otr_stitch *st, struct otr_descendant *descendants)
{
	if (!descendants)
		return;
	HASH_DEL(st->run.descendants, descendants);
	free(descendants);
}

static void forget_all(struct otr_stitch *st)
{
	struct otr_descendant *descendants, *next;

	HASH_ITER(hh, st->run.descendants, descendants, next)
		kin_drop(st, descendants);
	st->run.tgid = 0;
}

void otr_process_fini(struct otr_stitch *st)
{
	forget_all(st);
}

/* Its names stay: they are in environments. */
void otr_process_freed(struct otr_stitch *st)
{
	st->run.ex = NULL;
	st->run.tgid = 0;
	st->run.emitted = 0;
}

/* Its id and its parent are what its environment says. */
static void take_names(const struct otr_run *run, struct otr_exchange *ex)
{
	static const uint8_t none[8];

	if (!run->named)
		return;
	memcpy(ex->span_id, run->own.span_id, sizeof(ex->span_id));
	otr_trace_take_id(ex->trace, run->own.trace_id, run->own.flags);
	if (!memcmp(run->outer.span_id, none, sizeof(none)))
		return;
	memcpy(ex->parent_id, run->outer.span_id, sizeof(ex->parent_id));
	ex->evidence = OTR_EVIDENCE_EXEC;
	ex->remote = true;
}

/* It is on no connection: its wire is closed from the start, and ends with it. */
static void begin(struct otr_stitch *st, const struct otr_event *ev)
{
	struct otr_exchange *ex = otr_spares_get(&st->old_exchanges, sizeof(*ex));
	struct otr_trace *tr = otr_trace_new(st);
	struct otr_wire *wire = calloc(1, sizeof(*wire));
	struct otr_msg *req = otr_msg_copy(&(struct otr_msg){0});

	if (!ex || !tr || !wire || !req) {
		otr_spares_put(&st->old_exchanges, ex);
		otr_spares_put(&st->old_traces, tr);
		free(wire);
		free(req);
		forget_all(st);
		return;
	}
	wire->closed = true;
	ex->wire = wire;
	ex->req = req;
	ex->ref.dir = OTR_DIR_OUT;
	ex->tgid = ev->tgid;
	ex->strand = ev->strand;
	ex->start_ns = ev->time_ns;
	ex->proto = &process_ops;
	ex->answer = OTR_ANSWER_BEGUN; /* the process runs: its end is to come */
	otr_ids_span(&st->ids, ex->span_id);
	DL_APPEND2(wire->all, ex, wire_prev, wire_next);
	DL_APPEND(st->live, ex);
	st->n++;
	st->stats.open++;
	otr_trace_add(st, tr, ex);
	take_names(&st->run, ex);
	st->run.ex = ex;
}

/* What was executed is its name: deploy.sh, though it is sh that runs. */
static void name(struct otr_exchange *ex, const struct otr_ev_proc *ev)
{
	struct otr_slice exe = {ev->text, ev->exe_len};
	struct otr_msg msg = {.op = otr_name_base(exe)}, *copy;

	copy = otr_msg_copy(&msg);
	if (!copy)
		return;
	free(ex->req);
	ex->req = copy;
}

static void learn(struct otr_stitch *st, struct otr_exchange *ex)
{
	struct otr_resource *res =
		st->cfg.procs ? otr_procs_resource(st->cfg.procs, ex->tgid) : NULL;

	if (!res || res == ex->resource)
		return;
	if (ex->resource)
		otr_resource_unref(&ex->resource);
	ex->resource = otr_resource_ref(res);
}

/* All that carry the library descend from it: who made them may not have told of itself. */
static struct otr_descendant *carries(struct otr_stitch *st, const struct otr_ev_proc *ev)
{
	const struct otr_descendant *from = kin_of(st, ev->ppid);
	struct otr_descendant *descendants = kin_of(st, ev->hdr.tgid);

	if (descendants || ev->hdr.hook != OTR_HOOK_PRELOAD)
		return descendants;
	descendants = kin_add(st, ev->hdr.tgid);
	if (descendants)
		descendants->served = from && from->served;
	return descendants;
}

static void on_exec(struct otr_stitch *st, const struct otr_ev_proc *ev)
{
	struct otr_descendant *descendants = carries(st, ev);

	if (descendants) {
		descendants->evidence = OTR_EVIDENCE_EXEC;
		descendants->listens = false; /* what it listens to now is what it was given */
	}
	/* The library tells what it is in, which may be the shell that runs a script. */
	if (ev->hdr.tgid != st->run.tgid || ev->hdr.hook == OTR_HOOK_PRELOAD)
		return;
	if (!st->run.ex)
		begin(st, &ev->hdr);
	if (st->run.ex)
		name(st->run.ex, ev);
}

static void on_fork(struct otr_stitch *st, const struct otr_ev_proc *ev)
{
	const struct otr_descendant *from = kin_of(st, ev->ppid);
	struct otr_descendant *descendants = from ? kin_add(st, ev->hdr.tgid) : NULL;

	if (!descendants)
		return;
	descendants->evidence = OTR_EVIDENCE_CLONE;
	descendants->served = from->served || from->listens;
}

static void on_listen(struct otr_stitch *st, uint32_t tgid)
{
	struct otr_descendant *descendants = kin_of(st, tgid);

	if (descendants)
		descendants->listens = true;
}

static void on_end(struct otr_stitch *st, const struct otr_ev_proc *ev)
{
	struct otr_exchange *ex = st->run.ex;
	struct otr_msg msg = {.status = ev->exit_code};

	/* The library cannot know how its process ended. */
	if (ev->hdr.tgid == st->run.tgid && ev->hdr.hook == OTR_HOOK_PRELOAD)
		return;
	kin_drop(st, kin_of(st, ev->hdr.tgid));
	if (ev->hdr.tgid != st->run.tgid)
		return;
	forget_all(st);
	if (!ex || !otr_is_open(ex))
		return;
	learn(st, ex);
	ex->rsp = otr_msg_copy(&msg);
	otr_exchange_end(st, ex, ev->hdr.time_ns);
}

/* "00-TRACE-SPAN-FLAGS", and behind a blank what was above it. */
static void read_names(struct otr_run *run, struct otr_slice text)
{
	size_t len = text.len < 55 ? text.len : 55;

	run->gone = false;
	run->outer = (struct otr_traceparent){.flags = 0};
	run->named = otr_traceparent_read(&run->own, otr_slice_sub(text, 0, len));
	if (text.len > 56 && !otr_traceparent_read(&run->outer, otr_slice_sub(text, 56, text.len)))
		run->outer = (struct otr_traceparent){.flags = 0};
}

static void on_root(struct otr_stitch *st, uint32_t tgid, struct otr_slice names)
{
	struct otr_descendant *descendants;

	if (st->run.tgid || st->run.ex)
		return;
	st->run.tgid = tgid;
	read_names(&st->run, names);
	descendants = kin_add(st, tgid);
	if (descendants)
		descendants->evidence = OTR_EVIDENCE_EXEC;
}

static bool is_its_name(const struct otr_stitch *st, const struct otr_traceparent *said)
{
	return st->run.named && !memcmp(said->span_id, st->run.own.span_id, 8) &&
	       !memcmp(said->trace_id, st->run.own.trace_id, 16);
}

static bool is_old(const struct otr_stitch *st)
{
	return st->now_ns > st->run.ex->start_ns + st->cfg.close_ns;
}

/* Can it be a parent still? One that is out as no span cannot. */
static bool is_there(const struct otr_stitch *st)
{
	const struct otr_exchange *root = st->run.ex;

	return root && !st->run.gone && (!otr_is_emitted(root) || st->run.emitted) && !is_old(st) &&
	       root->n_kids < KIDS_MAX;
}

struct otr_exchange *otr_process_named(struct otr_stitch *st, const struct otr_traceparent *said)
{
	if (!is_its_name(st, said) || !is_there(st))
		return NULL;
	learn(st, st->run.ex);
	return st->run.ex;
}

/* Who was told of it cannot be seen: it has to be there. */
static void on_named(struct otr_stitch *st, struct otr_slice text)
{
	struct otr_traceparent said;

	if (otr_traceparent_read(&said, text) && otr_process_named(st, &said))
		st->run.emitted++;
}

void otr_stitch_process(struct otr_stitch *st, const struct otr_event *ev)
{
	const struct otr_ev_meta *meta = (const void *)ev;
	const struct otr_ev_proc *proc = (const void *)ev;
	const struct otr_ev_conn *conn = (const void *)ev;

	if (ev->kind == OTR_EV_META && meta->key == OTR_META_RUN_ROOT)
		on_root(st, ev->tgid, (struct otr_slice){meta->text, meta->len});
	if (!st->run.tgid)
		return;
	if (ev->kind == OTR_EV_META && meta->key == OTR_META_NAMED)
		on_named(st, (struct otr_slice){meta->text, meta->len});
	else if (ev->kind == OTR_EV_CONN_OPEN && conn->role == OTR_ROLE_SERVER)
		otr_process_serves(st, ev->tgid);
	else if (ev->kind == OTR_EV_LISTEN)
		on_listen(st, ev->tgid);
	else if (ev->kind == OTR_EV_PROC_FORK)
		on_fork(st, proc);
	else if (ev->kind == OTR_EV_PROC_EXEC)
		on_exec(st, proc);
	else if (ev->kind == OTR_EV_PROC_EXIT)
		on_end(st, proc);
}

static struct otr_slice context(const struct otr_stitch *st, uint32_t tgid)
{
	if (!st->cfg.procs)
		return OTR_SLICE_NONE;
	return otr_procs_env(st->cfg.procs, tgid, "TRACEPARENT");
}

static void release(struct otr_stitch *st)
{
	struct otr_exchange *root = st->run.ex;

	forget_all(st);
	st->run.gone = true;
	if (otr_trace_disband(st, root))
		otr_exchange_free(st, root);
}

/* Some are out already, as its children: it has to be there then. */
static bool may_go(const struct otr_stitch *st)
{
	return st->run.ex && otr_is_open(st->run.ex) && !st->run.emitted;
}

/* The first process's for a request of its family that nothing else accounts for. */
struct otr_exchange *otr_process_for(struct otr_stitch *st, const struct otr_exchange *ex,
				     uint8_t *evidence)
{
	const struct otr_descendant *descendants = kin_of(st, ex->tgid);
	struct otr_exchange *root = st->run.ex;

	/* Where it has a name, who is its work says so. */
	if (!root || !otr_is_open(root) || st->run.named)
		return NULL;
	if (!descendants || descendants->served || ex->doubtful)
		return NULL;
	if (root->n_kids >= KIDS_MAX && may_go(st)) {
		release(st);
		return NULL;
	}
	/* A context of its own, set on the way, is nearer. */
	if (!otr_slice_eq(context(st, ex->tgid), context(st, root->tgid)))
		return NULL;
	*evidence = descendants->evidence;
	learn(st, root);
	return root;
}

bool otr_process_left(const struct otr_stitch *st, const struct otr_traceparent *header)
{
	return st->run.gone && st->run.named &&
	       !memcmp(header->trace_id, st->run.own.trace_id, sizeof(header->trace_id));
}

bool otr_process_said(struct otr_stitch *st, const struct otr_exchange *ex,
		      struct otr_traceparent *said, struct otr_exchange **root)
{
	static const uint8_t none[8];
	const struct otr_descendant *descendants = kin_of(st, ex->tgid);

	if (!is_its_name(st, said))
		return true;
	*root = descendants && descendants->served ? NULL : otr_process_named(st, said);
	if (*root)
		return true;
	*said = st->run.outer;
	return memcmp(said->span_id, none, sizeof(none)) != 0;
}

void otr_process_serves(struct otr_stitch *st, uint32_t tgid)
{
	struct otr_descendant *descendants = kin_of(st, tgid);

	if (descendants)
		descendants->served = true;
	if (descendants && tgid == st->run.tgid && may_go(st))
		release(st);
}

void otr_process_tick(struct otr_stitch *st)
{
	if (may_go(st) && is_old(st))
		release(st);
}
