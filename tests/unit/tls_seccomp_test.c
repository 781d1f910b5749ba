/* SPDX-License-Identifier: Apache-2.0 */
/* tls_seccomp_test.c - on which kernels no process gets probes in its TLS library. */

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <stdio.h>
#include <string.h>
#include <sys/syscall.h>
#include <sys/utsname.h>
#include <sys/wait.h>
#include <unistd.h>

#include "agent/source/tls_attach.h"

static const char *release; /* what the kernel says that it is */

int uname(struct utsname *out)
{
	memset(out, 0, sizeof(*out));
	snprintf(out->release, sizeof(out->release), "%s", release);
	return 0;
}

static void other_releases_do_not_kill(void **state)
{
	static const char *const all[] = {"5.15.0-91", "6.1.0-56-amd64", "6.10.14", "6.14.0",
					  "6.18.44",   "7.11.0",	 "5.12.0",  "?"};

	(void)state;
	for (size_t i = 0; i < sizeof(all) / sizeof(all[0]); i++) {
		release = all[i];
		assert_false(otr_tls_return_kills());
	}
}

#if defined(__x86_64__)

/* The child asks the kernel under the test. One from 6.14 on lets the call pass; one before 6.11 does
 * not have it, so the filter denies it. */
static void the_child_says_whether_a_release_between_has_the_fix(void **state)
{
	static const char *const all[] = {"6.11.0", "6.12.117+deb12-amd64", "6.13.7"};
	struct utsname host;
	int major, minor;

	(void)state;
	assert_int_equal(syscall(SYS_uname, &host), 0);
	assert_int_equal(sscanf(host.release, "%d.%d", &major, &minor), 2);
	if (major == 6 && minor >= 11 && minor <= 13)
		skip(); /* it may have the fix or not */
	for (size_t i = 0; i < sizeof(all) / sizeof(all[0]); i++) {
		release = all[i];
		assert_int_equal(otr_tls_return_kills(), major < 6 || (major == 6 && minor < 11));
		assert_int_equal(waitpid(-1, NULL, __WALL), -1); /* no child is left */
	}
}

#endif

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(other_releases_do_not_kill),
#if defined(__x86_64__)
		cmocka_unit_test(the_child_says_whether_a_release_between_has_the_fix),
#endif
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
