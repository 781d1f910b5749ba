/* SPDX-License-Identifier: Apache-2.0 */
/*
 * name_guess.c - guesses the name of a service from its program and arguments.
 *
 * A program is named by its executable; what an interpreter runs is named by its script, module,
 * jar or class. Many of these words say nothing: three services that are all started as `gunicorn
 * app:app` would all be "app". So where the word is one that many programs have (generic[]),
 * another is looked for: the systemd unit, else the folder of the script, else the next folder
 * above that says more. Folders of temporary files and home folders say nothing. If none is
 * found, the word itself is the name.
 */

#include "agent/resource/name_guess.h"

#include <ctype.h>

#include "agent/base/own.h"
#include "agent/resource/name_args.h"
#include "agent/resource/name_path.h"

#define COMM_MAX 15

/* Words that many programs have as a name. */
static const char *const generic[] = {
	"app",	       "main",	 "index", "server",   "start",	   "run",     "wsgi",	"asgi",
	"application", "manage", "www",	  "__main__", "bootstrap", "program", "python", "node",
	"nodejs",      "java",	 "ruby",  "php",      "perl",	   "sh",      "bash",	"dash",
	"dotnet",      "deno",	 "bun",	  "uwsgi",    "pypy",
};

/* Folders whose names say nothing about a service, besides those of generic[]. */
static const char *const plain_dirs[] = {
	"apps",	   "src",      "code",	 "srv",	    "html",	 "home",    "root",
	"opt",	   "usr",      "var",	 "lib",	    "local",	 "bin",	    "sbin",
	"dist",	   "build",    "out",	 "target",  "workspace", "work",    "current",
	"release", "releases", "public", "site",    "sites",	 "project", "projects",
	"dev",	   "data",     "share",	 "libexec", "tmp",
};

/* Units that start programs of other services. */
static const char *const carriers[] = {
	"user@",  "session-",	"cron",	  "crond", "ssh",      "sshd",
	"docker", "containerd", "podman", "init",  "systemd-",
};

static bool is_listed(const char *const *list, size_t n, struct otr_slice s)
{
	for (size_t i = 0; i < n; i++)
		if (otr_slice_eq_nocase(s, otr_slice_str(list[i])))
			return true;
	return false;
}

static bool is_generic(struct otr_slice s)
{
	return !s.len || is_listed(generic, OTR_ARRAY_SIZE(generic), s);
}

/* False for release numbers and hashes, which are no names. */
static bool has_word(struct otr_slice s)
{
	size_t digits = 0;

	for (size_t i = 0; i < s.len; i++)
		digits += isxdigit((unsigned char)s.data[i]) != 0;
	if (s.len >= 12 && digits == s.len)
		return false;
	for (size_t i = 0; i < s.len; i++)
		if (isalpha((unsigned char)s.data[i]) || s.data[i] & 0x80)
			return true;
	return false;
}

static struct otr_slice dir_of(struct otr_slice path)
{
	size_t n = path.len - otr_name_base(path).len;

	while (n && path.data[n - 1] == '/')
		n--;
	return otr_slice_sub(path, 0, n);
}

static bool is_temporary(struct otr_slice path)
{
	return otr_slice_starts(path, OTR_SLICE("/tmp/")) ||
	       otr_slice_starts(path, OTR_SLICE("/var/tmp/")) ||
	       otr_slice_starts(path, OTR_SLICE("/dev/shm/"));
}

/* Returns the first folder, from `dir` upwards, whose name is neither generic nor plain; or an
 * empty slice. */
static struct otr_slice distinctive_dir(struct otr_slice dir)
{
	struct otr_slice base;

	if (is_temporary(dir))
		return OTR_SLICE_NONE;
	for (; dir.len; dir = dir_of(dir)) {
		base = otr_name_base(dir);
		if (otr_slice_eq(dir_of(dir), OTR_SLICE("/home")))
			break; /* the name is that of a person, not of a service */
		if (has_word(base) && base.data[0] != '.' && !is_generic(base) &&
		    !is_listed(plain_dirs, OTR_ARRAY_SIZE(plain_dirs), base))
			return base;
	}
	return OTR_SLICE_NONE;
}

/* Returns "orders" of ..../orders.service, unless that unit starts programs of other services. */
static struct otr_slice unit_of(struct otr_slice cgroup)
{
	static const char end[] = ".service";
	struct otr_slice s;

	for (; cgroup.len; cgroup = dir_of(cgroup)) {
		s = otr_name_base(cgroup);
		if (s.len < sizeof(end) ||
		    memcmp(s.data + s.len - sizeof(end) + 1, end, sizeof(end) - 1))
			continue;
		s.len -= sizeof(end) - 1;
		for (size_t i = 0; i < OTR_ARRAY_SIZE(carriers); i++) {
			struct otr_slice c = otr_slice_str(carriers[i]);
			bool front = strchr("@-", c.data[c.len - 1]) != NULL;

			if (front ? otr_slice_starts(s, c) : otr_slice_eq(s, c))
				return OTR_SLICE_NONE;
		}
		return s;
	}
	return OTR_SLICE_NONE;
}

/* Returns the folder of the script. The path of the script may be relative to the working
 * directory. */
static struct otr_slice script_dir(const struct otr_facts *facts, const struct otr_program *pg)
{
	struct otr_slice dir = dir_of(pg->path), found = OTR_SLICE_NONE;

	if (pg->path.len && pg->path.data[0] == '/')
		return distinctive_dir(dir);
	if (dir.len && !is_temporary(facts->text[OTR_META_CWD]))
		found = distinctive_dir(dir);
	return found.len ? found : distinctive_dir(facts->text[OTR_META_CWD]);
}

/* Is `comm` the name of `path`, as far as the kernel keeps it (15 characters)? */
static bool is_comm(struct otr_slice path, struct otr_slice comm)
{
	struct otr_slice base = otr_name_base(path);

	return comm.len && otr_slice_eq(otr_slice_sub(base, 0, COMM_MAX), comm);
}

/* Returns the name under which the program was executed. One file may have several names:
 * /usr/bin/redis-server is a link to redis-check-rdb. Then the first argument has the name, if
 * the name in the kernel confirms it. */
static struct otr_slice program_name(const struct otr_facts *facts)
{
	struct otr_slice exe = otr_name_exe(facts->text[OTR_META_EXE]);
	struct otr_slice args = facts->text[OTR_META_CMDLINE], first;
	size_t n = args.len ? strnlen(args.data, args.len) : 0;

	first = otr_slice_sub(args, 0, n);
	if (exe.len && !is_comm(exe, facts->comm)) {
		/* a title has blanks between its words, arguments have NULs */
		const char *blank = n ? memchr(first.data, ' ', n) : NULL;

		if (blank)
			first.len = (size_t)(blank - first.data);
		return is_comm(first, facts->comm) ? first : exe;
	}
	if (!exe.len)
		exe = first;
	return exe.len ? exe : facts->comm;
}

struct otr_slice otr_name_guess(const struct otr_facts *facts)
{
	struct otr_slice exe = program_name(facts), better;
	struct otr_program pg = {0};

	if (!otr_program_of(&pg, otr_name_family(exe), facts)) {
		pg.name = otr_name_base(exe);
		if (otr_slice_starts(pg.name, OTR_SLICE("php-fpm")))
			pg.name = otr_name_family(exe);
		pg.path = exe;
	}
	if (!is_generic(pg.name))
		return pg.name;
	better = unit_of(facts->text[OTR_META_CGROUP]);
	if (!better.len)
		better = script_dir(facts, &pg);
	if (better.len)
		return better;
	return pg.name.len ? pg.name : otr_name_family(exe);
}
