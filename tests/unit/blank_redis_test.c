/* SPDX-License-Identifier: Apache-2.0 */
/* blank_redis_test.c - passwords in requests of Redis are blanked in a recording, other bytes are
 * not. */

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

#include "agent/base/own.h"
#include "agent/proto/blank.h"
#include "agent/proto/redis.h"
#include "bpf/event.h"

union slot {
	struct otr_ev_data data;
	char bytes[sizeof(struct otr_ev_data) + 512];
};

static void make(union slot *s, const char *text, uint32_t cap)
{
	memset(s, 0, sizeof(*s));
	s->data.hdr.kind = OTR_EV_DATA;
	s->data.moved = (uint32_t)strlen(text);
	s->data.cap = cap;
	memcpy(s->data.data, text, cap);
}

static bool holds(const union slot *s, const char *word)
{
	return memmem(s->data.data, s->data.cap, word, strlen(word)) != NULL;
}

static void passwords_are_blanked(void **state)
{
	static const char *const texts[] = {
		"*2\r\n$4\r\nAUTH\r\n$6\r\nSECRET\r\n*1\r\n$4\r\nKEEP\r\n",
		"*3\r\n$4\r\nauth\r\n$3\r\njoe\r\n$6\r\nSECRET\r\n*1\r\n$4\r\nKEEP\r\n",
		"*5\r\n$5\r\nHELLO\r\n$1\r\n3\r\n$4\r\nAUTH\r\n$3\r\njoe\r\n$6\r\nSECRET\r\n"
		"*1\r\n$4\r\nKEEP\r\n",
		"*4\r\n$6\r\nCONFIG\r\n$3\r\nSET\r\n$11\r\nrequirepass\r\n$6\r\nSECRET\r\n"
		"*1\r\n$4\r\nKEEP\r\n",
		"*4\r\n$3\r\nACL\r\n$7\r\nSETUSER\r\n$3\r\njoe\r\n$7\r\n>SECRET\r\n*1\r\n$"
		"4\r\nKEEP\r\n",
		"*1\r\n$4\r\nKEEP\r\n*2\r\n$4\r\nAUTH\r\n$6\r\nSECRET\r\n",
		"AUTH SECRET\r\nKEEP\r\n",
		"AUTH joe SECRET\r\nKEEP\r\n",
	};
	union slot s;

	(void)state;
	for (size_t i = 0; i < OTR_ARRAY_SIZE(texts); i++) {
		for (uint32_t cap = 0; cap <= strlen(texts[i]); cap++) {
			make(&s, texts[i], cap);
			if (otr_redis_blank.concerns(NULL, &s.data.hdr))
				otr_redis_blank.blank(NULL, &s.data.hdr);
			if (holds(&s, "SECRE") || holds(&s, "CRET"))
				fail_msg("text %zu, %u bytes of it: a secret stays", i, cap);
		}
		assert_true(holds(&s, "KEEP"));
	}
}

static void other_requests_are_unchanged(void **state)
{
	static const char *const texts[] = {
		"*3\r\n$3\r\nSET\r\n$4\r\nAUTH\r\n",
		"*2\r\n$3\r\nGET\r\n$6\r\nAUTHOR\r\n",
		"*2\r\n$3\r\nGET\r\n$99999999999\r\nx",
		"AUTHOR x\r\n",
		"",
	};
	union slot s, was;

	(void)state;
	for (size_t i = 0; i < OTR_ARRAY_SIZE(texts); i++) {
		make(&s, texts[i], (uint32_t)strlen(texts[i]));
		was = s;
		if (otr_redis_blank.concerns(NULL, &s.data.hdr))
			otr_redis_blank.blank(NULL, &s.data.hdr);
		assert_memory_equal(&s, &was, sizeof(s));
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(passwords_are_blanked),
		cmocka_unit_test(other_requests_are_unchanged),
	};

	return cmocka_run_group_tests_name("blank_redis", tests, NULL, NULL);
}
