/* SPDX-License-Identifier: Apache-2.0 */
/* uncarried.c - programs into which the library is not loaded; see uncarried.h. */

#include "agent/uncarried.h"

#include <stdio.h>
#include <string.h>

#include "agent/base/buf.h"
#include "bpf/ring.h"

/* What the user can do. */
enum step {
	STEP_NONE,
	STEP_PROBES,
	STEP_PASS_ON,
	STEP_64BIT
};

struct words {
	int why;
	const char *text;
	enum step step;
};

static const struct words words[] = {
	{OTR_UNCARRIED_STATIC, "statically linked: the library cannot be loaded into it",
	 STEP_PROBES},
	{OTR_UNCARRIED_GO, "Go program: its system calls bypass the library", STEP_PROBES},
	{OTR_UNCARRIED_32BIT,
	 "32-bit program: its bytes are not read, and programs that it starts do "
	 "not load the library",
	 STEP_64BIT},
	{OTR_UNCARRIED_SETUID,
	 "runs with rights of its own (set-uid, set-gid, capabilities): its "
	 "loader ignores LD_PRELOAD",
	 STEP_PROBES},
	{OTR_UNCARRIED_PRELOAD, "its LD_PRELOAD does not name the library", STEP_PASS_ON},
	{OTR_UNCARRIED_CLEARED, "its environment was cleared: it does not load the library",
	 STEP_PASS_ON},
	{OTR_UNCARRIED_ROOT, "its root directory (chroot) has no libotrace.so", STEP_PROBES},
	{OTR_UNCARRIED_APART,
	 "cannot reach the agent: it has another network namespace and another "
	 "root directory",
	 STEP_PROBES},
	{OTR_UNCARRIED_LEFT_OUT,
	 "uses the network, but the library stays off in shells, debuggers, build "
	 "tools and login services",
	 STEP_PROBES},
	{OTR_UNCARRIED_DEEP,
	 "module opened with RTLD_DEEPBIND or dlmopen(): its calls bypass "
	 "the library",
	 STEP_PROBES},
};

static const struct words *words_of(int why)
{
	for (size_t i = 0; i < sizeof(words) / sizeof(words[0]); i++)
		if (words[i].why == why)
			return &words[i];
	return NULL;
}

static struct otr_uncarried_row *row_of(struct otr_uncarried_table *t, int why, const char *name)
{
	struct otr_uncarried_row *at;

	for (at = t->rows; at < t->rows + t->n; at++)
		if (at->why == why && !strcmp(at->name, name))
			return at;
	if (t->n == OTR_UNCARRIED_ROWS)
		return NULL;
	t->n++;
	*at = (struct otr_uncarried_row){.why = why};
	snprintf(at->name, sizeof(at->name), "%s", name);
	return at;
}

void otr_uncarried_add(struct otr_uncarried_table *t, uint32_t tgid, int why, const char *path)
{
	const char *slash = strrchr(path, '/');
	struct otr_uncarried_row *at;
	char name[64];

	snprintf(name, sizeof(name), "%s", slash ? slash + 1 : path);
	if (!words_of(why) || !name[0])
		return;
	at = row_of(t, why, name);
	if (!at) {
		t->more++;
		return;
	}
	at->tgid = tgid;
	at->times++;
}

bool otr_uncarried_is(const struct otr_uncarried_table *t, uint32_t tgid, int why)
{
	for (size_t i = 0; i < t->n; i++)
		if (t->rows[i].tgid == tgid && t->rows[i].why == why)
			return true;
	return false;
}

static const char *text_of(enum step step, bool root)
{
	switch (step) {
	case STEP_PROBES:
		return root ? "; kernel probes see it: leave out --no-bpf"
			    : "; kernel probes see it: run otrace as root";
	case STEP_PASS_ON:
		return root ? "; pass LD_PRELOAD and OTRACE_SESSION on, or leave out --no-bpf"
			    : "; pass LD_PRELOAD and OTRACE_SESSION on, or run otrace as root";
	case STEP_64BIT:
		return "; use its 64-bit build";
	default:
		return "";
	}
}

static void print(struct otr_buf *out, const struct otr_uncarried_row *at, bool root)
{
	const struct words *w = words_of(at->why);

	otr_buf_printf(out, "%s (by process %u", at->name, at->tgid);
	if (at->times > 1)
		otr_buf_printf(out, " and before, %llu times", (unsigned long long)at->times);
	otr_buf_printf(out, "): %s%s", w->text, text_of(w->step, root));
}

void otr_uncarried_print(struct otr_buf *out, const struct otr_uncarried_table *t, bool root)
{
	for (size_t i = 0; i < t->n; i++) {
		if (i)
			otr_buf_byte(out, '\n');
		print(out, &t->rows[i], root);
	}
	if (t->more)
		otr_buf_printf(out, "\nand %llu starts of other programs without the library",
			       (unsigned long long)t->more);
}
