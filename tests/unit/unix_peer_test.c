/* SPDX-License-Identifier: Apache-2.0 */
/* unix_peer_test.c - finds the other end of a connection of AF_UNIX. */

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <unistd.h>

#include "agent/source/unix_peer.h"

static uint64_t inode(int fd)
{
	struct stat st;

	assert_int_equal(fstat(fd, &st), 0);
	return st.st_ino;
}

/* A connection to a path; `fds`: client, accepted, listening. */
static void connection(int fds[3])
{
	struct sockaddr_un at = {.sun_family = AF_UNIX};
	socklen_t len;

	/* abstract: no file is left */
	snprintf(at.sun_path + 1, sizeof(at.sun_path) - 1, "otrace-unix-peer-%d", getpid());
	len = (socklen_t)(offsetof(struct sockaddr_un, sun_path) + 1 + strlen(at.sun_path + 1));
	fds[0] = socket(AF_UNIX, SOCK_STREAM, 0);
	fds[2] = socket(AF_UNIX, SOCK_STREAM, 0);
	assert_int_equal(bind(fds[2], (struct sockaddr *)&at, len), 0);
	assert_int_equal(listen(fds[2], 1), 0);
	assert_int_equal(connect(fds[0], (struct sockaddr *)&at, len), 0);
	fds[1] = accept(fds[2], NULL, NULL);
	assert_true(fds[1] >= 0);
}

static void each_end_has_the_other(void **state)
{
	int ask = otr_unix_peer_open(), fds[3];
	uint64_t ends[2];

	(void)state;
	if (ask < 0)
		skip(); /* a kernel without CONFIG_UNIX_DIAG */
	connection(fds);
	ends[0] = inode(fds[0]);
	ends[1] = inode(fds[1]);
	assert_int_equal(otr_unix_peer(ask, ends[0]), ends[1]);
	assert_int_equal(otr_unix_peer(ask, ends[1]), ends[0]);
	assert_int_equal(otr_unix_peer(ask, inode(fds[2])), 0);
	close(fds[1]);
	assert_int_equal(otr_unix_peer(ask, ends[1]), 0);
	for (int i = 0; i < 3; i += 2)
		close(fds[i]);
	close(ask);
}

static void what_is_no_such_socket_has_none(void **state)
{
	int ask = otr_unix_peer_open();

	(void)state;
	assert_int_equal(otr_unix_peer(-1, 7), 0);
	assert_int_equal(otr_unix_peer(ask, 0), 0);
	assert_int_equal(otr_unix_peer(ask, UINT64_MAX), 0);
	if (ask >= 0)
		close(ask);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(each_end_has_the_other),
		cmocka_unit_test(what_is_no_such_socket_has_none),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
