#!/usr/bin/env bash
# SPDX-License-Identifier: Apache-2.0
# musl_nginx.sh OUT - builds nginx from Debian's source against musl, as Alpine does, into the
# file OUT. Takes twenty seconds; apt-get fetches the source from the archives of this machine.
set -euo pipefail
out=$(realpath "$1")
dir=$(mktemp -d "${TMPDIR:-/tmp}/otrace-musl.XXXXXX")
trap 'rm -rf "$dir"' EXIT
mkdir -p "$dir/from" "$dir/lists/partial" "$dir/linux"
for file in /etc/apt/sources.list /etc/apt/sources.list.d/debian*; do
	[ ! -s "$file" ] || sed 's/^deb /deb-src /; s/^Types:.*/Types: deb-src/' "$file" >"$dir/from/$(basename "$file")"
done
apt() {
	apt-get -qq -o Dir::Etc::sourcelist=/dev/null -o Dir::Etc::sourceparts="$dir/from" \
		-o Dir::State::lists="$dir/lists" -o APT::Sandbox::User=root "$@"
}
cd "$dir"
[ ! -f from/sources.list ] || mv from/sources.list from/all.list
apt update
apt source --download-only "nginx/$(sed -n 's/^VERSION_CODENAME=//p' /etc/os-release)"
tar -xf nginx_*.orig.tar.*
cd nginx-*/
# musl brings no headers of the kernel, and Debian's musl no crypt().
ln -s /usr/include/linux /usr/include/asm-generic "/usr/include/$(gcc -dumpmachine)/asm" "$dir/linux"
: >"$dir/linux/crypt.h"
./configure --with-cc=musl-gcc --with-cc-opt="-O1 -w -idirafter $dir/linux" --with-threads \
	--without-http_rewrite_module --without-http_gzip_module --without-http_auth_basic_module \
	>"$dir/log" || { cat "$dir/log" && exit 1; }
make -j2 >"$dir/log" 2>&1 || { tail -n 20 "$dir/log" && exit 1; }
cp objs/nginx "$out"
