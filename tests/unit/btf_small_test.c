/* SPDX-License-Identifier: Apache-2.0 */
/* btf_small_test.c - the small copy of the kernel's types says of each member what the whole says.
 */

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

#include <bpf/btf.h>
#include <cmocka.h>
#include <errno.h>

#include "agent/source/btf_small.h"

#define VMLINUX "/sys/kernel/btf/vmlinux"

static const char *const structs[] = {"task_struct", "sock", "sock_common", "tcp_sock", "pt_regs"};
static const char *const members[] = {
	"tgid",	       "comm",	      "thread_pid", "thread",	 "fsbase",
	"__sk_common", "skc_family",  "skc_dport",  "inet_conn", "write_seq",
	"copied_seq",  "bytes_acked", "sk_err",	    "orig_ax",
};

/* What a program would name: empty structs, and an integer of the name of each member. */
static struct btf *own_types(const char *more)
{
	struct btf *own = btf__new_empty();

	assert_non_null(own);
	for (size_t i = 0; i < sizeof(structs) / sizeof(*structs); i++)
		assert_true(btf__add_struct(own, structs[i], 0) > 0);
	for (size_t i = 0; i < sizeof(members) / sizeof(*members); i++)
		assert_true(btf__add_int(own, members[i], 4, 0) > 0);
	assert_true(btf__add_struct(own, more, 0) > 0);
	return own;
}

static struct btf *small(const char *path, const char *more)
{
	struct btf *own = own_types(more), *btf;
	int fd = otr_btf_small(path, own);
	char at[32];

	btf__free(own);
	assert_true(fd >= 0);
	snprintf(at, sizeof(at), "/proc/self/fd/%d", fd);
	btf = btf__parse(at, NULL);
	close(fd);
	assert_non_null(btf);
	return btf;
}

/* The place, in bits, of a member in a struct, or -1: where a member has no name, in what it
 * holds. Sets `size` to that of its type. */
static int64_t place(const struct btf *btf, int id, const char *member, int64_t *size)
{
	const struct btf_type *t = btf__type_by_id(btf, (uint32_t)id);
	const struct btf_member *m = btf_members(t);
	int64_t in;
	int type;

	for (uint32_t i = 0; i < btf_vlen(t); i++) {
		type = btf__resolve_type(btf, m[i].type);
		if (!strcmp(btf__name_by_offset(btf, m[i].name_off), member)) {
			*size = btf__resolve_size(btf, m[i].type);
			return btf_member_bit_offset(t, i);
		}
		if (m[i].name_off || !btf_is_composite(btf__type_by_id(btf, (uint32_t)type)))
			continue;
		in = place(btf, type, member, size);
		if (in >= 0)
			return btf_member_bit_offset(t, i) + in;
	}
	return -1;
}

static void each_member_lies_where_it_lies_in_the_kernel(void **state)
{
	struct btf *whole = btf__parse(VMLINUX, NULL), *few = small(VMLINUX, "cred");
	int64_t size_1, size_2;
	int found = 0;

	(void)state;
	assert_non_null(whole);
	for (size_t i = 0; i < sizeof(structs) / sizeof(*structs); i++) {
		int in_1 = btf__find_by_name_kind(whole, structs[i], BTF_KIND_STRUCT);
		int in_2 = btf__find_by_name_kind(few, structs[i], BTF_KIND_STRUCT);

		assert_true(in_1 > 0 && in_2 > 0);
		assert_int_equal(btf__resolve_size(whole, (uint32_t)in_1),
				 btf__resolve_size(few, (uint32_t)in_2));
		for (size_t j = 0; j < sizeof(members) / sizeof(*members); j++) {
			size_1 = size_2 = 0;
			assert_int_equal(place(whole, in_1, members[j], &size_1),
					 place(few, in_2, members[j], &size_2));
			assert_int_equal(size_1, size_2);
			found += size_1 > 0;
		}
	}
	assert_true(found >= 10);
	assert_true(btf__type_cnt(few) < btf__type_cnt(whole) / 100);
	btf__free(whole);
	btf__free(few);
}

static void a_struct_that_the_kernel_lacks_is_an_error_unless_it_is_ours(void **state)
{
	struct btf *own = own_types("no_such_struct");

	(void)state;
	assert_int_equal(otr_btf_small(VMLINUX, own), -ENOENT);
	btf__free(own);
	btf__free(small(VMLINUX, "otr_task"));
}

/* What becomes of a file of these bytes. */
static int of_bytes(const void *bytes, size_t n)
{
	int fd = memfd_create("test", 0), rc;
	struct btf *own = own_types("cred");
	char path[32];

	assert_int_equal(write(fd, bytes, n), n);
	snprintf(path, sizeof(path), "/proc/self/fd/%d", fd);
	rc = otr_btf_small(path, own);
	if (rc >= 0)
		close(rc);
	close(fd);
	btf__free(own);
	return rc;
}

static void what_is_cut_is_refused_and_what_is_wrong_is_read_in_bounds(void **state)
{
	struct btf *few = small(VMLINUX, "cred");
	char bytes[4096];
	uint32_t size;
	const void *raw = btf__raw_data(few, &size);

	(void)state;
	assert_in_range(size, 500, sizeof(bytes));
	memcpy(bytes, raw, size);
	assert_true(of_bytes(bytes, size) >= 0);
	for (uint32_t n = 0; n < size; n++)
		assert_true(of_bytes(bytes, n) < 0);
	for (uint32_t i = 0; i < size; i++) {
		bytes[i] = (char)~bytes[i];
		of_bytes(bytes, size); /* under the sanitizer */
		bytes[i] = (char)~bytes[i];
	}
	btf__free(few);
	assert_int_equal(otr_btf_small("/nowhere", NULL), -ENOENT);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(each_member_lies_where_it_lies_in_the_kernel),
		cmocka_unit_test(a_struct_that_the_kernel_lacks_is_an_error_unless_it_is_ours),
		cmocka_unit_test(what_is_cut_is_refused_and_what_is_wrong_is_read_in_bounds),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
