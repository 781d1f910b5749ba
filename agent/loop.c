/* SPDX-License-Identifier: Apache-2.0 */
/* loop.c - the core thread's wait; see loop.h. */

#include "agent/loop.h"

#include <errno.h>
#include <poll.h>
#include <signal.h>
#include <sys/signalfd.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "agent/session.h"

static sigset_t before;

int otr_loop_init(struct otr_loop *loop)
{
	static const int handled[] = {SIGINT, SIGTERM, SIGHUP, SIGUSR1};
	sigset_t set;

	*loop = (struct otr_loop){.signals = -1, .child = -1, .wait_ms = 10};
	sigemptyset(&set);
	for (size_t i = 0; i < sizeof(handled) / sizeof(handled[0]); i++)
		sigaddset(&set, handled[i]);
	loop->signals = signalfd(-1, &set, SFD_CLOEXEC | SFD_NONBLOCK);
	if (loop->signals < 0)
		return -errno;
	/* Writing to a terminal we do not own, or to a closed pipe, is an error to
	 * be handled, not an end. */
	sigaddset(&set, SIGTTOU);
	sigaddset(&set, SIGPIPE);
	sigprocmask(SIG_BLOCK, &set, &before);
	return 0;
}

void otr_loop_fini(struct otr_loop *loop)
{
	if (loop->signals >= 0)
		close(loop->signals);
	if (loop->child >= 0)
		close(loop->child);
	loop->signals = loop->child = -1;
}

void otr_loop_child(void)
{
	sigprocmask(SIG_SETMASK, &before, NULL);
}

int otr_loop_watch(struct otr_loop *loop, pid_t pid)
{
	loop->child = (int)syscall(SYS_pidfd_open, pid, 0);
	return loop->child < 0 ? -errno : 0;
}

static bool next_signal(struct otr_loop *loop, int *signo)
{
	struct signalfd_siginfo info;

	if (read(loop->signals, &info, sizeof(info)) != sizeof(info))
		return false;
	*signo = (int)info.ssi_signo;
	return true;
}

enum otr_wakeup otr_loop_wait(struct otr_loop *loop, struct otr_session *s, int *signo)
{
	struct pollfd fds[] = {
		{.fd = loop->signals, .events = POLLIN},
		{.fd = otr_session_fd(s), .events = POLLIN},
		{.fd = loop->child, .events = POLLIN},
	};

	poll(fds, 3, loop->wait_ms);
	loop->wait_ms = otr_session_step(s);
	if (fds[0].revents && next_signal(loop, signo))
		return OTR_WOKE_SIGNAL;
	return fds[2].revents ? OTR_WOKE_CHILD : OTR_WOKE_STEP;
}
