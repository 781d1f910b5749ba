#!/usr/bin/env bash
# SPDX-License-Identifier: Apache-2.0
# curl.sh - curl's own tests, without the library and with it.
#
#	tests/shim/curl.sh [NUMBER..]
#
# The curl of this machine is tested; only the servers of the tests are built. The bytes that the
# server received must be the same, but for the injected header. Needs Debian's
# source package of curl; takes some minutes.
# shellcheck source=tests/shim/suite.sh
. "$(dirname "$0")/suite.sh"
src=$(suite_source curl bookworm)
if [ ! -e "$src/built" ]; then
	(cd "$src" && ./configure --without-ssl --without-libpsl --disable-shared \
		--disable-ldap && make -C lib curl_config.h && make -C tests/server -j2) \
		>"$src.log" 2>&1 || {
		tail -n 20 "$src.log"
		exit 1
	}
	# Lines that match are stripped from what is compared.
	sed -i 's/^\( *\)my @strip = getpart("verify", "strip");/&\n\1push @strip, "^traceparent: 00-[0-9a-f]{32}-[0-9a-f]{16}-0[01]\\r?\\n?\\$";/' \
		"$src/tests/runtests.pl"
	grep -q 'push @strip, "^traceparent' "$src/tests/runtests.pl"
	touch "$src/built"
fi
cat >"$dir/script" <<'EOF'
src=$1
shift
cd "$src/tests" || exit 1
curl=$(command -v curl)
perl runtests.pl -c "$curl" -vc "$curl" -a -n -am "$@" >"$OUTCOMES.all" 2>&1
tail -n 40 "$OUTCOMES.all"
sed -n 's/^\(PASS\|FAIL\|SKIP\): \([0-9]*\) .*/\2 \1/p' "$OUTCOMES.all" |
	sed 's/PASS/ok/; s/SKIP/skipped/; s/FAIL/failed/' >"$OUTCOMES"
EOF

suite_one() { # NAME: a number, or `A to B`
	printf '%s\tbash %s %s %s\n' "$1" "$dir/script" "$src" "$1"
}

[ $# -gt 0 ] || set -- "1 to 100" "101 to 200" "201 to 330" "500 to 600" "800 to 950" "1000 to 1100"
for numbers in "$@"; do suite_one "$numbers"; done >"$dir/list"
SUITE_JOBS=1 SUITE_SECONDS=200 suite_compare curl "$dir/list"
