#!/usr/bin/env bash
# SPDX-License-Identifier: Apache-2.0
# cpython.sh - CPython's own tests of sockets, without the library and with it: each test
# must have the same outcome.
#
#	tests/shim/cpython.sh [clients | TEST..]
#
# With `clients`, the tests of protocols and servers above sockets. Each of the two takes ten
# minutes and needs Debian's libpython3.11-testsuite. VSOCK is left out, as its tests hang on a
# machine without such a device, with and without the library.
# A test that differs is run again by its name, three times with and without the
# library: one that has an outcome in common with its raw runs is reported as unsteady, any other is
# a fault.
# shellcheck source=tests/shim/suite.sh
. "$(dirname "$0")/suite.sh"
python=/usr/bin/python3.11
clients="test_selectors test_epoll test_poll test_urllib2_localnet test_ftplib test_smtplib
	test_smtpd test_imaplib test_poplib test_nntplib test_telnetlib test_socketserver
	test_httpservers test_wsgiref test_xmlrpc test_docxmlrpc test_robotparser test_asyncore
	test_asynchat test_eintr test_multiprocessing_main_handling"
# shellcheck disable=SC2086 # words
case ${1-} in
"") set -- test_socket test_ssl test_subprocess test_httplib test_asyncio ;;
clients) set -- $clients ;;
esac

outcomes() { # FILE.xml: one test a line, its outcome behind it
	"$python" -c '
import sys, xml.etree.ElementTree as tree
for case in tree.parse(sys.argv[1]).iter("testcase"):
    print(case.get("name"), case.get("result"), *[child.tag for child in case
          if child.tag not in ("system-out", "system-err")])' "$1" | sort
}

run() { # HOW TEST ARG..
	local how=$1 test=$2 under=() network=()
	shift 2
	case $how in
	shim) under=("$otrace" run --no-bpf -o "$dir/text" --) ;;
	no-inject) under=("$otrace" run --no-bpf --no-inject -o "$dir/text" --) ;;
	esac
	# These tests ask for the resource `network`, but use loopback only.
	[ "$test" != test_socketserver ] || network=(-u network)
	rm -f "$dir/$test.$how.xml"
	(cd "$dir" && timeout 400 "${under[@]}" "$python" -m test --junit-xml "$dir/$test.$how.xml" \
		"${network[@]}" -i '*VSOCK*' "$test" "$@") >"$dir/$test.$how" 2>&1 </dev/null ||
		[ -n "${quiet:-}" ] || echo "$test $how: status $?"
	if [ -e "$dir/$test.$how.xml" ]; then
		outcomes "$dir/$test.$how.xml"
	else
		echo "$test: no results"
	fi >"$dir/$test.$how.all"
}

again() { # TEST NAME: 0 if an outcome with the library is one of those without
	local test=$1 name=$2 how quiet=1 shim=shim
	# This test asserts each header that its server received, the injected one, too.
	[[ $name != *HeadersServerTestCase* ]] || shim=no-inject
	for how in raw $shim raw $shim raw $shim; do
		run $how "$test" -m "${name##*.}"
		grep -F "$name " "$dir/$test.$how.all" \
			>>"$dir/$test.${how/no-inject/shim}.seen" || true
	done
	sort -u "$dir/$test.raw.seen" >"$dir/raw.seen"
	sort -u "$dir/$test.shim.seen" | comm -12 "$dir/raw.seen" - | grep -q .
}

# Tests with different outcomes are run again, one by one.
differ() { # TEST
	local test=$1 name how rc=0
	for how in raw shim; do
		mv "$dir/$test.$how.all" "$dir/$test.$how.first"
	done
	while read -r name; do
		for how in raw shim; do
			grep -F "$name " "$dir/$test.$how.first" >"$dir/$test.$how.seen" || true
		done
		if again "$test" "$name"; then
			echo "unsteady: $name"
		else
			echo "NOT THE SAME: $name"
			sort "$dir/$test.raw.seen" | uniq -c
			sort "$dir/$test.shim.seen" | uniq -c | sed 's/$/ (with the library)/'
			rc=1
		fi
	done < <(comm -3 "$dir/$test.raw.first" "$dir/$test.shim.first" | awk '{ print $1 }' | sort -u)
	return $rc
}

rc=0
for test in "$@"; do
	run raw "$test"
	run shim "$test"
	n=$(wc -l <"$dir/$test.raw.all")
	if [ "$n" -gt 0 ] && differ "$test"; then
		echo "$test: $n tests, the same"
	else
		echo "$test: $n tests, not the same"
		rc=1
	fi
done
exit $rc
