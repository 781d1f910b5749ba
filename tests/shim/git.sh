#!/usr/bin/env bash
# SPDX-License-Identifier: Apache-2.0
# git.sh - git's own tests of HTTP with apache2, without the library and with it.
#
#	tests/shim/git.sh [PATTERN]
#
# The git of this machine is tested; only the helper of the tests is built. Needs apache2 and
# Debian's source package of git. Takes some minutes.
# shellcheck source=tests/shim/suite.sh
. "$(dirname "$0")/suite.sh"
src=$(suite_source git bookworm)
if [ ! -e "$src/built" ]; then
	{ make -C "$src" -j2 NO_GETTEXT=1 NO_OPENSSL=1 NO_EXPAT=1 NO_TCLTK=1 NO_PYTHON=1 \
		t/helper/test-tool GIT-BUILD-OPTIONS &&
		make -C "$src/templates" SHELL_PATH=/bin/sh PERL_PATH=/usr/bin/perl; } \
		>"$src/built.log" 2>&1 || {
		tail -n 20 "$src/built.log"
		exit 1
	}
	touch "$src/built"
fi
# A script is some fifty tests; each writes `ok N - ..` or `not ok N - ..`. They refuse to run a
# server as root, so they run as the user nobody.
chmod 711 "$dir"
cat >"$dir/script" <<'EOF'
status=0
at=$PWD
chown 65534:65534 "$at"
cd "$1/t" || exit 1
setpriv --reuid=65534 --regid=65534 --clear-groups env HOME="$at" TEST_OUTPUT_DIRECTORY="$at" \
	GIT_TEST_INSTALLED="$(dirname "$(command -v git)")" GIT_TEST_HTTPD=yes \
	LIB_HTTPD_PORT=$((20000 + $$ % 10000)) bash "$2.sh" >"$OUTCOMES.all" 2>&1 || status=$?
sed -n "s/^\(ok\|not ok\) \([0-9]*\) .*/$2:\2 \1/p" "$OUTCOMES.all" | sed 's/not ok/failed/' >"$OUTCOMES"
tail -n 40 "$OUTCOMES.all"
exit $status
EOF

suite_one() { # NAME: one test of a script cannot run without those before it
	local name=${1%:*}
	printf '%s\tbash %s %s %s\n' "$name" "$dir/script" "$src" "$name"
}
for name in t5539-fetch-http-shallow t5541-http-push-smart t5542-push-http-shallow \
	t5550-http-fetch-dumb t5551-http-fetch-smart t5561-http-backend; do
	[[ ! $name =~ ${1:-.} ]] || suite_one "$name"
done >"$dir/list"
SUITE_SECONDS=280 suite_compare git "$dir/list"
