/* SPDX-License-Identifier: Apache-2.0 */
/*
 * name_args.c - finds the program that an interpreter runs, in the arguments of the interpreter.
 *
 * There is one row for each interpreter. It has the options that take a value, so that the value is
 * not taken for the script, and a function that names the program by its script.
 */

#include "agent/resource/name_args.h"

#include <ctype.h>

#include "agent/base/own.h"
#include "agent/resource/facts.h"
#include "agent/resource/name_path.h"

typedef void (*program_fn)(struct otr_program *pg, struct otr_slice rest);

struct runtime {
	const char *family;
	const char *valued;  /* options whose value is the next argument */
	const char *module;  /* the option before the name of a module or archive */
	const char *command; /* the option before program text: there is no script */
	const char *skip;    /* words that stand before the script */
	program_fn read;     /* names the program; `pg->path` is the script, `rest` follows it */
};

static bool is_listed(const char *list, struct otr_slice word)
{
	size_t n;

	for (; list && *list; list += n + (list[n] == ' ')) {
		n = strcspn(list, " ");
		if (otr_slice_eq(word, (struct otr_slice){list, n}))
			return true;
	}
	return false;
}

static bool next_arg(struct otr_slice *args, struct otr_slice *arg)
{
	size_t n;

	if (!args->len)
		return false;
	n = strnlen(args->data, args->len);
	*arg = otr_slice_sub(*args, 0, n);
	*args = otr_slice_sub(*args, n + 1, args->len);
	return true;
}

static struct otr_slice text_before(struct otr_slice s, char c)
{
	const char *at = s.len ? memchr(s.data, c, s.len) : NULL;

	return at ? otr_slice_sub(s, 0, (size_t)(at - s.data)) : s;
}

static struct otr_slice strip_ending(struct otr_slice s, const char *endings)
{
	size_t n;

	for (; *endings; endings += n + (endings[n] == ' ')) {
		n = strcspn(endings, " ");
		if (s.len > n && !memcmp(s.data + s.len - n, endings, n))
			return otr_slice_sub(s, 0, s.len - n);
	}
	return s;
}

/* Returns the last part between dots that is not one of `dull`, or the last part if all are. */
static struct otr_slice last_part(struct otr_slice s, const char *dull)
{
	struct otr_slice part = s, rest = s;
	size_t n;

	while (rest.len) {
		for (n = rest.len; n && rest.data[n - 1] != '.';)
			n--;
		part = otr_slice_sub(rest, n, rest.len);
		if (part.len && !is_listed(dull, part))
			return part;
		rest = otr_slice_sub(rest, 0, n ? n - 1 : 0);
	}
	for (n = s.len; n && s.data[n - 1] != '.';)
		n--;
	return otr_slice_sub(s, n, s.len);
}

#define DULL_MODULES "app main wsgi asgi server application run manage __main__ api"

static bool is_module(struct otr_slice s)
{
	if (!s.len || (!isalpha((unsigned char)s.data[0]) && s.data[0] != '_'))
		return false;
	for (size_t i = 0; i < s.len; i++)
		if (!isalnum((unsigned char)s.data[i]) && s.data[i] != '_' && s.data[i] != '.')
			return false;
	return true;
}

/* True for "orders.wsgi:app", false for "localhost:8000", which may be the value of an option. */
static bool is_app(struct otr_slice s)
{
	struct otr_slice mod = text_before(s, ':');
	struct otr_slice attr = otr_slice_sub(s, mod.len + 1, s.len);

	return mod.len < s.len && is_module(mod) && attr.len &&
	       (isalpha((unsigned char)attr.data[0]) || attr.data[0] == '_');
}

/* Returns the application that a Python server runs: MODULE:ATTRIBUTE anywhere in `args`, else
 * the last word that is a module and not the value of an option. */
static struct otr_slice app_of(struct otr_slice args)
{
	struct otr_slice arg, best = OTR_SLICE_NONE;
	bool value = false;

	while (next_arg(&args, &arg)) {
		if (is_app(arg))
			return text_before(arg, ':');
		if (!value && is_module(arg))
			best = arg;
		value = arg.len && arg.data[0] == '-' && !memchr(arg.data, '=', arg.len);
	}
	return best;
}

/* Returns the application of Flask and Celery, which an option names: --app NAME, -A NAME,
 * --app=NAME. */
static struct otr_slice app_option(struct otr_slice args)
{
	struct otr_slice arg, value;

	while (next_arg(&args, &arg)) {
		value = text_before(arg, '=');
		if (!is_listed("--app -A", value))
			continue;
		if (value.len < arg.len)
			return otr_slice_sub(arg, value.len + 1, arg.len);
		return next_arg(&args, &arg) ? arg : OTR_SLICE_NONE;
	}
	return OTR_SLICE_NONE;
}

static struct otr_slice module_name(struct otr_slice module)
{
	module = strip_ending(otr_name_base(text_before(module, ':')), ".py");
	return last_part(module, DULL_MODULES);
}

static void read_python(struct otr_program *pg, struct otr_slice rest)
{
	struct otr_slice tool = strip_ending(otr_name_base(pg->path), ".py");
	struct otr_slice skip;

	pg->name = tool;
	if (is_listed("gunicorn uvicorn hypercorn daphne granian waitress-serve", tool)) {
		pg->name = module_name(app_of(rest));
		pg->path = OTR_SLICE_NONE; /* the script of the server, not of the service */
	} else if (is_listed("flask celery", tool)) {
		pg->name = module_name(app_option(rest));
		pg->path = OTR_SLICE_NONE;
	} else if (is_listed("streamlit fastapi", tool)) {
		pg->path = OTR_SLICE_NONE;
		while (next_arg(&rest, &skip) && !pg->path.len)
			if (skip.len > 3 && strip_ending(skip, ".py").len < skip.len)
				pg->path = skip;
		pg->name = module_name(pg->path);
	} else if (!is_listed("http.server", tool)) {
		pg->name = module_name(tool);
	}
}

/* A program inside node_modules is a tool. It serves the project whose folder node_modules is
 * in. */
static void read_node(struct otr_program *pg, struct otr_slice rest)
{
	const char *at = NULL;

	(void)rest;
	if (pg->path.len)
		at = memmem(pg->path.data, pg->path.len, "node_modules/", 13);
	pg->name = strip_ending(otr_name_base(pg->path), ".js .mjs .cjs .ts .mts .cts .jsx .tsx");
	if (!at && !otr_slice_starts(pg->name, OTR_SLICE("next-server")))
		return;
	pg->name = OTR_SLICE_NONE;
	pg->path = at ? otr_slice_sub(pg->path, 0, (size_t)(at - pg->path.data)) : OTR_SLICE_NONE;
}

static struct otr_slice jar_name(struct otr_slice path)
{
	struct otr_slice s = strip_ending(otr_name_base(path), ".jar .war");

	for (size_t i = 1; i + 1 < s.len; i++)
		if (s.data[i] == '-' && isdigit((unsigned char)s.data[i + 1]))
			return otr_slice_sub(s, 0, i); /* the rest is a version: -1.2.3-SNAPSHOT */
	return s;
}

static void read_java(struct otr_program *pg, struct otr_slice rest)
{
	struct otr_slice s = pg->path;

	(void)rest;
	if (strip_ending(s, ".jar .war").len < s.len) {
		pg->name = jar_name(s);
		return;
	}
	pg->path = OTR_SLICE_NONE; /* `s` is a class or module/class, not a path */
	if (memmem(s.data, s.len, "catalina", 8))
		pg->name = OTR_SLICE("tomcat");
	else
		pg->name = last_part(otr_name_base(s), "Main Application App Server Bootstrap "
						       "Launcher Start");
}

static void read_ruby(struct otr_program *pg, struct otr_slice rest)
{
	(void)rest;
	pg->name = strip_ending(otr_name_base(pg->path), ".rb .ru");
	if (!is_listed("puma rails rackup unicorn thin bundle sidekiq rake", pg->name))
		return;
	pg->name = OTR_SLICE_NONE;
	pg->path = OTR_SLICE_NONE; /* the working directory is that of the project */
}

static void read_script(struct otr_program *pg, struct otr_slice rest)
{
	(void)rest;
	pg->name = strip_ending(otr_name_base(pg->path), ".php .pl .sh .dll");
	if (is_listed("artisan console", pg->name))
		pg->name = OTR_SLICE_NONE;
}

static void read_uwsgi(struct otr_program *pg, struct otr_slice rest)
{
	struct otr_slice arg;

	pg->path = OTR_SLICE_NONE;
	pg->name = OTR_SLICE_NONE;
	while (next_arg(&rest, &arg)) {
		if (is_listed("-w --module --wsgi-file --wsgi --file", arg) &&
		    next_arg(&rest, &arg))
			pg->name = module_name(arg);
		else if (strip_ending(arg, ".ini .yaml .yml").len < arg.len && !pg->name.len)
			pg->name = strip_ending(otr_name_base(arg), ".ini .yaml .yml");
	}
}

#define JAVA_VALUED                                                   \
	"-cp -classpath --class-path -p --module-path --add-modules " \
	"--add-opens --add-exports --add-reads --upgrade-module-path"
#define NODE_VALUED                                                        \
	"-r --require --import --loader --experimental-loader --env-file " \
	"-C --conditions --title --inspect-port --watch-path"
#define BUN_VALUED                                                      \
	"-r --preload --require --import -c --config --cwd --env-file " \
	"--port --conditions -d --define -l --loader --title"

static const struct runtime runtimes[] = {
	{"python", "-W -X --check-hash-based-pycs", "-m", "-c", "", read_python},
	{"pypy", "-W -X", "-m", "-c", "", read_python},
	{"node", NODE_VALUED, "", "-e --eval -p --print", "", read_node},
	{"nodejs", NODE_VALUED, "", "-e --eval -p --print", "", read_node},
	{"deno", "-c --config", "", "eval", "run serve", read_node},
	{"bun", BUN_VALUED, "", "-e --eval -p --print", "run start", read_node},
	{"bunx", BUN_VALUED, "", "", "", read_node},
	{"java", JAVA_VALUED, "-jar -m --module", "", "", read_java},
	{"ruby", "-I -r -C -E", "", "-e", "", read_ruby},
	{"php", "-d -c -z", "-f", "-r", "", read_script},
	{"perl", "-I", "", "-e -E", "", read_script},
	{"dotnet", "", "", "", "exec run", read_script},
	{"sh", "-o", "", "-c", "", read_script},
	{"bash", "-o -O --rcfile", "", "-c", "", read_script},
	{"dash", "-o", "", "-c", "", read_script},
	{"uwsgi", "", "", "", "", NULL},
	{"uwsgi-core", "", "", "", "", NULL},
};

/* Reads a title that replaced the arguments: "gunicorn: master [orders.wsgi]", "puma 6.0
 * (tcp://..) [orders]". */
static bool read_title(struct otr_program *pg, struct otr_slice title)
{
	const char *from, *to;

	if (!otr_slice_starts(title, OTR_SLICE("gunicorn: ")) &&
	    !otr_slice_starts(title, OTR_SLICE("puma")))
		return false;
	from = memchr(title.data, '[', title.len);
	to = from ? memchr(from, ']', (size_t)(title.data + title.len - from)) : NULL;
	if (!to)
		return false;
	pg->name = module_name((struct otr_slice){from + 1, (size_t)(to - from - 1)});
	return true;
}

/* Is `arg` a group of Python's one-letter options that ends with `c`, as -um in "-um MODULE"?
 * -Xutf8 is none. */
static bool is_grouped(const struct runtime *rt, struct otr_slice arg, char c)
{
	return rt->read == read_python && arg.len > 2 && arg.data[1] != '-' && arg.data[1] != 'W' &&
	       arg.data[1] != 'X' && arg.data[arg.len - 1] == c;
}

/* Takes the arguments up to the script off `args`. False: there is program text instead of a
 * script, or nothing. */
static bool find_script(const struct runtime *rt, struct otr_slice *args, struct otr_slice *script)
{
	struct otr_slice arg;

	while (next_arg(args, &arg)) {
		if (is_listed(rt->command, arg) || is_grouped(rt, arg, 'c'))
			return false;
		if (is_listed(rt->module, arg) || is_grouped(rt, arg, 'm'))
			return next_arg(args, script);
		if (is_listed(rt->valued, arg)) {
			next_arg(args, &arg);
			continue;
		}
		if (!arg.len || arg.data[0] == '-' || is_listed(rt->skip, arg))
			continue;
		*script = arg;
		return true;
	}
	return false;
}

bool otr_program_of(struct otr_program *pg, struct otr_slice family, const struct otr_facts *facts)
{
	struct otr_slice args = facts->text[OTR_META_CMDLINE], argv0;
	const struct runtime *rt = runtimes;

	while (!otr_slice_eq(family, otr_slice_str(rt->family)))
		if (++rt == runtimes + OTR_ARRAY_SIZE(runtimes))
			return false;
	if (facts->text[OTR_META_JAR].len && rt->read == read_java) {
		pg->path = facts->text[OTR_META_JAR];
		pg->name = jar_name(pg->path);
		return true;
	}
	if (read_title(pg, args) || !next_arg(&args, &argv0))
		return true;
	if (!rt->read)
		read_uwsgi(pg, args);
	else if (find_script(rt, &args, &pg->path))
		rt->read(pg, args);
	return true;
}
