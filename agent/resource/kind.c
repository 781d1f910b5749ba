/* SPDX-License-Identifier: Apache-2.0 */
/* kind.c - processes in which there is nothing to trace; see kind.h. */

#include "agent/resource/kind.h"

#include <elf.h>
#include <stdio.h>
#include <string.h>

#include "agent/base/elf_class.h"
#include "agent/base/foreign.h"

#define KTHREAD 0x00200000u /* PF_KTHREAD of linux/sched.h, in the ninth field of stat */

/* The command in parentheses may hold any character, so the last ")" ends it. The first thread
 * of a process may have ended while other threads run. */
static void read_stat(uint32_t pid, struct otr_kind_of *out)
{
	char text[1024], state;
	unsigned int parent, flags;
	long threads = 0;
	char *from, *end;

	if (otr_foreign_proc(pid, "stat", text, sizeof(text)) <= 0)
		return;
	from = strchr(text, '(');
	end = strrchr(text, ')');
	if (!from || !end ||
	    sscanf(end, ") %c %u %*d %*d %*d %*d %u %*u %*u %*u %*u %*u %*u %*d %*d %*d %*d %ld",
		   &state, &parent, &flags, &threads) != 4)
		return;
	*end = 0;
	snprintf(out->name, sizeof(out->name), "%s", from + 1);
	out->parent = parent;
	if (flags & KTHREAD)
		out->kind = OTR_KIND_KERNEL;
	else if ((state == 'Z' || state == 'X') && threads <= 1)
		out->kind = OTR_KIND_ENDED;
}

static void read_thread(uint32_t pid, struct otr_kind_of *out)
{
	unsigned int tgid = pid;
	char text[2048];
	const char *at;

	if (otr_foreign_proc(pid, "status", text, sizeof(text)) <= 0)
		return;
	at = strstr(text, "\nTgid:");
	if (!at || sscanf(at, "\nTgid: %u", &tgid) != 1 || tgid == pid)
		return;
	out->kind = OTR_KIND_THREAD;
	out->parent = tgid;
}

void otr_kind_read(uint32_t pid, struct otr_kind_of *out)
{
	memset(out, 0, sizeof(*out));
	read_stat(pid, out);
	if (out->kind == OTR_KIND_PROGRAM)
		read_thread(pid, out);
	if (out->kind == OTR_KIND_PROGRAM && otr_elf_class(pid) == ELFCLASS32)
		out->kind = OTR_KIND_32BIT;
}
