/* SPDX-License-Identifier: Apache-2.0 */
/* manager.c - tells the service manager what the agent does; see manager.h. */

#include "agent/manager.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#include "agent/base/clock.h"

static void tell(const char *text)
{
	const char *path = getenv("NOTIFY_SOCKET");
	struct sockaddr_un to = {.sun_family = AF_UNIX};
	size_t len = path ? strlen(path) : 0;
	int fd;

	if (!len || len >= sizeof(to.sun_path) || (path[0] != '/' && path[0] != '@'))
		return;
	memcpy(to.sun_path, path, len);
	if (path[0] == '@') /* an abstract name */
		to.sun_path[0] = '\0';
	fd = socket(AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
	if (fd < 0)
		return;
	sendto(fd, text, strlen(text), MSG_NOSIGNAL, (const struct sockaddr *)&to,
	       (socklen_t)(offsetof(struct sockaddr_un, sun_path) + len));
	close(fd);
}

void otr_manager_ready(size_t processes)
{
	char text[80];

	snprintf(text, sizeof(text), "READY=1\nSTATUS=watching %zu processes", processes);
	tell(text);
}

void otr_manager_reloading(void)
{
	char text[80];

	snprintf(text, sizeof(text), "RELOADING=1\nMONOTONIC_USEC=%llu",
		 (unsigned long long)(otr_clock(CLOCK_MONOTONIC) / 1000));
	tell(text);
}

void otr_manager_stopping(void)
{
	tell("STOPPING=1");
}

/* How often the manager wants to hear of this process, halved; 0: it does not. */
static uint64_t watchdog_ns(void)
{
	const char *usec = getenv("WATCHDOG_USEC"), *pid = getenv("WATCHDOG_PID");

	if (!usec || (pid && strtol(pid, NULL, 10) != getpid()))
		return 0;
	return strtoull(usec, NULL, 10) * 1000 / 2;
}

void otr_manager_alive(uint64_t now_ns)
{
	static uint64_t each_ns, told_ns;

	if (!told_ns)
		each_ns = watchdog_ns();
	if (told_ns && (!each_ns || now_ns - told_ns < each_ns))
		return;
	told_ns = now_ns;
	if (each_ns)
		tell("WATCHDOG=1");
}
