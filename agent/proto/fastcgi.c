/* SPDX-License-Identifier: Apache-2.0 */
/*
 * fastcgi.c - FastCGI 1.0 between a web server and a program: HTTP requests in another form.
 *
 *	| version 1 | type 8 | id 16 | length 16 | padding 8 | 0 | content | padding | ..
 *
 *	web server:  BEGIN_REQUEST  PARAMS .. PARAMS(empty)  STDIN .. STDIN(empty)
 *	program:     STDOUT (Status: 404, fields, an empty line, body) ..  STDERR  END_REQUEST
 *
 * The spans are those of HTTP. One request at a time is read on a connection, which is what web
 * servers do; a connection on which several overlap is not read any further.
 */

#include "agent/proto/fastcgi.h"

#include <ctype.h>

#include "agent/base/own.h"
#include "agent/proto/http.h"
#include "agent/proto/msg.h"
#include "bpf/opening.h"

enum type {
	BEGIN_REQUEST = 1,
	ABORT_REQUEST,
	END_REQUEST,
	PARAMS,
	STDIN,
	STDOUT,
	STDERR,
	DATA,
	GET_VALUES,
	GET_VALUES_RESULT,
	UNKNOWN_TYPE,
};

#define HEAD	   8	 /* bytes of the header of a record */
#define BEGIN_SIZE 16	 /* of the record BEGIN_REQUEST */
#define PARAMS_MAX 65536 /* bytes of all parameters */
#define FIELDS_MAX 8192	 /* bytes of the fields of an answer that are awaited */

struct fastcgi {
	uint8_t client;	 /* 1 + direction of the web server's bytes; 0: not known */
	bool ended;	 /* nothing more is read */
	bool in_body;	 /* STDIN follows */
	bool open;	 /* a request was read whose END_REQUEST was not */
	bool answered;	 /* its fields were read */
	bool headless;	 /* the fields of its answer were lost */
	bool goes_on;	 /* the end of the answer before it was not seen */
	bool in_fields;	 /* some of them were read */
	bool is_split;	 /* one of them goes on in the next record, and was not read */
	bool moved;	 /* they have a Location */
	uint16_t status; /* their Status; 0: none yet */
	uint16_t id;	 /* of the request that is open */
};

struct record {
	uint8_t type;
	uint16_t id;
	size_t len, size;	  /* of its content; with header and padding */
	struct otr_slice content; /* as far as it is there */
};

/* Reads the header at the front of `in`, which has HEAD bytes. */
static bool read_record(struct record *rec, struct otr_slice in)
{
	if (in.data[0] != 1 || in.data[1] < BEGIN_REQUEST || in.data[1] > UNKNOWN_TYPE)
		return false;
	rec->type = (uint8_t)in.data[1];
	rec->id = (uint16_t)otr_fastcgi_u16(in.data + 2);
	rec->len = otr_fastcgi_u16(in.data + 4);
	rec->size = HEAD + rec->len + (unsigned char)in.data[6];
	rec->content = otr_slice_sub(in, HEAD, rec->len);
	return true;
}

/* May BEGIN_REQUEST begin here, as far as its bytes are there? */
static bool may_be_begin(struct otr_slice in)
{
	static const char fixed[BEGIN_SIZE] = {1, BEGIN_REQUEST, 0, 0, 0, 8};
	unsigned char c;

	for (size_t i = 0; i < in.len && i < BEGIN_SIZE; i++) {
		c = (unsigned char)in.data[i];
		if (i == 2 || i == 3 || i == 6) /* id and padding */
			continue;
		if (i == 9 ? c < 1 || c > 3 : i == 10 ? c > 1 : c != (unsigned char)fixed[i])
			return false;
	}
	return in.len > 0;
}

static bool is_begin(struct otr_slice in)
{
	return in.len >= BEGIN_SIZE && may_be_begin(in);
}

static enum otr_parse emit_request(struct fastcgi *fc, struct otr_fastcgi_params *params,
				   bool whole, struct otr_msg *msg)
{
	fc->open = true;
	fc->goes_on = fc->answered || fc->in_fields;
	fc->answered = fc->headless = fc->in_fields = fc->moved = fc->is_split = false;
	fc->status = 0;
	fc->in_body = whole;
	msg->kind = OTR_MSG_REQUEST;
	msg->end = whole ? OTR_END_LATER : OTR_END_RUN;
	msg->partial = !whole;
	otr_http_request_fill(otr_fastcgi_request(params), msg);
	return OTR_PARSE_MSG;
}

/* Takes BEGIN_REQUEST and the parameters, up to the empty record. */
static enum otr_parse take_head(struct fastcgi *fc, struct otr_slice in, unsigned int flags,
				uint64_t *used, struct otr_msg *msg)
{
	struct otr_fastcgi_params params = {0};
	struct record rec;
	size_t at = BEGIN_SIZE + (unsigned char)in.data[6];

	fc->id = (uint16_t)otr_fastcgi_u16(in.data + 2);
	for (;; at += rec.size) {
		if (at + HEAD > in.len || at > PARAMS_MAX)
			break;
		if (!read_record(&rec, otr_slice_sub(in, at, in.len)) || rec.type != PARAMS ||
		    rec.id != fc->id)
			return OTR_PARSE_BAD;
		otr_fastcgi_take(&params, rec.content);
		if (rec.len)
			continue;
		*used = at + rec.size;
		return emit_request(fc, &params, true, msg);
	}
	if (!flags)
		return at > PARAMS_MAX ? OTR_PARSE_BAD : OTR_PARSE_MORE;
	*used = in.len;
	if (!params.req.method.len)
		return OTR_PARSE_SKIP;
	return emit_request(fc, &params, false, msg);
}

/* Takes one record of the web server. */
static enum otr_parse front(struct fastcgi *fc, struct otr_slice in, unsigned int flags,
			    uint64_t *used, struct otr_msg *msg)
{
	struct record rec;

	if (!read_record(&rec, in))
		return OTR_PARSE_BAD;
	if (rec.type == BEGIN_REQUEST && in.len < BEGIN_SIZE && !flags)
		return OTR_PARSE_MORE;
	if (rec.type == BEGIN_REQUEST && is_begin(in)) {
		if (!fc->in_body)
			return take_head(fc, in, flags, used, msg);
		fc->ended = true; /* two requests at once */
		return OTR_PARSE_BAD;
	}
	if (rec.type == BEGIN_REQUEST || (rec.type == PARAMS && fc->in_body))
		return OTR_PARSE_BAD;
	*used = rec.size;
	if (rec.type == STDIN && !rec.len && fc->in_body) {
		fc->in_body = false;
		msg->over = true;
	}
	return OTR_PARSE_SKIP;
}

/* Finds the empty line, and how many bytes of fields are before it. `whole`: what is before `in` ends a
 * line. */
static bool find_end(struct otr_slice in, bool whole, size_t *len)
{
	bool begins = whole;

	for (size_t i = 0; i < in.len; i++) {
		bool cr = in.data[i] == '\r' && i + 1 < in.len;

		*len = i;
		if (begins && in.data[cr ? i + 1 : i] == '\n')
			return true;
		begins = in.data[i] == '\n';
	}
	*len = in.len;
	return false;
}

/* Does it begin with the name of a field and a colon? */
static bool is_field(struct otr_slice in)
{
	size_t n = 0;

	while (n < in.len && (isalnum((unsigned char)in.data[n]) || in.data[n] == '-'))
		n++;
	return n && n < in.len && in.data[n] == ':';
}

/* The value of the field that begins `line`, if it has this name (in small letters, with its colon);
 * else a none slice. */
static struct otr_slice value_of(struct otr_slice line, struct otr_slice name)
{
	if (!otr_slice_eq_nocase(otr_slice_sub(line, 0, name.len), name))
		return OTR_SLICE_NONE;
	line = otr_slice_sub(line, name.len, line.len);
	while (line.len && line.data[0] == ' ')
		line = otr_slice_sub(line, 1, line.len);
	return line;
}

/* "404 Not Found" */
static uint16_t read_code(struct otr_slice text)
{
	int code = 0;

	for (size_t i = 0; i < 3 && i < text.len; i++)
		code = code * 10 + (text.data[i] - '0');
	return code >= 100 && code <= 599 ? (uint16_t)code : 0;
}

/* Reads whole lines of the fields. */
static void read_fields(struct fastcgi *fc, struct otr_slice fields)
{
	struct otr_slice code;
	const char *lf;

	while (fields.len && (lf = memchr(fields.data, '\n', fields.len))) {
		code = value_of(fields, OTR_SLICE("status:"));
		if (code.data)
			fc->status = read_code(code);
		fc->moved |= value_of(fields, OTR_SLICE("location:")).data != NULL;
		fields = otr_slice_sub(fields, (size_t)(lf - fields.data) + 1, fields.len);
	}
}

/* Takes a STDOUT with fields of an answer, which may be in several. Where the fields end, a status that
 * they do not name is 200, or 302 with a Location (RFC 3875, 6.3.3 and 6.2.3). */
static enum otr_parse take_fields(struct fastcgi *fc, const struct record *rec, unsigned int flags,
				  uint64_t *used, struct otr_msg *msg)
{
	bool is_there = rec->content.len == rec->len, ends;
	size_t len;

	ends = find_end(rec->content, fc->in_fields && !fc->is_split, &len);
	if (!ends && !is_there && !flags && rec->content.len < FIELDS_MAX)
		return OTR_PARSE_MORE;
	*used = rec->size;
	if (!fc->in_fields && !is_field(rec->content)) {
		fc->headless = true;
		return OTR_PARSE_SKIP;
	}
	read_fields(fc, otr_slice_sub(rec->content, 0, len));
	fc->is_split |= !ends && len && rec->content.data[len - 1] != '\n';
	fc->in_fields = !ends && is_there;
	msg->opens = fc->in_fields;
	if (fc->in_fields)
		return OTR_PARSE_SKIP;
	fc->answered = true;
	msg->kind = OTR_MSG_RESPONSE;
	msg->end = OTR_END_LATER;
	msg->partial = !ends || fc->is_split;
	msg->status = fc->status || msg->partial ? fc->status : fc->moved ? 302 : 200;
	return OTR_PARSE_MSG;
}

/* The program ends a request that it has not answered: it refuses it, or it has failed. */
static enum otr_parse take_end(struct fastcgi *fc, const struct record *rec, struct otr_msg *msg)
{
	bool answered = fc->answered, open = fc->open, headless = fc->headless;

	fc->open = fc->answered = fc->headless = false;
	if (answered || headless || !open) {
		msg->over = answered;
		return OTR_PARSE_SKIP;
	}
	msg->kind = OTR_MSG_RESPONSE;
	msg->failed = true;
	otr_msg_add_text(msg, OTR_KEY_ERROR_TYPE,
			 rec->content.data[4] == 2 ? OTR_SLICE("overloaded")
						   : OTR_SLICE("no_answer"));
	return OTR_PARSE_MSG;
}

/* The last bytes of a run whose middle was not copied: the content of END_REQUEST, status of the
 * program and of the protocol, ends an answer. Padding has no more than seven zeros. */
static enum otr_parse take_tail(struct fastcgi *fc, struct otr_slice in, uint64_t *used,
				struct otr_msg *msg)
{
	*used = in.len;
	if (fc->answered && in.len == 8 && !memcmp(in.data, "\0\0\0", 3) &&
	    !memcmp(in.data + 4, "\0\0\0\0", 4)) {
		fc->open = fc->answered = false;
		msg->over = true;
	}
	return OTR_PARSE_SKIP;
}

/* Takes one record of the program. */
static enum otr_parse back(struct fastcgi *fc, struct otr_slice in, unsigned int flags,
			   uint64_t *used, struct otr_msg *msg)
{
	struct record rec;

	fc->ended |= fc->goes_on; /* two requests at once; of a lost end resync() tells */
	if (fc->ended || !read_record(&rec, in) || (fc->open && rec.id && rec.id != fc->id))
		return OTR_PARSE_BAD;
	switch (rec.type) {
	case STDOUT:
		if (rec.len && fc->open && !fc->answered && !fc->headless)
			return take_fields(fc, &rec, flags, used, msg);
		break;
	case END_REQUEST:
		if (rec.len != 8)
			return OTR_PARSE_BAD;
		if (rec.content.len < 8 && !flags)
			return OTR_PARSE_MORE;
		*used = rec.size;
		if (rec.content.len < 8)
			return OTR_PARSE_SKIP;
		return take_end(fc, &rec, msg);
	case STDERR:
	case GET_VALUES_RESULT:
	case UNKNOWN_TYPE:
		break;
	default:
		return OTR_PARSE_BAD;
	}
	*used = rec.size;
	msg->opens = rec.type == STDERR && fc->open && !fc->answered && !fc->headless;
	return OTR_PARSE_SKIP;
}

/* Fewer bytes than a header has. */
static enum otr_parse skip_short(const struct fastcgi *fc, struct otr_slice in, unsigned int flags,
				 uint64_t *used)
{
	if (!flags)
		return OTR_PARSE_MORE;
	if (!in.len || !fc->client)
		return OTR_PARSE_BAD;
	*used = in.len;
	return OTR_PARSE_SKIP;
}

static enum otr_parse parse(void *state, enum otr_dir dir, struct otr_slice in, unsigned int flags,
			    uint64_t *used, struct otr_msg *msg)
{
	struct fastcgi *fc = state;

	*used = 0;
	if (fc->ended && in.len) {
		*used = in.len;
		return OTR_PARSE_SWITCH;
	}
	if (flags & OTR_IN_TAIL && fc->client == 1 + !dir)
		return take_tail(fc, in, used, msg);
	if (flags & OTR_IN_TAIL) {
		*used = in.len;
		return OTR_PARSE_SKIP;
	}
	if (!fc->client && is_begin(in))
		fc->client = (uint8_t)(1 + dir);
	if (in.len < HEAD || (!fc->client && in.len < BEGIN_SIZE))
		return skip_short(fc, in, flags, used);
	if (!fc->client)
		return OTR_PARSE_BAD;
	return fc->client == 1 + dir ? front(fc, in, flags, used, msg)
				     : back(fc, in, flags, used, msg);
}

/* Can an answer's record begin here, and, as far as it is there, another one behind it? */
static bool chains(struct otr_slice in)
{
	struct record rec;

	if (in.len < HEAD || !read_record(&rec, in) || in.data[7] ||
	    (rec.type != STDOUT && rec.type != STDERR && rec.type != END_REQUEST))
		return false;
	in = otr_slice_sub(in, rec.size, in.len);
	return in.len < HEAD || read_record(&rec, in);
}

static size_t resync(void *state, enum otr_dir dir, struct otr_slice in)
{
	struct fastcgi *fc = state;
	bool answers = fc->client == 1 + !dir;
	size_t i = 0;

	if (!answers) {
		fc->in_body = false;
	} else if (fc->goes_on) { /* it ended with its run */
		fc->goes_on = false;
	} else if (fc->answered || fc->in_fields) { /* what comes is the rest of an answer */
		fc->answered = fc->in_fields = false;
		fc->headless = true;
	}
	while (i < in.len && !(answers ? chains(otr_slice_sub(in, i, in.len))
				       : may_be_begin(otr_slice_sub(in, i, in.len))))
		i++;
	return i;
}

static bool sniff(enum otr_dir dir, struct otr_slice head)
{
	(void)dir;
	return is_begin(head);
}

const struct otr_proto_ops otr_fastcgi = {
	.name = "fastcgi",
	.title = "FastCGI",
	.scope = "otrace/http",
	.state_size = sizeof(struct fastcgi),
	.capture = OTR_CAPTURE_HEAD,
	.head_bytes = OTR_FASTCGI_BYTES,
	.body_by_tail = true,
	.sniff = sniff,
	.parse = parse,
	.resync = resync,
	.describe = otr_http_describe,
};
