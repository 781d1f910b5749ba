/* SPDX-License-Identifier: Apache-2.0 */
/*
 * amqp_blank.c - blanks the secrets of AMQP logins in a recording.
 *
 *	connection.start-ok (10, 11): | client-properties | mechanism | response | locale |
 *	secure-ok (10, 21): | response |   update-secret (10, 70): | new secret | reason |
 *
 * The response of PLAIN is the user and the password; all of it becomes zeros.
 */

#include "agent/base/own.h"
#include "agent/proto/amqp.h"
#include "agent/proto/blank.h"
#include "bpf/event.h"

#define START_OK      (10 << 16 | 11)
#define SECURE_OK     (10 << 16 | 21)
#define UPDATE_SECRET (10 << 16 | 70)

/* Where the secret begins, and its length as far as it is there; false: there is none. */
static bool find(const struct otr_ev_data *ev, size_t *at, size_t *len)
{
	struct otr_slice all = {(const char *)ev->data, ev->cap};
	struct otr_amqp_args args = {.left = otr_slice_sub(all, OTR_AMQP_HEAD, all.len)};
	struct otr_amqp_frame fr;
	uint64_t method, size;

	if (all.len < OTR_AMQP_HEAD || !otr_amqp_frame_read(&fr, all) ||
	    fr.type != OTR_AMQP_TYPE_METHOD || fr.channel)
		return false;
	method = otr_amqp_int(&args, 4);
	if (method != START_OK && method != SECURE_OK && method != UPDATE_SECRET)
		return false;
	if (method == START_OK) {
		otr_amqp_long(&args);
		otr_amqp_short(&args);
	}
	size = otr_amqp_int(&args, 4);
	if (args.bad)
		return false;
	*at = all.len - args.left.len;
	*len = size < args.left.len ? (size_t)size : args.left.len;
	return true;
}

static bool concerns(void *state, const struct otr_event *hdr)
{
	size_t at, len;

	(void)state;
	return hdr->kind == OTR_EV_DATA && find((const void *)hdr, &at, &len);
}

static void blank(void *state, struct otr_event *hdr)
{
	struct otr_ev_data *ev = (void *)hdr;
	size_t at, len;

	(void)state;
	if (find(ev, &at, &len))
		memset(ev->data + at, 0, len);
}

const struct otr_blank_ops otr_amqp_blank = {.concerns = concerns, .blank = blank};
