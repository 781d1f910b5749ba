/* SPDX-License-Identifier: Apache-2.0 */
/* targets.c - what a person names to be traced; see targets.h. */

#include "agent/targets.h"

#include <ctype.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "agent/base/err.h"
#include "agent/proto/proto.h"
#include "agent/resource/kind.h"
#include "agent/resource/procfs.h"
#include "agent/session.h"

struct search {
	struct otr_targets *t;
	const char *name;
	uint16_t port;
	size_t found;
	char others[256]; /* ports on which processes listen, for the message */
	int rc;
};

static bool is_number(const char *word)
{
	if (!*word)
		return false;
	while (isdigit((unsigned char)*word))
		word++;
	return !*word;
}

static bool is_port(const char *word, uint16_t *port)
{
	unsigned long n;

	if (word[0] != ':' || !is_number(word + 1) || strlen(word) > 6)
		return false;
	n = strtoul(word + 1, NULL, 10);
	*port = (uint16_t)n;
	return n && n <= 65535;
}

/* Is the process one of `names`, which are separated by blanks? */
static bool is_one_of(uint32_t pid, const char *names)
{
	char name[64];
	size_t n;

	for (; *names; names += n + (names[n] == ' ')) {
		n = strcspn(names, " ");
		snprintf(name, sizeof(name), "%.*s", (int)n, names);
		if (otr_procfs_is(pid, name))
			return true;
	}
	return false;
}

/* Its spans are its clients' (struct otr_proto_ops). */
static void note_mute(struct otr_targets *t, uint32_t pid)
{
	const struct otr_proto_ops *const *proto = otr_protos;

	for (; *proto; proto++) {
		if (!(*proto)->server_exe || !is_one_of(pid, (*proto)->server_exe))
			continue;
		t->mute++;
		t->server_title = (*proto)->title;
		return;
	}
}

static void choose(struct search *se, uint32_t pid)
{
	struct otr_targets *t = se->t;
	char title[128];

	se->found++;
	if (otr_session_has(t->session, pid))
		return;
	if (!t->found++) {
		otr_procfs_title(pid, title, sizeof(title));
		snprintf(t->first, sizeof(t->first), "%.44s%s (%u)", title,
			 strlen(title) > 44 ? ".." : "", pid);
	}
	note_mute(t, pid);
	se->rc = otr_session_target(t->session, pid);
}

/* Whoever is meant by a name or a port is neither otrace nor the shell that it was typed into;
 * by its number it may be that shell, which may be process 1 of a container. */
static void choose_other(struct search *se, uint32_t pid)
{
	if (pid != (uint32_t)getpid() && pid != (uint32_t)getppid())
		choose(se, pid);
}

static bool if_named(void *arg, uint32_t pid)
{
	struct search *se = arg;

	if (otr_procfs_is(pid, se->name))
		choose_other(se, pid);
	return true;
}

static void if_on_port(void *arg, uint32_t tgid, uint16_t port)
{
	struct search *se = arg;
	size_t len = strlen(se->others);
	char word[16];

	if (port == se->port)
		choose_other(se, tgid);
	snprintf(word, sizeof(word), ":%u ", port);
	if (!strstr(se->others, word) && len + sizeof(word) < sizeof(se->others))
		snprintf(se->others + len, sizeof(se->others) - len, "%s", word);
}

static int no_pid(const char *word, struct otr_err *err)
{
	otr_err_set(err, "no process %s: /proc/%s is not there", word, word);
	otr_err_hint(err, "try  otrace attach NAME, or otrace attach :PORT     "
			  "both follow restarts");
	return -ESRCH;
}

/* Refuses a process of which nothing can be traced: the message says what it is. */
static int refuse_kind(uint32_t pid, struct otr_err *err)
{
	struct otr_kind_of is;

	otr_kind_read(pid, &is);
	switch (is.kind) {
	case OTR_KIND_KERNEL:
		otr_err_set(err, "process %u (%s) is a thread of the kernel: it runs no program",
			    pid, is.name);
		otr_err_hint(err, "try  otrace attach NAME, or otrace attach :PORT");
		return -EINVAL;
	case OTR_KIND_ENDED:
		otr_err_set(err,
			    "process %u (%s) has ended: it is a zombie, whose parent %u has "
			    "not asked for its status",
			    pid, is.name, is.parent);
		otr_err_hint(err, "try  otrace attach %u", is.parent);
		return -ESRCH;
	case OTR_KIND_THREAD:
		otr_err_set(err, "%u (%s) is a thread of process %u", pid, is.name, is.parent);
		otr_err_hint(err, "try  otrace attach %u", is.parent);
		return -EINVAL;
	case OTR_KIND_32BIT:
		otr_err_set(err, "process %u (%s) is a 32-bit program: its bytes are not read", pid,
			    is.name);
		otr_err_hint(
			err,
			"right: its 64-bit build, or a program that asks it: otrace attach NAME");
		return -EINVAL;
	default:
		return 0;
	}
}

static int by_pid(struct search *se, const char *word, struct otr_err *err)
{
	uint32_t pid = (uint32_t)strtoul(word, NULL, 10);
	char path[64];
	int rc;

	snprintf(path, sizeof(path), "/proc/%.20s", word);
	if (strlen(word) > 10 || access(path, F_OK))
		return no_pid(word, err);
	if (strtoul(word, NULL, 10) == (unsigned long)getpid()) {
		otr_err_set(err, "process %s is otrace itself", word);
		return -EINVAL;
	}
	rc = refuse_kind(pid, err);
	if (!rc)
		choose(se, pid);
	se->t->all |= !rc && pid == 1;
	return rc;
}

static int by_port(struct search *se, struct otr_err *err)
{
	otr_session_listeners(se->t->session, if_on_port, se);
	if (se->found)
		return 0;
	otr_err_set(err, "no process listens on port %u, in any network namespace", se->port);
	if (se->others[0])
		otr_err_hint(err, "listened on: %s", se->others);
	return -ESRCH;
}

static int by_name(struct search *se, const char *word, struct otr_err *err)
{
	se->name = word;
	otr_procfs_each(if_named, se);
	if (se->found)
		return 0;
	otr_err_set(err,
		    "no process is called %s: no executable or script of "
		    "that name runs",
		    word);
	otr_err_hint(err, "try  otrace run -- %s      or otrace attach :PORT", word);
	return -ESRCH;
}

static int resolve_one(struct otr_targets *t, const char *word, struct otr_err *err)
{
	struct search se = {.t = t};
	int rc;

	if (word[0] == ':' && !is_port(word, &se.port)) {
		otr_err_set(err, "%s: not a port; right: :1 to :65535", word);
		return -EINVAL;
	}
	if (is_number(word))
		rc = by_pid(&se, word, err);
	else
		rc = se.port ? by_port(&se, err) : by_name(&se, word, err);
	if (!rc && se.rc) {
		otr_err_set(err, "%s: cannot be traced: %s", word, strerror(-se.rc));
		rc = se.rc;
	}
	return rc;
}

int otr_targets_resolve(struct otr_targets *t, struct otr_err *err)
{
	int rc = 0;

	for (char **word = t->words; *word && !rc; word++)
		rc = resolve_one(t, *word, err);
	return rc;
}

void otr_targets_title(const struct otr_targets *t, char *out, size_t size)
{
	size_t more = otr_session_alive(t->session);

	if (more > 1)
		snprintf(out, size, "%s and %zu more", t->first, more - 1);
	else
		snprintf(out, size, "%s", t->first);
}

struct otr_ruling otr_targets_judge(void *arg, const struct otr_candidate *who)
{
	struct otr_targets *t = arg;
	uint16_t named;

	for (char **word = t->words; *word; word++) {
		if (is_number(*word))
			continue;
		if (is_port(*word, &named) ? named == who->port && who->port
					   : !who->port && otr_candidate_is(who, *word))
			return (struct otr_ruling){.is = OTR_VERDICT_TRACE};
	}
	return (struct otr_ruling){.is = OTR_VERDICT_NONE};
}

bool otr_targets_follow_ports(char **words)
{
	for (; *words; words++)
		if ((*words)[0] == ':')
			return true;
	return false;
}

bool otr_targets_follow_names(char **words)
{
	for (; *words; words++)
		if ((*words)[0] != ':' && !is_number(*words))
			return true;
	return false;
}
