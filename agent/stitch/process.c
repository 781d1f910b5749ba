/* SPDX-License-Identifier: Apache-2.0 */
/*
 * process.c - the process that `otrace run` started (the first process) as the root of what it
 * and its descendants ask.
 *
 * A script that runs curl twice and psql once is one piece of work: one trace, whose root is
 * the script. So a request of that process, or of a descendant, that has no other parent is a
 * child of the root. The evidence is weak: it only says which process started which.
 *
 * Services are no piece of work, so these requests are roots of their own:
 *
 *	those of a process that has accepted a connection, of processes that it starts after
 *		that, or while it listens (workers): the call of a timer does not belong to
 *		the start of the server;
 *	all, if the first process itself serves, runs for longer than a trace is kept together
 *		(together_ns), or asks as often as a load generator. Then the first process is
 *		released: its children lose it as their parent. Otherwise a week of a worker
 *		would be one trace.
 *
 * A first process that was released is no span; nor is one without children.
 *
 * The library does not report forks. There the first process gets its ids before it starts,
 * and processes whose environment has them (TRACEPARENT) are its work, by the same rules.
 */

#include "agent/stitch/process.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>

#include "agent/base/own.h"
#include "agent/resource/name_path.h"
#include "agent/resource/resource.h"
#include "agent/stitch/copy.h"
#include "agent/stitch/descendant.h"
#include "agent/stitch/env_parent.h"
#include "agent/stitch/exchange.h"
#include "agent/stitch/life.h"
#include "agent/stitch/root.h"
#include "agent/stitch/trace.h"
#include "agent/stitch/wire.h"

static struct otr_slice executable(const struct otr_resource *res)
{
	for (uint16_t i = 0; res && i < res->n_attrs; i++)
		if (res->attrs[i].key == OTR_KEY_PROCESS_EXECUTABLE_NAME)
			return res->attrs[i].string;
	return OTR_SLICE_NONE;
}

/* The exit code is as a shell has it: 128 and the number of the signal. */
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

void otr_process_fini(struct otr_stitch *st)
{
	otr_descendant_drop_all(st);
}

/* Its id and its parent are those in its environment. */
static void take_ids(const struct otr_run *run, struct otr_exchange *ex)
{
	static const uint8_t none[8];

	if (!run->env_has_ids)
		return;
	memcpy(ex->span_id, run->own.span_id, sizeof(ex->span_id));
	otr_trace_take_id(ex->trace, run->own.trace_id, run->own.flags);
	if (!memcmp(run->outer.span_id, none, sizeof(none)))
		return;
	memcpy(ex->parent_id, run->outer.span_id, sizeof(ex->parent_id));
	ex->evidence = OTR_EVIDENCE_EXEC;
	ex->remote = true;
}

/* It is on no connection: its wire is freed with it. */
static void begin_root(struct otr_stitch *st, const struct otr_event *ev)
{
	struct otr_exchange *ex = otr_spares_get(&st->old_exchanges, sizeof(*ex));
	struct otr_trace *tr = otr_trace_new(st);
	struct otr_wire *wire = otr_wire_apart(st);
	struct otr_msg *req = otr_msg_copy(&st->messages, &(struct otr_msg){0});

	if (!ex || !tr || !wire || !req) {
		otr_spares_put(&st->old_exchanges, ex);
		otr_spares_put(&st->old_traces, tr);
		otr_wire_put(st, wire);
		otr_pool_put(&st->messages, req);
		otr_descendant_drop_all(st);
		return;
	}
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
	take_ids(&st->run, ex);
	st->run.ex = ex;
}

/* The name is that of the file that was executed: deploy.sh, not sh. */
static void set_name(struct otr_stitch *st, struct otr_exchange *ex, const struct otr_ev_proc *ev)
{
	struct otr_slice exe = {ev->text, ev->exe_len};
	struct otr_msg msg = {.op = otr_name_base(exe)}, *copy;

	copy = otr_msg_copy(&st->messages, &msg);
	if (!copy)
		return;
	otr_pool_put(&st->messages, ex->req);
	ex->req = copy;
}

/* Every process that carries the library descends from the first process, even if its parent was
 * not reported. */
static struct otr_descendant *find_or_add(struct otr_stitch *st, const struct otr_ev_proc *ev)
{
	const struct otr_descendant *from = otr_descendant_find(st, ev->ppid);
	struct otr_descendant *desc = otr_descendant_find(st, ev->hdr.tgid);

	if (desc || ev->hdr.hook != OTR_HOOK_PRELOAD)
		return desc;
	desc = otr_descendant_add(st, ev->hdr.tgid);
	if (desc)
		desc->served = from && from->served;
	return desc;
}

static void on_exec(struct otr_stitch *st, const struct otr_ev_proc *ev)
{
	struct otr_descendant *desc = find_or_add(st, ev);

	if (desc) {
		desc->evidence = OTR_EVIDENCE_EXEC;
		desc->listens = false; /* a socket that it listens on now is inherited */
	}
	/* The library reports the program that it is loaded into, which may be the shell of a
	 * script. */
	if (ev->hdr.tgid != st->run.tgid || ev->hdr.hook == OTR_HOOK_PRELOAD)
		return;
	if (!st->run.ex)
		begin_root(st, &ev->hdr);
	if (st->run.ex)
		set_name(st, st->run.ex, ev);
}

static void on_fork(struct otr_stitch *st, const struct otr_ev_proc *ev)
{
	const struct otr_descendant *from = otr_descendant_find(st, ev->ppid);
	struct otr_descendant *desc = from ? otr_descendant_add(st, ev->hdr.tgid) : NULL;

	if (!desc)
		return;
	desc->evidence = OTR_EVIDENCE_CLONE;
	desc->served = from->served || from->listens;
}

static void on_listen(struct otr_stitch *st, uint32_t tgid)
{
	struct otr_descendant *desc = otr_descendant_find(st, tgid);

	if (desc)
		desc->listens = true;
}

static void on_end(struct otr_stitch *st, const struct otr_ev_proc *ev)
{
	struct otr_exchange *ex = st->run.ex;
	struct otr_msg msg = {.status = ev->exit_code};

	/* The library does not know how its process ended. */
	if (ev->hdr.tgid == st->run.tgid && ev->hdr.hook == OTR_HOOK_PRELOAD)
		return;
	otr_descendant_drop(st, otr_descendant_find(st, ev->hdr.tgid));
	if (ev->hdr.tgid != st->run.tgid)
		return;
	otr_descendant_drop_all(st);
	if (!ex || !otr_is_open(ex))
		return;
	otr_root_learn(st);
	ex->rsp = otr_msg_copy(&st->messages, &msg);
	otr_exchange_end(st, ex, ev->hdr.time_ns);
}

/* Reads "00-TRACE-SPAN-FLAGS", and behind a blank the parent of that span. */
static void read_ids(struct otr_run *run, struct otr_slice text)
{
	size_t len = text.len < 55 ? text.len : 55;

	run->released = false;
	run->outer = (struct otr_traceparent){.flags = 0};
	run->env_has_ids = otr_traceparent_read(&run->own, otr_slice_sub(text, 0, len));
	if (text.len > 56 && !otr_traceparent_read(&run->outer, otr_slice_sub(text, 56, text.len)))
		run->outer = (struct otr_traceparent){.flags = 0};
}

static void on_root(struct otr_stitch *st, uint32_t tgid, struct otr_slice names)
{
	struct otr_descendant *desc;

	if (st->run.tgid || st->run.ex)
		return;
	st->run.tgid = tgid;
	read_ids(&st->run, names);
	desc = otr_descendant_add(st, tgid);
	if (desc)
		desc->evidence = OTR_EVIDENCE_EXEC;
}

/* A process that is not traced has used it as a parent, so it must be emitted. */
static void on_used_as_parent(struct otr_stitch *st, struct otr_slice text)
{
	struct otr_traceparent ctx;

	if (otr_traceparent_read(&ctx, text) && otr_root_named(st, &ctx))
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
		on_used_as_parent(st, (struct otr_slice){meta->text, meta->len});
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

	otr_descendant_drop_all(st);
	st->run.released = true;
	if (otr_trace_disband(st, root, otr_env_parent_only))
		otr_exchange_free(st, root);
}

/* It cannot be released once children of it are emitted. */
static bool can_release(const struct otr_stitch *st)
{
	return st->run.ex && otr_is_open(st->run.ex) && !st->run.emitted;
}

/* See process.h. */
struct otr_exchange *otr_process_for(struct otr_stitch *st, const struct otr_exchange *ex,
				     uint8_t *evidence)
{
	const struct otr_descendant *desc = otr_descendant_find(st, ex->tgid);
	struct otr_exchange *root = st->run.ex;

	/* If the first process has an id, its work names that id. */
	if (!root || !otr_is_open(root) || st->run.env_has_ids)
		return NULL;
	if (!desc || desc->served || ex->may_be_orphan)
		return NULL;
	if (root->n_kids >= OTR_RUN_KIDS_MAX && can_release(st)) {
		release(st);
		return NULL;
	}
	/* A context that was set between the first process and this one is nearer. */
	if (!otr_slice_eq(context(st, ex->tgid), context(st, root->tgid)))
		return NULL;
	*evidence = desc->evidence;
	otr_root_learn(st);
	return root;
}

void otr_process_serves(struct otr_stitch *st, uint32_t tgid)
{
	struct otr_descendant *desc = otr_descendant_find(st, tgid);

	if (desc)
		desc->served = true;
	if (desc && tgid == st->run.tgid && can_release(st))
		release(st);
}

void otr_process_tick(struct otr_stitch *st)
{
	if (can_release(st) && otr_root_is_old(st))
		release(st);
}
