/* SPDX-License-Identifier: Apache-2.0 */
/* clang-format off */
#ifndef TESTS_PQ_FAKES_H
#define TESTS_PQ_FAKES_H

/* pq_fakes.h - for pq_test.c: a connection, the functions of the library that its files call, and a libpq. */

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <stdlib.h>
#include <string.h>

#include "preload/parse/comment.h"
#include "preload/trace/header.h"
#include "preload/trace/pq.h"
#include "preload/base/alloc.h"
#include "preload/base/shim.h"
#include "preload/base/clock.h"
#include "preload/base/fd.h"
#include "preload/ring/emit.h"
#include "preload/ring/ring.h"
#include "preload/trace/conn.h"
#include "preload/trace/enter.h"
#include "preload/trace/flow.h"
#include "preload/trace/layer.h"
#include "preload/trace/rules.h"

#define FD 7

struct otr_shim otr_shim;
static struct otr_fd_page page;
#define SOCKET page.fds[FD]
#define SAID   page.fds[OTR_FD_PAGE + FD]
static struct otr_self self;
static const uint32_t on, off = 1;
static char line[512];
static int counts[OTR_SHIM_COUNTS];

/* Fakes of functions of the library: */
struct otr_self *otr_enter(void)
{
	if (self.wrapper_frame)
		return NULL;
	self.wrapper_frame = 1;
	return &self;
}

void otr_leave(struct otr_self *at)
{
	at->wrapper_frame = 0;
}

void *otr_alloc(size_t size)
{
	return calloc(1, size);
}

void *otr_alloc_once(void *place, size_t size) /* for texts alone */
{
	assert_ptr_equal(place, &otr_shim.pq_texts);
	if (!otr_shim.pq_texts)
		otr_shim.pq_texts = otr_alloc(size);
	return otr_shim.pq_texts;
}

struct otr_fd *otr_fd_of(int fd)
{
	return fd == FD ? &SOCKET : NULL;
}

struct otr_fd *otr_fd_home(int fd) __attribute__((alias("otr_fd_of")));
struct otr_fd *otr_fd_known(int fd) __attribute__((alias("otr_fd_of")));

struct otr_fd *otr_fd_upper(struct otr_fd *f)
{
	return f->has_upper ? f + OTR_FD_PAGE : f;
}

struct otr_fd *otr_fd_begin_upper(struct otr_fd *f, uint8_t layer)
{
	f->has_upper = 1;
	memset(otr_fd_upper(f), 0, sizeof(*f));
	otr_fd_upper(f)->layer = layer;
	return otr_fd_upper(f);
}

int otr_switch_is_on(uint32_t flag)
{
	(void)flag;
	return 0;
}

void otr_emit_conn(int fd, struct otr_fd *f, uint16_t kind, int error)
{
	(void)fd, (void)kind, (void)error;
	f->announced_by = otr_shim.pid;
}

void otr_count(enum otr_shim_count what)
{
	counts[what]++;
}

void otr_rules_ask(struct otr_self *at, struct otr_fd *f, uint64_t now)
{
	(void)at, (void)now;
	f->has_cause = 1;
}

#define TP "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01"

size_t otr_header_make(struct otr_fd *f, const struct iovec *iov, int n, char *out)
{
	(void)iov;
	assert_int_equal(n, 0);
	f->cause.ids = OTR_IDS_INJECTED;
	memcpy(out, "traceparent: " TP "\r\n", 70);
	return 70;
}

static void note(int dir, char type)
{
	size_t at = strlen(line);
	char mark = dir == OTR_DIR_OUT ? '>' : '<';
	const char *last = strpbrk(line, "<>") ? line + at : NULL;

	while (last && *last != '<' && *last != '>')
		last--;
	assert_true(at + 3 < sizeof(line));
	if (!last || *last != mark)
		line[at++] = mark;
	line[at] = type;
	line[at + 1] = 0;
}

uint32_t otr_emit_data(struct otr_fd *f, struct otr_self *at, int dir, uint64_t pos,
		       uint64_t moved, uint64_t start_ns, int first,
		       const struct otr_cause *cause, const struct iovec *iov, int n,
		       uint32_t cap)
{
	(void)f, (void)at, (void)start_ns, (void)first, (void)cause, (void)iov, (void)n;
	assert_int_equal(pos, 0);
	assert_int_equal(moved, cap);
	note(dir, '.');
	return cap;
}

void otr_moved(struct otr_self *at, int fd, struct otr_fd *f, int dir, uint64_t moved,
	       uint64_t start_ns, const struct iovec *iov, int n)
{
	char bytes[1024];
	size_t len = 0, size;

	assert_true(at->wrapper_frame);
	assert_int_equal(fd, FD);
	assert_int_equal(f->layer, OTR_LAYER_LIB);
	assert_true(start_ns || dir == OTR_DIR_IN);
	if (dir == OTR_DIR_OUT)
		f->has_cause = 0;
	for (int i = 0; i < n; i++) {
		assert_true(len + iov[i].iov_len <= sizeof(bytes));
		memcpy(bytes + len, iov[i].iov_base, iov[i].iov_len);
		len += iov[i].iov_len;
	}
	if (!n)
		note(dir, '?');
	assert_true(!n || len == moved);
	for (size_t i = 0; i < len; i += size) {
		size = 1 + ((size_t)(uint8_t)bytes[i + 3] << 8 | (uint8_t)bytes[i + 4]);
		note(dir, bytes[i]);
	}
}

/* A fake of libpq: */
struct result {
	int status;
	const char *tag, *code;
};

static int active, pipelined, status;
static char db[1], result_text[64];

static int get_socket(const void *conn)
{
	(void)conn;
	return FD;
}

static int get_status(const void *conn)
{
	(void)conn;
	return status;
}

static int get_transaction(const void *conn)
{
	(void)conn;
	return active;
}

static char *get_name(const void *conn)
{
	(void)conn;
	return (char *)"me";
}

static int get_result(const void *res)
{
	return ((const struct result *)res)->status;
}

static char *get_tag(void *res)
{
	strcpy(result_text, ((const struct result *)res)->tag);
	return result_text;
}

static char *get_field(const void *res, int which)
{
	return which == 'C' ? (char *)((const struct result *)res)->code : NULL;
}

static int get_pipeline(const void *conn)
{
	(void)conn;
	return pipelined;
}

static char code[16]; /* where it lies */
static struct otr_pq_lib lib;

struct otr_pq_lib *otr_pq_lib_of(const void *fn)
{
	assert_ptr_equal(fn, code);
	return &lib;
}

#endif /* TESTS_PQ_FAKES_H */
