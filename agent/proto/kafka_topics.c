/* SPDX-License-Identifier: Apache-2.0 */
/* kafka_topics.c - the names of Kafka's topics by their ids; see kafka_topics.h. */

#include "agent/proto/kafka_topics.h"

#include <stdlib.h>

#include "agent/base/keyed.h"
#include "agent/base/own.h"
#include "agent/proto/kafka.h"

#define SETS 128
#define WAYS 4 /* entries of a set */

struct entry {
	uint8_t id[OTR_KAFKA_ID];
	uint64_t serial; /* when it was learned; 0: it is free */
	uint8_t len;
	char name[OTR_KAFKA_TOPIC];
};

struct otr_kafka_topics {
	uint64_t serial;
	struct entry *sets[SETS]; /* of WAYS entries; NULL: none was learned */
};

struct otr_kafka_topics *otr_kafka_topics_new(void)
{
	return calloc(1, sizeof(struct otr_kafka_topics));
}

void otr_kafka_topics_free(struct otr_kafka_topics **tp)
{
	struct otr_kafka_topics *topics = OTR_TAKE(*tp);

	for (size_t i = 0; topics && i < SETS; i++)
		free(topics->sets[i]);
	free(topics);
}

static size_t set_of(const void *id)
{
	return otr_keyed_more(0, id, OTR_KAFKA_ID) % SETS;
}

/* The entry of this id, or that which it replaces. */
static struct entry *entry_for(struct entry *set, const void *id)
{
	struct entry *old = set;

	for (struct entry *at = set; at < set + WAYS; at++) {
		if (at->serial && !memcmp(at->id, id, sizeof(at->id)))
			return at;
		if (at->serial < old->serial)
			old = at;
	}
	return old;
}

static void learn(struct otr_kafka_topics *topics, const char *id, struct otr_slice name)
{
	struct entry **set = &topics->sets[set_of(id)], *at;

	if (!*set)
		*set = calloc(WAYS, sizeof(**set));
	if (!*set)
		return; /* the topic has no name */
	at = entry_for(*set, id);
	memcpy(at->id, id, sizeof(at->id));
	memcpy(at->name, name.data, name.len);
	at->len = (uint8_t)name.len;
	at->serial = ++topics->serial;
}

void otr_kafka_topics_learn(struct otr_kafka_topics *topics, struct otr_slice named)
{
	struct otr_slice name;
	size_t len;

	while (named.len > OTR_KAFKA_ID + 1) {
		len = (unsigned char)named.data[OTR_KAFKA_ID];
		name = otr_slice_sub(named, OTR_KAFKA_ID + 1, len);
		if (!len || name.len < len || len > OTR_KAFKA_TOPIC)
			return;
		learn(topics, named.data, name);
		named = otr_slice_sub(named, OTR_KAFKA_ID + 1 + len, named.len);
	}
}

struct otr_slice otr_kafka_topics_find(const struct otr_kafka_topics *topics, struct otr_slice id)
{
	const struct entry *set;

	if (id.len != OTR_KAFKA_ID)
		return OTR_SLICE_NONE;
	set = topics->sets[set_of(id.data)];
	for (size_t i = 0; set && i < WAYS; i++)
		if (set[i].serial && !memcmp(set[i].id, id.data, sizeof(set[i].id)))
			return (struct otr_slice){set[i].name, set[i].len};
	return OTR_SLICE_NONE;
}
