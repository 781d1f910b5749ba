/* SPDX-License-Identifier: Apache-2.0 */
/* protocol_name_test.c - the first bytes of real conversations, and of none. */

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <string.h>

#include "agent/protocol_name.h"

#define ROW(name, bytes)                       \
	{                                      \
		name, bytes, sizeof(bytes) - 1 \
	}

static const struct {
	const char *name; /* NULL: not known */
	const char *bytes;
	size_t len;
} rows[] = {
	ROW("TLS", "\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03"),
	ROW("SSH", "SSH-2.0-OpenSSH_9.2p1"),
	ROW("uwsgi", "\x00\x87\x01\x00\x0c\x00QUERY_STRING"),
	ROW("SCGI", "70:CONTENT_LENGTH\0"),
	ROW("SCGI", "370:CONTENT_LENGTH\0"),
	ROW("AJP", "\x12\x34\x01\x00\x02\x02\x00\x08HTTP/1.1"),
	ROW("AMQP", "AMQP\x00\x00\x09\x01"),
	ROW("SMTP or FTP", "220 mail.example.com ESMTP"),
	ROW("D-Bus", "\0AUTH EXTERNAL 30\r\n"),
	ROW(NULL, ""),
	ROW(NULL, "GET / HTTP/1.1\r\n"),
	/* These have parsers. */
	ROW(NULL, "\x5d\x00\x00\x00\x0a"
		  "5.5.5-10.11.6-MariaDB"),
	ROW(NULL, "*1\r\n$4\r\nPING\r\n"),
	ROW(NULL, "\x01\x01\x00\x01\x00\x08\x00"), /* too short to decide */
	ROW(NULL, "\x16\x02\x01\x02\x00\x01\x00\x01"),
	ROW(NULL, "\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0"),
	ROW(NULL, "hello, world, hello"),
	ROW(NULL, "\x00\x00\x00\x08\x04\xd2\x16\x2f"),
};

static void by_their_first_bytes(void **state)
{
	const char *is;

	(void)state;
	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		is = otr_protocol_by_head(
			(struct otr_slice){rows[i].bytes, rows[i].len < 16 ? rows[i].len : 16});
		if (!is != !rows[i].name ||
		    (is && strncmp(is, rows[i].name, strlen(rows[i].name)) != 0))
			fail_msg("row %zu: %s, not %s", i, is ? is : "unknown",
				 rows[i].name ? rows[i].name : "unknown");
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {cmocka_unit_test(by_their_first_bytes)};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
