/* SPDX-License-Identifier: Apache-2.0 */
/*
 * parsers_bench.c [SECONDS] - what each parser takes: the golden conversations of its protocol,
 * whose messages are small, again and again on one core; and its state of a connection.
 *
 * A parser gets what stream/ would give: all bytes of one direction that were not taken yet.
 */

#include <glob.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "agent/base/own.h"
#include "tests/fuzz/laws.h"

#define CONVS 64

struct sum {
	uint64_t bytes, messages;
};

/* One direction of a conversation. */
struct lane {
	char *have;
	size_t len;
	uint64_t skip; /* bytes of a message that are still to come */
};

static double cpu_seconds(void)
{
	struct timespec t;

	clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &t);
	return (double)t.tv_sec + (double)t.tv_nsec / 1e9;
}

static void add(struct lane *l, struct otr_slice bytes)
{
	size_t n = l->skip < bytes.len ? (size_t)l->skip : bytes.len;

	l->skip -= n;
	memcpy(l->have + l->len, bytes.data + n, bytes.len - n);
	l->len += bytes.len - n;
}

static void take(struct lane *l, uint64_t used)
{
	size_t n = used < l->len ? (size_t)used : l->len;

	l->skip = used - n;
	l->len -= n;
	memmove(l->have, l->have + n, l->len);
}

/* False: the conversation ends here for this parser. */
static bool step(const struct otr_proto_ops *proto, void *state, struct lane *l, enum otr_dir dir,
		 struct otr_msg *msg, struct sum *sum)
{
	struct otr_slice in = {l->have, l->len};
	enum otr_parse rc;
	uint64_t used = 0;

	while (in.len) {
		otr_msg_clear(msg);
		rc = proto->parse(state, dir, in, 0, &used, msg);
		if (rc == OTR_PARSE_MORE)
			break;
		if (rc != OTR_PARSE_MSG && rc != OTR_PARSE_SKIP)
			return false;
		sum->messages += rc == OTR_PARSE_MSG;
		if (used >= in.len) {
			l->skip = used - in.len;
			in.len = 0;
			break;
		}
		in = otr_slice_sub(in, (size_t)used, in.len);
	}
	if (in.len)
		take(l, l->len - in.len);
	else
		l->len = 0;
	return true;
}

static void run(const struct otr_proto_ops *proto, const struct otr_conv *cv, void *state,
		struct lane lanes[2], struct sum *sum)
{
	static struct otr_msg msg;
	const struct otr_conv_part *part;

	memset(state, 0, proto->state_size);
	lanes[0].len = lanes[1].len = 0;
	lanes[0].skip = lanes[1].skip = 0;
	for (size_t i = 0; i < cv->n; i++) {
		part = &cv->pieces[i];
		add(&lanes[part->dir], part->data);
		sum->bytes += part->data.len;
		if (!step(proto, state, &lanes[part->dir], part->dir, &msg, sum))
			break;
	}
	if (proto->fini)
		proto->fini(state);
}

static size_t load(const struct otr_proto_ops *proto, struct otr_conv *cvs, size_t *most)
{
	char pattern[256];
	glob_t found;
	size_t n = 0;

	snprintf(pattern, sizeof(pattern), "tests/golden/proto/%s/*.conv", proto->name);
	if (glob(pattern, 0, NULL, &found))
		return 0;
	for (size_t k = 0; k < found.gl_pathc && n < CONVS; k++) {
		memset(&cvs[n], 0, sizeof(cvs[n]));
		if (otr_conv_load(&cvs[n], found.gl_pathv[k]))
			continue;
		*most = cvs[n].bytes.len > *most ? cvs[n].bytes.len : *most;
		n++;
	}
	globfree(&found);
	return n;
}

static void measure(const struct otr_proto_ops *proto, double seconds)
{
	static struct otr_conv cvs[CONVS];
	struct sum sum = {0, 0};
	size_t most = 1, n = load(proto, cvs, &most);
	struct lane lanes[2] = {{.have = malloc(most)}, {.have = malloc(most)}};
	void *state = calloc(1, proto->state_size + 1);
	double begin, took;

	if (!n || !state || !lanes[0].have || !lanes[1].have) {
		fprintf(stderr, "%s: no conversations, or no memory\n", proto->name);
		exit(1);
	}
	begin = cpu_seconds();
	do {
		for (size_t i = 0; i < n; i++)
			run(proto, &cvs[i], state, lanes, &sum);
		took = cpu_seconds() - begin;
	} while (took < seconds);
	printf("%-10s %9.0f MB/s %9.0f ns a message %9.2f million/s %9zu B of state\n", proto->name,
	       (double)sum.bytes / took / 1e6, took / (double)sum.messages * 1e9,
	       (double)sum.messages / took / 1e6, proto->state_size);
	free(state);
	for (size_t i = 0; i < 2; i++)
		free(lanes[i].have);
	for (size_t i = 0; i < n; i++)
		otr_conv_fini(&cvs[i]);
}

int main(int argc, char **argv)
{
	double seconds = argc > 1 ? atof(argv[1]) : 1;

	for (size_t i = 0; otr_protos[i]; i++)
		measure(otr_protos[i], seconds);
	return 0;
}
