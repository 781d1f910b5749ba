/* SPDX-License-Identifier: Apache-2.0 */
/* seq_align_test.c - the records of one connection by the kernel and by the library in a
 * process. */

#include <errno.h>
#include <netinet/in.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>
#include <sys/socket.h>

#include <cmocka.h>

#include "agent/source/seq_align.h"
#include "bpf/event.h"

#define CONN	7001
#define ISN_OUT 0xfffffff0u /* near 2^32, so that positions wrap */
#define ISN_IN	1000u

static union {
	struct otr_event hdr;
	struct otr_ev_data data;
	struct otr_ev_run run;
	struct otr_ev_bypassed bypassed;
	struct otr_ev_conn conn;
} got[4];
static size_t n_got;

static int keep(void *arg, const struct otr_event *ev)
{
	(void)arg;
	assert_true(n_got < 4);
	memcpy(&got[n_got++], ev, ev->size);
	return 0;
}

static void give(struct otr_seq_align *p, const void *ev)
{
	n_got = 0;
	otr_seq_align_event(p, ev, keep, NULL);
}

static struct otr_ev_conn conn(uint16_t kind, uint16_t hook)
{
	return (struct otr_ev_conn){
		.hdr = {.kind = kind,
			.hook = hook,
			.size = sizeof(struct otr_ev_conn),
			.tgid = 42,
			.conn = CONN},
		.isn_out = hook == OTR_HOOK_SOCKET ? ISN_OUT : 0,
		.isn_in = hook == OTR_HOOK_SOCKET ? ISN_IN : 0,
		.protocol = IPPROTO_TCP,
		.seen_open = 1,
		.by_lib = hook == OTR_HOOK_SOCKET ? OTR_BY_LIB_ALL : 0,
	};
}

static void open_both(struct otr_seq_align *p)
{
	struct otr_ev_conn kernel = conn(OTR_EV_CONN_OPEN, OTR_HOOK_SOCKET);
	struct otr_ev_conn library = conn(OTR_EV_CONN_OPEN, OTR_HOOK_PRELOAD);

	give(p, &kernel);
	assert_int_equal(n_got, 1);
	give(p, &library);
	assert_int_equal(n_got, 0); /* the kernel has counted more bytes */
}

/* Closes both ends of the record: `in` + `out` is how many bytes each source has counted.
 * Returns how many bytes bypassed the library. */
static uint64_t close_both(struct otr_seq_align *p, uint64_t kernels, int64_t librarys)
{
	struct otr_ev_conn kernel = conn(OTR_EV_CONN_CLOSE, OTR_HOOK_SOCKET);
	struct otr_ev_conn library = conn(OTR_EV_CONN_CLOSE, OTR_HOOK_PRELOAD);

	library.bytes_in = (uint64_t)librarys;
	kernel.bytes_out = kernels;
	if (librarys >= 0) {
		give(p, &library);
		assert_int_equal(n_got, 0);
	}
	give(p, &kernel);
	assert_int_equal(got[n_got - 1].hdr.kind, OTR_EV_CONN_CLOSE);
	if (n_got == 1)
		return 0;
	assert_int_equal(n_got, 2);
	assert_int_equal(got[0].hdr.kind, OTR_EV_BYPASSED);
	assert_int_equal(got[0].hdr.conn, CONN);
	assert_int_equal(got[0].hdr.tgid, 42);
	return got[0].bypassed.bytes;
}

static struct otr_ev_data data(uint16_t hook, uint8_t dir, uint64_t pos)
{
	return (struct otr_ev_data){
		.hdr = {.kind = OTR_EV_DATA,
			.hook = hook,
			.size = sizeof(struct otr_ev_data),
			.tgid = 42,
			.conn = CONN},
		.cause.parent = {.conn = CONN, .pos = 5, .dir = OTR_DIR_IN},
		.pos = pos,
		.dir = dir,
		.moved = 10,
	};
}

static void offsets_become_sequence_numbers(void **state)
{
	struct otr_ev_data out = data(OTR_HOOK_PRELOAD, OTR_DIR_OUT, 0x20);
	struct otr_ev_data in = data(OTR_HOOK_PRELOAD, OTR_DIR_IN, 7);
	struct otr_ev_run run = {.hdr = {.kind = OTR_EV_RUN,
					 .hook = OTR_HOOK_AGENT,
					 .size = sizeof(run),
					 .conn = CONN},
				 .pos = 7};
	struct otr_seq_align *p = NULL;

	(void)state;
	assert_int_equal(otr_seq_align_new(&p), 0);
	open_both(p);
	give(p, &out);
	assert_int_equal(got[0].data.pos, 0x10); /* 32 bits, round */
	assert_int_equal(got[0].data.pos_kind, OTR_POS_TCP_SEQ);
	assert_int_equal(got[0].data.cause.parent.pos, ISN_IN + 5);
	assert_int_equal(got[0].data.cause.parent.pos_kind, OTR_POS_TCP_SEQ);
	give(p, &in);
	assert_int_equal(got[0].data.pos, ISN_IN + 7);
	give(p, &run);
	assert_int_equal(got[0].run.pos, ISN_IN + 7);
	assert_int_equal(got[0].run.pos_kind, OTR_POS_TCP_SEQ);
	otr_seq_align_free(&p);
}

static void events_without_sequence_numbers_are_unchanged(void **state)
{
	struct otr_ev_data out = data(OTR_HOOK_PRELOAD, OTR_DIR_OUT, 3), kernel;
	struct otr_ev_conn late = conn(OTR_EV_CONN_OPEN, OTR_HOOK_PRELOAD);
	struct otr_seq_align *p = NULL;

	(void)state;
	assert_int_equal(otr_seq_align_new(&p), 0);
	give(p, &late); /* the kernel has not reported the connection: only the library has */
	assert_int_equal(n_got, 1);
	give(p, &out);
	assert_int_equal(got[0].data.pos, 3);
	open_both(p);
	out.layer = OTR_LAYER_TLS; /* plaintext has no sequence numbers */
	give(p, &out);
	assert_int_equal(got[0].data.pos, 3);
	assert_int_equal(got[0].data.pos_kind, OTR_POS_OFFSET);
	kernel = data(OTR_HOOK_SOCKET, OTR_DIR_OUT, 99);
	kernel.pos_kind = OTR_POS_TCP_SEQ;
	give(p, &kernel);
	assert_int_equal(got[0].data.pos, 99);
	late.seen_open = 0; /* the first offset of the stream is not known */
	give(p, &late);
	out.layer = OTR_LAYER_SOCKET;
	give(p, &out);
	assert_int_equal(got[0].data.pos_kind, OTR_POS_OFFSET);
	otr_seq_align_free(&p);
}

static void bytes_that_bypass_the_library_are_reported(void **state)
{
	struct otr_ev_conn stdio = conn(OTR_EV_CONN_OPEN, OTR_HOOK_SOCKET);
	struct otr_seq_align *p = NULL;

	(void)state;
	assert_int_equal(otr_seq_align_new(&p), 0);
	open_both(p);
	assert_int_equal(close_both(p, 100, 100), 0);
	open_both(p);
	assert_int_equal(close_both(p, 100, 60), 40);
	open_both(p); /* the process ended without closing it: there is no count of the library */
	assert_int_equal(close_both(p, 100, -1), 0);
	give(p, &stdio); /* the library never saw a byte */
	assert_int_equal(close_both(p, 100, -1), 100);
	otr_seq_align_free(&p);
}

static void nothing_is_reported_where_counts_may_be_wrong(void **state)
{
	struct otr_ev_conn other = conn(OTR_EV_CONN_OPEN, OTR_HOOK_PRELOAD);
	struct otr_ev_lost lost = {.hdr = {.kind = OTR_EV_LOST,
					   .hook = OTR_HOOK_AGENT,
					   .size = sizeof(lost),
					   .tgid = 42},
				   .cause = OTR_LOSS_RING};
	struct otr_seq_align *p = NULL;

	(void)state;
	assert_int_equal(otr_seq_align_new(&p), 0);
	open_both(p);
	other.hdr.tgid = 43; /* two processes share it */
	give(p, &other);
	assert_int_equal(close_both(p, 100, 60), 0);
	open_both(p);
	give(p, &lost);
	assert_int_equal(close_both(p, 100, 60), 0);
	otr_seq_align_free(&p);
}

/* The library is switched on in a process whose connection is older than the probes. */
static void a_connection_older_than_the_probes_is_cut(void **state)
{
	struct otr_ev_conn kernel = conn(OTR_EV_CONN_OPEN, OTR_HOOK_SOCKET);
	struct otr_ev_conn library = conn(OTR_EV_CONN_OPEN, OTR_HOOK_PRELOAD);
	struct otr_ev_data da = {.hdr = {.kind = OTR_EV_DATA,
					 .hook = OTR_HOOK_PRELOAD,
					 .size = sizeof(da),
					 .tgid = 42,
					 .conn = CONN}};
	struct otr_seq_align *p;

	(void)state;
	assert_int_equal(otr_seq_align_new(&p), 0);
	kernel.seen_open = 0;
	kernel.by_lib = OTR_BY_LIB_NONE;
	give(p, &kernel);
	kernel.by_lib = OTR_BY_LIB_MIXED;
	kernel.bytes_in = 70;
	give(p, &kernel);
	assert_int_equal(n_got, 2);
	assert_int_equal(got[0].hdr.kind, OTR_EV_CONN_CLOSE);
	assert_int_equal(got[0].conn.error, ECANCELED);
	assert_int_equal(got[1].hdr.kind, OTR_EV_CONN_OPEN);
	library.seen_open = 0;
	give(p, &library);
	assert_int_equal(n_got, 0);
	give(p, &da);
	assert_int_equal(got[0].data.pos, 0);
	assert_int_equal(got[0].data.pos_kind, OTR_POS_OFFSET);
	kernel.hdr.kind = OTR_EV_CONN_CLOSE;
	give(p, &kernel);
	assert_int_equal(n_got, 1); /* no byte is counted as bypassed */
	otr_seq_align_free(&p);
}

static void another_process_may_close_it(void **state)
{
	struct otr_ev_conn other = conn(OTR_EV_CONN_CLOSE, OTR_HOOK_PRELOAD);
	struct otr_seq_align *p;

	(void)state;
	assert_int_equal(otr_seq_align_new(&p), 0);
	open_both(p);
	other.hdr.tgid = 43;
	other.bytes_in = 10;
	give(p, &other);
	assert_int_equal(n_got, 0);
	assert_int_equal(close_both(p, 500, -1), 0);
	otr_seq_align_free(&p);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(offsets_become_sequence_numbers),
		cmocka_unit_test(events_without_sequence_numbers_are_unchanged),
		cmocka_unit_test(bytes_that_bypass_the_library_are_reported),
		cmocka_unit_test(another_process_may_close_it),
		cmocka_unit_test(a_connection_older_than_the_probes_is_cut),
		cmocka_unit_test(nothing_is_reported_where_counts_may_be_wrong),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
