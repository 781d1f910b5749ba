/* SPDX-License-Identifier: Apache-2.0 */
/*
 * vouch_test.c - a process reports only its own sockets. Real processes hold real sockets here;
 * their rings are fakes.
 */

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include "agent/source/shim_state.h"
#include "agent/source/vouch.h"

static struct otr_shims shims;
static int mine; /* a socket of this process and of children that keep it */
static uint64_t inode;

/* Starts a child that waits, with the socket or without. */
static pid_t start(bool keeps)
{
	int ready[2];
	char c;
	pid_t pid;

	assert_int_equal(pipe(ready), 0);
	pid = fork();
	if (!pid) {
		if (!keeps)
			close(mine);
		if (write(ready[1], "x", 1) == 1)
			pause();
		_exit(0);
	}
	assert_int_equal(read(ready[0], &c, 1), 1);
	close(ready[0]);
	close(ready[1]);
	return pid;
}

static void stop(pid_t pid)
{
	kill(pid, SIGKILL);
	waitpid(pid, NULL, 0);
}

static bool says(struct shim *sh, uint16_t kind, uint64_t conn)
{
	struct otr_event ev = {.kind = kind, .tgid = sh->tgid, .conn = conn};

	return otr_shims_follow(&shims, sh, &ev, 1);
}

static const struct shim *home(uint64_t conn)
{
	struct holder *at;

	HASH_FIND(hh, shims.by_conn, &conn, sizeof(conn), at);
	return at ? at->shim : NULL;
}

static int begin(void **state)
{
	struct stat st;

	(void)state;
	memset(&shims, 0, sizeof(shims));
	shims.proofs = OTR_SHIM_PROOFS;
	mine = socket(AF_UNIX, SOCK_STREAM, 0);
	if (fstat(mine, &st))
		return -1;
	inode = st.st_ino;
	return 0;
}

static void what_the_kernel_says(void **state)
{
	pid_t with = start(true), without = start(false);

	(void)state;
	assert_int_equal(otr_vouch((uint32_t)with, inode), OTR_VOUCH_HOLDS);
	assert_int_equal(otr_vouch((uint32_t)without, inode), OTR_VOUCH_NOT);
	stop(with);
	stop(without);
	assert_int_equal(otr_vouch((uint32_t)with, inode), OTR_VOUCH_GONE);
}

/* No parents of these processes are known, so they are not descendants. */
static void a_process_reports_no_socket_of_another(void **state)
{
	pid_t with = start(true), without = start(false);
	struct shim victim = {.tgid = (uint32_t)with}, liar = {.tgid = (uint32_t)without};

	(void)state;
	victim.parent = 1;
	liar.parent = 1;
	assert_true(says(&victim, OTR_EV_CONN_OPEN, inode));
	assert_false(says(&liar, OTR_EV_CONN_OPEN, inode));
	assert_false(says(&liar, OTR_EV_DATA, inode));
	assert_false(says(&liar, OTR_EV_CONN_CLOSE, inode));
	assert_ptr_equal(home(inode), &victim);
	assert_true(says(&victim, OTR_EV_DATA, inode));
	assert_true(says(&liar, OTR_EV_CONN_OPEN, inode + 1)); /* its own socket */
	assert_false(liar.rd.broken);
	for (uint32_t i = liar.refused; i < OTR_SHIM_REFUSED_MAX; i++)
		assert_false(says(&liar, OTR_EV_RUN, inode));
	assert_true(liar.rd.broken);
	assert_false(victim.rd.broken);
	otr_shims_forget(&shims, &victim);
	otr_shims_forget(&shims, &liar);
	stop(with);
	stop(without);
}

/* A process guesses which inode comes next, and reports it first. */
static void to_report_a_socket_first_is_no_proof(void **state)
{
	pid_t with = start(true), without = start(false);
	struct shim victim = {.tgid = (uint32_t)with}, liar = {.tgid = (uint32_t)without};

	(void)state;
	victim.parent = 1;
	liar.parent = 1;
	assert_true(says(&liar, OTR_EV_CONN_OPEN, inode));
	assert_true(says(&victim, OTR_EV_CONN_OPEN, inode));
	assert_ptr_equal(home(inode), &victim);
	assert_false(says(&liar, OTR_EV_DATA, inode));
	otr_shims_forget(&shims, &victim);
	otr_shims_forget(&shims, &liar);
	stop(with);
	stop(without);
}

/* A socket that two processes have: inherited, or sent. */
static void two_processes_may_share_a_socket(void **state)
{
	pid_t one = start(true), two = start(true);
	struct shim a = {.tgid = (uint32_t)one, .parent = 1};
	struct shim b = {.tgid = (uint32_t)two, .parent = 1};
	int before;

	(void)state;
	assert_true(says(&a, OTR_EV_CONN_OPEN, inode));
	assert_true(says(&b, OTR_EV_DATA, inode));
	before = shims.proofs;
	for (int i = 0; i < 1000; i++)
		assert_true(says(&b, OTR_EV_DATA, inode) && says(&a, OTR_EV_DATA, inode));
	assert_int_equal(shims.proofs, before); /* checked once a second, not for each record */
	assert_true(says(&b, OTR_EV_CONN_OPEN, inode));
	assert_ptr_equal(home(inode), &b);
	assert_true(says(&a, OTR_EV_DATA, inode));
	assert_int_equal(a.refused + b.refused, 0);
	otr_shims_forget(&shims, &a);
	otr_shims_forget(&shims, &b);
	stop(one);
	stop(two);
}

/* A child served what its parent had accepted, and has ended before it is checked. */
static void a_child_may_have_ended(void **state)
{
	struct shim parent = {.tgid = (uint32_t)getpid(), .parent = 1}, child = {.tgid = 1u << 30};

	(void)state;
	child.parent = parent.tgid;
	assert_true(says(&parent, OTR_EV_CONN_OPEN, inode));
	assert_true(says(&child, OTR_EV_DATA, inode));
	otr_shims_forget(&shims, &parent);
}

static void proofs_are_bounded(void **state)
{
	struct shim holder = {.tgid = (uint32_t)getpid(), .parent = 1}, liar = {.tgid = 1u << 30};

	(void)state;
	liar.parent = 1;
	assert_true(says(&holder, OTR_EV_CONN_OPEN, inode));
	shims.proofs = 0;
	assert_false(says(&liar, OTR_EV_DATA, inode));
	assert_int_equal(liar.refused, 0);
	assert_int_equal(shims.proofs, 0);
	otr_shims_forget(&shims, &holder);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup(what_the_kernel_says, begin),
		cmocka_unit_test_setup(a_process_reports_no_socket_of_another, begin),
		cmocka_unit_test_setup(to_report_a_socket_first_is_no_proof, begin),
		cmocka_unit_test_setup(two_processes_may_share_a_socket, begin),
		cmocka_unit_test_setup(a_child_may_have_ended, begin),
		cmocka_unit_test_setup(proofs_are_bounded, begin),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
