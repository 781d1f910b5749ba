/* SPDX-License-Identifier: Apache-2.0 */
/* natsc.c PORT WHAT - a client of NATS by libnats; prints ok. WHAT: simple, contexts, request. */

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <nats/nats.h>

#define CONTEXT "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01"
#define WAIT_MS 10000

static void check(natsStatus s)
{
	if (s == NATS_OK)
		return;
	fprintf(stderr, "%s\n", natsStatus_GetText(s));
	exit(1);
}

static void take(natsSubscription *sub, const char *header)
{
	natsMsg *msg = NULL;
	const char *value = NULL;

	check(natsSubscription_NextMsg(&msg, sub, WAIT_MS));
	if (header)
		check(natsMsgHeader_Get(msg, header, &value));
	if (header && strcmp(value, CONTEXT) != 0)
		exit(2);
	natsMsg_Destroy(msg);
}

static void simple(natsConnection *nc)
{
	natsSubscription *sub = NULL;

	check(natsConnection_SubscribeSync(&sub, nc, "orders"));
	for (int i = 0; i < 3; i++)
		check(natsConnection_PublishString(nc, "orders", "secret"));
	for (int i = 0; i < 3; i++)
		take(sub, NULL);
	natsSubscription_Destroy(sub);
}

static void contexts(natsConnection *nc)
{
	natsSubscription *sub = NULL;
	natsMsg *msg = NULL;

	check(natsConnection_SubscribeSync(&sub, nc, "orders.>"));
	check(natsMsg_Create(&msg, "orders.new", NULL, "secret", 6));
	check(natsMsgHeader_Set(msg, "Key", "secret"));
	check(natsMsgHeader_Set(msg, "Traceparent", CONTEXT));
	check(natsConnection_PublishMsg(nc, msg));
	natsMsg_Destroy(msg);
	take(sub, "Traceparent");
	natsSubscription_Destroy(sub);
}

static void answer(natsConnection *nc, natsSubscription *sub, natsMsg *msg, void *arg)
{
	(void)sub, (void)arg;
	check(natsConnection_PublishString(nc, natsMsg_GetReply(msg), "secret"));
	natsMsg_Destroy(msg);
}

static void request(natsConnection *nc)
{
	natsSubscription *sub = NULL;
	natsMsg *reply = NULL;

	check(natsConnection_QueueSubscribe(&sub, nc, "price", "workers", answer, NULL));
	check(natsConnection_Flush(nc));
	for (int i = 0; i < 3; i++) {
		check(natsConnection_RequestString(&reply, nc, "price", "secret", WAIT_MS));
		natsMsg_Destroy(reply);
	}
	if (natsConnection_RequestString(&reply, nc, "nobody", "secret", WAIT_MS) !=
	    NATS_NO_RESPONDERS)
		exit(3);
	natsSubscription_Destroy(sub);
}

int main(int argc, char **argv)
{
	natsConnection *nc = NULL;
	char url[64];

	if (argc < 3)
		return 1;
	snprintf(url, sizeof(url), "nats://127.0.0.1:%s", argv[1]);
	check(natsConnection_ConnectTo(&nc, url));
	if (!strcmp(argv[2], "simple"))
		simple(nc);
	else if (!strcmp(argv[2], "contexts"))
		contexts(nc);
	else
		request(nc);
	check(natsConnection_Flush(nc));
	natsConnection_Destroy(nc);
	nats_Close();
	puts("ok");
	return 0;
}
