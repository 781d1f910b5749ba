/* SPDX-License-Identifier: Apache-2.0 */
// needs: preload/trace/proof.c preload/parse/inject.c preload/parse/head_scan.c
/* proof_test.c - the kernel's counts of a connection, before a header is injected. */

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <netinet/in.h>
#include <netinet/tcp.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "preload/base/shim.h"
#include "preload/trace/io.h"
#include "preload/trace/proof.h"
#include "preload/trace/user_copy.h"

struct otr_shim otr_shim;

int otr_user_copy(void *to, const void *from, size_t len)
{
	memcpy(to, from, len);
	return 1;
}

static struct otr_fd f;
static int client, server, segment;

static int begin(void **state)
{
	struct sockaddr_in at = {.sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
	int place = socket(AF_INET, SOCK_STREAM, 0), size = 1;
	socklen_t len = sizeof(at);

	(void)state;
	memset(&f, 0, sizeof(f));
	f.family = AF_INET;
	client = socket(AF_INET, SOCK_STREAM, 0);
	setsockopt(place, SOL_SOCKET, SO_RCVBUF, &size, sizeof(size));
	setsockopt(client, SOL_SOCKET, SO_SNDBUF, &size, sizeof(size));
	if (segment)
		setsockopt(client, IPPROTO_TCP, TCP_MAXSEG, &segment, sizeof(segment));
	if (bind(place, (void *)&at, len) || listen(place, 1) ||
	    getsockname(place, (void *)&at, &len) || connect(client, (void *)&at, len))
		return -1;
	server = accept(place, NULL, NULL);
	return close(place);
}

static int end(void **state)
{
	(void)state;
	return close(client) | close(server);
}

static void a_new_connection_has_room_for_a_segment(void **state)
{
	size_t room = 0;
	int mss = 0;
	socklen_t len = sizeof(mss);

	(void)state;
	assert_int_equal(getsockopt(client, IPPROTO_TCP, TCP_MAXSEG, &mss, &len), 0);
	assert_true(otr_is_proved(client, &f, &f, &room));
	assert_true(room >= 500 && room <= 2 * (size_t)mss);
	f.dirs[OTR_DIR_OUT].total = 1; /* the library has counted other bytes than the kernel */
	assert_false(otr_is_proved(client, &f, &f, &room));
}

/* While another call sends, nothing is proved. A thread that could not hold the connection when
 * its call ended is no such call any more. */
static void another_call_that_sends_is_no_proof(void **state)
{
	size_t room;

	(void)state;
	f.senders = 2;
	assert_false(otr_is_proved(client, &f, &f, &room));
	f.senders_gone = 1;
	assert_true(otr_is_proved(client, &f, &f, &room));
	f.senders = 1;
	f.senders_gone = UINT16_MAX; /* of very many */
	assert_false(otr_is_proved(client, &f, &f, &room));
}

/* The smallest buffer takes at once as much as was promised. */
static void the_kernel_takes_as_much_as_was_promised(void **state)
{
	static const int segments[] = {88, 536, 1448, 2900, 2901, 8948, 0};
	static char bytes[262144];
	size_t room;

	for (size_t i = 0; i < sizeof(segments) / sizeof(segments[0]); i++) {
		end(state);
		segment = segments[i];
		assert_int_equal(begin(state), 0);
		room = 0;
		assert_true(otr_is_proved(client, &f, &f, &room));
		assert_true(room && send(client, bytes, room, MSG_DONTWAIT) == (ssize_t)room);
	}
}

/* The peer has answered before it read all bytes: the kernel may take a part. */
static void bytes_that_wait_are_no_proof(void **state)
{
	static char bytes[262144];
	size_t room = 1;
	ssize_t n;

	(void)state;
	while ((n = send(client, bytes, sizeof(bytes), MSG_DONTWAIT)) > 0)
		f.dirs[OTR_DIR_OUT].total += (uint64_t)n;
	assert_true(otr_is_proved(client, &f, &f, &room));
	assert_int_equal(room, 0);
}

int main(void)
{
#define TEST(t) cmocka_unit_test_setup_teardown(t, begin, end)
	const struct CMUnitTest tests[] = {
		TEST(a_new_connection_has_room_for_a_segment),
		TEST(another_call_that_sends_is_no_proof),
		TEST(the_kernel_takes_as_much_as_was_promised),
		TEST(bytes_that_wait_are_no_proof),
	};

	return cmocka_run_group_tests_name("proof", tests, NULL, NULL);
}
