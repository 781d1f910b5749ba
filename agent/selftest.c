/* SPDX-License-Identifier: Apache-2.0 */
/*
 * selftest.c - traces one real request.
 *
 * Two child processes, a client and a server, speak HTTP over loopback; the probes, the pipeline
 * and the stitcher of a session make spans of it. The test is passed if the client's span is the
 * parent of the server's, proved by the wire.
 */

#include <arpa/inet.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

#include "agent/base/clock.h"
#include "agent/base/err.h"
#include "agent/config/settings.h"
#include "agent/doctor.h"
#include "agent/pipeline.h"
#include "agent/resource/procfs.h"
#include "agent/source/bpf.h"
#include "agent/source/merge.h"
#include "agent/source/probes.h"
#include "agent/source/synthetic.h"
#include "agent/span/span.h"

#define MERGE_BYTES (1u << 20)
#define TIMEOUT_NS  (2 * OTR_NS_PER_S)
#define TRIES \
	3 /* in an emulated machine, a record may be later than its time by more than SETTLE_NS */
#define SETTLE_NS (2 * OTR_NS_PER_MS) /* as in session.c */

static const char request[] = "GET /otrace-doctor HTTP/1.1\r\nHost: localhost\r\n\r\n";
static const char answer[] = "HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok";

struct result {
	struct otr_pipeline *pl;
	struct otr_merge *merge;
	int client, server;
	uint8_t client_id[8];
	int joined;
	uint64_t first_ns; /* of the first byte */
};

static void on_span(void *arg, struct otr_span *sp)
{
	struct result *res = arg;

	if (sp->kind == OTR_SPAN_CLIENT) {
		res->client++;
		memcpy(res->client_id, sp->span_id, sizeof(res->client_id));
	}
	if (sp->kind == OTR_SPAN_SERVER) {
		res->server++;
		res->joined |= sp->evidence == OTR_EVIDENCE_WIRE;
	}
}

static void on_trace(void *arg, const uint8_t trace_id[16], uint8_t flags, bool proved)
{
	(void)arg;
	(void)trace_id;
	(void)flags;
	(void)proved;
}

static int add_event(void *arg, const struct otr_event *ev)
{
	struct result *res = arg;

	return otr_merge_add(res->merge, ev);
}

static int drop_event(void *arg, const struct otr_event *ev)
{
	(void)arg;
	(void)ev;
	return 0;
}

static int on_event(void *arg, const struct otr_event *ev)
{
	struct result *res = arg;

	if (ev->kind == OTR_EV_DATA && !res->first_ns)
		res->first_ns = ev->time_ns;
	return otr_pipeline_event(res->pl, ev);
}

/* Both children wait for a byte on `go` before they speak. */
static void serve(int listener, int go)
{
	char bytes[512];
	int fd;

	if (read(go, bytes, 1) != 1)
		_exit(1);
	fd = accept(listener, NULL, NULL);
	if (fd < 0 || recv(fd, bytes, sizeof(bytes), 0) <= 0 ||
	    send(fd, answer, sizeof(answer) - 1, 0) < 0)
		_exit(1);
	_exit(recv(fd, bytes, sizeof(bytes), 0) != 0);
}

static void ask(const struct sockaddr_in *to, int go)
{
	char bytes[512];
	int fd = socket(AF_INET, SOCK_STREAM, 0);

	if (fd < 0 || read(go, bytes, 1) != 1 ||
	    connect(fd, (const struct sockaddr *)to, sizeof(*to)) ||
	    send(fd, request, sizeof(request) - 1, 0) < 0)
		_exit(1);
	_exit(recv(fd, bytes, sizeof(bytes), 0) <= 0);
}

struct pair {
	pid_t server, client;
	int go;
};

static int start_pair(struct pair *p)
{
	struct sockaddr_in at = {.sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
	socklen_t len = sizeof(at);
	int listener = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0), go[2];

	if (listener < 0 || bind(listener, (struct sockaddr *)&at, sizeof(at)) ||
	    listen(listener, 1) || getsockname(listener, (struct sockaddr *)&at, &len) ||
	    pipe2(go, O_CLOEXEC))
		return -errno;
	p->server = fork();
	if (!p->server) {
		close(go[1]);
		serve(listener, go[0]);
	}
	p->client = fork();
	if (!p->client) {
		close(go[1]);
		ask(&at, go[0]);
	}
	close(listener);
	close(go[0]);
	p->go = go[1];
	return p->server < 0 || p->client < 0 ? -errno : 0;
}

static void end_pair(struct pair *p)
{
	close(p->go); /* a child that still waits reads the end of the pipe, and ends */
	if (p->client > 0)
		waitpid(p->client, NULL, 0);
	if (p->server > 0)
		waitpid(p->server, NULL, 0);
}

/* Gives events and time to the stages, as session.c does. */
static void advance(struct result *res, uint64_t until)
{
	const struct otr_event tick = otr_synthetic_tick(until);

	otr_merge_release(res->merge, until, on_event, res);
	otr_pipeline_event(res->pl, &tick);
}

static void wait_for_spans(struct otr_bpf *b, struct result *res, struct otr_selftest *st)
{
	uint64_t began = otr_now(), now;

	do {
		usleep(1000);
		now = otr_now();
		otr_bpf_drain(b, add_event, res);
		advance(res, now - SETTLE_NS);
	} while (!res->joined && now - began < TIMEOUT_NS);
	st->ok = res->client == 1 && res->server == 1 && res->joined;
	st->ns = res->first_ns && now > res->first_ns ? now - res->first_ns : 0;
	if (!st->ok)
		snprintf(st->why, sizeof(st->why),
			 "1 request gave %d client and %d server spans, %s joined", res->client,
			 res->server, res->joined ? "" : "not");
}

struct listeners {
	struct otr_check *ck;
	size_t n;
};

static int add_listener(void *arg, const struct otr_event *ev)
{
	const struct otr_ev_conn *cn = (const void *)ev;
	struct listeners *listeners = arg;
	size_t len = strlen(listeners->ck->found);
	char word[48], name[32], exe[512];

	if (ev->kind != OTR_EV_LISTEN || cn->local.family == AF_UNIX ||
	    !otr_procfs_exe(ev->tgid, exe, sizeof(exe)))
		return 0;
	snprintf(name, sizeof(name), "%.24s", strrchr(exe, '/') + 1);
	snprintf(word, sizeof(word), "%s :%u,", name, cn->local.port);
	if (strstr(listeners->ck->found, word) || len + strlen(word) + 4 > OTR_DOCTOR_WIDTH)
		return 0;
	snprintf(listeners->ck->found + len, sizeof(listeners->ck->found) - len, " %s", word);
	listeners->n++;
	return 0;
}

/* Fills `ck` with the processes that listen on a port, which could be attached to. */
static void list_listeners(struct otr_bpf *b, struct otr_check *ck)
{
	struct listeners listeners = {.ck = ck};

	memset(ck, 0, sizeof(*ck));
	ck->id = "here";
	snprintf(ck->found, sizeof(ck->found), "listen:");
	otr_bpf_listeners(b, add_listener, &listeners);
	if (listeners.n)
		ck->found[strlen(ck->found) - 1] = 0; /* the last comma */
	else
		snprintf(ck->found, sizeof(ck->found), "nobody listens on a port");
}

static void request_once(struct otr_bpf *b, struct otr_selftest *st)
{
	struct result res = {0};
	const struct otr_pipeline_config cfg = {
		.hold_ns = OTR_NS_PER_S,
		.seed = 1,
		.span = on_span,
		.trace = on_trace,
		.arg = &res,
	};
	struct pair p = {.go = -1};

	if (otr_pipeline_new(&res.pl, &cfg) || otr_merge_new(&res.merge, MERGE_BYTES) ||
	    start_pair(&p)) {
		snprintf(st->why, sizeof(st->why), "cannot start: %s", strerror(errno));
	} else if (otr_bpf_target(b, (uint32_t)p.server, false) ||
		   otr_bpf_target(b, (uint32_t)p.client, false) || otr_bpf_list(b, 0) ||
		   write(p.go, "go", 2) != 2) {
		snprintf(st->why, sizeof(st->why), "cannot trace: %s", strerror(errno));
	} else {
		wait_for_spans(b, &res, st);
	}
	end_pair(&p);
	otr_bpf_drain(b, drop_event, NULL); /* events of this pair are none of the next pair's */
	otr_merge_free(&res.merge);
	otr_pipeline_free(&res.pl);
}

struct rows {
	struct otr_check *checks;
	size_t n, max;
};

static void add_row(void *arg, const struct otr_probe *row, const char *used, const char *why)
{
	struct rows *rows = arg;
	struct otr_check *ck;

	if (rows->n == rows->max)
		return;
	ck = &rows->checks[rows->n++];
	memset(ck, 0, sizeof(*ck));
	ck->id = row->name;
	ck->state = used ? OTR_HEALTH_OK : row->required ? OTR_HEALTH_MISSING : OTR_HEALTH_LIMITED;
	snprintf(ck->found, sizeof(ck->found), "%s", used ? used : why);
	if (!used)
		snprintf(ck->consequence, sizeof(ck->consequence), "%s", row->means);
}

size_t otr_selftest_run(const struct otr_settings *cfg, struct otr_selftest *st,
			struct otr_check *checks, size_t max)
{
	const struct otr_bpf_config bpf = {
		.btf = cfg->btf,
		.verbose = cfg->verbose,
		.force = getenv("OTRACE_PROBES"),
	};
	struct rows rows = {.checks = checks, .max = max};
	struct otr_err err = {.text = ""};
	struct otr_bpf *b = NULL;

	memset(st, 0, sizeof(*st));
	if (otr_bpf_open(&b, &bpf, &err)) {
		snprintf(st->why, sizeof(st->why), "%.*s", (int)strcspn(err.text, "\n"), err.text);
		return 0;
	}
	st->price_ns = otr_bpf_price_ns(b);
	otr_bpf_arm_all(b);
	otr_bpf_each(b, add_row, &rows);
	if (rows.n < max)
		list_listeners(b, &checks[rows.n++]);
	for (int i = 0; i < TRIES && !st->ok; i++)
		request_once(b, st);
	otr_bpf_close(&b);
	return rows.n;
}
