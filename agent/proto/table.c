/* SPDX-License-Identifier: Apache-2.0 */
/* table.c - every protocol that is parsed, strictest sniff first. */

#include "agent/proto/fastcgi.h"
#include "agent/proto/http1.h"
#include "agent/proto/http2.h"
#include "agent/proto/kafka.h"
#include "agent/proto/memcached.h"
#include "agent/proto/mongodb.h"
#include "agent/proto/mqtt.h"
#include "agent/proto/mysql.h"
#include "agent/proto/nats.h"
#include "agent/proto/pgsql.h"
#include "agent/proto/redis.h"

/* clang-format off */
const struct otr_proto_ops *const otr_protos[] = {
	&otr_pgsql,
	&otr_mongodb,
	&otr_redis,
	&otr_mysql,
	&otr_kafka,
	&otr_fastcgi,
	&otr_http2,
	&otr_nats,
	&otr_mqtt,
	&otr_memcached,
	&otr_http1,
	NULL,
};
/* clang-format on */
