#!/usr/bin/env bash
# SPDX-License-Identifier: Apache-2.0
# libuv.sh - libuv's own tests, without the library and with it.
#
#	tests/shim/libuv.sh [PATTERN]
#
# Takes some minutes; needs cmake and Debian's source package.
# shellcheck source=tests/shim/suite.sh
. "$(dirname "$0")/suite.sh"
src=$(suite_source libuv1 bookworm)
build=$cache/bookworm/libuv1/build
if [ ! -e "$build/uv_run_tests" ]; then
	mkdir -p "$build"
	{ cmake -S "$src" -B "$build" -DCMAKE_BUILD_TYPE=Release &&
		make -C "$build" -j2 uv_run_tests; } >"$build.log" 2>&1 || {
		tail -n 20 "$build.log"
		exit 1
	}
fi

export UV_RUN_AS_ROOT=1
# Tests that measure time, or need the network or a terminal, are left out.
"$build/uv_run_tests" --list | grep -E "${1:-.}" |
	grep -vE 'getaddrinfo_(basic|concurrent)|getnameinfo|tty|ipc_heavy_traffic|multicast|helper' |
	while read -r test; do
		printf '%s\t%s %s\n' "$test" "$build/uv_run_tests" "$test"
	done >"$dir/list"
SUITE_JOBS=1 suite_compare libuv "$dir/list"
