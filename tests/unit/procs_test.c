/* SPDX-License-Identifier: Apache-2.0 */
/* procs_test.c - what is known of processes, from events. */

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#include "agent/base/own.h"
#include "agent/resource/procfs.h"
#include "agent/resource/resource.h"
#include "agent/resource/uuid5.h"
#include "bpf/event.h"

#define SECOND 1000000000ull

static struct otr_procs *procs;
static uint64_t now_ns;

static int fresh(void **state)
{
	(void)state;
	now_ns = SECOND;
	return otr_procs_new(&procs, 4);
}

static int drop(void **state)
{
	(void)state;
	otr_procs_free(&procs);
	return 0;
}

static void take(void *arg, const struct otr_event *ev)
{
	(void)arg;
	assert_int_equal(otr_procs_event(procs, ev), 0);
}

static void meta(uint32_t tgid, enum otr_meta key, const char *text)
{
	otr_meta_put(tgid, key, otr_slice_str(text), now_ns, take, NULL);
}

static void proc(enum otr_event_kind kind, uint32_t tgid, uint32_t ppid, uint64_t start_ns,
		 const char *exe)
{
	char bytes[256] = {0};
	struct otr_ev_proc *ev = (struct otr_ev_proc *)bytes;

	ev->hdr.kind = (uint16_t)kind;
	ev->hdr.tgid = tgid;
	ev->hdr.time_ns = now_ns;
	ev->ppid = ppid;
	ev->start_ns = start_ns;
	ev->exe_len = (uint16_t)strlen(exe);
	memcpy(ev->text, exe, ev->exe_len);
	strcpy(ev->comm, "comm");
	ev->hdr.size = (uint32_t)sizeof(*ev) + ev->exe_len;
	take(NULL, &ev->hdr);
}

static void clock_is(uint64_t realtime_ns, uint64_t boottime_ns)
{
	struct otr_ev_clock ev = {.hdr.kind = OTR_EV_CLOCK,
				  .hdr.size = sizeof(ev),
				  .realtime_ns = realtime_ns,
				  .boottime_ns = boottime_ns};

	take(NULL, &ev.hdr);
}

static const char *service(uint32_t tgid)
{
	static char out[200];
	const struct otr_resource *res = otr_procs_resource(procs, tgid);

	assert_non_null(res);
	assert_int_equal(res->tgid, tgid);
	snprintf(out, sizeof(out), "%.*s", OTR_SLICE_ARG(res->service));
	return out;
}

static const char *attr(uint32_t tgid, const char *name)
{
	static char out[8][200];
	static unsigned int turn;
	const struct otr_resource *res = otr_procs_resource(procs, tgid);
	char *to = out[turn++ % 8];

	for (uint16_t i = 0; i < res->n_attrs; i++) {
		const struct otr_attr *at = &res->attrs[i];
		struct otr_slice key =
			at->key == OTR_KEY_CUSTOM ? at->name : otr_slice_str(otr_key_name(at->key));

		if (!otr_slice_eq(key, otr_slice_str(name)))
			continue;
		if (at->type == OTR_ATTR_INT)
			snprintf(to, 200, "%ld", at->integer);
		else
			snprintf(to, 200, "%.*s", OTR_SLICE_ARG(at->string));
		return to;
	}
	return "";
}

static void forked_workers_are_their_parents_service(void **state)
{
	(void)state;
	proc(OTR_EV_PROC_EXEC, 10, 1, 5, "/usr/bin/orders");
	meta(10, OTR_META_ENV, "OTEL_SERVICE_NAME=cart");
	proc(OTR_EV_PROC_FORK, 11, 10, 6, "");
	meta(11, OTR_META_CMDLINE, "cart: worker");
	assert_string_equal(service(11), "cart");
	assert_true(otr_slice_eq(otr_procs_env(procs, 11, "OTEL_SERVICE_NAME"), OTR_SLICE("cart")));

	/* Another program, which has the environment of its parent until its own is read. */
	proc(OTR_EV_PROC_EXEC, 11, 10, 6, "/usr/bin/mail");
	assert_string_equal(service(11), "cart");
	meta(11, OTR_META_ENV, "");
	assert_string_equal(service(11), "mail");
	assert_string_equal(service(10), "cart");
}

static void a_given_name_stays_with_the_process(void **state)
{
	(void)state;
	meta(10, OTR_META_SERVICE, "shop");
	proc(OTR_EV_PROC_EXEC, 10, 1, 5, "/bin/sh");
	assert_string_equal(service(10), "shop");
	proc(OTR_EV_PROC_FORK, 11, 10, 6, "");
	assert_string_equal(service(11), "shop");
	proc(OTR_EV_PROC_EXEC, 11, 10, 6, "/usr/bin/curl");
	assert_string_equal(service(11), "curl");
	proc(OTR_EV_PROC_EXEC, 10, 1, 5, "/usr/bin/orders");
	assert_string_equal(service(10), "shop");
}

static void titles_do_not_rename(void **state)
{
	static const char args[] = "python3\0orders.py";
	struct otr_slice s = {args, sizeof(args) - 1};

	(void)state;
	meta(10, OTR_META_EXE, "/usr/bin/python3.11");
	otr_meta_put(10, OTR_META_CMDLINE, s, now_ns, take, NULL);
	meta(10, OTR_META_CMDLINE, "serving 4 requests");
	assert_string_equal(service(10), "orders");
}

static void unknown_ones_have_a_name_too(void **state)
{
	(void)state;
	assert_string_equal(service(77), "unknown_service");
	assert_string_equal(attr(77, "process.pid"), "77");
	proc(OTR_EV_PROC_FORK, 78, 1, 6, "");
	assert_string_equal(service(78), "comm");
}

static void a_number_used_again_is_another_process(void **state)
{
	struct otr_resource *first;
	char id[64];

	(void)state;
	clock_is(1700000000 * SECOND, 100 * SECOND);
	proc(OTR_EV_PROC_EXEC, 10, 1, 5 * SECOND, "/usr/bin/orders");
	first = otr_resource_ref(otr_procs_resource(procs, 10));
	assert_ptr_equal(otr_procs_resource(procs, 10), first);
	strcpy(id, attr(10, "service.instance.id"));
	proc(OTR_EV_PROC_EXIT, 10, 1, 5 * SECOND, "");
	assert_string_equal(service(10), "orders"); /* late spans */
	proc(OTR_EV_PROC_EXEC, 10, 1, 9 * SECOND, "/usr/bin/mail");
	assert_string_equal(service(10), "mail");
	assert_string_not_equal(id, attr(10, "service.instance.id"));
	assert_true(otr_slice_eq(first->service, OTR_SLICE("orders")));
	otr_resource_unref(&first);
}

static void forgets_in_time_and_in_number(void **state)
{
	(void)state;
	meta(10, OTR_META_EXE, "/bin/a");
	proc(OTR_EV_PROC_EXIT, 10, 1, 0, "");
	now_ns += 59 * SECOND;
	proc(OTR_EV_PROC_EXIT, 99, 1, 0, "");
	assert_string_equal(service(10), "a");
	now_ns += 2 * SECOND;
	proc(OTR_EV_PROC_EXIT, 99, 1, 0, "");
	assert_string_equal(service(10), "unknown_service");

	for (uint32_t i = 20; i < 24; i++)
		meta(i, OTR_META_EXE, "/bin/b");
	proc(OTR_EV_PROC_EXIT, 22, 1, 0, "");
	meta(30, OTR_META_EXE, "/bin/c"); /* the one that exited is forgotten */
	assert_string_equal(service(20), "b");
	assert_string_equal(service(30), "c");
	assert_string_equal(service(22), "unknown_service"); /* and 20 is forgotten */
	assert_string_equal(service(20), "unknown_service");
}

/* Fifty thousand shells a minute: only those that ended last are kept. */
static void forgets_of_many_what_ended_first(void **state)
{
	struct otr_procs *many = NULL;
	struct otr_procs *few = procs;

	(void)state;
	assert_int_equal(otr_procs_new(&many, 8192), 0);
	procs = many;
	meta(9, OTR_META_EXE, "/bin/lives");
	for (uint32_t i = 0; i < 1025; i++) {
		meta(1000 + i, OTR_META_EXE, "/bin/a");
		proc(OTR_EV_PROC_EXIT, 1000 + i, 1, 0, "");
	}
	assert_string_equal(service(9), "lives");
	assert_string_equal(service(1000), "unknown_service");
	assert_string_equal(service(1001), "a");
	assert_string_equal(service(2024), "a");
	procs = few;
	otr_procs_free(&many);
}

static void go_programs_and_links(void **state)
{
	(void)state;
	meta(10, OTR_META_EXE, "/srv/orders");
	meta(10, OTR_META_GO, "go1.26.1");
	assert_string_equal(attr(10, "telemetry.sdk.language"), "go");
	assert_string_equal(attr(10, "process.runtime.name"), "go");
	assert_string_equal(attr(10, "process.runtime.version"), "go1.26.1");
	proc(OTR_EV_PROC_EXEC, 10, 1, 0, "/bin/x");
	assert_string_equal(attr(10, "process.runtime.version"), "");
	assert_string_equal(attr(10, "telemetry.sdk.language"), "cpp");
	/* attached: its name comes from /proc */
	meta(11, OTR_META_EXE, "/usr/bin/redis-check-rdb");
	meta(11, OTR_META_CMDLINE, "redis-server *:6379");
	assert_string_equal(service(11), "redis-check-rdb");
	meta(11, OTR_META_COMM, "redis-server-that-is-too-long");
	assert_string_equal(service(11), "redis-check-rdb");
	meta(11, OTR_META_COMM, "redis-server");
	assert_string_equal(service(11), "redis-server");
}

static void attributes_are_as_the_conventions_say(void **state)
{
	(void)state;
	meta(0, OTR_META_HOST, "box");
	meta(0, OTR_META_HOST_ID, "0123");
	meta(0, OTR_META_ARCH, "amd64");
	meta(10, OTR_META_EXE, "/usr/bin/python3.11");
	meta(10, OTR_META_START, "1700000000120000000");
	meta(10, OTR_META_OWNER, "www\xff");
	meta(10, OTR_META_ENV,
	     "OTEL_RESOURCE_ATTRIBUTES=service.version=1%2C2,bad=%g0,none,team=a,team=b,"
	     "telemetry.sdk.name=evil,host.name=mine");
	assert_string_equal(attr(10, "service.version"), "1,2");
	assert_string_equal(attr(10, "team"), "a");
	assert_string_equal(attr(10, "bad"), "");
	assert_string_equal(attr(10, "telemetry.sdk.name"), "otrace");
	assert_string_equal(attr(10, "telemetry.sdk.language"), "python");
	assert_string_equal(attr(10, "process.runtime.name"), "");
	assert_string_equal(attr(10, "host.name"), "mine");
	assert_string_equal(attr(10, "host.id"), "0123");
	assert_string_equal(attr(10, "os.type"), "linux");
	assert_string_equal(attr(10, "process.owner"), "www\xef\xbf\xbd");
	assert_string_equal(attr(10, "process.creation.time"), "2023-11-14T22:13:20.120Z");
	/* uuid5(4d63009a-8d0f-11ee-aad7-4c796ed8e320, "0123,10,1700000000120") */
	assert_string_equal(attr(10, "service.instance.id"),
			    "b6c01bc5-a81b-5878-b4e2-c53ac1a7e475");
	meta(0, OTR_META_ARCH, "arm64"); /* the host's facts came late */
	assert_string_equal(attr(10, "host.arch"), "arm64");
}

static void hashes_by_the_book(void **state)
{
	static const uint8_t dns[16] = {0x6b, 0xa7, 0xb8, 0x10, 0x9d, 0xad, 0x11, 0xd1,
					0x80, 0xb4, 0x00, 0xc0, 0x4f, 0xd4, 0x30, 0xc8};
	static const uint8_t abc[20] = {0xa9, 0x99, 0x3e, 0x36, 0x47, 0x06, 0x81, 0x6a, 0xba, 0x3e,
					0x25, 0x71, 0x78, 0x50, 0xc2, 0x6c, 0x9c, 0xd0, 0xd8, 0x9d};
	static const uint8_t two[20] = {0x84, 0x98, 0x3e, 0x44, 0x1c, 0x3b, 0xd2, 0x6e, 0xba, 0xae,
					0x4a, 0xa1, 0xf9, 0x51, 0x29, 0xe5, 0xe5, 0x46, 0x70, 0xf1};
	char text[OTR_UUID_TEXT];
	uint8_t h[20];

	(void)state;
	otr_sha1(h, OTR_SLICE("abc"));
	assert_memory_equal(h, abc, 20);
	otr_sha1(h, OTR_SLICE("abcdbcdecdefdefgefghfghighijhijkijkljklmklmn"
			      "lmnomnopnopq"));
	assert_memory_equal(h, two, 20);
	otr_uuid5(text, dns, OTR_SLICE("www.example.com"));
	assert_string_equal(text, "2ed6657d-e927-568b-95e1-2665a8aea6a2");
}

static void reads_this_process(void **state)
{
	char pid[16];

	(void)state;
	setenv("OTEL_X_HEADERS", "secret", 1); /* too late for /proc, harmless */
	assert_true(otr_resource_read((uint32_t)getpid(), now_ns, take, NULL) >= 6);
	assert_true(otr_resource_read_host(now_ns, take, NULL) >= 2);
	assert_string_equal(service((uint32_t)getpid()), "procs_test");
	snprintf(pid, sizeof(pid), "%d", getpid());
	assert_string_equal(attr((uint32_t)getpid(), "process.pid"), pid);
	assert_string_equal(attr((uint32_t)getpid(), "process.executable.name"), "procs_test");
	assert_int_equal(otr_resource_read(0x7fffffff, now_ns, take, NULL), -3);
}

/* A class path is no name of a program. */
static void programs_are_known_by_their_names(void **state)
{
	static const char broker[] = "java\0-Xmx1g\0-cp\0/opt/kafka/libs/a.jar:b.jar\0kafka.Kafka\0"
				     "server.properties\0";
	static const char script[] = "/usr/bin/python3\0-u\0/srv/shop.py\0kafka.Kafka\0";

	(void)state;
	assert_true(otr_procfs_names("/usr/bin/java", broker, sizeof(broker), "kafka.Kafka"));
	assert_true(otr_procfs_names("/usr/bin/java", broker, sizeof(broker), "java"));
	assert_false(otr_procfs_names("/usr/bin/java", broker, sizeof(broker), "a.jar:b.jar"));
	assert_false(
		otr_procfs_names("/usr/bin/java", broker, sizeof(broker), "server.properties"));
	assert_true(otr_procfs_names("/usr/bin/python3.11", script, sizeof(script), "shop.py"));
	assert_false(
		otr_procfs_names("/usr/bin/python3.11", script, sizeof(script), "kafka.Kafka"));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(forked_workers_are_their_parents_service, fresh,
						drop),
		cmocka_unit_test(programs_are_known_by_their_names),
		cmocka_unit_test_setup_teardown(a_given_name_stays_with_the_process, fresh, drop),
		cmocka_unit_test_setup_teardown(titles_do_not_rename, fresh, drop),
		cmocka_unit_test_setup_teardown(unknown_ones_have_a_name_too, fresh, drop),
		cmocka_unit_test_setup_teardown(a_number_used_again_is_another_process, fresh,
						drop),
		cmocka_unit_test_setup_teardown(forgets_in_time_and_in_number, fresh, drop),
		cmocka_unit_test_setup_teardown(forgets_of_many_what_ended_first, fresh, drop),
		cmocka_unit_test_setup_teardown(attributes_are_as_the_conventions_say, fresh, drop),
		cmocka_unit_test_setup_teardown(go_programs_and_links, fresh, drop),
		cmocka_unit_test(hashes_by_the_book),
		cmocka_unit_test_setup_teardown(reads_this_process, fresh, drop),
	};

	return cmocka_run_group_tests_name("procs", tests, NULL, NULL);
}
