#!/usr/bin/env bash
# SPDX-License-Identifier: Apache-2.0
# websockets.sh - the own tests of Python's websockets, without the library and with it.
#
#	tests/shim/websockets.sh [MODULE..]
#
# The package on PyPI carries only the tests that need no socket, so the sources are those of
# the Debian suite whose version has the connections of threads (sync) and of asyncio. Both
# send and receive at once, which the other suites do not.
# shellcheck source=tests/shim/suite.sh
. "$(dirname "$0")/suite.sh"
src=$(suite_source python-websockets trixie)
[ $# -gt 0 ] || set -- tests.{sync,asyncio}.test_{client,connection,server,messages} \
	tests.legacy.test_{client_server,protocol} tests.test_cli
# The timeouts of the suite are milliseconds; here they are ten times as long. Tests that fail on a
# busy machine are run again, alone.
export PYTHONPATH=$src/src:$src WEBSOCKETS_TESTS_TIMEOUT_FACTOR=10

# Read by suite_again: this test asserts each header that its server received.
# shellcheck disable=SC2034
sees_header='\.test_protocol_headers$'

suite_one() { # NAME
	printf '%s\t/usr/bin/python3.11 %s %s\n' "$1" "$top/tests/shim/unittests.py" "$1"
}

for module in "$@"; do suite_one "$module"; done >"$dir/list"
SUITE_JOBS=4 SUITE_SECONDS=300 suite_compare websockets "$dir/list"
