/* SPDX-License-Identifier: Apache-2.0 */
#ifndef OTR_PRIVILEGE_H
#define OTR_PRIVILEGE_H

/* privilege.h - what this process may do. */

#include <stdbool.h>
#include <stdint.h>

/* Bits of the effective capabilities, linux/capability.h. */
enum {
	OTR_CAP_DAC_READ_SEARCH = 2,
	OTR_CAP_SYS_PTRACE = 19,
	OTR_CAP_SYS_ADMIN = 21,
	OTR_CAP_PERFMON = 38,
	OTR_CAP_BPF = 39,
};

/* CapEff of /proc/self/status; 0 where that may not be read. */
uint64_t otr_capabilities(void);

static inline bool otr_capable(uint64_t caps, int bit)
{
	return caps >> bit & 1;
}

#endif /* OTR_PRIVILEGE_H */
