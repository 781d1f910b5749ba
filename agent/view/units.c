/* SPDX-License-Identifier: Apache-2.0 */
/* units.c - numbers with units, for people. */

#include "agent/view/units.h"

#include <stdio.h>
#include <string.h>

#include "agent/base/own.h"

static const struct {
	double size;
	const char *name;
} units[] = {
	{1, "ns"}, {1e3, "us"}, {1e6, "ms"}, {1e9, "s"}, {60e9, "m"}, {3600e9, "h"},
};

const char *otr_units_duration(uint64_t ns, char out[OTR_UNITS])
{
	size_t i = 0;
	double n;

	/* 999.6 us is written 1.00 ms: three digits are the most that one unit has. */
	while (i + 1 < OTR_ARRAY_SIZE(units) && (double)ns / units[i].size >= 999.5)
		i++;
	n = (double)ns / units[i].size;
	snprintf(out, OTR_UNITS, "%.*f %s",
		 !i || n >= 99.95 ? 0
		 : n >= 9.995	  ? 1
				  : 2,
		 n, units[i].name);
	return out;
}

const char *otr_units_count(uint64_t n, char out[OTR_UNITS])
{
	char digits[OTR_UNITS];
	int len = snprintf(digits, sizeof(digits), "%llu", (unsigned long long)n);
	char *to = out;

	for (int i = 0; i < len; i++) {
		if (i && !((len - i) % 3))
			*to++ = ',';
		*to++ = digits[i];
	}
	*to = '\0';
	return out;
}

const char *otr_units_bytes(uint64_t bytes, char out[OTR_UNITS])
{
	if (bytes >> 20)
		snprintf(out, OTR_UNITS, "%llu MiB", (unsigned long long)(bytes >> 20));
	else
		snprintf(out, OTR_UNITS, "%llu KiB", (unsigned long long)(bytes >> 10));
	return out;
}
