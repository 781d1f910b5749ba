/* SPDX-License-Identifier: Apache-2.0 */
/* laws.c - the six laws of a parser, checked over one conversation. */

#include "tests/fuzz/laws.h"

#include <stdio.h>
#include <stdlib.h>
#include <sys/mman.h>

#include "agent/base/err.h"
#include "agent/base/own.h"
#include "agent/base/text.h"
#include "tests/fuzz/laws_describe.h"

#define IN_MAX	(512u << 10) /* a parser that wants more than this at once is broken */
#define SAMPLES 12

struct lane { /* one direction */
	struct otr_buf have;
	uint64_t pos; /* of the first byte in `have` */
	uint64_t skip;
	uint64_t begin;
	bool begun;
	bool open;
	bool all; /* the rest belongs to one message */
};

struct run {
	const struct otr_proto_ops *proto;
	struct lane lanes[2];
	void *state, *spare;
	struct otr_buf *out;
	struct otr_laws_describe *describe; /* NULL: only run */
	bool stop;
};

static void broken(const struct run *r, int law, const char *what)
{
	fprintf(stderr, "law %d broken by %s: %s\n", law, r->proto->name, what);
	abort();
}

static void demand(const struct run *r, bool ok, int law, const char *what)
{
	if (!ok)
		broken(r, law, what);
}

/* A copy of `in` whose end is the end of readable memory. */
static struct otr_slice guarded(struct otr_slice in)
{
	static char *end;
	char *at;

	if (!end) {
		at = mmap(NULL, IN_MAX + 4096, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS,
			  -1, 0);
		if (at == MAP_FAILED || mprotect(at + IN_MAX, 4096, PROT_NONE))
			abort();
		end = at + IN_MAX;
	}
	if (in.len)
		memcpy(end - in.len, in.data, in.len);
	return (struct otr_slice){end - in.len, in.len};
}

/* Every byte that the message shows has to be there to be read. */
static unsigned int touch(const struct otr_msg *msg)
{
	const struct otr_slice texts[] = {msg->op, msg->target, msg->trace_ctx, msg->trace_state,
					  msg->baggage};
	volatile unsigned int sum = 0;

	for (size_t i = 0; i < OTR_ARRAY_SIZE(texts); i++)
		for (size_t k = 0; k < texts[i].len; k++)
			sum += (unsigned char)texts[i].data[k];
	for (uint8_t i = 0; i < msg->n_attrs; i++)
		if (msg->attrs[i].type == OTR_ATTR_STRING)
			for (size_t k = 0; k < msg->attrs[i].string.len; k++)
				sum += (unsigned char)msg->attrs[i].string.data[k];
	return sum;
}

static void check_answer(const struct run *r, enum otr_parse rc, uint64_t used, unsigned int flags,
			 const struct otr_msg *msg)
{
	bool spends = rc == OTR_PARSE_MSG || rc == OTR_PARSE_SKIP ||
		      (rc == OTR_PARSE_SWITCH && !msg->next);

	demand(r, rc <= OTR_PARSE_SWITCH, 1, "an answer without a name");
	demand(r, spends == (used > 0) || msg->next, 1, "used");
	demand(r, !(flags & ~OTR_IN_ALONE) || rc != OTR_PARSE_MORE, 6, "MORE from a cut");
	demand(r, msg->n_attrs <= OTR_MSG_ATTRS, 4, "too many attributes");
	if (rc == OTR_PARSE_MSG)
		touch(msg);
}

/* parse() on a copy of the state, over the first `len` bytes. */
static enum otr_parse try(struct run *r, enum otr_dir dir, struct otr_slice in, size_t len,
			  unsigned int flags)
{
	struct otr_msg msg = {0};
	uint64_t used = 0;
	enum otr_parse rc;

	memcpy(r->spare, r->state, r->proto->state_size);
	rc = r->proto->parse(r->spare, dir, guarded(otr_slice_sub(in, 0, len)), flags, &used, &msg);
	check_answer(r, rc, used, flags, &msg);
	return rc;
}

/* Laws 2 and 6, on some prefixes of what is about to be parsed. */
static void check_prefixes(struct run *r, enum otr_dir dir, struct otr_slice in)
{
	size_t step = in.len / SAMPLES + 1;
	bool msg = try(r, dir, in, in.len, 0) == OTR_PARSE_MSG;
	enum otr_parse rc;

	for (size_t len = 1; len < in.len; len += step) {
		rc = try(r, dir, in, len, 0);
		demand(r, !msg || rc != OTR_PARSE_BAD, 2, "BAD from a prefix of a message");
		try(r, dir, in, len, OTR_IN_CUT);
		try(r, dir, in, len, OTR_IN_EOF);
	}
	try(r, dir, in, in.len, OTR_IN_CUT);
	if (r->proto->multiplexed)
		try(r, dir, in, in.len, OTR_IN_ALONE);
	if (r->proto->body_by_tail && r->lanes[dir].open)
		try(r, dir, in, in.len < 8 ? in.len : 8, OTR_IN_TAIL);
}

static void check_resync(struct run *r, enum otr_dir dir, struct otr_slice in)
{
	if (!r->proto->resync)
		return;
	memcpy(r->spare, r->state, r->proto->state_size);
	demand(r, r->proto->resync(r->spare, dir, guarded(in)) <= in.len, 5, "resync past the end");
}

static char sign(enum otr_dir dir)
{
	return dir == OTR_DIR_OUT ? '>' : '<';
}

static void put_text(struct run *r, const char *name, struct otr_slice text)
{
	if (!text.len)
		return;
	otr_buf_printf(r->out, " %s=", name);
	otr_text_escape(r->out, text);
}

static void put_attr(struct run *r, const struct otr_attr *at)
{
	if (at->type == OTR_ATTR_STRING && at->key == OTR_KEY_CUSTOM)
		put_text(r, at->name.data, at->string);
	else if (at->type == OTR_ATTR_STRING)
		put_text(r, otr_key_name(at->key), at->string);
	else if (at->type == OTR_ATTR_INT)
		otr_buf_printf(r->out, " %s=%lld", otr_key_name(at->key), (long long)at->integer);
}

static void put_msg(struct run *r, enum otr_dir dir, const struct otr_msg *msg, uint64_t begin,
		    uint64_t used)
{
	static const char *const kinds[] = {"REQUEST", "RESPONSE", "ONEWAY", "END"};
	uint64_t pos = r->lanes[dir].pos;

	otr_buf_printf(r->out, "%c %s", sign(dir), kinds[msg->kind]);
	if (r->proto->multiplexed)
		otr_buf_printf(r->out, " %llu", (unsigned long long)msg->stream);
	if (msg->since)
		otr_buf_printf(r->out, " since=%llu", (unsigned long long)msg->since);
	otr_buf_printf(r->out, " @%llu", (unsigned long long)begin);
	if (msg->end == OTR_END_RUN)
		otr_buf_str(r->out, "..run");
	else if (msg->end == OTR_END_LATER || msg->end == OTR_END_STREAM || used == OTR_USED_ALL)
		otr_buf_str(r->out, msg->end ? ".." : "..eof");
	else
		otr_buf_printf(r->out, "..%llu", (unsigned long long)(pos + used));
	if (msg->status)
		otr_buf_printf(r->out, " status=%d", msg->status);
	if (msg->skips)
		otr_buf_printf(r->out, " skips=%u", msg->skips);
	otr_buf_printf(r->out, "%s%s%s%s", msg->failed ? " failed" : "",
		       msg->partial ? " partial" : "", msg->interim ? " interim" : "",
		       msg->pushed ? " pushed" : "");
	put_text(r, "op", msg->op);
	put_text(r, "target", msg->target);
	put_text(r, "traceparent", msg->trace_ctx);
	put_text(r, "tracestate", msg->trace_state);
	put_text(r, "baggage", msg->baggage);
	for (uint8_t i = 0; i < msg->n_attrs; i++)
		put_attr(r, &msg->attrs[i]);
	otr_buf_byte(r->out, '\n');
}

static void put_word(struct run *r, enum otr_dir dir, const char *word, uint64_t pos)
{
	otr_buf_printf(r->out, "%c %s @%llu\n", sign(dir), word, (unsigned long long)pos);
}

static void spend(struct lane *l, uint64_t used)
{
	size_t n = used < l->have.len ? (size_t)used : l->have.len;

	if (n)
		memmove(l->have.data, l->have.data + n, l->have.len - n);
	l->have.len -= n;
	l->pos += n;
	l->all = used == OTR_USED_ALL;
	l->skip = l->all ? 0 : used - n;
}

static void on_msg(struct run *r, enum otr_dir dir, const struct otr_msg *msg, uint64_t used)
{
	struct lane *l = &r->lanes[dir];

	demand(r, !l->open, 1, "a message inside a message");
	demand(r, r->proto->multiplexed || (msg->end != OTR_END_STREAM && msg->kind != OTR_MSG_END),
	       1, "a stream of a protocol that has none");
	demand(r, !r->proto->multiplexed || msg->stream, 1, "no stream");
	put_msg(r, dir, msg, l->begun ? l->begin : l->pos, used);
	if (r->describe)
		otr_laws_describe_msg(r->describe, r->proto, dir, msg);
	l->begun = false;
	l->open = msg->end == OTR_END_LATER;
	r->stop = msg->end == OTR_END_RUN;
}

static void on_skip(struct run *r, enum otr_dir dir, const struct otr_msg *msg, uint64_t used)
{
	struct lane *l = &r->lanes[dir];

	demand(r, !msg->over || l->open, 1, "over, and nothing was open");
	if (msg->opens && !l->begun)
		l->begin = l->pos;
	l->begun = msg->opens;
	if (msg->over) {
		l->open = false;
		put_word(r, dir, "OVER", l->pos + used);
	}
}

/* One call of parse(). Returns false when more bytes are needed. */
static bool step(struct run *r, enum otr_dir dir)
{
	struct lane *l = &r->lanes[dir];
	struct otr_slice in = otr_buf_view(&l->have);
	struct otr_msg msg = {0};
	uint64_t used = 0;
	enum otr_parse rc;

	demand(r, in.len < IN_MAX, 4, "wants ever more");
	if (r->describe) {
		check_prefixes(r, dir, in);
		check_resync(r, dir, in);
	}
	rc = r->proto->parse(r->state, dir, guarded(in), 0, &used, &msg);
	check_answer(r, rc, used, 0, &msg);
	if (rc == OTR_PARSE_MORE)
		return false;
	if (rc == OTR_PARSE_MSG)
		on_msg(r, dir, &msg, used);
	else if (rc == OTR_PARSE_SKIP)
		on_skip(r, dir, &msg, used);
	else
		put_word(r, dir, rc == OTR_PARSE_BAD ? "BAD" : "SWITCH", l->pos);
	r->stop |= rc == OTR_PARSE_BAD || rc == OTR_PARSE_SWITCH;
	spend(l, used);
	return l->have.len > 0;
}

static void feed(struct run *r, enum otr_dir dir, struct otr_slice bytes)
{
	struct lane *l = &r->lanes[dir];
	size_t n = l->skip < bytes.len ? (size_t)l->skip : bytes.len;

	if (l->all)
		n = bytes.len;
	else
		l->skip -= n;
	l->pos += n;
	otr_buf_slice(&l->have, otr_slice_sub(bytes, n, bytes.len));
	if (n == bytes.len)
		return;
	while (!r->stop && step(r, dir))
		;
}

/* What a user may set that parsers read. */
static const struct otr_proto_settings *all_settings(void)
{
	static const char *const headers[] = {"accept-language", "x-user-id", NULL};
	static struct otr_proto_settings set;
	struct otr_err err = {0};

	if (!set.headers.n && otr_header_names_set(&set.headers, (char *const *)headers, &err))
		abort();
	return &set;
}

static void run_init(struct run *r, const struct otr_proto_ops *proto, struct otr_buf *out)
{
	memset(r, 0, sizeof(*r));
	r->proto = proto;
	r->out = out;
	/* exactly its size: a sanitizer sees a step beyond */
	r->state = calloc(1, proto->state_size);
	r->spare = calloc(1, proto->state_size);
	if (!r->state || !r->spare)
		abort();
	if (proto->set_up)
		proto->set_up(r->state, all_settings());
}

static void run_fini(struct run *r)
{
	if (r->proto->fini)
		r->proto->fini(r->state);
	free(r->state);
	free(r->spare);
	otr_buf_fini(&r->lanes[0].have);
	otr_buf_fini(&r->lanes[1].have);
}

static void run_all(struct run *r, const struct otr_conv *cv, size_t cut)
{
	struct otr_slice left, part;

	for (size_t i = 0; i < cv->n && !r->stop; i++) {
		left = cv->pieces[i].data;
		for (; left.len && !r->stop; left = otr_slice_sub(left, part.len, left.len)) {
			part = otr_slice_sub(left, 0, cut ? cut : left.len);
			feed(r, cv->pieces[i].dir, part);
		}
	}
	for (int dir = 0; dir < 2 && !r->stop; dir++)
		if (r->lanes[dir].have.len)
			put_word(r, dir, "MORE", r->lanes[dir].pos);
}

void otr_laws_run(const struct otr_proto_ops *proto, const struct otr_conv *cv, size_t cut,
		  struct otr_buf *out)
{
	struct run r;

	run_init(&r, proto, out);
	run_all(&r, cv, cut);
	run_fini(&r);
}

static void check_cut(const struct otr_proto_ops *proto, const struct otr_conv *cv, size_t cut,
		      const struct otr_buf *want)
{
	OTR_AUTO(otr_buf_fini) struct otr_buf got = {0};

	otr_laws_run(proto, cv, cut, &got);
	if (otr_slice_eq(otr_buf_view(want), otr_buf_view(&got)))
		return;
	fprintf(stderr, "law 3 broken by %s, cut at %zu:\n%.*s---\n%.*s", proto->name, cut,
		OTR_SLICE_ARG(*want), OTR_SLICE_ARG(got));
	abort();
}

void otr_laws_check(const struct otr_proto_ops *proto, const struct otr_conv *cv)
{
	OTR_AUTO(otr_buf_fini) struct otr_buf want = {0};
	struct run r;

	run_init(&r, proto, &want);
	r.describe = otr_laws_describe_new();
	run_all(&r, cv, 0);
	otr_laws_describe_free(r.describe);
	run_fini(&r);
	check_cut(proto, cv, 1, &want);
	check_cut(proto, cv, 3, &want);
	check_cut(proto, cv, 7 + cv->bytes.len % 50, &want);
}

/* All bytes of one direction from byte `from` on, behind `garbage`. */
static bool found_behind(const struct otr_proto_ops *proto, enum otr_dir dir,
			 struct otr_slice bytes, struct otr_slice garbage)
{
	OTR_AUTO(otr_buf_fini) struct otr_buf all = {0};
	OTR_AUTO(otr_buf_fini) struct otr_buf out = {0};
	struct otr_msg msg = {0};
	struct run r;
	uint64_t used;
	size_t at;
	bool found;

	otr_buf_slice(&all, garbage);
	otr_buf_slice(&all, bytes);
	run_init(&r, proto, &out);
	at = proto->resync(r.state, dir, guarded(otr_buf_view(&all)));
	found = at == garbage.len &&
		proto->parse(r.state, dir, guarded(bytes), 0, &used, &msg) != OTR_PARSE_BAD;
	run_fini(&r);
	return found;
}

size_t otr_laws_recover(const struct otr_proto_ops *proto, const struct otr_conv *cv,
			enum otr_dir dir, struct otr_slice garbage)
{
	struct otr_slice bytes;
	struct run r = {.proto = proto};
	size_t n = 0;

	for (size_t i = 0; proto->resync && i < cv->n; i++) {
		bytes = cv->pieces[i].data;
		if (cv->pieces[i].dir != dir)
			continue;
		if (!found_behind(proto, dir, bytes, OTR_SLICE_NONE))
			continue; /* no message begins here */
		if (!found_behind(proto, dir, bytes, garbage)) {
			fprintf(stderr, "piece %zu\n", i);
			broken(&r, 5, "a message behind garbage is not found");
		}
		n++;
	}
	return n;
}
