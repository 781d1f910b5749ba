/* SPDX-License-Identifier: Apache-2.0 */
/* memory.c - what describe() remembers from span to span. */

#include "agent/proto/memory.h"

#include <errno.h>

#include "agent/proto/route.h"
#include "agent/proto/sql_cache.h"

int otr_proto_memory_init(struct otr_proto_memory *memory)
{
	memory->routes = otr_routes_new();
	memory->statements = otr_sql_cache_new();
	if (memory->routes && memory->statements)
		return 0;
	otr_proto_memory_fini(memory);
	return -ENOMEM;
}

void otr_proto_memory_fini(struct otr_proto_memory *memory)
{
	otr_routes_free(&memory->routes);
	otr_sql_cache_free(&memory->statements);
}
