/* SPDX-License-Identifier: Apache-2.0 */
// needs: preload/parse/env_lists.c preload/trace/header.c preload/parse/inject.c preload/parse/head_scan.c
// needs: preload/parse/environ.c preload/base/inbound.c
// needs: tests/unit/shim_fakes.c
/* header_test.c - which trace and which span an injected header names, and whether it is
 * sampled. */

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "bpf/sample.h"
#include "preload/base/alloc.h"
#include "preload/base/clock.h"
#include "preload/base/inbound.h"
#include "preload/base/shim.h"
#include "preload/base/thread.h"
#include "preload/parse/env_lists.h"
#include "preload/parse/environ.h"
#include "preload/parse/inject.h"
#include "preload/trace/header.h"

#define TRACE "0af7651916cd43dd8448eb211c80319c"
#define ABOVE "b7ad6b7169203331"
#define WITH  "GET / HTTP/1.1\r\ntraceparent: 00-" TRACE "-" ABOVE "-00\r\n\r\n"
#define BARE  "GET / HTTP/1.1\r\nHost: x\r\n\r\n"
#define ALL   (1ull << 56)

struct otr_shim otr_shim;
static struct otr_ring ring;
static struct otr_inbound *served; /* the inbound exchange of connection 4 */
static struct otr_fd fd;
static char text[OTR_HEADER_MAX + 1];

static const struct otr_self *me; /* a thread */

const struct otr_self *otr_self_peek(void)
{
	return me;
}

static int begin(void **state)
{
	(void)state;
	memset(&ring, 0, sizeof(ring));
	memset(&fd, 0, sizeof(fd));
	memset(&otr_shim.started, 0, sizeof(otr_shim.started));
	otr_shim.pid++; /* a child process, which reads no requests yet */
	otr_shim.proc.open = 0;
	otr_shim.ring = &ring;
	me = NULL;
	served = otr_inbound_make(4);
	return served ? 0 : -1;
}

static int end(void **state)
{
	(void)state;
	free(otr_shim.inbounds);
	otr_shim.inbounds = NULL;
	return 0;
}

static void serves(const char *head, int shed)
{
	const struct iovec iov = {(char *)head, strlen(head)};

	fd.inode = 4;
	fd.shed = (uint8_t)shed;
	otr_inbound_ids(served, &fd, &iov, 1);
	fd.shed = 0;
	fd.cause.parent.conn = 4;
}

/* Returns the header that is injected into the next request, or "". */
static const char *asks(void)
{
	const struct iovec iov = {(char *)BARE, strlen(BARE)};

	text[otr_header_make(&fd, &iov, 1, text)] = 0;
	return text;
}

#define LISTS                                                              \
	"GET / HTTP/1.1\r\nHost: h\r\ntracestate: a=1\r\nbaggage: b=2\r\n" \
	"traceparent: 00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01\r\n\r\n"

/* The same for a head of `len` bytes. */
static const char *asks_with(size_t len)
{
	static char head[OTR_HEAD_MAX + 2];
	const struct iovec iov = {head, len};
	int n = snprintf(head, sizeof(head), "GET / HTTP/1.1\r\nHost: h\r\nCookie: ");

	memset(head + n, 'x', len - (size_t)n);
	memcpy(head + len - 4, "\r\n\r\n", 4);
	text[otr_header_make(&fd, &iov, 1, text)] = 0;
	return text;
}

/* tracestate and baggage count for the limit as well: what exceeds it is left out. */
static void lists_stay_within_the_limits_of_servers(void **state)
{
	static const size_t limits[] = {4096, 8192, 16384};
	const size_t line = 70, with_state = line + 17, with_both = with_state + 14;

	(void)state;
	serves(LISTS, 0);
	assert_int_equal(strlen(asks()), with_both);
	for (int i = 0; i < 3; i++) {
		assert_int_equal(strlen(asks_with(limits[i] - with_both)), with_both);
		assert_int_equal(strlen(asks_with(limits[i] - with_both + 1)), with_state);
		assert_int_equal(strlen(asks_with(limits[i] - with_state + 1)), line + 14);
		assert_int_equal(strlen(asks_with(limits[i] - line - 13)), line);
		assert_int_equal(strlen(asks_with(limits[i] - line)), line);
	}
}

/* A thread of a pool, which reads no requests, while a request is open. */
static void is_of_a_pool(void)
{
	static const struct otr_self pools;

	me = &pools;
	otr_shim.proc.open = 1;
}

/* Returns how many requests get no header before one gets one. */
static int asks_without(void)
{
	int n = 0;

	while (!*asks() && n < 100000)
		n++;
	return n;
}

/* No evidence shows for which request the threads of a loop work: Bun, asyncio. */
static void the_threads_of_a_loop_name_a_trace(void **state)
{
	(void)state;
	is_of_a_pool();
	assert_int_equal(asks_without(), 0); /* no probes */
	ring.late_evidence = 1;
	assert_int_equal(asks_without(), 0);
}

/* Late evidence may show for which request a pool works; after a number of calls without any, it
 * is not expected. */
static void a_pool_names_no_span_while_the_kernel_reports_its_work(void **state)
{
	(void)state;
	is_of_a_pool();
	ring.late_evidence = 1;
	otr_reader_blocks();
	assert_int_equal(asks_without(), 512);
	assert_int_equal(asks_without(), 0);
	ring.late_evidence = 2;
	assert_int_equal(asks_without(), 4096);
	otr_shim.pid++;
	ring.late_evidence = 3; /* late evidence came, of any strand */
	assert_string_equal(asks(), "");
	otr_shim.proc.open = 0; /* no request is open */
	assert_int_equal(strlen(asks()), 70);
}

static uint8_t flag(void)
{
	assert_true(strlen(text) >= 70); /* with a tracestate, or without */
	assert_true(text[67] == '0' || text[67] == '1');
	return (uint8_t)(text[67] - '0');
}

/* Where a trace begins, its id alone decides whether it is sampled. */
static void the_trace_id_decides_the_flag(void **state)
{
	uint8_t id[16];
	size_t sampled = 0;

	(void)state;
	ring.switches.threshold = ALL / 4; /* three of four */
	for (int i = 0; i < 4000; i++) {
		serves(BARE, 0);
		asks();
		memcpy(id, fd.cause.trace_id, 16);
		assert_memory_equal(id, served->ids.trace_id, 16);
		assert_int_equal(flag(), otr_sample_low(id) >= ALL / 4);
		assert_int_equal(served->ids.flags, flag());
		assert_int_equal(strstr(text, "tracestate: ot=th:4\r\n") != NULL, flag());
		ring.switches.threshold = ALL; /* the header that came has decided already */
		asks();
		assert_int_equal(flag(), served->ids.flags);
		ring.switches.threshold = ALL / 4;
		sampled += served->ids.flags;
	}
	assert_in_range(sampled, 2800, 3200);
	fd.cause.parent.conn = 0; /* no parent: a trace of its own */
	ring.switches.threshold = ALL;
	asks();
	assert_int_equal(flag(), 0);
}

static void the_trace_and_flag_of_the_request_are_passed_on(void **state)
{
	(void)state;
	serves(WITH, 0);
	asks();
	assert_memory_equal(text, "traceparent: 00-" TRACE "-", 49);
	assert_memory_not_equal(text + 49, ABOVE, 16);
	assert_memory_not_equal(fd.cause.span_id, served->ids.span_id, 8);
	assert_int_equal(flag(), 0); /* though all traces that begin here are sampled */
}

/* The next request of the connection was read between R4 and the header: its ids are not those of
 * the parent that the record names, so no header goes in. */
static void a_request_that_is_over_gives_no_header(void **state)
{
	(void)state;
	served->exch.pos = fd.cause.parent.pos = 100;
	serves(WITH, 0);
	assert_int_equal(strlen(asks()), 70);
	served->exch.pos = 200;
	serves(BARE, 0);
	assert_string_equal(asks(), "");
	fd.cause.parent.pos = 200;
	assert_int_equal(strlen(asks()), 70);
}

/* A request that is shed has no span: the header names the nearest span that is emitted. */
static void a_shed_request_names_the_span_above(void **state)
{
	(void)state;
	fd.shed_next = 1;
	serves(WITH, 1);
	assert_string_equal(asks(), "traceparent: 00-" TRACE "-" ABOVE "-00\r\n");
	serves(BARE, 1);
	assert_string_equal(asks(), "");
	serves(BARE, 0); /* begun before the pause: its span is emitted */
	asks();
	assert_memory_equal(fd.cause.span_id, served->ids.span_id, 8);
	fd.cause.parent.conn = 0; /* no parent, and no trace in the environment */
	assert_string_equal(asks(), "");
}

static void without_a_request_the_header_names_the_run(void **state)
{
	static char parent[] = "TRACEPARENT=00-" TRACE "-" ABOVE "-01";
	static char run[] = "OTRACE_RUN=" ABOVE "-00f067aa0ba902b7-7fffffffffffffff";
	char *env[] = {parent, NULL, NULL};

	(void)state;
	fd.shed_next = 1;
	otr_started_read(&otr_shim.started, env);
	assert_string_equal(asks(), "traceparent: 00-" TRACE "-" ABOVE "-01\r\n");
	env[1] = run; /* the span of the run may not be emitted: its parent is named */
	otr_started_read(&otr_shim.started, env);
	assert_string_equal(asks(), "traceparent: 00-" TRACE "-00f067aa0ba902b7-01\r\n");
	memset(run + 28, '0', 16); /* the run has no parent */
	otr_started_read(&otr_shim.started, env);
	assert_string_equal(asks(), "");
}

/* Hosts excluded by the environment or by the agent; and the port that is meant if none is
 * written. */
static void excluded_hosts_get_no_header(void **state)
{
	static const char named[] = "GET / HTTP/1.1\r\nHost: x\r\n\r\n";
	static const char nameless[] = "GET / HTTP/1.0\r\n\r\n";
	const struct iovec one = {(char *)named, strlen(named)};
	const struct iovec none = {(char *)nameless, strlen(nameless)};

	(void)state;
	assert_false(otr_header_denied(&fd, &none, 1));
	strcpy(ring.switches.hosts.name[0], "x:443");
	ring.switches.hosts.n = 1;
	assert_false(otr_header_denied(&fd, &one, 1));
	assert_true(otr_header_denied(&fd, &none, 1));
	fd.layer = OTR_LAYER_TLS;
	assert_true(otr_header_denied(&fd, &one, 1));
	fd.layer = OTR_LAYER_SOCKET;
	otr_hosts_read(&otr_shim.switches.hosts, "x");
	assert_true(otr_header_denied(&fd, &one, 1));
	otr_shim.switches.hosts.n = 0;
}

#define TEST(f) cmocka_unit_test_setup_teardown(f, begin, end)

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(lists_stay_within_the_limits_of_servers),
		TEST(the_trace_id_decides_the_flag),
		TEST(the_threads_of_a_loop_name_a_trace),
		TEST(a_pool_names_no_span_while_the_kernel_reports_its_work),
		TEST(the_trace_and_flag_of_the_request_are_passed_on),
		TEST(a_request_that_is_over_gives_no_header),
		TEST(a_shed_request_names_the_span_above),
		TEST(without_a_request_the_header_names_the_run),
		TEST(excluded_hosts_get_no_header),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
