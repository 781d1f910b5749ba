/* SPDX-License-Identifier: Apache-2.0 */
/* header_attrs.c - values of headers: from a head to a message to a span. */

#include "agent/proto/header_attrs.h"

#include <ctype.h>
#include <errno.h>
#include <string.h>

#include "agent/base/buf.h"
#include "agent/base/own.h"
#include "agent/base/secret.h"
#include "agent/proto/header_names.h"
#include "agent/proto/msg.h"
#include "agent/span/span_builder.h"

#define TEXT_MAX 4096 /* bytes of a value */

static struct otr_slice http_name(const struct otr_header_name *row)
{
	return (struct otr_slice){row->http, sizeof(OTR_HEADER_HTTP) - 1 + row->len};
}

static struct otr_slice rpc_name(const struct otr_header_name *row)
{
	return (struct otr_slice){row->rpc, sizeof(OTR_HEADER_RPC) - 1 + row->len};
}

void otr_header_attrs_add(const struct otr_header_names *names, size_t i, struct otr_slice value,
			  struct otr_msg *msg)
{
	const struct otr_slice name = http_name(&names->rows[i]);

	if (!otr_msg_custom(msg, name).len)
		otr_msg_add_custom(msg, name, value);
}

static struct otr_slice trim(struct otr_slice s)
{
	while (s.len && isspace((unsigned char)s.data[0]))
		s = otr_slice_sub(s, 1, s.len);
	while (s.len && isspace((unsigned char)s.data[s.len - 1]))
		s.len--;
	return s;
}

void otr_header_attrs_read(const struct otr_header_names *names, struct otr_slice head,
			   struct otr_msg *msg)
{
	const char *end, *colon;
	struct otr_slice line;
	int row;

	for (bool is_first = true; head.len; is_first = false) {
		end = memchr(head.data, '\n', head.len);
		if (!end)
			return; /* a line that is cut */
		line = otr_slice_sub(head, 0, (size_t)(end - head.data));
		head = otr_slice_sub(head, line.len + 1, head.len);
		colon = is_first || !line.len ? NULL : memchr(line.data, ':', line.len);
		if (!colon)
			continue;
		row = otr_header_names_find(
			names, (struct otr_slice){line.data, (size_t)(colon - line.data)});
		if (row >= 0)
			otr_header_attrs_add(
				names, (size_t)row,
				trim(otr_slice_sub(line, (size_t)(colon - line.data) + 1,
						   line.len)),
				msg);
	}
}

/* An identifier as proxies make them: 32 hex digits are no secret in a header that was asked for. */
static bool is_hex(struct otr_slice value)
{
	for (size_t i = 0; i < value.len; i++)
		if (!isxdigit((unsigned char)value.data[i]) && value.data[i] != '-')
			return false;
	return true;
}

static void put_value(struct otr_buf *out, struct otr_slice value)
{
	if (is_hex(value))
		otr_buf_slice(out, value);
	else
		otr_secret_hide(out, value);
}

int otr_header_attrs_put(const struct otr_proto_settings *set, const struct otr_msg *req,
			 bool is_rpc, struct otr_span_builder *sb)
{
	char room[256];
	OTR_AUTO(otr_buf_fini) struct otr_buf text = OTR_BUF_ON(room, TEXT_MAX);
	const struct otr_header_name *row;
	struct otr_slice value;

	for (size_t i = 0; set && i < set->headers.n; i++) {
		row = &set->headers.rows[i];
		value = otr_msg_custom(req, http_name(row));
		if (!value.len)
			continue;
		otr_buf_reset(&text);
		put_value(&text, value);
		otr_sb_custom_list(sb, is_rpc ? rpc_name(row) : http_name(row),
				   otr_buf_view(&text));
		if (text.rc == -ENOMEM)
			return -ENOMEM;
	}
	return 0;
}
