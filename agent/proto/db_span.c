/* SPDX-License-Identifier: Apache-2.0 */
/* db_span.c - what the spans of all databases have in common; see db_span.h. */

#include "agent/proto/db_span.h"

#include "agent/base/secret.h"
#include "agent/proto/msg.h"
#include "agent/proto/side.h"
#include "agent/span/span_builder.h"

#define LONG_WORD 20 /* bytes; a shorter word is no token */

/* May a part of `key` be a token? */
static bool has_long_word(struct otr_slice key)
{
	size_t run = 0;

	for (size_t i = 0; i < key.len; i++) {
		run = otr_is_alnum(key.data[i]) ? run + 1 : 0;
		if (run >= LONG_WORD)
			return true;
	}
	return false;
}

bool otr_db_is_secret_key(struct otr_slice key)
{
	return has_long_word(key) && otr_secret_within(key);
}

void otr_db_server(const struct otr_side *side, uint16_t default_port, struct otr_span_builder *sb)
{
	char buf[OTR_ADDR_TEXT];
	uint16_t port;

	otr_sb_string(sb, OTR_KEY_SERVER_ADDRESS, otr_side_server(side, buf, &port));
	if (port && port != default_port)
		otr_sb_int(sb, OTR_KEY_SERVER_PORT, port);
	otr_side_peer(side, sb);
}

void otr_db_answer(const struct otr_msg *rsp, struct otr_span_builder *sb)
{
	struct otr_slice code = otr_msg_text(rsp, OTR_KEY_DB_RESPONSE_STATUS_CODE);
	int64_t rows = otr_msg_int(rsp, OTR_KEY_DB_RESPONSE_RETURNED_ROWS, -1);

	otr_sb_string(sb, OTR_KEY_DB_RESPONSE_STATUS_CODE, code);
	if (rsp->failed)
		otr_sb_error(sb, code);
	if (rows >= 0)
		otr_sb_int(sb, OTR_KEY_DB_RESPONSE_RETURNED_ROWS, rows);
	if (rsp->partial)
		otr_sb_string(sb, OTR_KEY_OTRACE_CUT, OTR_SLICE("answer"));
}
