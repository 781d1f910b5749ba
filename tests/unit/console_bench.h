/* SPDX-License-Identifier: Apache-2.0 */
#ifndef OTR_CONSOLE_BENCH_H
#define OTR_CONSOLE_BENCH_H

/* console_bench.h - a console that writes to memory, for the tests of what it writes. */

#include <fcntl.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#include <cmocka.h>

#include "agent/base/buf.h"
#include "agent/base/loss.h"
#include "agent/base/own.h"
#include "agent/config/settings.h"
#include "agent/console/cells.h"
#include "agent/console/console.h"
#include "agent/console/console_state.h"
#include "agent/console/summary.h"
#include "agent/sink/sink.h"
#include "agent/stitch/stitch.h"
#include "tests/unit/make_spans.h"

#define SECOND 1000000000ull

struct bench {
	struct otr_settings cfg;
	struct otr_console *con;
	int fd;
	char text[1 << 20];
};

static inline int begin(void **state)
{
	struct bench *b = calloc(1, sizeof(*b));

	setenv("TZ", "UTC", 1);
	setenv("LC_ALL", "C.UTF-8", 1);
	unsetenv("NO_COLOR");
	unsetenv("COLUMNS");
	setenv("TERM", "xterm", 1);
	b->cfg = (struct otr_settings){.rows = 30, .print_rate = 10};
	b->fd = memfd_create("console", 0);
	*state = b;
	return 0;
}

static inline int end(void **state)
{
	struct bench *b = *state;

	otr_console_free(&b->con);
	close(b->fd);
	free(b);
	return 0;
}

static inline void open_console(struct bench *b, unsigned int width, bool terminal)
{
	struct otr_console_config cfg = {
		.cfg = &b->cfg, .fd = b->fd, .terminal = terminal, .width = width};

	assert_int_equal(otr_console_new(&b->con, &cfg), 0);
}

static inline char *written(struct bench *b)
{
	ssize_t n = pread(b->fd, b->text, sizeof(b->text) - 1, 0);

	b->text[n > 0 ? n : 0] = '\0';
	return b->text;
}

static inline void forget(struct bench *b)
{
	assert_int_equal(ftruncate(b->fd, 0), 0);
	lseek(b->fd, 0, SEEK_SET);
}

static inline void finish_as(struct bench *b, uint32_t trace, enum otr_outcome outcome)
{
	uint8_t id[16] = {(uint8_t)(trace >> 24), (uint8_t)(trace >> 16), (uint8_t)(trace >> 8),
			  (uint8_t)trace};

	otr_console_trace(b->con, id, outcome);
}

static inline void finish(struct bench *b, uint32_t trace)
{
	finish_as(b, trace, OTR_TRACE_KEPT);
}

static inline void give(struct bench *b, uint32_t trace, const struct make *m)
{
	struct otr_span *sp = make_span(trace, m);

	otr_console_span(b->con, sp);
	otr_span_unref(&sp);
}

static inline void checkout(struct bench *b, uint32_t trace)
{
	struct otr_span *spans[64];
	size_t n = make_checkout(trace, spans);

	for (size_t i = 0; i < n; i++) {
		otr_console_span(b->con, spans[i]);
		otr_span_unref(&spans[i]);
	}
	finish(b, trace);
}

static inline void compare(const char *name, const char *got)
{
	char path[128], want[65536];
	size_t n = 0;
	FILE *f;

	snprintf(path, sizeof(path), "tests/golden/console/%s.txt", name);
	if (getenv("GOLDEN")) {
		f = fopen(path, "w");
		assert_non_null(f);
		fputs(got, f);
		fclose(f);
		return;
	}
	f = fopen(path, "r");
	if (f) {
		n = fread(want, 1, sizeof(want) - 1, f);
		fclose(f);
	}
	want[n] = '\0';
	if (strcmp(want, got))
		print_message("%s is not what was written:\n%s", path, got);
	assert_string_equal(want, got);
}

#endif /* OTR_CONSOLE_BENCH_H */
