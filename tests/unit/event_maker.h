/* SPDX-License-Identifier: Apache-2.0 */
#ifndef OTR_EVENT_MAKER_H
#define OTR_EVENT_MAKER_H

/*
 * event_maker.h - makes events for tests, one call each.
 *
 *	struct end cl = tcp_client(100, 7), sv = tcp_server(200, 7);
 *
 *	opens(&mk, &cl);
 *	opens(&mk, &sv);
 *	sends(&mk, &cl, "GET / HTTP/1.1\r\n\r\n");
 *	gets(&mk, &sv, ..);
 *
 * An end keeps its positions. The maker keeps the time, which each call advances by 100 us, and
 * gives each record, checked, to `sink`.
 */

#include <assert.h>
#include <netinet/in.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>

#include "agent/base/own.h"
#include "agent/source/source.h"
#include "bpf/event.h"

#define MS 1000000ull

struct maker {
	otr_event_fn sink;
	void *arg;
	uint64_t now_ns;
	uint32_t head; /* bytes copied of a run; 0: 1024 */
};

/* One end of a connection, and the process that has it. */
struct end {
	uint64_t conn;
	uint32_t tgid, tid;
	uint8_t role;
	uint8_t pos_kind;
	uint8_t layer;
	uint32_t isn_out, isn_in;
	uint64_t peer;
	uint16_t port;		/* of the server */
	struct otr_cause cause; /* of the next record that opens a run */
	uint64_t pos[2];
	uint64_t run_pos[2];
	uint64_t run_bytes[2];
	uint64_t run_last_ns[2];
	int run_dir; /* -1: no run yet */
	bool unseen_open;
};

static inline void give(struct maker *mk, void *rec)
{
	const struct otr_event *ev = rec;
	const struct otr_event *ok = otr_event_check(ev, ev->size);

	assert(ok);
	mk->sink(mk->arg, ok);
}

static inline struct otr_event stamp(struct maker *mk, const struct end *e, uint16_t kind,
				     size_t size)
{
	return (struct otr_event){
		.kind = kind,
		.hook = OTR_HOOK_SOCKET,
		.size = (uint32_t)size,
		.time_ns = mk->now_ns,
		.tgid = e ? e->tgid : 0,
		.tid = e ? e->tid : 0,
		.strand = e ? e->tid : 0,
		.conn = e ? e->conn : 0,
	};
}

static inline struct end tcp_end(uint64_t conn, uint32_t tgid, uint8_t role, uint32_t out,
				 uint32_t in)
{
	return (struct end){
		.conn = conn,
		.tgid = tgid,
		.tid = tgid,
		.role = role,
		.pos_kind = OTR_POS_TCP_SEQ,
		.isn_out = out,
		.isn_in = in,
		.port = 80,
		.pos = {[OTR_DIR_IN] = (uint32_t)(in + 1), [OTR_DIR_OUT] = (uint32_t)(out + 1)},
		.run_dir = -1};
}

/* The client and the server of one number `n` are the two ends of one wire. */
static inline struct end tcp_client(uint64_t conn, uint32_t tgid, uint32_t n)
{
	return tcp_end(conn, tgid, OTR_ROLE_CLIENT, n * 1000003u, n * 7000003u + 1);
}

static inline struct end tcp_server(uint64_t conn, uint32_t tgid, uint32_t n)
{
	return tcp_end(conn, tgid, OTR_ROLE_SERVER, n * 7000003u + 1, n * 1000003u);
}

static inline struct otr_addr addr4(uint8_t last, uint16_t port)
{
	return (struct otr_addr){.family = AF_INET, .port = port, .ip = {10, 0, 0, last}};
}

static inline struct otr_ev_conn facts(struct maker *mk, const struct end *e, uint16_t kind)
{
	struct otr_ev_conn cn = {
		.hdr = stamp(mk, e, kind, sizeof(cn)),
		.local = addr4(1, 50000),
		.remote = addr4(2, e->port),
		.isn_out = e->isn_out,
		.isn_in = e->isn_in,
		.type = SOCK_STREAM,
		.protocol = IPPROTO_TCP,
		.role = e->role,
		.seen_open = !e->unseen_open,
		.peer = e->peer,
	};

	if (e->pos_kind == OTR_POS_OFFSET) {
		cn.protocol = 0;
		cn.local = cn.remote = (struct otr_addr){.family = AF_UNIX};
		memcpy(cn.path, "/run/app.sock", 13);
	} else if (e->role == OTR_ROLE_SERVER) {
		cn.local = addr4(2, e->port);
		cn.remote = addr4(1, 50000);
	}
	return cn;
}

static inline void opens(struct maker *mk, struct end *e)
{
	struct otr_ev_conn cn = facts(mk, e, OTR_EV_CONN_OPEN);

	give(mk, &cn);
}

static inline void ticks(struct maker *mk, uint64_t ns)
{
	struct otr_event ev;

	while (ns) {
		uint64_t step = ns < 10 * MS ? ns : 10 * MS;

		mk->now_ns += step;
		ns -= step;
		ev = stamp(mk, NULL, OTR_EV_TICK, sizeof(ev));
		give(mk, &ev);
	}
}

/* Emits the record of a run's state, as a source does. */
static inline void emit_run(struct maker *mk, struct end *e, int dir, bool open, const char *tail,
			    size_t len)
{
	struct otr_ev_run run = {
		.hdr = stamp(mk, e, OTR_EV_RUN, sizeof(run)),
		.pos = e->run_pos[dir],
		.bytes = e->run_bytes[dir],
		.first_ns = e->run_last_ns[dir],
		.last_ns = e->run_last_ns[dir],
		.calls = 1,
		.pos_kind = e->pos_kind,
		.dir = (uint8_t)dir,
		.layer = e->layer,
		.open = open,
	};

	if (e->pos_kind == OTR_POS_TCP_SEQ)
		run.pos = (uint32_t)run.pos;
	memcpy(run.tail + sizeof(run.tail) - len, tail, len);
	give(mk, &run);
}

static inline void run_is(struct maker *mk, struct end *e, int dir, bool open, const char *tail)
{
	emit_run(mk, e, dir, open, tail, strlen(tail));
}

/* The run ended with the 8 bytes of `tail`. */
static inline void run_ends(struct maker *mk, struct end *e, int dir, const char *tail)
{
	emit_run(mk, e, dir, false, tail, 8);
}

static inline void move(struct maker *mk, struct end *e, int dir, const char *data, size_t cap,
			uint64_t moved)
{
	uint32_t head = mk->head ? mk->head : 1024;
	struct otr_ev_data *da;
	bool first = e->run_dir != dir;
	uint64_t done;

	mk->now_ns += MS / 10;
	if (first) {
		e->run_dir = dir;
		e->run_pos[dir] = e->pos[dir];
		e->run_bytes[dir] = 0;
	}
	done = e->run_bytes[dir];
	e->run_bytes[dir] += moved;
	e->run_last_ns[dir] = mk->now_ns;
	e->pos[dir] += moved;
	if (done >= head)
		return; /* no record at all */
	if (cap > head - done)
		cap = head - done;
	da = calloc(1, sizeof(*da) + cap);
	assert(da);
	da->hdr = stamp(mk, e, OTR_EV_DATA, sizeof(*da) + cap);
	da->start_ns = mk->now_ns;
	da->pos = e->pos[dir] - moved;
	if (e->pos_kind == OTR_POS_TCP_SEQ)
		da->pos = (uint32_t)da->pos;
	da->moved = moved;
	da->cap = (uint32_t)cap;
	da->pos_kind = e->pos_kind;
	da->dir = (uint8_t)dir;
	da->layer = e->layer;
	da->first = first;
	memcpy(da->data, data, cap);
	if (dir == OTR_DIR_OUT && first) {
		da->cause = e->cause;
		e->cause = (struct otr_cause){0};
	}
	give(mk, da);
	free(da);
}

static inline void sends(struct maker *mk, struct end *e, const char *text)
{
	move(mk, e, OTR_DIR_OUT, text, strlen(text), strlen(text));
}

static inline void gets(struct maker *mk, struct end *e, const char *text)
{
	move(mk, e, OTR_DIR_IN, text, strlen(text), strlen(text));
}

/* Moves bytes of a body that no record has copied. */
static inline void pours(struct maker *mk, struct end *e, int dir, uint64_t bytes)
{
	move(mk, e, dir, "", 0, bytes);
}

static inline void closes(struct maker *mk, struct end *e, int error)
{
	struct otr_ev_conn cn = facts(mk, e, OTR_EV_CONN_CLOSE);

	cn.error = error;
	give(mk, &cn);
}

/* The next request of `e` is made for the inbound request that ends `back` bytes before the next
 * byte of `of`. */
static inline void made_for(struct end *e, const struct end *of, uint64_t back, uint8_t evidence)
{
	e->cause = (struct otr_cause){
		.parent = {.conn = of->conn,
			   .pos = (uint32_t)(of->pos[OTR_DIR_IN] - back),
			   .dir = OTR_DIR_IN,
			   .pos_kind = of->pos_kind},
		.evidence = evidence,
	};
}

#endif /* OTR_EVENT_MAKER_H */
