/* SPDX-License-Identifier: Apache-2.0 */
// needs: preload/trace/flow.c preload/trace/shed.c preload/trace/capture.c
// needs: preload/trace/headend.c preload/parse/response_boundary.c preload/trace/frames.c
// needs: preload/parse/inject.c preload/parse/head_scan.c
// needs: tests/unit/shim_fakes.c
/* shed_test.c - the library sheds requests: each as a whole, decided at its first byte; a
 * request that was begun before is recorded to its end. */

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <errno.h>
#include <string.h>

#include "preload/base/clock.h"
#include "preload/base/shim.h"
#include "preload/ring/emit.h"
#include "preload/ring/ring.h"
#include "preload/trace/dial.h"
#include "preload/trace/flow.h"
#include "preload/trace/layer.h"
#include "preload/trace/proof.h"
#include "preload/trace/rules.h"
#include "preload/trace/shed.h"

struct otr_shim otr_shim;
static struct otr_ring ring;
static struct otr_self self;
static int ruled; /* calls that the rules got */
static struct otr_fd fd;
static char text[4096];	 /* the bytes of the records */
static char records[64]; /* kinds of the records, in order: o opened, d data, r run, c closed */

static void emit(char what)
{
	size_t len = strlen(records);

	assert_true(len + 1 < sizeof(records));
	records[len] = what;
}

void otr_tls_ciphertext_sent(const struct otr_self *s, struct otr_fd *f)
{
	(void)s;
	(void)f;
}

void otr_greeting_answered(struct otr_fd *f, const struct iovec *iov, int n)
{
	(void)iov, (void)n;
	f->greeting = 1;
}

void otr_peer_spoke_first(struct otr_fd *f, const struct iovec *iov, int n)
{
	(void)iov, (void)n;
	f->greeting = 1;
}

void otr_ring_check_reader(struct otr_ring *at, uint64_t now)
{
	(void)at, (void)now;
}

int otr_ring_is_behind(void)
{
	return otr_shim.reader_is_behind;
}

void otr_count(enum otr_shim_count what)
{
	ring.counts[what]++;
}

int otr_switch_is_on(uint32_t flag)
{
	return ring.switches.flags & flag ? 1 : 0;
}

void otr_emit_conn(int number, struct otr_fd *f, uint16_t kind, int error)
{
	(void)number;
	(void)error;
	emit(kind == OTR_EV_CONN_OPEN ? 'o' : 'c');
	f->announced_by = otr_shim.pid;
}

int otr_dial_is_failure(int error)
{
	(void)error;
	return 0;
}

void otr_dial_failed(struct otr_self *s, struct otr_fd *f, int error)
{
	(void)s, (void)f, (void)error;
}

void otr_emit_run(struct otr_fd *f, int dir, int eof)
{
	(void)f;
	(void)dir;
	(void)eof;
	emit('r');
}

uint32_t otr_emit_data(struct otr_fd *f, struct otr_self *at, int dir, uint64_t pos, uint64_t moved,
		       uint64_t start_ns, int first, const struct otr_cause *cause,
		       const struct iovec *iov, int n, uint32_t cap)
{
	(void)f, (void)at, (void)dir, (void)pos, (void)moved, (void)start_ns, (void)first;
	(void)cause, (void)iov, (void)n;
	emit('d');
	return cap;
}

void otr_emit_progress(struct otr_fd *f, int dir)
{
	(void)f, (void)dir;
}

void otr_forget_progress(struct otr_fd *f, int dir)
{
	(void)f, (void)dir;
}

void otr_rules_moved(struct otr_self *at, struct otr_fd *f, int dir, int first, uint64_t pos,
		     uint64_t now, const struct iovec *iov, int n, struct otr_cause *cause)
{
	(void)at, (void)dir, (void)first, (void)pos, (void)now, (void)iov, (void)n;
	(void)cause;
	ruled++;
	f->has_cause = 0;
}

int otr_tls_inside(const struct otr_self *at)
{
	(void)at;
	return 0;
}

void otr_rules_touch(struct otr_self *at, struct otr_fd *f)
{
	(void)at, (void)f;
}

static int begin(void **state)
{
	(void)state;
	memset(&ring, 0, sizeof(ring));
	memset(&fd, 0, sizeof(fd));
	memset(records, 0, sizeof(records));
	ruled = 0;
	otr_shim.reader_is_behind = 0;
	otr_shim.is_server = 0;
	memset(text, 0, sizeof(text));
	otr_shim.ring = &ring;
	otr_shim.pid = 7;
	fd.inode = 5;
	fd.kind = OTR_FD_STREAM;
	fd.role = OTR_ROLE_SERVER;
	fd.last_dir = OTR_DIR_NONE;
	fd.policy_gen = ~0u;
	return 0;
}

static void move(int dir, uint64_t bytes, size_t seen)
{
	const struct iovec iov = {text, seen};

	otr_moved(&self, 3, &fd, dir, bytes, 0, &iov, seen ? 1 : 0);
}

/* A request and an answer, a part of which bypasses the library. */
static void exchange(void)
{
	move(OTR_DIR_IN, 50, 50);
	move(OTR_DIR_OUT, 100, 100);
	move(OTR_DIR_OUT, 900, 0);
}

static void exchanges_are_shed_whole(void **state)
{
	(void)state;
	ring.paused = 1;
	exchange();
	exchange();
	assert_string_equal(records, ""); /* no record that there is a connection either */
	assert_int_equal(ring.counts[OTR_SHIM_SHED], 2);
	assert_int_equal(fd.dirs[OTR_DIR_OUT].total, 2000); /* positions continue */
	ring.paused = 0;
	exchange();
	exchange();
	assert_string_equal(records, "oddrdd");
	assert_int_equal(ring.counts[OTR_SHIM_SHED], 2);
}

/* The rules do not run for a request whose parent nobody needs, except for the first one of a
 * pause: in a server that asks nobody, or has no trace to propagate. Otherwise they run. */
static void the_rules_run_where_a_parent_is_needed(void **state)
{
	(void)state;
	ring.paused = 1;
	exchange();
	exchange();
	exchange();
	assert_int_equal(ruled, 3);
	ring.propagates = 1;
	exchange();
	assert_int_equal(ruled, 3);
	strcpy(text, "GET / HTTP/1.1\r\nTraceparent: a\r\n\r\n");
	exchange();
	assert_int_equal(ruled, 6);
	ring.propagates = ring.paused = 0;
	exchange();
	assert_int_equal(ruled, 9);
	assert_string_equal(records, "odd");
	assert_int_equal(fd.dirs[OTR_DIR_OUT].total, 6000);
}

/* A request whose strand has no current exchange, in a process that serves. */
static void a_request_without_a_current_exchange(void **state)
{
	(void)state;
	fd.role = OTR_ROLE_CLIENT;
	otr_shim.is_server = ring.propagates = ring.paused = 1;
	for (int i = 0; i < 3; i++) {
		move(OTR_DIR_OUT, 50, 50);
		move(OTR_DIR_IN, 100, 100);
	}
	assert_int_equal(ruled, 2); /* the first, and its answer */
	assert_int_equal(ring.counts[OTR_SHIM_SHED], 3);
	self.strand.cur = (struct otr_xref){.conn = 7};
	assert_false(otr_ask_is_shed(&self, &fd));
	self.strand.cur.conn = 0;
	fd.asked.claim.conn = 7;
	assert_false(otr_ask_is_shed(&self, &fd));
	fd.asked.claim.conn = 0;
	assert_true(otr_ask_is_shed(&self, &fd));
	ring.paused = 0;
	move(OTR_DIR_OUT, 50, 50);
	move(OTR_DIR_IN, 100, 100);
	assert_string_equal(records, "odd");
}

/* No header goes in behind an answer that is no HTTP, nor when the pause is over. */
static void an_answer_is_read_all_the_same(void **state)
{
	(void)state;
	fd.role = OTR_ROLE_CLIENT;
	otr_shim.is_server = ring.paused = 1;
	for (int i = 0; i < 3; i++) {
		strcpy(text, "GET / HTTP/1.1\r\n\r\n");
		move(OTR_DIR_OUT, 50, 50);
		strcpy(text, i < 2 ? "HTTP/1.1 204 x\r\n\r\n" : "HTTP/1.1 101 x\r\n\r\n");
		assert_int_equal(fd.boundary.state, OTR_BOUNDARY_START);
		move(OTR_DIR_IN, 100, 100);
	}
	assert_int_equal(fd.boundary.state, OTR_BOUNDARY_UNKNOWN);
	assert_int_equal(ruled, 2);
}

/* While the agent is behind, inbound requests are shed as a whole; an outbound request is
 * recorded or shed as the inbound one that it is made for. */
static void requests_are_shed_while_the_agent_is_behind(void **state)
{
	(void)state;
	move(OTR_DIR_IN, 50, 50);
	otr_shim.reader_is_behind = 1;
	move(OTR_DIR_OUT, 100, 100);
	exchange();
	exchange();
	assert_string_equal(records, "odd");
	assert_int_equal(ring.counts[OTR_SHIM_BEHIND], 2);
	assert_int_equal(ring.counts[OTR_SHIM_SHED], 0);
	otr_shim.reader_is_behind = 0;
	exchange();
	assert_string_equal(records, "odddd");
	otr_shim.reader_is_behind = 1;
	fd.role = OTR_ROLE_CLIENT;
	fd.last_dir = OTR_DIR_IN;
	assert_int_equal(otr_will_shed(&fd, OTR_DIR_OUT), 0);
}

/* A pause ends between a request and its answer: the answer is shed, too. */
static void the_answer_of_a_shed_request_is_shed(void **state)
{
	(void)state;
	ring.paused = 1;
	exchange();
	move(OTR_DIR_IN, 50, 50);
	ring.paused = 0;
	move(OTR_DIR_IN, 50, 50);
	move(OTR_DIR_OUT, 100, 100);
	assert_string_equal(records, "");
	assert_int_equal(ring.counts[OTR_SHIM_SHED], 2);
	move(OTR_DIR_IN, 50, 50);
	assert_string_equal(records, "od");
}

static void an_exchange_that_began_before_the_pause_is_recorded(void **state)
{
	(void)state;
	move(OTR_DIR_IN, 50, 50);
	ring.paused = 1;
	move(OTR_DIR_IN, 50, 50);
	move(OTR_DIR_OUT, 100, 100);
	move(OTR_DIR_OUT, 900, 0);
	assert_string_equal(records, "oddd");
	exchange(); /* its first byte ends what was recorded before */
	assert_string_equal(records, "odddr");
	ring.paused = 0;
	move(OTR_DIR_OUT, 10, 10); /* the end of one that was shed */
	otr_not_moved(&self, 3, &fd, OTR_DIR_IN, 0, 0);
	assert_string_equal(records, "odddr");
	assert_int_equal(ring.counts[OTR_SHIM_SHED], 1);
}

/* The header was made when the request was begun, and with it the decision: it holds. */
static void a_client_that_asked(void **state)
{
	(void)state;
	fd.role = OTR_ROLE_UNKNOWN;
	ring.paused = 1;
	assert_true(otr_will_shed(&fd, OTR_DIR_OUT));
	fd.shed_next = 1;
	fd.has_cause = 1;
	ring.paused = 0;
	move(OTR_DIR_OUT, 50, 50);
	move(OTR_DIR_IN, 100, 100);
	assert_string_equal(records, "");
	fd.shed_next = 0;
	fd.has_cause = 1;
	ring.paused = 1;
	move(OTR_DIR_OUT, 50, 50);
	move(OTR_DIR_IN, 100, 100);
	assert_string_equal(records, "odd");
	assert_int_equal(ring.counts[OTR_SHIM_SHED], 1);
}

static void muted_connections_lose_nothing(void **state)
{
	(void)state;
	ring.paused = 1;
	for (uint32_t i = 0; i < OTR_RING_POLICIES; i++) {
		ring.policies[i].key = otr_dir_key(fd.inode, i & 1);
		ring.policies[i].policy.capture = OTR_CAPTURE_MUTE;
	}
	exchange();
	assert_int_equal(ring.counts[OTR_SHIM_SHED], 0);
}

static void with_no_observe_nothing_is_emitted(void **state)
{
	(void)state;
	fd.role = OTR_ROLE_CLIENT;
	ring.switches.flags = OTR_RING_NO_OBSERVE;
	move(OTR_DIR_IN, 20, 20); /* a server that speaks first */
	move(OTR_DIR_OUT, 50, 50);
	move(OTR_DIR_IN, 20, 20);
	assert_string_equal(records, "");
	assert_int_equal(ring.counts[OTR_SHIM_SHED], 0);
	ring.switches.flags = 0;
	move(OTR_DIR_IN, 20, 20);
	assert_string_equal(records, "");
	move(OTR_DIR_OUT, 50, 50);
	assert_string_equal(records, "od");
}

/* A server answers a request that it does not read to its end, and closes: the client's call
 * that sends fails, and the answer can be read. */
static void an_answer_after_a_failed_call(void **state)
{
	(void)state;
	fd.role = OTR_ROLE_CLIENT;
	move(OTR_DIR_OUT, 50, 50);
	otr_not_moved(&self, 3, &fd, OTR_DIR_OUT, -1, EPIPE);
	move(OTR_DIR_IN, 100, 100);
	assert_string_equal(records, "odrd");
	assert_int_equal(fd.error, EPIPE);
	otr_not_moved(&self, 3, &fd, OTR_DIR_IN, -1, ECONNRESET);
	assert_string_equal(records, "odrdrc");
}

/* The file or the pipe at the other end of sendfile() or splice() fails, or the caller errs. */
static void an_error_of_another_descriptor_is_no_record(void **state)
{
	(void)state;
	move(OTR_DIR_IN, 50, 50);
	move(OTR_DIR_OUT, 100, 100);
	otr_not_moved(&self, 3, &fd, OTR_DIR_OUT, -1, EIO);
	otr_not_moved(&self, 3, &fd, OTR_DIR_OUT, -1, EBADF);
	otr_not_moved(&self, 3, &fd, OTR_DIR_IN, -1, EPIPE);
	assert_string_equal(records, "odd");
}

#define TEST(f) cmocka_unit_test_setup(f, begin)

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(exchanges_are_shed_whole),
		TEST(an_exchange_that_began_before_the_pause_is_recorded),
		TEST(a_client_that_asked),
		TEST(muted_connections_lose_nothing),
		TEST(with_no_observe_nothing_is_emitted),
		TEST(the_rules_run_where_a_parent_is_needed),
		TEST(the_answer_of_a_shed_request_is_shed),
		TEST(requests_are_shed_while_the_agent_is_behind),
		TEST(a_request_without_a_current_exchange),
		TEST(an_answer_is_read_all_the_same),
		TEST(an_answer_after_a_failed_call),
		TEST(an_error_of_another_descriptor_is_no_record),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
