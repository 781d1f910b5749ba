/* SPDX-License-Identifier: Apache-2.0 */
/* name_test.c - the names of services. */

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <stdio.h>

#include "agent/base/own.h"
#include "agent/resource/name.h"

/* Arguments and variables are written with '|' for the NUL between. */
static const struct {
	const char *exe, *args, *cwd, *cgroup, *env, *want;
} rows[] = {
	/* given by the environment */
	{"/usr/bin/node", "node|x.js", "/", "", "OTEL_SERVICE_NAME=cart", "cart"},
	{"/usr/bin/node", "node|x.js", "/", "",
	 "OTEL_RESOURCE_ATTRIBUTES=a=b,service.name=my%20cart", "my cart"},
	{"/usr/bin/node", "node|x.js", "/", "", "OTEL_RESOURCE_ATTRIBUTES=service.name=cart,x=%zz",
	 "cart"},
	{"/usr/bin/node", "node|x.js", "/", "",
	 "OTEL_RESOURCE_ATTRIBUTES=,=x,service.name=%2,y,service.name=c%61rt", "cart"},
	{"/usr/bin/node", "node|x.js", "/", "",
	 "OTEL_SERVICE_NAME=a|OTEL_RESOURCE_ATTRIBUTES=service.name=b", "a"},
	{"/app/node_modules/bun/bin/bun.exe", "bun|cart.ts", "/", "", "", "cart"},
	{"/app/node_modules/bun/bin/bun.exe", "bun|run|--preload|./x.ts|src/cart.tsx|--port|1", "/",
	 "", "", "cart"},
	{"/root/.bun/bin/bun", "bun|--cwd|/srv|start|cart.js", "/", "", "", "cart"},
	/* programs that are no interpreters */
	{"/usr/sbin/nginx", "nginx: worker process", "/", "", "", "nginx"},
	{"/usr/lib/postgresql/15/bin/postgres", "postgres: 15/main: walwriter", "/", "", "",
	 "postgres"},
	{"/usr/bin/redis-server", "redis-server *:6379", "/", "", "", "redis-server"},
	{"/opt/shop/bin/checkout (deleted)", "./checkout", "/", "", "", "checkout"},
	{"/srv/orders/server", "./server", "/srv/orders", "", "", "orders"},
	{"/usr/sbin/php-fpm8.2", "php-fpm: pool www", "/", "", "", "php-fpm"},
	/* Python */
	{"/usr/bin/python3.11", "python3|orders.py|--port|80", "/x", "", "", "orders"},
	{"/usr/bin/python3.11", "python3|app.py", "/tmp/t.x", "", "", "app"},
	{"/usr/bin/python3.11", "python3|app.py", "/srv/orders", "", "", "orders"},
	{"/usr/bin/python3.11", "python3|-u|-W|ignore|/srv/mail/src/main.py", "/", "", "", "mail"},
	{"/usr/bin/python3.11", "python3|-m|billing.worker", "/", "", "", "worker"},
	{"/usr/bin/python3.11", "python3|-m|billing.main", "/", "", "", "billing"},
	{"/usr/bin/python3.11", "python3|-um|http.server", "/", "", "", "http.server"},
	{"/usr/bin/python3.11", "python3|-c|import x", "/", "", "", "python"},
	{"/usr/bin/python3.11",
	 "/venv/bin/python|/venv/bin/gunicorn|-w|4|-b|localhost:8000|app:app", "/srv/orders", "",
	 "", "orders"},
	{"/usr/bin/python3.11", "python|/usr/bin/gunicorn|app:app", "/app", "", "", "app"},
	{"/usr/bin/python3.11", "python|/usr/bin/gunicorn|-w|4|shop.wsgi", "/app", "", "", "shop"},
	{"/usr/bin/python3.11", "gunicorn: master [shop.wsgi]", "/", "", "", "shop"},
	{"/usr/bin/python3.11", "python|/v/bin/uvicorn|--port|80|cart.main:app", "/", "", "",
	 "cart"},
	{"/usr/bin/python3.11", "python|/v/bin/flask|--app|cart|run", "/", "", "", "cart"},
	{"/usr/bin/python3.11", "python|/v/bin/flask|run", "/srv/cart", "", "", "cart"},
	{"/usr/bin/python3.11", "python|manage.py|runserver", "/srv/shop", "", "", "shop"},
	{"/usr/bin/python3.11", "python|/v/bin/celery|-A|mail.app|worker", "/", "", "", "mail"},
	{"/usr/bin/uwsgi-core", "uwsgi", "/", "", "", "uwsgi-core"},
	{"/usr/bin/uwsgi", "uwsgi|--http|:80|--module|cart.wsgi:app", "/", "", "", "cart"},
	{"/usr/bin/python3.11", "python3|app.py", "/app", "/system.slice/orders.service", "",
	 "orders"},
	{"/usr/bin/python3.11", "python3|app.py", "/app",
	 "/user.slice/user-1000.slice/user@1000.service/app.slice/t.scope", "", "app"},
	/* Node */
	{"/usr/bin/node", "node|cart.js", "/", "", "", "cart"},
	{"/usr/bin/node", "node|--require|./x.js|--inspect|dist/index.js", "/srv/cart", "", "",
	 "cart"},
	{"/usr/bin/node", "node|/home/ann/server.js", "/", "", "", "server"},
	{"/usr/bin/node", "node|/srv/web/node_modules/.bin/next|start", "/", "", "", "web"},
	{"/usr/bin/node", "node|/srv/cart/releases/20260102/app.mjs", "/", "", "", "cart"},
	/* Java */
	{"/usr/bin/java", "java|-Xmx1g|-jar|/o/orders-1.2.3-SNAPSHOT.jar|x", "/", "", "", "orders"},
	{"/usr/bin/java", "java|-cp|a.jar:b|com.acme.orders.Main", "/", "", "", "orders"},
	{"/usr/bin/java", "java|-cp|a|org.apache.catalina.startup.Bootstrap|start", "/", "", "",
	 "tomcat"},
	{"/usr/bin/java", "java|-cp|a|kafka.Kafka|c", "/", "", "", "Kafka"},
	/* Ruby, PHP, .NET, shells */
	{"/usr/bin/ruby3.1", "puma 6.0.0 (tcp://0.0.0.0:3000) [blog]", "/", "", "", "blog"},
	{"/usr/bin/ruby3.1", "ruby|bin/rails|server", "/srv/blog", "", "", "blog"},
	{"/usr/bin/ruby3.1", "ruby|mailer.rb", "/", "", "", "mailer"},
	{"/usr/bin/php8.2", "php|artisan|serve", "/srv/shop", "", "", "shop"},
	{"/usr/bin/dotnet", "dotnet|Orders.dll", "/", "", "", "Orders"},
	{"/usr/bin/bash", "bash|/opt/x/backup.sh", "/", "", "", "backup"},
	/* few or hostile facts */
	{"", "", "", "", "", "unknown_service"},
	{"", "python3|-", "", "", "", "python"},
	{"/bin/a\xff\x1b[2J", "a", "/", "", "", "a\xef\xbf\xbd\xef\xbf\xbd[2J"},
	{"/usr/bin/node", "node|", "/", "", "", "node"},
};

static struct otr_slice lines(char *to, const char *from)
{
	size_t n = strlen(from);

	for (size_t i = 0; i < n; i++)
		to[i] = from[i] == '|' ? '\0' : from[i];
	return (struct otr_slice){n ? to : NULL, n};
}

static void names_services(void **state)
{
	char args[256], env[256], out[OTR_SERVICE_MAX + 1];
	struct otr_facts f;

	(void)state;
	for (size_t i = 0; i < OTR_ARRAY_SIZE(rows); i++) {
		memset(&f, 0, sizeof(f));
		f.text[OTR_META_EXE] = otr_slice_str(rows[i].exe);
		f.text[OTR_META_CMDLINE] = lines(args, rows[i].args);
		f.text[OTR_META_CWD] = otr_slice_str(rows[i].cwd);
		f.text[OTR_META_CGROUP] = otr_slice_str(rows[i].cgroup);
		f.text[OTR_META_ENV] = lines(env, rows[i].env);
		otr_name_service(&f, out);
		if (strcmp(out, rows[i].want))
			print_error("row %zu: %s\n", i, rows[i].args);
		assert_string_equal(out, rows[i].want);
	}
}

/* One file may have several names: the name under which it was executed counts if two facts
 * agree on it. */
static void names_what_was_executed(void **state)
{
	static const struct {
		const char *exe, *args, *comm, *want;
	} as[] = {
		{"/usr/bin/redis-check-rdb", "redis-server *:6379", "redis-server", "redis-server"},
		{"/usr/bin/redis-check-rdb", "/usr/bin/redis-server|*:6379", "redis-server",
		 "redis-server"},
		{"/bin/busybox", "httpd|-f", "httpd", "httpd"},
		{"/opt/bin/multi", "/opt/bin/a-very-long-program|x", "a-very-long-pro",
		 "a-very-long-program"},
		{"/opt/bin/cart-service-v2", "/opt/bin/cart-service-v2", "cart-service-v2",
		 "cart-service-v2"},
		{"/opt/bin/cart", "orders", "worker", "cart"},
		{"/opt/bin/cart", "orders", "cart", "cart"},
		{"/opt/bin/cart", "orders", "", "cart"},
		{"/usr/bin/python3.11", "python3|orders.py", "python3", "orders"},
		{"/usr/bin/dash", "/bin/sh|/opt/deploy.sh", "deploy.sh", "deploy"},
		{"", "", "cart", "cart"},
	};
	char args[256], out[OTR_SERVICE_MAX + 1];
	struct otr_facts f;

	(void)state;
	for (size_t i = 0; i < OTR_ARRAY_SIZE(as); i++) {
		memset(&f, 0, sizeof(f));
		f.text[OTR_META_EXE] = otr_slice_str(as[i].exe);
		f.text[OTR_META_CMDLINE] = lines(args, as[i].args);
		f.comm = otr_slice_str(as[i].comm);
		otr_name_service(&f, out);
		assert_string_equal(out, as[i].want);
	}
}

static void the_users_word_wins_and_is_cut(void **state)
{
	char out[OTR_SERVICE_MAX + 1], name[130];
	struct otr_facts f = {0};

	(void)state;
	for (size_t i = 0; i + 2 <= sizeof(name); i += 2)
		memcpy(name + i, "\xc3\xa4", 2);
	name[0] = 'x', name[1] = 'y';
	f.text[OTR_META_ENV] = OTR_SLICE("OTEL_SERVICE_NAME=no");
	f.text[OTR_META_SERVICE] = (struct otr_slice){name, sizeof(name)};
	assert_int_equal(otr_name_service(&f, out), 128);
	name[2] = 'z';
	f.text[OTR_META_SERVICE] = (struct otr_slice){name, 3};
	assert_int_equal(otr_name_service(&f, out), 3);
	assert_string_equal(out, "xyz");
}

static void knows_languages_and_containers(void **state)
{
	struct otr_slice id = OTR_SLICE("0123456789abcdef0123456789abcdef"
					"0123456789abcdef0123456789abcdef");
	char path[160];

	(void)state;
	assert_string_equal(otr_name_language(OTR_SLICE("/usr/bin/python3.11")), "python");
	assert_string_equal(otr_name_language(OTR_SLICE("/opt/n/bin/node")), "nodejs");
	assert_string_equal(otr_name_language(OTR_SLICE("/usr/sbin/nginx")), "cpp");
	assert_string_equal(otr_name_language(OTR_SLICE_NONE), "cpp");
	snprintf(path, sizeof(path), "/system.slice/docker-%s.scope", id.data);
	assert_true(otr_slice_eq(otr_name_container(otr_slice_str(path)), id));
	assert_int_equal(otr_name_container(OTR_SLICE("/a/0123")).len, 0);
}

/* Any bytes: the name is never empty, and never longer than the limit. */
static void takes_any_bytes(void **state)
{
	static const char *const exes[] = {"python3", "node", "java", "ruby", "uwsgi", "php", "x"};
	char bytes[64], out[OTR_SERVICE_MAX + 1];
	struct otr_facts f = {0};
	uint32_t dice = 1;

	(void)state;
	for (size_t turn = 0; turn < 20000; turn++) {
		for (size_t i = 0; i < sizeof(bytes); i++) {
			dice = dice * 1664525 + 1013904223;
			bytes[i] = "-mpcjar.:/=%[]\0\0\0 \xc3\xa4\xff"
				   "1"[(dice >> 16) % 22];
		}
		f.text[OTR_META_EXE] = otr_slice_str(exes[turn % OTR_ARRAY_SIZE(exes)]);
		for (size_t k = OTR_META_CMDLINE; k <= OTR_META_CGROUP; k++)
			f.comm = f.text[k] = (struct otr_slice){bytes + k, (dice >> (k + 8)) % 50};
		assert_in_range(otr_name_service(&f, out), 1, OTR_SERVICE_MAX);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(names_services),
		cmocka_unit_test(names_what_was_executed),
		cmocka_unit_test(the_users_word_wins_and_is_cut),
		cmocka_unit_test(knows_languages_and_containers),
		cmocka_unit_test(takes_any_bytes),
	};

	return cmocka_run_group_tests_name("name", tests, NULL, NULL);
}
