/* SPDX-License-Identifier: Apache-2.0 */
/* privilege.c - what this process may do. */

#include "agent/base/privilege.h"

#include <stdio.h>

uint64_t otr_capabilities(void)
{
	unsigned long long caps = 0;
	char line[256];
	FILE *f = fopen("/proc/self/status", "re");

	while (f && fgets(line, sizeof(line), f))
		if (sscanf(line, "CapEff: %llx", &caps) == 1)
			break;
	if (f)
		fclose(f);
	return caps;
}
