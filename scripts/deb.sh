#!/usr/bin/env bash
# SPDX-License-Identifier: Apache-2.0
# deb.sh - makes the Debian package of what is built: build/deb/otrace_VERSION_ARCH.deb. `make deb`
# calls it.
set -euo pipefail
cd "$(dirname "$0")/.."
out=$PWD/build/deb
command -v dh >/dev/null || { echo "deb.sh: debhelper is missing: run scripts/setup.sh test" >&2; exit 1; }
version=$(sed -n 's/^#define OTR_VERSION "\(.*\)"/\1/p' agent/base/version.h)
packaged=$(sed -n '1s/.*(\(.*\)).*/\1/p' deploy/debian/changelog)
[ "$version" = "$packaged" ] || {
	echo "deb.sh: agent/base/version.h has $version, deploy/debian/changelog $packaged" >&2
	exit 1
}

rm -rf "$out"
mkdir -p "$out/otrace"
cp -r deploy/debian "$out/otrace/debian"
cd "$out/otrace"
# The packages that it is built with are those of scripts/setup.sh: no check (-d).
SRC=$OLDPWD DEB_BUILD_OPTIONS=noautodbgsym dpkg-buildpackage -b -us -uc -d >"$out/log" 2>&1 || {
	tail -n 20 "$out/log" >&2
	exit 1
}
ls "$out"/*.deb
