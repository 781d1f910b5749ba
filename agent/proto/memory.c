/* SPDX-License-Identifier: Apache-2.0 */
/* memory.c - what describe() remembers from span to span. */

#include "agent/proto/memory.h"

#include <errno.h>

#include "agent/proto/attr_cache.h"
#include "agent/proto/kafka_topics.h"
#include "agent/proto/route.h"

int otr_proto_memory_init(struct otr_proto_memory *memory)
{
	memset(memory, 0, sizeof(*memory));
	memory->routes = otr_routes_new();
	memory->attrs = otr_attr_cache_new();
	memory->kafka_topics = otr_kafka_topics_new();
	if (memory->routes && memory->attrs && memory->kafka_topics)
		return 0;
	otr_proto_memory_fini(memory);
	return -ENOMEM;
}

static bool is_same(const struct otr_proto_settings *a, const struct otr_proto_settings *b)
{
	return a->no_query_text == b->no_query_text && a->no_trace_context == b->no_trace_context &&
	       a->no_baggage == b->no_baggage && a->http_methods == b->http_methods &&
	       a->redact == b->redact;
}

void otr_proto_memory_check(struct otr_proto_memory *memory,
			    const struct otr_proto_settings *settings)
{
	static const struct otr_proto_settings none;

	if (!settings)
		settings = &none;
	if (is_same(&memory->settings, settings))
		return;
	otr_attr_cache_clear(memory->attrs);
	memory->settings = *settings;
}

void otr_proto_memory_fini(struct otr_proto_memory *memory)
{
	otr_routes_free(&memory->routes);
	otr_attr_cache_free(&memory->attrs);
	otr_kafka_topics_free(&memory->kafka_topics);
}
