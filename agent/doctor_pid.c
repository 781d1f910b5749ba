/* SPDX-License-Identifier: Apache-2.0 */
/* doctor_pid.c - reports what otrace would see of one process. */

#include <elf.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "agent/base/clock.h"
#include "agent/base/elf_class.h"
#include "agent/base/own.h"
#include "agent/doctor.h"
#include "agent/resource/procfs.h"
#include "agent/source/bpf.h"
#include "agent/source/shim.h"
#include "bpf/shared.h"

static void check_title(uint32_t pid, struct otr_check *ck)
{
	char title[120];

	otr_procfs_title(pid, title, sizeof(title));
	ck->id = "process";
	snprintf(ck->found, sizeof(ck->found), "%.100s (%u)", title, pid);
}

/* The system calls of a 32-bit program have other numbers, which the probes do not know. */
static void check_class(uint32_t pid, struct otr_check *ck)
{
	int class = otr_elf_class(pid);

	ck->id = "program";
	if (class == ELFCLASSNONE) {
		ck->state = OTR_HEALTH_LIMITED;
		snprintf(ck->found, sizeof(ck->found), "may not be read");
	} else if (class != ELFCLASS64) {
		ck->state = OTR_HEALTH_LIMITED;
		snprintf(ck->found, sizeof(ck->found), "32 bits");
		snprintf(ck->consequence, sizeof(ck->consequence),
			 "its traffic is counted, not read");
	} else {
		snprintf(ck->found, sizeof(ck->found), "64 bits");
	}
}

static void check_strands(uint32_t pid, struct otr_check *ck)
{
	uint32_t goid, parent;

	otr_go_layout(pid, &goid, &parent);
	ck->id = "strands";
	if (goid == OTR_GO_UNKNOWN) {
		ck->state = OTR_HEALTH_LIMITED;
		snprintf(ck->found, sizeof(ck->found),
			 "Go, of a version whose layout is not known");
		snprintf(ck->consequence, sizeof(ck->consequence),
			 "its requests get no parents inside the process");
	} else {
		snprintf(ck->found, sizeof(ck->found), "%s", goid ? "goroutines" : "threads");
	}
}

static void check_sockets(uint32_t pid, struct otr_check *ck)
{
	int rings = otr_procfs_fds(pid, "anon_inode:[io_uring]");
	int sockets = otr_procfs_fds(pid, "socket:");

	ck->id = "sockets";
	if (sockets < 0) {
		ck->state = OTR_HEALTH_LIMITED;
		snprintf(ck->found, sizeof(ck->found), "may not be listed");
		return;
	}
	snprintf(ck->found, sizeof(ck->found), "%d%s", sockets, rings ? ", io_uring in use" : "");
	if (!rings)
		return;
	ck->state = OTR_HEALTH_LIMITED;
	snprintf(ck->consequence, sizeof(ck->consequence),
		 "bytes that io_uring moves are counted, not read");
	snprintf(ck->fix, sizeof(ck->fix), "turn io_uring off in its configuration");
}

static void check_tls(uint32_t pid, struct otr_check *ck)
{
	char lib[64];

	otr_procfs_tls(pid, lib, sizeof(lib));
	ck->id = "tls";
	snprintf(ck->found, sizeof(ck->found), "%s",
		 lib[0] ? lib : "no known TLS library is mapped");
	if (!lib[0])
		return;
	ck->state = OTR_HEALTH_LIMITED;
	snprintf(ck->consequence, sizeof(ck->consequence),
		 "of encrypted traffic, only sizes and times are seen");
}

static void check_library(uint32_t pid, struct otr_check *ck)
{
	static const char *const found[] = {
		[OTR_ADOPT_TAKEN] = "libotrace.so waits for an agent: attach uses it",
		[OTR_ADOPT_HELD] = "libotrace.so, read by another agent",
		[OTR_ADOPT_LATER] = "libotrace.so, idle or before its first byte",
		[OTR_ADOPT_NONE] = "none: no traceparent is injected",
		[OTR_ADOPT_DENIED] = "cannot be read without privilege",
	};
	enum otr_adopt is = otr_shims_peek(pid, otr_now());

	ck->id = "library";
	snprintf(ck->found, sizeof(ck->found), "%s", found[is]);
	if (is == OTR_ADOPT_HELD)
		snprintf(ck->consequence, sizeof(ck->consequence),
			 "attach traces it by kernel probes alone");
	if (is == OTR_ADOPT_DENIED)
		snprintf(ck->fix, sizeof(ck->fix), "sudo otrace doctor %u", pid);
	if (is == OTR_ADOPT_HELD || is == OTR_ADOPT_DENIED)
		ck->state = OTR_HEALTH_LIMITED;
}

size_t otr_doctor_pid(uint32_t pid, struct otr_check *checks, size_t max)
{
	static void (*const rows[])(uint32_t pid, struct otr_check * ck) = {
		check_title, check_class, check_strands, check_sockets, check_tls, check_library};
	char path[64];
	size_t n = 0;

	snprintf(path, sizeof(path), "/proc/%u", pid);
	if (access(path, F_OK))
		return 0;
	for (; n < OTR_ARRAY_SIZE(rows) && n < max; n++) {
		memset(&checks[n], 0, sizeof(checks[n]));
		rows[n](pid, &checks[n]);
	}
	return n;
}
