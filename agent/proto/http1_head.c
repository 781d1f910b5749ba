/* SPDX-License-Identifier: Apache-2.0 */
/*
 * http1_head.c - the head of an HTTP/1 message: RFC 9112 sections 2 to 6.1, RFC 9110
 * section 5, RFC 7239 (Forwarded), W3C Trace Context and Baggage.
 *
 *	GET /a?b HTTP/1.1 CRLF			HTTP/1.1 200 OK CRLF
 *	*( name ":" OWS value OWS CRLF )
 *	CRLF
 *
 * Continuation lines (5.2, obsolete) are ignored. If a field is given twice, the first one
 * counts; except Content-Length, whose values must agree, traceparent, which is then ignored,
 * and tracestate, a list that may be split over fields (RFC 9110, 5.3).
 */

#include "agent/proto/http1.h"

#include "agent/base/eight.h"
#include "agent/base/find_byte.h"
#include "agent/base/own.h"

#define METHOD_MAX OTR_HTTP_METHOD_MAX
#define FIRST_MIN  13 /* "HTTP/1.1 200" and its line end */

/* The methods of RFC 9110, and those of its extensions (WebDAV and others) that are in use. */
static const char *const methods[] = {
	"GET",	  "POST",    "PUT",    "HEAD",	   "DELETE",	"OPTIONS",  "PATCH",
	"TRACE",  "CONNECT", "QUERY",  "PROPFIND", "PROPPATCH", "MKCOL",    "COPY",
	"MOVE",	  "LOCK",    "UNLOCK", "REPORT",   "SEARCH",	"PURGE",    "SUBSCRIBE",
	"NOTIFY", "LINK",    "UNLINK", "CHECKOUT", "MERGE",	"M-SEARCH", "MKACTIVITY",
};

/* The characters of a token (RFC 9110, 5.6.2), a bit each. */
static const uint64_t token_bits[4] = {
	0x03ff6cfa00000000ull, /* ! # $ % & ' * + - . 0-9 */
	0x57ffffffc7fffffeull, /* A-Z ^ _ ` a-z | ~ */
};

static inline bool is_token(char c)
{
	return token_bits[(unsigned char)c >> 6] >> (c & 63) & 1;
}

static bool is_digit(char c)
{
	return c >= '0' && c <= '9';
}

/* Are `in` and `with` equal, up to the end of the shorter one? */
static bool shares_prefix(struct otr_slice in, struct otr_slice with)
{
	size_t n = in.len < with.len ? in.len : with.len;

	return !memcmp(in.data, with.data, n);
}

static struct otr_slice take_token(struct otr_slice in)
{
	size_t i = 0;

	while (i < in.len && i <= METHOD_MAX && is_token(in.data[i]))
		i++;
	return otr_slice_sub(in, 0, i);
}

bool otr_http1_plausible(struct otr_slice in)
{
	struct otr_slice name;

	if (shares_prefix(in, OTR_SLICE("HTTP/1.")))
		return true;
	name = take_token(in);
	if (!name.len || name.len > METHOD_MAX)
		return false;
	return name.len == in.len || in.data[name.len] == ' ';
}

static struct otr_slice known_method(struct otr_slice in)
{
	struct otr_slice m;

	for (size_t i = 0; i < OTR_ARRAY_SIZE(methods); i++) {
		m = otr_slice_str(methods[i]);
		if (in.len > m.len && in.data[m.len] == ' ' && otr_slice_starts(in, m))
			return m;
	}
	return OTR_SLICE_NONE;
}

/* Can the first bytes of `in`, behind `method` and its blank, be those of a target (RFC 9112,
 * 3.2)? */
static bool target_begins(struct otr_slice method, struct otr_slice in)
{
	if (!in.len)
		return false;
	if (otr_slice_eq(method, OTR_SLICE("CONNECT")))
		return is_token(in.data[0]) || in.data[0] == '[';
	return in.data[0] == '/' || otr_slice_starts(in, OTR_SLICE("* ")) ||
	       otr_slice_starts(in, OTR_SLICE("http://")) ||
	       otr_slice_starts(in, OTR_SLICE("https://"));
}

static bool status_begins(struct otr_slice in)
{
	return in.len >= FIRST_MIN - 1 && otr_slice_starts(in, OTR_SLICE("HTTP/1.")) &&
	       is_digit(in.data[7]) && in.data[8] == ' ' && in.data[9] >= '1' &&
	       in.data[9] <= '9' && is_digit(in.data[10]) && is_digit(in.data[11]);
}

static struct otr_slice trim(struct otr_slice s)
{
	while (s.len && (s.data[0] == ' ' || s.data[0] == '\t'))
		s = otr_slice_sub(s, 1, s.len);
	while (s.len && (s.data[s.len - 1] == ' ' || s.data[s.len - 1] == '\t'))
		s.len--;
	return s;
}

/* Takes a line off `in`, without its line end. False: `in` has no whole line. */
static inline bool take_line(struct otr_slice *in, struct otr_slice *line)
{
	const char *const end = in->data + in->len;
	const char *lf = otr_find_byte(in->data, end, '\n');
	size_t n;

	if (!lf)
		return false;
	n = (size_t)(lf - in->data);
	*line = (struct otr_slice){in->data, n && lf[-1] == '\r' ? n - 1 : n};
	*in = (struct otr_slice){lf + 1, (size_t)(end - lf - 1)};
	return true;
}

/* Does the request line end with "HTTP/1.x"? */
static bool ends_with_version(struct otr_slice line)
{
	const char *at;

	if (line.len < 10)
		return false;
	at = line.data + line.len - 9;
	return !memcmp(at, " HTTP/1.", 8) && is_digit(at[8]);
}

bool otr_http1_certain(struct otr_slice in)
{
	struct otr_slice method, line, rest;

	if (status_begins(in))
		return true;
	method = known_method(in);
	if (!method.len || !target_begins(method, otr_slice_sub(in, method.len + 1, in.len)))
		return false;
	rest = otr_slice_sub(in, 0, 4 * OTR_SNIFF_MAX); /* a bound for one call */
	if (!take_line(&rest, &line))			/* RTSP and SIP have "OPTIONS *" too */
		return in.data[method.len + 1] != '*';
	return ends_with_version(line);
}

static bool is_known_in_any_case(struct otr_slice method)
{
	for (size_t i = 0; i < OTR_ARRAY_SIZE(methods); i++)
		if (otr_slice_eq_nocase(method, otr_slice_str(methods[i])))
			return true;
	return false;
}

bool otr_http1_any_case(struct otr_slice in)
{
	struct otr_slice method = take_token(in), line;

	if (!is_known_in_any_case(method) || !take_line(&in, &line) || line.len <= method.len ||
	    line.data[method.len] != ' ')
		return false;
	return target_begins(method, otr_slice_sub(line, method.len + 1, line.len)) &&
	       ends_with_version(line);
}

size_t otr_http1_head_end(struct otr_slice in, size_t from)
{
	const char *end = in.data + in.len, *lf;
	const char *at = in.data + (from > 2 ? from - 2 : 0);

	while (at < end && (lf = memchr(at, '\n', (size_t)(end - at)))) {
		at = lf + 1;
		if (at < end && *at == '\n')
			return (size_t)(at + 1 - in.data);
		if (at + 1 < end && at[0] == '\r' && at[1] == '\n')
			return (size_t)(at + 2 - in.data);
	}
	return 0;
}

static bool is_printable(struct otr_slice s)
{
	const char *at = s.data, *end = s.data + s.len;

	for (; at + 8 <= end; at += 8)
		if (otr_eight_has_control(otr_eight(at)) || otr_eight_has(otr_eight(at), 0x7f))
			return false;
	for (; at < end; at++)
		if ((unsigned char)*at < ' ' || *at == 0x7f)
			return false;
	return true;
}

static bool read_status_line(struct otr_http1_head *head, struct otr_slice line)
{
	if (!status_begins(line) || (line.len > 12 && line.data[12] != ' '))
		return false;
	head->response = true;
	head->req.version = otr_slice_sub(line, 5, 3);
	head->status =
		(line.data[9] - '0') * 100 + (line.data[10] - '0') * 10 + (line.data[11] - '0');
	return true;
}

/* Returns the part of a cut target that is certain: its path if a query has begun, and each pair
 * of the query that is followed by another. A path that is cut would be another path. */
static struct otr_slice whole_part(struct otr_slice target)
{
	const char *end = memchr(target.data, ' ', target.len), *query;

	if (end)
		return otr_slice_sub(target, 0, (size_t)(end - target.data));
	query = memchr(target.data, '?', target.len);
	if (!query)
		return OTR_SLICE_NONE;
	end = memrchr(query, '&', target.len - (size_t)(query - target.data));
	return otr_slice_sub(target, 0, (size_t)((end ? end : query) - target.data));
}

/* Reads a request line. `cut`: the line is not whole, so its version is missing; then only a
 * known method is accepted. */
static bool read_request_line(struct otr_http1_head *head, struct otr_slice line, bool cut)
{
	struct otr_slice rest;

	head->req.method = cut ? known_method(line) : take_token(line);
	if (!head->req.method.len || head->req.method.len > METHOD_MAX ||
	    head->req.method.len >= line.len || line.data[head->req.method.len] != ' ')
		return false;
	rest = otr_slice_sub(line, head->req.method.len + 1, line.len);
	if (cut) {
		head->req.target = whole_part(rest);
		return is_printable(rest) && target_begins(head->req.method, rest);
	}
	if (!ends_with_version(line) || !is_printable(line) || rest.len < 9)
		return false;
	head->req.version = otr_slice_sub(rest, rest.len - 3, 3);
	head->req.target = trim(otr_slice_sub(rest, 0, rest.len - 9));
	return head->req.target.len > 0;
}

/* Reads the first line of a head. `cut`: it is not whole. */
static bool read_first_line(struct otr_http1_head *head, struct otr_slice line, bool cut)
{
	memset(head, 0, offsetof(struct otr_http1_head, req.tracestate));
	return read_status_line(head, line) || read_request_line(head, line, cut);
}

bool otr_http1_head_read(struct otr_http1_head *head, struct otr_slice in)
{
	struct otr_slice line;
	bool cut = !take_line(&in, &line);

	if (!read_first_line(head, cut ? in : line, cut))
		return false;
	while (!cut && take_line(&in, &line))
		if (line.len)
			otr_http1_field(head, line);
	return true;
}

/* Is the line that begins at `at` empty? */
static inline bool is_empty_line(const char *at, const char *end)
{
	return *at == '\n' || (*at == '\r' && at + 1 < end && at[1] == '\n');
}

static inline bool may_be_field(char first)
{
	return OTR_HTTP1_FIELD_LETTERS >> OTR_HTTP1_LETTER((unsigned char)first) & 1;
}

size_t otr_http1_head_take(struct otr_http1_head *head, struct otr_slice in)
{
	const char *const end = in.data + in.len;
	struct otr_slice rest = in, line;
	const char *at, *lf;

	if (!take_line(&rest, &line) || !read_first_line(head, line, false))
		return 0;
	for (at = rest.data; at < end; at = lf + 1) {
		lf = otr_find_byte(at, end, '\n');
		if (is_empty_line(at, end))
			return (size_t)(at - in.data) + (*at == '\n' ? 1 : 2);
		if (!lf)
			return 0;
		if (may_be_field(*at))
			otr_http1_field(
				head, (struct otr_slice){at, (size_t)(lf - at) - (lf[-1] == '\r')});
	}
	return 0;
}

void otr_http1_head_fill(const struct otr_http1_head *head, struct otr_msg *msg)
{
	msg->kind = head->response ? OTR_MSG_RESPONSE : OTR_MSG_REQUEST;
	msg->status = head->status;
	msg->failed = head->status >= 500;
	if (!head->response)
		otr_http_request_fill(&head->req, msg);
}
