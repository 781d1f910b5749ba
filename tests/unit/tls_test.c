/* SPDX-License-Identifier: Apache-2.0 */
// needs: preload/parse/inject.c preload/parse/head_scan.c preload/trace/tls.c preload/trace/tls_session.c
// needs: preload/trace/layer.c preload/trace/ciphertext.c preload/parse/response_boundary.c
// needs: preload/parse/request_boundary.c
// needs: tests/unit/shim_fakes.c
/*
 * tls_test.c - a TLS library that takes as many bytes as it likes, when it likes: the stream is
 * that of the caller, with one header or none; a call that is repeated has the same bytes; and the
 * caller is told how many of its own bytes were taken.
 */

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <stdlib.h>
#include <string.h>

#include "preload/base/alloc.h"
#include "preload/base/clock.h"
#include "preload/base/fd.h"
#include "preload/base/hold.h"
#include "preload/base/shim.h"
#include "preload/base/thread.h"
#include "preload/ring/emit.h"
#include "preload/ring/ring.h"
#include "preload/trace/ciphertext.h"
#include "preload/trace/conn.h"
#include "preload/trace/decide.h"
#include "preload/trace/enter.h"
#include "preload/trace/flow.h"
#include "preload/trace/io.h"
#include "preload/trace/layer.h"
#include "preload/trace/shed.h"
#include "preload/trace/tls.h"
#include "preload/trace/tls_session.h"
#include "preload/trace/user_copy.h"

#define FD     7
#define AT     5
#define HEADER "[ten here]"
#define ADDED  (sizeof(HEADER) - 1)

static const char body[] = "GET / and what else is asked for";
#define N (sizeof(body) - 1)

static struct otr_self self;
static const uint32_t on, off = 1;
struct otr_shim otr_shim;
static struct otr_fd_page page;
static int records;
static size_t counted;

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

void otr_learn_role(struct otr_fd *f, int dir, const struct iovec *iov, int n)
{
	(void)iov, (void)n;
	if (f->role == OTR_ROLE_UNKNOWN)
		f->role = dir == OTR_DIR_OUT ? OTR_ROLE_CLIENT : OTR_ROLE_SERVER;
}

void *otr_alloc(size_t size)
{
	return calloc(1, size);
}

void *otr_alloc_once(void *place, size_t size) /* for records alone */
{
	static char record[4][16384];

	assert_int_equal(size, sizeof(record[0]));
	if (!*(char **)place) {
		assert_true(records < 4);
		*(char **)place = record[records++];
	}
	return *(char **)place;
}

struct otr_fd *otr_fd_slot(int fd)
{
	return fd == FD ? &page.fds[FD] : NULL;
}

struct otr_fd *otr_fd_of(int fd)
{
	return otr_fd_slot(fd);
}

struct otr_fd *otr_fd_home(int fd)
{
	return otr_fd_slot(fd);
}

void otr_hold_count_unread(struct otr_fd *f, int dir, ssize_t n)
{
	(void)dir, (void)n;
	f->boundary.state = OTR_BOUNDARY_UNKNOWN;
}

int otr_fd_is_same(int fd, struct otr_fd *f)
{
	return f == otr_fd_slot(fd);
}

size_t otr_header_for(struct otr_self *at, int number, struct otr_fd *f, const struct iovec *iov,
		      int n, int plain, uint64_t now, size_t *place, char *out)
{
	(void)at;
	(void)number;
	(void)f;
	(void)now;
	if (!plain || n != 1 || memcmp(iov->iov_base, "GET ", 4))
		return 0;
	memcpy(out, HEADER, ADDED);
	*place = AT;
	return ADDED;
}

void otr_moved(struct otr_self *at, int fd, struct otr_fd *f, int dir, uint64_t moved,
	       uint64_t start_ns, const struct iovec *iov, int n)
{
	(void)at;
	(void)fd;
	(void)dir;
	(void)start_ns;
	(void)iov;
	(void)n;
	assert_int_equal(f->layer, OTR_LAYER_TLS);
	counted += moved;
}

int otr_is_single_threaded(void)
{
	return 1;
}

struct otr_copy *otr_copy_keep(const struct otr_self *at, const struct otr_fd *f,
			       const struct otr_out *o, const struct iovec *iov, int n,
			       uintptr_t readable)
{
	(void)at, (void)f, (void)o, (void)iov, (void)n, (void)readable;
	return NULL;
}

int otr_copy_read(const struct otr_copy *c, struct iovec *out, size_t moved)
{
	(void)c, (void)out, (void)moved;
	return 0;
}

void otr_emit_conn(int fd, struct otr_fd *f, uint16_t kind, int error)
{
	(void)fd;
	(void)f;
	(void)kind;
	(void)error;
}

/* A fake of the TLS library: what it was given so far, and how much it will take. */
static char stream[256], again[256];
static size_t len, again_len, plan[4];
static int step;

static ssize_t take(const struct otr_tls_call *c, void *buf, size_t n)
{
	size_t k = plan[step < 3 ? step : 3];

	(void)c;
	if (again_len) {
		assert_true(n >= again_len);
		assert_memory_equal(buf, again, again_len);
		again_len = 0;
	}
	step++;
	if (!k) { /* WANT_WRITE */
		memcpy(again, buf, n);
		again_len = n;
		return -1;
	}
	if (k > n)
		k = n;
	memcpy(stream + len, buf, k);
	len += k;
	return (ssize_t)k;
}

/* Are records sent at once? */
static int direct = 1;
static int is_direct(const struct otr_tls_call *c)
{
	(void)c;
	return direct;
}

static ssize_t hello(const struct otr_tls_call *c, void *buf, size_t n)
{
	char record[] = "\x16\x03\x01\x00\x10 hello";
	const struct iovec iov = {record, sizeof(record)};

	(void)c;
	(void)buf;
	(void)n;
	if (self.tls_is_handshake)
		otr_ciphertext_is(&self, FD, &page.fds[FD], &iov, 1);
	return 1;
}

static void fresh(int known)
{
	const struct otr_tls_call c = {&on, NULL, hello, 1, NULL};

	free(otr_shim.tls);
	memset(&page, 0, sizeof(page));
	records = 0;
	memset(&self, 0, sizeof(self));
	otr_shim.off = &on;
	assert_true(otr_tls_alloc());
	page.fds[FD].inode = 99;
	page.fds[FD].kind = OTR_FD_STREAM;
	page.fds[FD].role = OTR_ROLE_CLIENT;
	len = again_len = counted = 0;
	step = 0;
	if (known)
		assert_int_equal(otr_tls_handshake(&c), 1);
	assert_int_equal(page.fds[FD].has_upper, known);
}

/* Sends all bytes as a caller does that accepts partial writes, `most` bytes a call; `move`:
 * from another address each time. */
static void send_all(int switched_off, int move, size_t most)
{
	const struct otr_tls_call c = {&on, NULL, take, 0, is_direct};
	char copy[2][N];
	size_t sent = 0, n;
	ssize_t ret;

	for (int i = 0; sent < N; i++) {
		assert_true(i < 100);
		memcpy(copy[i & 1], body, N);
		n = sent && N - sent > most ? most : N - sent;
		ret = otr_tls_write(&c, (move ? copy[i & 1] : body) + sent, n);
		assert_true(ret == -1 || (ret > 0 && (size_t)ret <= n));
		if (ret > 0)
			sent += (size_t)ret;
		if (switched_off)
			otr_shim.off = &off;
	}
}

static int has_header(void)
{
	return len == N + ADDED && !memcmp(stream, body, AT) &&
	       !memcmp(stream + AT, HEADER, ADDED) &&
	       !memcmp(stream + AT + ADDED, body + AT, N - AT);
}

static int is_plain(void)
{
	return len == N && !memcmp(stream, body, N);
}

static void one_header_or_none(void **state)
{
	(void)state;
	for (size_t i = 0; i < (N + ADDED + 1) * (N + ADDED + 1) * 8; i++) {
		size_t how = i % 8, first = i / 8 % (N + ADDED + 1);

		fresh(1);
		plan[0] = first;
		plan[1] = i / 8 / (N + ADDED + 1);
		plan[2] = 3;
		plan[3] = 1000;
		send_all(how & 1, how & 2, how & 4 ? 2 : N);
		assert_int_equal(self.wrapper_frame, 0);
		if (!first)
			first = plan[1] ? plan[1] : plan[2];
		assert_true(first > AT ? has_header() : is_plain());
		if (!(how & 1))
			assert_int_equal(counted, len);
	}
}

static void an_unknown_session_is_left_alone(void **state)
{
	(void)state;
	fresh(0);
	plan[0] = plan[1] = plan[2] = plan[3] = 1000;
	send_all(0, 0, N);
	assert_true(is_plain());
	assert_int_equal(counted, 0);
}

/* Bytes that are kept for one call are not sent in another. */
static void bytes_kept_for_one_call_are_not_sent_by_another(void **state)
{
	const struct otr_tls_call c = {&on, NULL, take, 0, is_direct};
	char other[N];

	(void)state;
	fresh(1);
	plan[0] = 0;
	plan[1] = plan[2] = plan[3] = 1000;
	assert_int_equal(otr_tls_write(&c, body, N), -1);
	again_len = 0;
	memset(other, 'o', N);
	assert_int_equal(otr_tls_write(&c, other, N), N);
	assert_int_equal(len, N);
	assert_memory_equal(stream, other, N);
}

/* The bytes that wait may hold the head of a request, whose body this is. */
static void nothing_is_put_in_once_records_have_waited(void **state)
{
	(void)state;
	for (int i = 0; i < 2; i++) {
		if (!i)
			fresh(1);
		len = 0;
		step = 0;
		direct = i;
		plan[0] = plan[1] = plan[2] = plan[3] = 1000;
		send_all(0, 0, N);
		assert_true(is_plain());
	}
}

static void a_session_that_is_over_is_forgotten(void **state)
{
	(void)state;
	fresh(1);
	otr_tls_end(&on);
	plan[0] = plan[1] = plan[2] = plan[3] = 1000;
	send_all(0, 0, N);
	assert_true(is_plain());
}

/* The bytes were sent with the handshake, or bypassed the library: what follows may be a body. */
static void after_what_was_not_seen_nothing_goes_in(void **state)
{
	(void)state;
	fresh(1);
	plan[0] = plan[1] = plan[2] = plan[3] = 1000;
	otr_tls_no_inject(&on);
	send_all(0, 0, N);
	assert_true(is_plain());
	otr_tls_end(&on);

	fresh(1);
	send_all(0, 0, N);
	assert_true(has_header());
	self.tls_frame = (uintptr_t)__builtin_frame_address(0) + 64;
	otr_tls_ciphertext_sent(&self, &page.fds[FD]);
	assert_int_equal(page.fds[OTR_FD_PAGE + FD].boundary.state, OTR_BOUNDARY_HEAD);
	self.tls_frame = 0;
	otr_tls_ciphertext_sent(&self, &page.fds[FD]);
	assert_int_equal(page.fds[OTR_FD_PAGE + FD].boundary.state, OTR_BOUNDARY_UNKNOWN);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(one_header_or_none),
		cmocka_unit_test(an_unknown_session_is_left_alone),
		cmocka_unit_test(bytes_kept_for_one_call_are_not_sent_by_another),
		cmocka_unit_test(nothing_is_put_in_once_records_have_waited),
		cmocka_unit_test(a_session_that_is_over_is_forgotten),
		cmocka_unit_test(after_what_was_not_seen_nothing_goes_in),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
