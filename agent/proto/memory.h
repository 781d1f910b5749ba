/* SPDX-License-Identifier: Apache-2.0 */
#ifndef OTR_PROTO_MEMORY_H
#define OTR_PROTO_MEMORY_H

/*
 * memory.h - what describe() remembers from span to span.
 *
 * Each stitcher owns one, and one thread uses it. The same calls on an empty memory give the same spans.
 */

struct otr_routes;
struct otr_sql_cache;

struct otr_proto_memory {
	struct otr_routes *routes;	  /* of paths of HTTP; route.h */
	struct otr_sql_cache *statements; /* sql_cache.h */
};

/* Fills in `memory`, which otr_proto_memory_fini() empties. Returns 0 or -ENOMEM; then it is
 * empty. */
int otr_proto_memory_init(struct otr_proto_memory *memory);

/* Frees what `memory` holds. It may be zeroed or empty. */
void otr_proto_memory_fini(struct otr_proto_memory *memory);

#endif /* OTR_PROTO_MEMORY_H */
