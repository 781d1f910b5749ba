/* SPDX-License-Identifier: Apache-2.0 */
/*
 * abi_test.c - the layout that kernel and agent share, as numbers.
 *
 * The numbers are written out, so that a reviewer sees each change: recordings hold these bytes. A
 * number changes only together with OTR_ABI.
 */

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "bpf/event.h"
#include "bpf/shared.h"

/* Checks the next field: its offset and size, and that no hole precedes it. */
#define FIELD(type, name, offset, size)                                  \
	do {                                                             \
		assert_int_equal(offsetof(struct type, name), (offset)); \
		assert_int_equal(at, (offset));                          \
		at += (size);                                            \
	} while (0)

/* Checks that no hole is at the end. */
#define END(type, size)                                        \
	do {                                                   \
		assert_int_equal(sizeof(struct type), (size)); \
		assert_int_equal(at, sizeof(struct type));     \
	} while (0)

static void event(void **state)
{
	size_t at = 0;

	(void)state;
	FIELD(otr_event, kind, 0, 2);
	FIELD(otr_event, hook, 2, 2);
	FIELD(otr_event, size, 4, 4);
	FIELD(otr_event, time_ns, 8, 8);
	FIELD(otr_event, tgid, 16, 4);
	FIELD(otr_event, tid, 20, 4);
	FIELD(otr_event, strand, 24, 8);
	FIELD(otr_event, conn, 32, 8);
	END(otr_event, 40);
}

static void addr(void **state)
{
	size_t at = 0;

	(void)state;
	FIELD(otr_addr, family, 0, 2);
	FIELD(otr_addr, port, 2, 2);
	FIELD(otr_addr, ip, 4, 16);
	END(otr_addr, 20);
}

static void ev_conn(void **state)
{
	size_t at = 0;

	(void)state;
	FIELD(otr_ev_conn, hdr, 0, 40);
	FIELD(otr_ev_conn, local, 40, 20);
	FIELD(otr_ev_conn, remote, 60, 20);
	FIELD(otr_ev_conn, peer, 80, 8);
	FIELD(otr_ev_conn, bytes_in, 88, 8);
	FIELD(otr_ev_conn, bytes_out, 96, 8);
	FIELD(otr_ev_conn, netns, 104, 4);
	FIELD(otr_ev_conn, isn_out, 108, 4);
	FIELD(otr_ev_conn, isn_in, 112, 4);
	FIELD(otr_ev_conn, error, 116, 4);
	FIELD(otr_ev_conn, type, 120, 2);
	FIELD(otr_ev_conn, protocol, 122, 2);
	FIELD(otr_ev_conn, role, 124, 1);
	FIELD(otr_ev_conn, seen_open, 125, 1);
	FIELD(otr_ev_conn, by_lib, 126, 1);
	FIELD(otr_ev_conn, pad, 127, 1);
	FIELD(otr_ev_conn, path, 128, 112);
	END(otr_ev_conn, 240);
}

static void ref(void **state)
{
	size_t at = 0;

	(void)state;
	FIELD(otr_ref, conn, 0, 8);
	FIELD(otr_ref, pos, 8, 8);
	FIELD(otr_ref, layer, 16, 1);
	FIELD(otr_ref, dir, 17, 1);
	FIELD(otr_ref, pos_kind, 18, 1);
	FIELD(otr_ref, pad, 19, 5);
	END(otr_ref, 24);
}

static void cause(void **state)
{
	size_t at = 0;

	(void)state;
	FIELD(otr_cause, parent, 0, 24);
	FIELD(otr_cause, trace_id, 24, 16);
	FIELD(otr_cause, span_id, 40, 8);
	FIELD(otr_cause, ids, 48, 1);
	FIELD(otr_cause, flags, 49, 1);
	FIELD(otr_cause, evidence, 50, 1);
	FIELD(otr_cause, pad, 51, 1);
	FIELD(otr_cause, added, 52, 2);
	FIELD(otr_cause, added_at, 54, 2);
	END(otr_cause, 56);
}

static void ev_data(void **state)
{
	size_t at = 0;

	(void)state;
	FIELD(otr_ev_data, hdr, 0, 40);
	FIELD(otr_ev_data, cause, 40, 56);
	FIELD(otr_ev_data, start_ns, 96, 8);
	FIELD(otr_ev_data, pos, 104, 8);
	FIELD(otr_ev_data, moved, 112, 8);
	FIELD(otr_ev_data, cap, 120, 4);
	FIELD(otr_ev_data, pos_kind, 124, 1);
	FIELD(otr_ev_data, dir, 125, 1);
	FIELD(otr_ev_data, layer, 126, 1);
	FIELD(otr_ev_data, first, 127, 1);
	FIELD(otr_ev_data, data, 128, 0);
	END(otr_ev_data, 128);
}

static void ev_run(void **state)
{
	size_t at = 0;

	(void)state;
	FIELD(otr_ev_run, hdr, 0, 40);
	FIELD(otr_ev_run, pos, 40, 8);
	FIELD(otr_ev_run, bytes, 48, 8);
	FIELD(otr_ev_run, first_ns, 56, 8);
	FIELD(otr_ev_run, last_ns, 64, 8);
	FIELD(otr_ev_run, calls, 72, 4);
	FIELD(otr_ev_run, error, 76, 4);
	FIELD(otr_ev_run, tail, 80, 8);
	FIELD(otr_ev_run, pos_kind, 88, 1);
	FIELD(otr_ev_run, dir, 89, 1);
	FIELD(otr_ev_run, layer, 90, 1);
	FIELD(otr_ev_run, open, 91, 1);
	FIELD(otr_ev_run, eof, 92, 1);
	FIELD(otr_ev_run, pad, 93, 3);
	END(otr_ev_run, 96);
}

static void ev_handoff(void **state)
{
	size_t at = 0;

	(void)state;
	FIELD(otr_ev_handoff, hdr, 0, 40);
	FIELD(otr_ev_handoff, parent, 40, 24);
	FIELD(otr_ev_handoff, woken, 64, 8);
	FIELD(otr_ev_handoff, since_ns, 72, 8);
	FIELD(otr_ev_handoff, strand_since_ns, 80, 8);
	END(otr_ev_handoff, 88);
}

static void ev_proc(void **state)
{
	size_t at = 0;

	(void)state;
	FIELD(otr_ev_proc, hdr, 0, 40);
	FIELD(otr_ev_proc, start_ns, 40, 8);
	FIELD(otr_ev_proc, cgroup, 48, 8);
	FIELD(otr_ev_proc, ppid, 56, 4);
	FIELD(otr_ev_proc, uid, 60, 4);
	FIELD(otr_ev_proc, netns, 64, 4);
	FIELD(otr_ev_proc, pidns, 68, 4);
	FIELD(otr_ev_proc, exit_code, 72, 4);
	FIELD(otr_ev_proc, exe_len, 76, 2);
	FIELD(otr_ev_proc, args_len, 78, 2);
	FIELD(otr_ev_proc, comm, 80, 16);
	FIELD(otr_ev_proc, text, 96, 0);
	END(otr_ev_proc, 96);
}

static void ev_clock(void **state)
{
	size_t at = 0;

	(void)state;
	FIELD(otr_ev_clock, hdr, 0, 40);
	FIELD(otr_ev_clock, realtime_ns, 40, 8);
	FIELD(otr_ev_clock, boottime_ns, 48, 8);
	FIELD(otr_ev_clock, seed, 56, 8);
	END(otr_ev_clock, 64);
}

static void ev_meta(void **state)
{
	size_t at = 0;

	(void)state;
	FIELD(otr_ev_meta, hdr, 0, 40);
	FIELD(otr_ev_meta, key, 40, 2);
	FIELD(otr_ev_meta, len, 42, 2);
	FIELD(otr_ev_meta, pad, 44, 4);
	FIELD(otr_ev_meta, text, 48, 0);
	END(otr_ev_meta, 48);
}

static void ev_failed(void **state)
{
	size_t at = 0;

	(void)state;
	FIELD(otr_ev_failed, hdr, 0, 40);
	FIELD(otr_ev_failed, cause, 40, 56);
	FIELD(otr_ev_failed, start_ns, 96, 8);
	FIELD(otr_ev_failed, remote, 104, 20);
	FIELD(otr_ev_failed, error, 124, 4);
	END(otr_ev_failed, 128);
}

static void ev_lost(void **state)
{
	size_t at = 0;

	(void)state;
	FIELD(otr_ev_lost, hdr, 0, 40);
	FIELD(otr_ev_lost, n, 40, 8);
	FIELD(otr_ev_lost, cause, 48, 4);
	FIELD(otr_ev_lost, pad, 52, 4);
	END(otr_ev_lost, 56);
}

static void policy(void **state)
{
	size_t at = 0;

	(void)state;
	FIELD(otr_policy, head_bytes, 0, 4);
	FIELD(otr_policy, capture, 4, 4);
	END(otr_policy, 8);
}

static void run_now(void **state)
{
	size_t at = 0;

	(void)state;
	FIELD(otr_run_now, pos, 0, 8);
	FIELD(otr_run_now, bytes, 8, 8);
	FIELD(otr_run_now, first_ns, 16, 8);
	FIELD(otr_run_now, last_ns, 24, 8);
	FIELD(otr_run_now, calls, 32, 4);
	FIELD(otr_run_now, pos_kind, 36, 1);
	FIELD(otr_run_now, layer, 37, 1);
	FIELD(otr_run_now, pad, 38, 2);
	FIELD(otr_run_now, tail, 40, 8);
	END(otr_run_now, 48);
}

static void target(void **state)
{
	size_t at = 0;

	(void)state;
	FIELD(otr_target, go_goid, 0, 4);
	FIELD(otr_target, go_parent, 4, 4);
	FIELD(otr_target, follow, 8, 4);
	FIELD(otr_target, off, 12, 4);
	END(otr_target, 16);
}

static void ctl(void **state)
{
	size_t at = 0;

	(void)state;
	FIELD(otr_ctl, agent, 0, 4);
	FIELD(otr_ctl, pid_level, 4, 4);
	FIELD(otr_ctl, host, 8, 4);
	FIELD(otr_ctl, waits, 12, 4);
	FIELD(otr_ctl, wakes, 16, 4);
	FIELD(otr_ctl, policy_gen, 20, 4);
	FIELD(otr_ctl, by_sk, 24, 4);
	FIELD(otr_ctl, trials, 28, 4);
	FIELD(otr_ctl, follow, 32, 4);
	FIELD(otr_ctl, want_waits, 36, 4);
	FIELD(otr_ctl, want_wakes, 40, 4);
	FIELD(otr_ctl, woken, 44, 4);
	FIELD(otr_ctl, urgent, 48, 4);
	FIELD(otr_ctl, paused, 52, 4);
	FIELD(otr_ctl, libs_gen, 56, 4);
	FIELD(otr_ctl, tls_wake, 60, 4);
	FIELD(otr_ctl, waits_ns, 64, 8);
	END(otr_ctl, 72);
}

static void order_of_event_kind(void **state)
{
	(void)state;
	assert_int_equal(OTR_EV_NONE, 0);
	assert_int_equal(OTR_EV_CONN_OPEN, 1);
	assert_int_equal(OTR_EV_CONN_CLOSE, 2);
	assert_int_equal(OTR_EV_DATA, 3);
	assert_int_equal(OTR_EV_RUN, 4);
	assert_int_equal(OTR_EV_HANDOFF, 5);
	assert_int_equal(OTR_EV_PROC_EXEC, 6);
	assert_int_equal(OTR_EV_PROC_EXIT, 7);
	assert_int_equal(OTR_EV_CLOCK, 8);
	assert_int_equal(OTR_EV_META, 9);
	assert_int_equal(OTR_EV_LOST, 10);
	assert_int_equal(OTR_EV_PROC_FORK, 11);
	assert_int_equal(OTR_EV_LISTEN, 12);
	assert_int_equal(OTR_EV_TICK, 13);
	assert_int_equal(OTR_EV_BYPASSED, 14);
	assert_int_equal(OTR_EV_CONN_FAILED, 15);
	assert_int_equal(OTR_EV_SHARE, 16);
	assert_int_equal(OTR_EV_MAX, 17);
}

static void order_of_hook(void **state)
{
	(void)state;
	assert_int_equal(OTR_HOOK_NONE, 0);
	assert_int_equal(OTR_HOOK_SCHED, 1);
	assert_int_equal(OTR_HOOK_SOCKET, 2);
	assert_int_equal(OTR_HOOK_OPENSSL, 3);
	assert_int_equal(OTR_HOOK_GO_TLS, 4);
	assert_int_equal(OTR_HOOK_PRELOAD, 5);
	assert_int_equal(OTR_HOOK_AGENT, 6);
	assert_int_equal(OTR_HOOK_CAPTURE, 7);
	assert_int_equal(OTR_HOOK_MAX, 8);
}

static void order_of_dir(void **state)
{
	(void)state;
	assert_int_equal(OTR_DIR_IN, 0);
	assert_int_equal(OTR_DIR_OUT, 1);
}

static void order_of_layer(void **state)
{
	(void)state;
	assert_int_equal(OTR_LAYER_SOCKET, 0);
	assert_int_equal(OTR_LAYER_TLS, 1);
	assert_int_equal(OTR_LAYER_LIB, 2);
	assert_int_equal(OTR_LAYER_MAX, 3);
}

static void order_of_pos_kind(void **state)
{
	(void)state;
	assert_int_equal(OTR_POS_OFFSET, 0);
	assert_int_equal(OTR_POS_TCP_SEQ, 1);
}

static void order_of_capture(void **state)
{
	(void)state;
	assert_int_equal(OTR_CAPTURE_HEAD, 0);
	assert_int_equal(OTR_CAPTURE_CALLS, 1);
	assert_int_equal(OTR_CAPTURE_FRAMES, 2);
	assert_int_equal(OTR_CAPTURE_MUTE, 3);
}

static void order_of_evidence(void **state)
{
	(void)state;
	assert_int_equal(OTR_EVIDENCE_NONE, 0);
	assert_int_equal(OTR_EVIDENCE_HEADER, 1);
	assert_int_equal(OTR_EVIDENCE_WIRE, 2);
	assert_int_equal(OTR_EVIDENCE_STRAND, 3);
	assert_int_equal(OTR_EVIDENCE_BORN, 4);
	assert_int_equal(OTR_EVIDENCE_CLAIM, 5);
	assert_int_equal(OTR_EVIDENCE_NOTIFY, 6);
	assert_int_equal(OTR_EVIDENCE_HANDOFF, 7);
	assert_int_equal(OTR_EVIDENCE_HELPER, 8);
	assert_int_equal(OTR_EVIDENCE_WAKE, 9);
	assert_int_equal(OTR_EVIDENCE_CLONE, 10);
	assert_int_equal(OTR_EVIDENCE_EXEC, 11);
	assert_int_equal(OTR_EVIDENCE_MAX, 12);
}

static void order_of_role(void **state)
{
	(void)state;
	assert_int_equal(OTR_ROLE_UNKNOWN, 0);
	assert_int_equal(OTR_ROLE_CLIENT, 1);
	assert_int_equal(OTR_ROLE_SERVER, 2);
}

static void order_of_ids(void **state)
{
	(void)state;
	assert_int_equal(OTR_IDS_NONE, 0);
	assert_int_equal(OTR_IDS_READ, 1);
	assert_int_equal(OTR_IDS_INJECTED, 2);
}

static void order_of_loss(void **state)
{
	(void)state;
	assert_int_equal(OTR_LOSS_NONE, 0);
	assert_int_equal(OTR_LOSS_RING, 1);
	assert_int_equal(OTR_LOSS_FACTS, 2);
	assert_int_equal(OTR_LOSS_SKIPPED, 3);
	assert_int_equal(OTR_LOSS_TABLE, 4);
	assert_int_equal(OTR_LOSS_FAULT, 5);
	assert_int_equal(OTR_LOSS_RECORD, 6);
	assert_int_equal(OTR_LOSS_STRAGGLER, 7);
	assert_int_equal(OTR_LOSS_HOLE, 8);
	assert_int_equal(OTR_LOSS_PARSE, 9);
	assert_int_equal(OTR_LOSS_EVICT, 10);
	assert_int_equal(OTR_LOSS_CUT, 11);
	assert_int_equal(OTR_LOSS_QUEUE, 12);
	assert_int_equal(OTR_LOSS_REFUSED, 13);
	assert_int_equal(OTR_LOSS_EXPORT, 14);
	assert_int_equal(OTR_LOSS_LATE, 15);
	assert_int_equal(OTR_LOSS_BUDGET, 16);
	assert_int_equal(OTR_LOSS_BEHIND, 17);
	assert_int_equal(OTR_LOSS_OUTPUT, 18);
	assert_int_equal(OTR_LOSS_RECORDING, 19);
	assert_int_equal(OTR_LOSS_PACKET, 20);
	assert_int_equal(OTR_LOSS_SESSION, 21);
	assert_int_equal(OTR_LOSS_MAX, 22);
}

static void order_of_hit(void **state)
{
	(void)state;
	assert_int_equal(OTR_HIT_DATA, 0);
	assert_int_equal(OTR_HIT_WAIT, 1);
	assert_int_equal(OTR_HIT_LIFE, 2);
	assert_int_equal(OTR_HIT_WAKE, 3);
	assert_int_equal(OTR_HIT_TLS, 4);
	assert_int_equal(OTR_HIT_STEP, 5);
	assert_int_equal(OTR_HIT_MAX, 6);
}

static void version(void **state)
{
	(void)state;
	assert_int_equal(OTR_ABI, 1);
	assert_int_equal(OTR_DATA_MAX, 16384);
	assert_int_equal(otr_dir_key(5, OTR_DIR_IN), 10);
	assert_int_equal(otr_dir_key(5, OTR_DIR_OUT), 11);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(event),
		cmocka_unit_test(addr),
		cmocka_unit_test(ev_conn),
		cmocka_unit_test(ref),
		cmocka_unit_test(cause),
		cmocka_unit_test(ev_data),
		cmocka_unit_test(ev_run),
		cmocka_unit_test(ev_handoff),
		cmocka_unit_test(ev_proc),
		cmocka_unit_test(ev_clock),
		cmocka_unit_test(ev_meta),
		cmocka_unit_test(ev_failed),
		cmocka_unit_test(ev_lost),
		cmocka_unit_test(policy),
		cmocka_unit_test(run_now),
		cmocka_unit_test(target),
		cmocka_unit_test(ctl),
		cmocka_unit_test(order_of_event_kind),
		cmocka_unit_test(order_of_hook),
		cmocka_unit_test(order_of_dir),
		cmocka_unit_test(order_of_layer),
		cmocka_unit_test(order_of_pos_kind),
		cmocka_unit_test(order_of_capture),
		cmocka_unit_test(order_of_evidence),
		cmocka_unit_test(order_of_role),
		cmocka_unit_test(order_of_ids),
		cmocka_unit_test(order_of_loss),
		cmocka_unit_test(order_of_hit),
		cmocka_unit_test(version),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
