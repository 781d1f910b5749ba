#!/usr/bin/env bats
# SPDX-License-Identifier: Apache-2.0
# built.bats - the protections that compiler and linker add to the binaries.

bats_require_minimum_version 1.5.0

setup() {
	OTRACE=build/otrace LIBRARY=build/libotrace.so
	machine=$(uname -m)
}

# The segments and the dynamic section of both.
hardened() { # FILE
	local file=$1 text
	text=$(readelf -Wld "$file")
	grep -q GNU_RELRO <<<"$text"
	grep -qE 'FLAGS_1.*NOW|\(BIND_NOW\)|FLAGS.*BIND_NOW' <<<"$text"
	grep -qE 'GNU_STACK .* RW +0x' <<<"$text" # no E
	[ -z "$(grep -E '^  LOAD .* RWE ' <<<"$text" || true)" ]
	[ -z "$(grep TEXTREL <<<"$text" || true)" ]
	[ -z "$(grep -E 'RPATH|RUNPATH' <<<"$text" || true)" ]
}

# FILE FUNCTION: does FUNCTION begin with an instruction that indirect jumps may reach?
is_landing() { # FILE FUNCTION
	local first
	first=$(objdump -d --disassemble="$2" --no-show-raw-insn "$1" | sed -n "/<$2[^>]*>:/{n;p;q}")
	case $machine in
	x86_64) [[ $first == *endbr64* ]] ;;
	aarch64) [[ $first == *paciasp* || $first == *bti* ]] ;;
	*) skip "not known on $machine" ;;
	esac
}

@test "the agent: RELRO, bound at start, no stack that can be executed, PIE" {
	hardened $OTRACE
	readelf -h $OTRACE | grep -q 'Type: *DYN'
	readelf -Wd $OTRACE | grep -q 'FLAGS_1.*PIE'
}

@test "the agent: stack protector and checked copies of level 3" {
	nm -D $OTRACE | grep -q ' __stack_chk_fail'
	[ "$(nm -D $OTRACE | grep -cE ' __(memcpy|memset|memmove|snprintf|vsnprintf|read|recv)_chk')" -ge 3 ]
	# Level 3 alone knows the size that malloc() was asked for at run time.
	grep -q -- '-D_FORTIFY_SOURCE=3' < <(make -n -W agent/main.c build/agent/main.o V=1)
}

@test "the agent: jumps land where they may; large frames are touched page by page" {
	is_landing $OTRACE main
	is_landing $OTRACE otr_event_check
	[ "$machine" != x86_64 ] || objdump -d --no-show-raw-insn $OTRACE | grep -qE 'orq +\$0x0,(0xff8)?\(%rsp\)'
}

@test "the library has the protections that work in any program, and calls no function that other libcs lack" {
	hardened $LIBRARY
	is_landing $LIBRARY send
	is_landing $LIBRARY recvmsg
	nm -D --undefined-only $LIBRARY >"$BATS_TEST_TMPDIR/undefined"
	grep -q . "$BATS_TEST_TMPDIR/undefined"
	run ! grep -E '_chk(@|$)|__stack_chk' "$BATS_TEST_TMPDIR/undefined"
}
