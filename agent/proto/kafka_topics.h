/* SPDX-License-Identifier: Apache-2.0 */
#ifndef OTR_KAFKA_TOPICS_H
#define OTR_KAFKA_TOPICS_H

/*
 * kafka_topics.h - the names of Kafka's topics by their ids, which are random and unique.
 *
 * Newer requests have the id alone. Answers to Metadata, often on another connection of the same
 * client, tell both. A table has a fixed size; the entry that was learned longest ago among a few is
 * replaced. One thread uses it.
 */

#include "agent/base/slice.h"

struct otr_kafka_topics; /* opaque */

/* Gives an empty table, or NULL without memory. */
struct otr_kafka_topics *otr_kafka_topics_new(void);

/* Frees *tp, which may be NULL, and sets it to NULL. */
void otr_kafka_topics_free(struct otr_kafka_topics **tp);

/* Learns from topics, as | id 16 bytes | length 8 | name | .. */
void otr_kafka_topics_learn(struct otr_kafka_topics *topics, struct otr_slice named);

/* Returns the name, valid until the next call of learn; or none. */
struct otr_slice otr_kafka_topics_find(const struct otr_kafka_topics *topics, struct otr_slice id);

#endif /* OTR_KAFKA_TOPICS_H */
