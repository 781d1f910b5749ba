#!/bin/sh
# SPDX-License-Identifier: Apache-2.0
# check_man.sh - checks otrace(1), as OTRACE prints it: mandoc accepts it, and no line is too long.
# usage: check_man.sh [path of otrace]
set -eu

otrace=${1:-build/otrace}
dir=$(mktemp -d)
page=$dir/otrace.1
trap 'rm -rf "$dir"' EXIT

"$otrace" help man-page >"$page"
mandoc -T lint -W style "$page"
if mandoc -T ascii -O width=80 "$page" | col -b | grep -n '.\{81\}'; then
	echo "check_man: lines above are wider than 80 columns" >&2
	exit 1
fi
