/* SPDX-License-Identifier: Apache-2.0 */
/* tls_probes_test.c - which process is told that it gets no probes in its TLS library, and why. */

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <sys/resource.h>

#include "agent/base/clock.h"
#include "agent/source/tls_probes.h"

#define FILES 80 /* of which half may be links */
#define FEW   4

static struct otr_tls_probes *tp;
static uint64_t now_ns;
static size_t needs, bio_needs; /* links that a process needs */
static unsigned int n_refused;
static int refused_with;

/* In place of that of tls_attach.c. */
int otr_tls_attach(struct otr_tls_attached *at)
{
	size_t n = at->is_off_sockets ? bio_needs : needs;

	at->n_links = 0;
	at->error = 0;
	if (at->n_files && !at->is_off_sockets)
		return 0;
	if (n > at->max_links) {
		at->error = ENOSPC;
		snprintf(at->path, sizeof(at->path), "libssl.so.3");
		return 0;
	}
	while (at->n_links < n)
		at->links[at->n_links++] = open("/dev/null", O_RDONLY | O_CLOEXEC);
	if (n && !at->is_off_sockets)
		at->n_files = 1;
	return (int)n;
}

static void refused(void *arg, uint32_t tgid, const char *path, int error)
{
	(void)arg;
	(void)tgid;
	assert_string_equal(path, "libssl.so.3");
	n_refused++;
	refused_with = error;
}

static int begin(void **state)
{
	const struct rlimit files = {FILES, FILES};
	const int programs[OTR_TLS_PROGRAMS] = {0};

	(void)state;
	n_refused = 0;
	refused_with = 0;
	now_ns = OTR_NS_PER_S;
	bio_needs = 0;
	if (setrlimit(RLIMIT_NOFILE, &files) || otr_tls_probes_new(&tp, refused, NULL))
		return -1;
	otr_tls_probes_ready(tp, programs, true);
	return 0;
}

static int end(void **state)
{
	(void)state;
	otr_tls_probes_free(&tp);
	return 0;
}

/* The process `tgid` begins, and needs so many links. */
static void begins(uint32_t tgid, size_t n)
{
	needs = n;
	otr_tls_probes_want(tp, tgid, OTR_TLS_FORKED, now_ns);
	otr_tls_probes_step(tp, now_ns);
}

static void moves_records(uint32_t tgid)
{
	now_ns += 100 * OTR_NS_PER_S;
	otr_tls_probes_want(tp, tgid, OTR_TLS_RECORDS, now_ns);
	otr_tls_probes_step(tp, now_ns);
}

static void fill(void)
{
	for (uint32_t i = 0; i < FILES / 2 / FEW; i++)
		begins(100 + i, FEW);
	assert_int_equal(otr_tls_probes_count(tp), FILES / 2 / FEW);
	assert_int_equal(n_refused, 0);
}

static void nothing_is_said_of_a_process_without_tls(void **state)
{
	(void)state;
	fill();
	begins(1, 0);
	moves_records(1);
	assert_int_equal(n_refused, 0);
}

static void beyond_the_limit_of_files_a_process_is_told_once(void **state)
{
	(void)state;
	fill();
	begins(1, FEW);
	moves_records(1);
	assert_int_equal(n_refused, 1);
	assert_int_equal(refused_with, EMFILE);
}

/* Another has ended, which left room. */
static void a_refused_process_gets_its_probes_later(void **state)
{
	size_t n;

	(void)state;
	fill();
	n = otr_tls_probes_count(tp);
	begins(1, FEW);
	otr_tls_probes_drop(tp, 100);
	assert_int_equal(otr_tls_probes_count(tp), n - 1);
	moves_records(1);
	assert_int_equal(otr_tls_probes_count(tp), n);
}

static void the_limit_of_one_process_has_its_own_reason(void **state)
{
	(void)state;
	begins(1, OTR_TLS_LINKS + 1);
	assert_int_equal(n_refused, 1);
	assert_int_equal(refused_with, ENOSPC);
}

/* Its own probes are the last ones: there is no room for those at what reads its ciphertext. */
static void a_process_off_sockets_is_told_why_not(void **state)
{
	(void)state;
	fill();
	otr_tls_probes_drop(tp, 100);
	begins(1, FEW);
	assert_int_equal(n_refused, 0);
	bio_needs = FEW;
	moves_records(1);
	assert_int_equal(n_refused, 1);
	assert_int_equal(refused_with, EMFILE);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(nothing_is_said_of_a_process_without_tls, begin,
						end),
		cmocka_unit_test_setup_teardown(beyond_the_limit_of_files_a_process_is_told_once,
						begin, end),
		cmocka_unit_test_setup_teardown(a_refused_process_gets_its_probes_later, begin,
						end),
		cmocka_unit_test_setup_teardown(the_limit_of_one_process_has_its_own_reason, begin,
						end),
		cmocka_unit_test_setup_teardown(a_process_off_sockets_is_told_why_not, begin, end),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
