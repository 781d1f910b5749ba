/* SPDX-License-Identifier: Apache-2.0 */
/* doctor_shim.c - `otrace doctor`: can the library be loaded into a program? */

#include <fcntl.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include "agent/base/err.h"
#include "agent/doctor.h"
#include "agent/launch.h"

/* True if `true`, run with the library in it, succeeds and writes nothing to standard error. */
static bool loads(const char *library)
{
	int errors[2], status = -1;
	char one;
	ssize_t n;
	pid_t pid;

	if (pipe2(errors, O_CLOEXEC))
		return false;
	pid = fork();
	if (!pid) {
		dup2(errors[1], STDERR_FILENO);
		otr_launch_environment(library, "none.none", true);
		execlp("true", "true", (char *)NULL);
		_exit(127);
	}
	close(errors[1]);
	n = read(errors[0], &one, 1);
	close(errors[0]);
	return pid > 0 && waitpid(pid, &status, 0) == pid && status == 0 && n == 0;
}

void otr_doctor_shim(struct otr_check *ck)
{
	struct otr_err err = {.text = ""};
	char library[PATH_MAX];

	if (otr_launch_library(library, sizeof(library), &err)) {
		snprintf(ck->found, sizeof(ck->found), "%.150s", err.text);
	} else if (!loads(library)) {
		snprintf(ck->found, sizeof(ck->found), "%.120s does not load", library);
	} else {
		snprintf(ck->found, sizeof(ck->found), "libotrace.so loads");
		return;
	}
	ck->state = OTR_HEALTH_LIMITED;
	snprintf(ck->consequence, sizeof(ck->consequence),
		 "run needs privilege; no traceparent is put into requests");
	snprintf(ck->fix, sizeof(ck->fix), "make install");
}
