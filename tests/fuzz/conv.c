/* SPDX-License-Identifier: Apache-2.0 */
/* conv.c - conversations: read from a golden file, or from a fuzzer's bytes. */

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>

#include "agent/base/own.h"
#include "tests/fuzz/laws.h"

static int grow(struct otr_conv *cv)
{
	size_t cap = cv->cap ? cv->cap * 2 : 16;
	void *pieces = realloc(cv->pieces, cap * sizeof(*cv->pieces));
	void *at;

	if (!pieces)
		return -ENOMEM;
	cv->pieces = pieces;
	at = realloc(cv->at, cap * sizeof(*cv->at));
	if (!at)
		return -ENOMEM;
	cv->at = at;
	cv->cap = cap;
	return 0;
}

static int add(struct otr_conv *cv, enum otr_dir dir, struct otr_slice data)
{
	if (cv->n == cv->cap && grow(cv))
		return -ENOMEM;
	cv->at[cv->n] = cv->bytes.len;
	cv->pieces[cv->n++] = (struct otr_conv_part){dir, {NULL, data.len}};
	otr_buf_slice(&cv->bytes, data);
	return cv->bytes.rc;
}

/* From here on `bytes` does not move. */
static void settle(struct otr_conv *cv)
{
	for (size_t i = 0; cv->bytes.data && i < cv->n; i++)
		cv->pieces[i].data.data = cv->bytes.data + cv->at[i];
}

static int hex(char c)
{
	if (c >= '0' && c <= '9')
		return c - '0';
	c = otr_lower(c);
	return c >= 'a' && c <= 'f' ? c - 'a' + 10 : 0;
}

static size_t unescape(char *s)
{
	char *to = s, *from = s;

	for (; *from; from++) {
		if (*from != '\\' || !from[1]) {
			*to++ = *from;
		} else if (from[1] == 'x' && from[2] && from[3]) {
			*to++ = (char)(hex(from[2]) << 4 | hex(from[3]));
			from += 3;
		} else {
			from++;
			*to++ = *from == 'r' ? '\r' : *from == 'n' ? '\n' : *from;
		}
	}
	return (size_t)(to - s);
}

static int take_line(struct otr_conv *cv, char *line)
{
	enum otr_dir dir = line[0] == '>' ? OTR_DIR_OUT : OTR_DIR_IN;

	line[strcspn(line, "\n")] = 0;
	if (!line[0] || line[0] == '#')
		return 0;
	if (!strchr("<>=", line[0]) || line[1] != ' ')
		return -EINVAL;
	if (line[0] == '=') {
		otr_buf_str(&cv->expect, line + 2);
		otr_buf_byte(&cv->expect, '\n');
		return cv->expect.rc;
	}
	return add(cv, dir, (struct otr_slice){line + 2, unescape(line + 2)});
}

int otr_conv_load(struct otr_conv *cv, const char *path)
{
	FILE *f = fopen(path, "re");
	char *line = NULL;
	size_t cap = 0;
	int rc = 0;

	if (!f)
		return -errno;
	while (!rc && getline(&line, &cap, f) >= 0)
		rc = take_line(cv, line);
	free(line);
	fclose(f);
	settle(cv);
	return rc;
}

int otr_conv_fuzz(struct otr_conv *cv, const uint8_t *data, size_t size)
{
	size_t n;
	int rc = 0;

	for (; !rc && size > 3; data += n, size -= n) {
		n = (size_t)data[1] | (size_t)data[2] << 8;
		n = n < size - 3 ? n : size - 3;
		rc = add(cv, data[0] & 1 ? OTR_DIR_OUT : OTR_DIR_IN,
			 (struct otr_slice){(const char *)data + 3, n});
		data += 3;
		size -= 3;
	}
	settle(cv);
	return rc;
}

void otr_conv_fini(struct otr_conv *cv)
{
	free(cv->pieces);
	free(cv->at);
	otr_buf_fini(&cv->bytes);
	otr_buf_fini(&cv->expect);
}
