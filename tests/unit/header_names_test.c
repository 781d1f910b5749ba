/* SPDX-License-Identifier: Apache-2.0 */
/* header_names_test.c - request headers that the user wants as attributes. */

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "agent/base/err.h"
#include "agent/proto/header_attrs.h"
#include "agent/proto/header_names.h"
#include "agent/proto/hpack.h"
#include "agent/proto/msg.h"
#include "agent/span/span_builder.h"

static struct otr_header_names names_of(const char *const *list)
{
	struct otr_header_names names;
	struct otr_err err = {0};

	assert_int_equal(otr_header_names_set(&names, (char *const *)list, &err), 0);
	return names;
}

static void is_refused(const char *name)
{
	struct otr_err err = {0};

	assert_true(otr_header_name_check(name, "--header", &err) < 0);
}

static void credentials_and_no_names_are_refused(void **state)
{
	char long_name[OTR_HEADER_NAME_MAX + 2];
	struct otr_err err = {0};

	(void)state;
	memset(long_name, 'a', sizeof(long_name));
	long_name[OTR_HEADER_NAME_MAX + 1] = 0;
	is_refused(long_name);
	long_name[OTR_HEADER_NAME_MAX] = 0;
	assert_int_equal(otr_header_name_check(long_name, "--header", &err), 0);
	is_refused("");
	is_refused("a b");
	is_refused("a:");
	is_refused("Authorization");
	is_refused("proxy-authorization");
	is_refused("Cookie");
	is_refused("set-cookie");
	is_refused("X-Api-Key");
	is_refused("x-auth-token");
}

static void no_more_than_there_is_room_for(void **state)
{
	const char *list[] = {"a", "b", "c", "d", "e", "f", "g", "A", "h", "i", NULL};
	struct otr_header_names names;
	struct otr_err err = {0};

	(void)state;
	assert_true(otr_header_names_set(&names, (char *const *)list, &err) < 0);
	list[9] = NULL; /* "A" is "a" */
	assert_int_equal(otr_header_names_set(&names, (char *const *)list, &err), 0);
	assert_int_equal(names.n, 8);
}

static void is_attr(const struct otr_span *sp, const char *name, const char *value)
{
	for (uint16_t i = 0; i < sp->n_attrs; i++)
		if (otr_slice_eq(sp->attrs[i].name, otr_slice_str(name))) {
			assert_int_equal(sp->attrs[i].type, OTR_ATTR_STRINGS);
			assert_true(otr_slice_eq(sp->attrs[i].string, otr_slice_str(value)));
			return;
		}
	fail_msg("no %s", name);
}

/* Of several lines the first counts; the request line is none; a line that is cut is left out. */
static void lines_of_a_head_become_attributes(void **state)
{
	static const char *const list[] = {"X-User-Id", "x-request-id", "x-free", "x-cut", NULL};
	const struct otr_slice head = OTR_SLICE(
		"GET /x-user-id: 1 HTTP/1.1\r\nhost: a\r\nx-user-id:  42 \r\nX-USER-ID: 43\r\n"
		"X-Request-Id: 0123456789abcdef0123456789abcdef\r\n"
		"x-free: eyJhbGciOiJIUzI1NiJ9.eyJzdWIiOiIxMjM0NTY3ODkwIn0.c2lnbmF0dXJl\r\n"
		"x-cut: half");

	struct otr_proto_settings set = {.headers = names_of(list)};
	struct otr_span_builder sb = {0};
	struct otr_msg msg = {0};
	struct otr_span *sp;

	(void)state;
	otr_header_attrs_read(&set.headers, head, &msg);
	otr_sb_reset(&sb);
	assert_int_equal(otr_header_attrs_put(&set, &msg, false, &sb), 0);
	sp = otr_sb_finish(&sb);
	assert_int_equal(sp->n_attrs, 3);
	is_attr(sp, "http.request.header.x-user-id", "42");
	is_attr(sp, "http.request.header.x-request-id", "0123456789abcdef0123456789abcdef");
	is_attr(sp, "http.request.header.x-free", "REDACTED");
	otr_span_unref(&sp);
	otr_sb_reset(&sb);
	assert_int_equal(otr_header_attrs_put(&set, &msg, true, &sb), 0);
	sp = otr_sb_finish(&sb);
	is_attr(sp, "rpc.request.metadata.x-user-id", "42");
	otr_span_unref(&sp);
	otr_sb_fini(&sb);
}

static size_t n_fields;

static void on_field(void *arg, enum otr_hpack_field field, struct otr_slice value, bool known)
{
	const char *const *want = arg;

	assert_true(known);
	assert_int_equal(field, OTR_HPACK_NAMED + (int)n_fields);
	assert_true(otr_slice_eq(value, otr_slice_str(want[n_fields])));
	n_fields++;
}

/* By name with a value that enters the table, by the static table with a value and without. */
static void fields_of_http2_are_found_by_name_and_index(void **state)
{
	static const char *const list[] = {"x-tenant", "accept-language", "accept-encoding", NULL};
	static const char *const want[] = {"blue", "de", "gzip, deflate"};
	static const char *const again[] = {"blue"};
	struct otr_header_names names = names_of(list);
	static struct otr_hpack hp;

	(void)state;
	hp.headers = &names;
	n_fields = 0;
	assert_true(otr_hpack_read(&hp,
				   OTR_SLICE("\x40\x08x-tenant\x04"
					     "blue"
					     "\x51\x02"
					     "de"
					     "\x90"),
				   on_field, (void *)want));
	assert_int_equal(n_fields, 3);
	n_fields = 0;
	assert_true(otr_hpack_read(&hp, OTR_SLICE("\xbf"), on_field, (void *)again));
	assert_int_equal(n_fields, 1);
	hp.headers = NULL; /* nobody asked for them */
	assert_true(otr_hpack_read(&hp,
				   OTR_SLICE("\x51\x02"
					     "de"),
				   on_field, NULL));
	assert_int_equal(n_fields, 1);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(credentials_and_no_names_are_refused),
		cmocka_unit_test(no_more_than_there_is_room_for),
		cmocka_unit_test(lines_of_a_head_become_attributes),
		cmocka_unit_test(fields_of_http2_are_found_by_name_and_index),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
