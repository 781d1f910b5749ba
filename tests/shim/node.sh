#!/usr/bin/env bash
# SPDX-License-Identifier: Apache-2.0
# node.sh - Node's own tests of net, http, https and tls, without the library and with it.
#
#	tests/shim/node.sh [PATTERN]
#
# Takes ten minutes; needs node, and the Debian source package of its major version.
# shellcheck source=tests/shim/suite.sh
. "$(dirname "$0")/suite.sh"
case $(node --version) in
v18.*) suite=bookworm ;;
v20.*) suite=trixie ;;
*) echo "node.sh: no Debian suite known for node $(node --version)" >&2 && exit 1 ;;
esac
src=$(suite_source nodejs "$suite")

# A test names the options it wants in a comment.
for file in "$src"/test/parallel/test-{net,http,https,tls}-*.js; do
	name=$(basename "$file" .js)
	[[ $name =~ ${1:-.} ]] || continue
	flags=$(sed -n 's,^// Flags: ,,p' "$file" | tr '\n' ' ')
	# shellcheck disable=SC2016 # expanded by the shell that runs the test
	printf '%s\tNODE_TEST_DIR=$PWD TEST_THREAD_ID=$$ node %s %s\n' "$name" "$flags" "$file"
done >"$dir/list"
# Read by suite_again: these assert each header that their server received.
# shellcheck disable=SC2034
sees_header='^test-http-(blank-header|client-default-headers-exist|client-headers-array|content-length|max-headers-count|raw-headers)$'
suite_compare node "$dir/list"
