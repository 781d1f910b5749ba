/* SPDX-License-Identifier: Apache-2.0 */
/*
 * price.c - what the probes add to a socket call, measured on this machine.
 *
 * A child process talks to itself over a named AF_UNIX connection, first without probes, then
 * traced. The least of some rounds is compared for each, since noise only adds time. Its records
 * are drained and dropped; no other process is traced yet.
 */

#include <bpf/libbpf.h>
#include <signal.h>
#include <stdint.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <sys/wait.h>
#include <unistd.h>

#include "agent/base/clock.h"
#include "agent/source/bpf.h"
#include "agent/source/bpf_state.h"

#define ROUNDS 8
#define CALLS  40 /* few: a short round is more often one that nothing interrupts */
#define BYTES  256

/* A connection of the child to itself, with a name that the kernel chooses: an unnamed pair would
 * not be captured. */
static int connect_self(int end[2])
{
	struct sockaddr_un name = {.sun_family = AF_UNIX};
	socklen_t len = sizeof(name);
	int door = socket(AF_UNIX, SOCK_STREAM, 0);

	end[0] = socket(AF_UNIX, SOCK_STREAM, 0);
	if (door < 0 || end[0] < 0 || bind(door, (struct sockaddr *)&name, sizeof(sa_family_t)) ||
	    listen(door, 1) || getsockname(door, (struct sockaddr *)&name, &len) ||
	    connect(end[0], (struct sockaddr *)&name, len))
		return -1;
	end[1] = accept(door, NULL, NULL);
	return end[1] < 0 ? -1 : 0;
}

/* Request and answer by turns, so that each call begins a run and is captured whole. */
static uint64_t best_round(const int end[2])
{
	char bytes[BYTES] = "otrace measures what a call costs";
	uint64_t best = UINT64_MAX, took;

	for (int round = 0; round < ROUNDS; round++) {
		took = otr_now();
		for (int i = 0; i < CALLS; i++)
			if (send(end[i & 1], bytes, sizeof(bytes), 0) < 0 ||
			    recv(end[~i & 1], bytes, sizeof(bytes), 0) < 0)
				return UINT64_MAX;
		took = (otr_now() - took) / (2 * CALLS);
		best = took < best ? took : best;
	}
	return best;
}

static void child(int pair)
{
	uint64_t bare, traced;
	int end[2];
	char go;

	if (connect_self(end))
		_exit(1);
	bare = best_round(end);
	if (write(pair, &bare, 1) != 1 || read(pair, &go, 1) != 1)
		_exit(1);
	traced = best_round(end);
	traced = traced > bare ? traced - bare : 0;
	_exit(write(pair, &traced, sizeof(traced)) != sizeof(traced));
}

static int drop(void *arg, const struct otr_event *ev)
{
	(void)arg;
	(void)ev;
	return 0;
}

uint64_t otr_bpf_measure(struct otr_bpf *b)
{
	uint64_t price = 0;
	int pair[2];
	pid_t pid;
	char ready;

	if (socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, pair))
		return 0;
	pid = fork();
	if (!pid) {
		close(pair[0]); /* else each waits for the other */
		child(pair[1]);
	}
	close(pair[1]);
	if (pid > 0 && read(pair[0], &ready, 1) == 1 && !otr_bpf_target(b, (uint32_t)pid, false) &&
	    !otr_bpf_list(b, (uint32_t)pid) && write(pair[0], "", 1) == 1 &&
	    read(pair[0], &price, sizeof(price)) != sizeof(price))
		price = 0;
	close(pair[0]);
	if (pid > 0)
		waitpid(pid, NULL, 0);
	otr_bpf_drain(b, drop, NULL);
	return price;
}
