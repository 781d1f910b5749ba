/* SPDX-License-Identifier: Apache-2.0 */
/* queue_config.c - OTEL_BSP_*: the bounds of a queue. */

#include "exporters/queue_config.h"

#include <ctype.h>
#include <errno.h>
#include <stdlib.h>

#include "agent/base/log.h"

#define MS 1000000ull

static uint64_t number(const char *name, uint64_t fallback, uint64_t min, uint64_t max)
{
	const char *v = getenv(name);
	unsigned long long n;
	char *end;

	if (!v || !*v)
		return fallback;
	errno = 0;
	n = strtoull(v, &end, 10);
	if (isdigit((unsigned char)*v) && !*end && !errno && n >= min && n <= max)
		return n;
	otr_log(OTR_LOG_WARN, "%s: \"%s\" is ignored; right: %llu to %llu, usually %llu", name, v,
		(unsigned long long)min, (unsigned long long)max, (unsigned long long)fallback);
	return fallback;
}

void otr_queue_config_read(struct otr_queue_config *cfg)
{
	uint64_t push = number("OTEL_BSP_EXPORT_TIMEOUT", 30000, 0, 3600000);

	cfg->queue_max = number("OTEL_BSP_MAX_QUEUE_SIZE", 2048, 1, 1 << 20);
	cfg->batch_max = number("OTEL_BSP_MAX_EXPORT_BATCH_SIZE", 512, 1, 1 << 16);
	if (cfg->batch_max > cfg->queue_max)
		cfg->batch_max = cfg->queue_max;
	cfg->delay_ns = number("OTEL_BSP_SCHEDULE_DELAY", 1000, 0, 3600000) * MS;
	cfg->push_ns = push ? push * MS : UINT64_MAX;
}
