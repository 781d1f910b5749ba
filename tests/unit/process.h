/* SPDX-License-Identifier: Apache-2.0 */
#ifndef TESTS_PROCESS_H
#define TESTS_PROCESS_H

/* process.h - what tests of the process that `run` started share. */

#define MAX_SPANS 8192 /* the spans of a load are emitted at once */
#include "tests/unit/story.h"

#define RUN    10 /* pid of the process that `run` started */
#define SECOND (1000 * MS)

static void put_meta(void *arg, const struct otr_event *ev)
{
	feed(arg, ev);
}

static void meta(struct story *s, uint32_t tgid, enum otr_meta key, const char *text)
{
	otr_meta_put(tgid, key, otr_slice_str(text), s->mk.now_ns, put_meta, s);
}

static void proc(struct story *s, uint16_t kind, uint32_t tgid, uint32_t ppid, const char *exe,
		 int status)
{
	struct end e = {.tgid = tgid, .tid = tgid};
	size_t len = strlen(exe);
	struct otr_ev_proc *pr = calloc(1, sizeof(*pr) + len);

	s->mk.now_ns += MS;
	pr->hdr = stamp(&s->mk, &e, kind, sizeof(*pr) + len);
	pr->ppid = ppid;
	pr->exit_code = status;
	pr->exe_len = (uint16_t)len;
	memcpy(pr->text, exe, len);
	give(&s->mk, pr);
	free(pr);
}

static void forks(struct story *s, uint32_t tgid, uint32_t ppid)
{
	proc(s, OTR_EV_PROC_FORK, tgid, ppid, "", 0);
}

static void executes(struct story *s, uint32_t tgid, const char *exe)
{
	proc(s, OTR_EV_PROC_EXEC, tgid, 0, exe, 0);
}

static void exits(struct story *s, uint32_t tgid, int status)
{
	proc(s, OTR_EV_PROC_EXIT, tgid, 0, "", status);
}

static void runs(struct story *s, const char *exe)
{
	begin(s);
	meta(s, RUN, OTR_META_RUN_ROOT, "");
	executes(s, RUN, exe);
}

/* The process asks for `path` on a connection of its own. */
static void asks(struct story *s, uint32_t tgid, const char *path)
{
	static uint32_t n = 500;
	struct end cl = tcp_client(n, tgid, n);
	char text[64];

	n++;
	snprintf(text, sizeof(text), "GET %s HTTP/1.1\r\nHost: a\r\n\r\n", path);
	opens(&s->mk, &cl);
	sends(&s->mk, &cl, text);
	gets(&s->mk, &cl, OK);
}

static void serves(struct story *s, uint32_t tgid)
{
	struct end in = tcp_server(99, tgid, 99);

	opens(&s->mk, &in);
	gets(&s->mk, &in, GET("/in"));
	sends(&s->mk, &in, OK);
}

static const struct otr_span *process_of(const struct story *s)
{
	for (size_t i = 0; i < s->n; i++)
		if (s->spans[i]->kind == OTR_SPAN_INTERNAL)
			return s->spans[i];
	return NULL;
}

static void is_text(struct otr_slice s, const char *text)
{
	assert_int_equal(s.len, strlen(text));
	assert_memory_equal(s.data, text, s.len);
}

#endif /* TESTS_PROCESS_H */
