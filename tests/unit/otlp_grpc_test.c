/* SPDX-License-Identifier: Apache-2.0 */
/* otlp_grpc_test.c - what an answer of gRPC means for a batch, and bytes around messages. */

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <stdio.h>
#include <string.h>

#include "exporters/otlp_grpc.h"

#define MS 1000000ull

static struct otr_grpc_answer answer;

static void header(const char *name, const char *value)
{
	otr_grpc_header(&answer, otr_slice_str(name), otr_slice_str(value));
}

static int reset(void **state)
{
	(void)state;
	otr_grpc_reset(&answer);
	return 0;
}

static enum otr_push judge(long http, struct otr_slice body, struct otr_push_result *res)
{
	memset(res, 0, sizeof(*res));
	return otr_grpc_judge(&answer, http, body, 10, res);
}

static void writes_the_prefix(void **state)
{
	uint8_t out[OTR_GRPC_PREFIX];

	(void)state;
	otr_grpc_prefix(out, 0x01020304, true);
	assert_memory_equal(out, "\1\1\2\3\4", 5);
	otr_grpc_prefix(out, 0, false);
	assert_memory_equal(out, "\0\0\0\0\0", 5);
}

static void writes_the_time_left(void **state)
{
	char out[64];

	(void)state;
	otr_grpc_timeout(out, sizeof(out), 9500 * MS);
	assert_string_equal(out, "grpc-timeout: 9500m");
	otr_grpc_timeout(out, sizeof(out), 1);
	assert_string_equal(out, "grpc-timeout: 1m");
	otr_grpc_timeout(out, sizeof(out), UINT64_MAX - MS);
	assert_string_equal(out, "grpc-timeout: 99999999m");
}

static void codes_decide(void **state)
{
	static const enum otr_push want[] = {
		OTR_PUSH_OK,	OTR_PUSH_RETRY, OTR_PUSH_DROP, OTR_PUSH_DROP, OTR_PUSH_RETRY,
		OTR_PUSH_DROP,	OTR_PUSH_DROP,	OTR_PUSH_DROP, OTR_PUSH_DROP, OTR_PUSH_DROP,
		OTR_PUSH_RETRY, OTR_PUSH_RETRY, OTR_PUSH_DROP, OTR_PUSH_DROP, OTR_PUSH_RETRY,
		OTR_PUSH_RETRY, OTR_PUSH_DROP,	OTR_PUSH_DROP};
	struct otr_push_result res;
	char code[8];

	(void)state;
	for (size_t i = 0; i < sizeof(want) / sizeof(*want); i++) {
		snprintf(code, sizeof(code), "%zu", i);
		header("grpc-status", code);
		assert_int_equal(judge(200, OTR_SLICE_NONE, &res), want[i]);
	}
	header("grpc-status", "");
	assert_int_equal(judge(200, OTR_SLICE_NONE, &res), OTR_PUSH_DROP);
	header("grpc-status", "0x0");
	assert_int_equal(judge(200, OTR_SLICE_NONE, &res), OTR_PUSH_DROP);
	header("grpc-status", "00000000000000000000");
	assert_int_equal(judge(200, OTR_SLICE_NONE, &res), OTR_PUSH_DROP);
}

static void http_decides_without_a_code(void **state)
{
	struct otr_push_result res;

	(void)state;
	assert_int_equal(judge(503, OTR_SLICE_NONE, &res), OTR_PUSH_RETRY);
	assert_int_equal(judge(429, OTR_SLICE_NONE, &res), OTR_PUSH_RETRY);
	assert_int_equal(judge(401, OTR_SLICE_NONE, &res), OTR_PUSH_DROP);
	assert_int_equal(judge(200, OTR_SLICE_NONE, &res), OTR_PUSH_DROP);
	assert_non_null(strstr(res.why, "\nIs this the address"));
}

/* Made by tests/backends/grpc_mock.py: base64.b64encode(retry_info(8, 2.5)), without padding. */
#define DETAILS                                                                      \
	"CAgSCW5vdCB0b2RheRooCiN0eXBlLmdvb2dsZWFwaXMuY29tL2dvb2dsZS5ycGMuSGVscBIBeB" \
	"o2Cih0eXBlLmdvb2dsZWFwaXMuY29tL2dvb2dsZS5ycGMuUmV0cnlJbmZvEgoKCAgCEIDKte4B"

static void a_pause_is_read(void **state)
{
	struct otr_push_result res;

	(void)state;
	header("Grpc-Status", "8");
	header("grpc-status-details-bin", DETAILS);
	assert_int_equal(judge(200, OTR_SLICE_NONE, &res), OTR_PUSH_RETRY);
	assert_int_equal(res.retry_after_ns, 2500 * MS);
	header("grpc-status-details-bin", DETAILS "==");
	assert_int_equal(judge(200, OTR_SLICE_NONE, &res), OTR_PUSH_RETRY);
	header("grpc-status-details-bin", "-" DETAILS);
	assert_int_equal(judge(200, OTR_SLICE_NONE, &res), OTR_PUSH_DROP);
	header("grpc-status-details-bin", "");
	assert_int_equal(judge(200, OTR_SLICE_NONE, &res), OTR_PUSH_DROP);
}

/* No prefix of details, nor details with one byte changed, does more than name no pause. */
static void broken_details_are_none(void **state)
{
	char text[sizeof(DETAILS)];
	struct otr_push_result res;

	(void)state;
	header("grpc-status", "8");
	for (size_t n = 0; n < sizeof(DETAILS); n++) {
		otr_grpc_header(&answer, OTR_SLICE("grpc-status-details-bin"),
				otr_slice_sub(OTR_SLICE(DETAILS), 0, n));
		judge(200, OTR_SLICE_NONE, &res);
		memcpy(text, DETAILS, sizeof(text));
		for (int c = 1; c < 256 && n + 1 < sizeof(DETAILS); c++) {
			text[n] = (char)c;
			header("grpc-status-details-bin", text);
			judge(200, OTR_SLICE_NONE, &res);
			assert_true(res.retry_after_ns <= 301000 * MS);
		}
	}
}

static void long_details_are_not_read(void **state)
{
	static char text[8001];
	struct otr_push_result res;

	(void)state;
	memset(text, 'A', sizeof(text) - 1);
	header("grpc-status", "14");
	header("grpc-status-details-bin", text);
	assert_int_equal(answer.n_details, 0);
	assert_int_equal(judge(200, OTR_SLICE_NONE, &res), OTR_PUSH_RETRY);
	text[OTR_GRPC_DETAILS / 3 * 4] = 0;
	header("grpc-status-details-bin", text);
	assert_true(answer.n_details <= OTR_GRPC_DETAILS);
}

static void a_message_is_shown_plainly(void **state)
{
	struct otr_push_result res;

	(void)state;
	header("grpc-status", "3");
	header("grpc-message", "no %22room%22%1b[2J%0a");
	judge(200, OTR_SLICE_NONE, &res);
	assert_string_equal(res.why, "gRPC status 3, INVALID_ARGUMENT: no \"room\" [2J ");
	header("grpc-message", "100% full");
	judge(200, OTR_SLICE_NONE, &res);
	assert_non_null(strstr(res.why, "100% full"));
}

#define BODY(text) ((struct otr_slice){(text), sizeof(text) - 1})

static void a_partial_success_is_counted(void **state)
{
	struct otr_push_result res;

	(void)state;
	header("grpc-status", "0");
	assert_int_equal(judge(200, BODY("\0\0\0\0\6\x0a\4\x08\7\x12\0"), &res), OTR_PUSH_OK);
	assert_int_equal(res.rejected, 7);
	assert_int_equal(judge(200, BODY("\0\0\0\0\4\x0a\2\x08\x7f"), &res), OTR_PUSH_OK);
	assert_int_equal(res.rejected, 10); /* no more than were sent */
	assert_int_equal(judge(200, BODY("\1\0\0\0\4\x0a\2\x08\7"), &res), OTR_PUSH_OK);
	assert_int_equal(res.rejected, 0);
	assert_int_equal(judge(200, BODY("\0\xff\xff\xff\xff\x0a\2\x08\7"), &res), OTR_PUSH_OK);
	assert_int_equal(res.rejected, 0);
	assert_int_equal(judge(200, BODY("\0\0\0"), &res), OTR_PUSH_OK);
	assert_int_equal(res.rejected, 0);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(writes_the_prefix),
		cmocka_unit_test(writes_the_time_left),
		cmocka_unit_test_setup(codes_decide, reset),
		cmocka_unit_test_setup(http_decides_without_a_code, reset),
		cmocka_unit_test_setup(a_pause_is_read, reset),
		cmocka_unit_test_setup(broken_details_are_none, reset),
		cmocka_unit_test_setup(long_details_are_not_read, reset),
		cmocka_unit_test_setup(a_message_is_shown_plainly, reset),
		cmocka_unit_test_setup(a_partial_success_is_counted, reset),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
