/* SPDX-License-Identifier: Apache-2.0 */
/*
 * clock.c - reads the time by the vDSO (vdso(7)), or else by the system call. clock_gettime() may
 * be a function of another preloaded library, which gives the program another time.
 */

#include "preload/base/clock.h"

#include <elf.h>
#include <link.h>
#include <stddef.h>
#include <sys/auxv.h>
#include <time.h>

#include "preload/base/real.h"
#include "preload/base/shim.h"
#include "preload/base/sys.h"

#if defined(__x86_64__)
#define VDSO_CLOCK "__vdso_clock_gettime"
#elif defined(__aarch64__)
#define VDSO_CLOCK "__kernel_clock_gettime"
#endif

typedef int (*clock_fn)(clockid_t, struct timespec *);

static int by_system_call(clockid_t clock, struct timespec *ts)
{
	return (int)otr_sys(SYS_clock_gettime, clock, ts);
}

static clock_fn clock_now = by_system_call;

void otr_clock_find(void)
{
	const ElfW(Ehdr) *eh = (const void *)getauxval(AT_SYSINFO_EHDR);
	void *at = eh ? otr_find_in(eh, VDSO_CLOCK) : NULL;

	if (at)
		clock_now = (clock_fn)at;
}

uint64_t otr_clock_ns(void)
{
	struct timespec ts;

	if (clock_now(CLOCK_MONOTONIC, &ts))
		by_system_call(CLOCK_MONOTONIC, &ts);
	return (uint64_t)ts.tv_sec * 1000000000u + (uint64_t)ts.tv_nsec;
}
