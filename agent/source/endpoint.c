/* SPDX-License-Identifier: Apache-2.0 */
/* endpoint.c - who speaks in a capture; see endpoint.h. */

#include "agent/source/endpoint.h"

#include <arpa/inet.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>

#include "agent/base/keyed.h"
#include "agent/base/own.h"
#include "agent/resource/resource.h"

struct endpoint {
	UT_hash_handle hh;
	struct otr_addr addr;
	uint32_t number;
};

struct otr_endpoints {
	struct endpoint *all; /* hash by addr */
	uint32_t n;
	uint32_t others; /* the number that the rest shares, once it is given; 0: not yet */
	otr_event_fn fn;
	void *arg;
};

int otr_endpoints_new(struct otr_endpoints **out, otr_event_fn fn, void *arg)
{
	struct otr_endpoints *eps = calloc(1, sizeof(*eps));

	if (!eps)
		return -ENOMEM;
	eps->fn = fn;
	eps->arg = arg;
	*out = eps;
	return 0;
}

void otr_endpoints_free(struct otr_endpoints **ep)
{
	struct otr_endpoints *eps = OTR_TAKE(*ep);
	struct endpoint *at, *tmp;

	if (!eps)
		return;
	HASH_ITER(hh, eps->all, at, tmp) {
		HASH_DEL(eps->all, at);
		free(at);
	}
	free(eps);
}

static void put_meta(void *arg, const struct otr_event *ev)
{
	const struct otr_endpoints *eps = arg;

	eps->fn(eps->arg, ev);
}

static uint32_t announce(struct otr_endpoints *eps, const char *name, uint64_t time_ns)
{
	uint32_t number = ++eps->n;

	otr_meta_put(number, OTR_META_ENDPOINT, otr_slice_str(name), time_ns, put_meta, eps);
	return number;
}

/* "10.0.0.5", "10.0.0.5:8080", "[fd00::5]:8080" */
static void write_name(char *out, size_t size, const struct otr_addr *addr)
{
	char ip[INET6_ADDRSTRLEN] = "?";
	bool is_v6 = addr->family == AF_INET6;

	inet_ntop(addr->family, addr->ip, ip, sizeof(ip));
	if (!addr->port)
		snprintf(out, size, "%s", ip);
	else
		snprintf(out, size, is_v6 ? "[%s]:%u" : "%s:%u", ip, addr->port);
}

static uint32_t number_of_others(struct otr_endpoints *eps, uint64_t time_ns)
{
	if (!eps->others)
		eps->others = announce(eps, "other addresses", time_ns);
	return eps->others;
}

uint32_t otr_endpoint_of(struct otr_endpoints *eps, const struct otr_addr *addr, uint64_t time_ns)
{
	char name[INET6_ADDRSTRLEN + 16];
	struct endpoint *ep;

	HASH_FIND(hh, eps->all, addr, sizeof(*addr), ep);
	if (ep)
		return ep->number;
	ep = eps->n < OTR_ENDPOINTS_MAX ? calloc(1, sizeof(*ep)) : NULL;
	if (!ep)
		return number_of_others(eps, time_ns);
	ep->addr = *addr;
	HASH_ADD(hh, eps->all, addr, sizeof(ep->addr), ep);
	if (!ep->hh.tbl) { /* no memory */
		free(ep);
		return number_of_others(eps, time_ns);
	}
	write_name(name, sizeof(name), addr);
	ep->number = announce(eps, name, time_ns);
	return ep->number;
}
