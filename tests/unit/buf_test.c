/* SPDX-License-Identifier: Apache-2.0 */
/* buf_test.c - buffers that grow: from the caller's array, up to a limit. */

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <errno.h>

#include "agent/base/buf.h"
#include "agent/base/own.h"

static void leaves_a_lent_array_when_it_is_full(void **state)
{
	char room[8];
	OTR_AUTO(otr_buf_fini) struct otr_buf buf = OTR_BUF_ON(room, 0);

	(void)state;
	otr_buf_str(&buf, "12345678");
	assert_ptr_equal(buf.data, room);
	otr_buf_byte(&buf, '9');
	assert_ptr_not_equal(buf.data, room);
	assert_memory_equal(buf.data, "123456789", 9);
	assert_int_equal(buf.len, 9);
}

static void stops_at_its_limit(void **state)
{
	char room[8];
	OTR_AUTO(otr_buf_fini) struct otr_buf on = OTR_BUF_ON(room, 4);
	OTR_AUTO(otr_buf_fini) struct otr_buf own = {.max = 4};

	(void)state;
	for (int i = 0; i < 2; i++) {
		struct otr_buf *buf = i ? &own : &on;

		otr_buf_str(buf, "123");
		otr_buf_str(buf, "45");
		assert_int_equal(buf->rc, -EMSGSIZE);
		otr_buf_byte(buf, '4'); /* errors stick */
		assert_int_equal(buf->len, 3);
		otr_buf_reset(buf);
		otr_buf_str(buf, "1234");
		assert_int_equal(buf->rc, 0);
		assert_memory_equal(buf->data, "1234", 4);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(leaves_a_lent_array_when_it_is_full),
		cmocka_unit_test(stops_at_its_limit),
	};

	return cmocka_run_group_tests_name("buf", tests, NULL, NULL);
}
