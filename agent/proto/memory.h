/* SPDX-License-Identifier: Apache-2.0 */
#ifndef OTR_PROTO_MEMORY_H
#define OTR_PROTO_MEMORY_H

/*
 * memory.h - what describe() remembers from span to span.
 *
 * Each stitcher owns one, and one thread uses it. The same calls on an empty memory give the same
 * spans.
 */

#include "agent/proto/proto.h"

struct otr_attr_cache;
struct otr_kafka_topics;
struct otr_routes;

struct otr_proto_memory {
	struct otr_routes *routes;    /* of paths of HTTP; route.h */
	struct otr_attr_cache *attrs; /* attr_cache.h */
	struct otr_kafka_topics *kafka_topics;
	struct otr_proto_settings settings; /* with which `attrs` was filled */
};

/* Fills in `memory`, which otr_proto_memory_fini() empties. Returns 0 or -ENOMEM; then it is
 * empty. */
int otr_proto_memory_init(struct otr_proto_memory *memory);

/* Forgets the attributes that were made with other settings. NULL: the defaults. */
void otr_proto_memory_check(struct otr_proto_memory *memory,
			    const struct otr_proto_settings *settings);

/* Frees what `memory` holds. It may be zeroed or empty. */
void otr_proto_memory_fini(struct otr_proto_memory *memory);

#endif /* OTR_PROTO_MEMORY_H */
