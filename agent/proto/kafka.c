/* SPDX-License-Identifier: Apache-2.0 */
/*
 * kafka.c - Kafka on one connection, by the protocol guide and the message definitions of Kafka
 * 4.1; versions of requests since 0.9.
 *
 * Answers do not name their API: the requests that are under way are remembered. More than
 * OTR_KAFKA_PENDING of them are said to be dropped. Messages are read up to OTR_KAFKA_HEAD bytes,
 * the rest is stepped over by its length.
 */

#include "agent/proto/kafka.h"

static enum otr_parse parse(void *state, enum otr_dir dir, struct otr_slice in, unsigned int flags,
			    uint64_t *used, struct otr_msg *msg)
{
	struct otr_kafka *kf = state;
	struct otr_kafka_head head;

	*used = 0;
	if (!kf->client) {
		switch (otr_kafka_is_request(in, true, &head)) {
		case OTR_KAFKA_NO:
			return OTR_PARSE_BAD;
		case OTR_KAFKA_MAYBE:
			return flags ? OTR_PARSE_BAD : OTR_PARSE_MORE;
		case OTR_KAFKA_YES:
			kf->client = (uint8_t)(1 + dir);
		}
	}
	if (kf->client == 1 + dir)
		return otr_kafka_front(kf, in, flags, used, msg);
	return otr_kafka_back(kf, in, flags, used, msg);
}

/* Java reads the length of a message by itself. */
static bool is_length(struct otr_slice in)
{
	return in.len == 4 && otr_kafka_u32(in.data) >= 4 &&
	       otr_kafka_u32(in.data) <= OTR_KAFKA_SIZE;
}

static size_t resync(void *state, enum otr_dir dir, struct otr_slice in)
{
	struct otr_kafka *kf = state;
	struct otr_kafka_head head;
	size_t i = 0;

	if (kf->client && is_length(in))
		return 0;
	if (kf->client == 1 + !dir)
		return otr_kafka_find_answer(kf, in);
	while (i < in.len && otr_kafka_is_request(otr_slice_sub(in, i, OTR_KAFKA_HEAD), true,
						  &head) != OTR_KAFKA_YES)
		i++;
	return i;
}

static bool sniff(enum otr_dir dir, struct otr_slice head)
{
	struct otr_kafka_head read;
	enum otr_kafka_is is = otr_kafka_is_request(head, true, &read);

	(void)dir;
	/* The client id may be longer than what is shown of it. */
	return is == OTR_KAFKA_YES ||
	       (is == OTR_KAFKA_MAYBE && head.len == OTR_SNIFF_MAX && read.api > OTR_KAFKA_FETCH);
}

const struct otr_proto_ops otr_kafka = {
	.name = "kafka",
	.title = "Kafka",
	.scope = "otrace/kafka",
	.client_only = true,
	.server_exe = "kafka.Kafka", /* its main class: a broker is a process of Java */
	.system = "kafka",
	.in_order = true,
	.state_size = sizeof(struct otr_kafka),
	.capture = OTR_CAPTURE_CALLS,
	.head_bytes = OTR_KAFKA_HEAD,
	.answer_bytes = 16384, /* many small answers, or the head of a large one */
	.sniff = sniff,
	.parse = parse,
	.resync = resync,
	.describe = otr_kafka_describe,
	.learn = otr_kafka_learn,
	.blank = &otr_kafka_blank,
};
