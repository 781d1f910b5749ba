#!/usr/bin/env bash
# SPDX-License-Identifier: Apache-2.0
# cpython.sh - CPython's own tests of sockets, without the library and with it: each of them
# must come to the same outcome.
#
#	tests/shim/cpython.sh [TEST..]
#
# Takes ten minutes; needs Debian's libpython3.11-testsuite. VSOCK is left out: it hangs
# where a machine has no such device, with the library or without.
set -euo pipefail
cd "$(dirname "$0")/../.."
otrace=$PWD/${OTRACE:-build/otrace}
dir=$(mktemp -d "${TMPDIR:-/tmp}/otrace-cpython.XXXXXX")
trap 'rm -rf "$dir"' EXIT
python=/usr/bin/python3.11
[ $# -gt 0 ] || set -- test_socket test_ssl test_subprocess test_httplib test_asyncio

outcomes() { # FILE.xml: one test a line, its outcome behind it
	"$python" -c '
import sys, xml.etree.ElementTree as tree
for case in tree.parse(sys.argv[1]).iter("testcase"):
    print(case.get("name"), case.get("result"), *[child.tag for child in case
          if child.tag not in ("system-out", "system-err")])' "$1" | sort
}

run() { # HOW TEST CMD..
	local how=$1 test=$2
	shift 2
	(cd "$dir" && timeout 300 "$@" "$python" -m test --junit-xml "$dir/$test.$how.xml" \
		-i '*VSOCK*' "$test") >"$dir/$test.$how" 2>&1 </dev/null ||
		echo "$test $how: status $?"
	outcomes "$dir/$test.$how.xml" >"$dir/$test.$how.all"
}

rc=0
for test in "$@"; do
	run raw "$test"
	run shim "$test" "$otrace" run --no-bpf -o "$dir/text" --
	n=$(wc -l <"$dir/$test.raw.all")
	if [ "$n" -gt 0 ] && diff "$dir/$test.raw.all" "$dir/$test.shim.all" >"$dir/diff"; then
		echo "$test: $n tests, the same"
	else
		echo "$test: $n tests, not the same:"
		head -n 40 "$dir/diff"
		rc=1
	fi
done
exit $rc
