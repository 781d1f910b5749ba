#!/usr/bin/env bash
# SPDX-License-Identifier: Apache-2.0
# run.sh [KERNEL_PACKAGE..] - checks otrace in the kernels of Debian.
#
# Each is booted in QEMU (emulated: no KVM, no network card) on an initramfs that holds
# build/otrace, its libraries, busybox and hop.c; what the guest prints is judged by
# check.py. Kernels are fetched once into $OTRACE_CACHE (/var/cache/otrace), as packages
# that are unpacked, never installed. Prints TAP.
set -euo pipefail
cd "$(dirname "$0")/../.."
here=tests/vm
cache=${OTRACE_CACHE:-/var/cache/otrace}/kernels
out=${OUT:-build/vm}
[ $# -gt 0 ] || set -- linux-image-amd64 linux-image-6.12-amd64

fetch() { # META: its vmlinuz in $cache/META
	local package
	mkdir -p "$cache/$1"
	exec 9>"$cache/$1/.lock" # another run may fetch the same kernel
	flock 9
	[ ! -s "$cache/$1/vmlinuz" ] || return 0
	package=$(apt-cache depends "$1" | awk '/Depends: linux-image-/ { print $2; exit }')
	[ -n "$package" ] || return 1
	(cd "$cache/$1" && apt-get -qq -o APT::Sandbox::User=root download "$package") || return 1
	dpkg-deb --fsys-tarfile "$cache/$1/$package"_*.deb |
		tar -xO --wildcards './boot/vmlinuz-*' >"$cache/$1/vmlinuz.new"
	mv "$cache/$1/vmlinuz.new" "$cache/$1/vmlinuz"
	rm -f "$cache/$1"/*.deb
}

initramfs() { # into $out/initrd
	local root=$out/root lib
	rm -rf "$root"
	mkdir -p "$root/bin" "$root/lib64" "$root/lib/otrace"
	cp "$(command -v busybox)" "$root/bin/busybox"
	cp build/otrace "$root/bin/"
	cp build/libotrace.so "$root/lib/otrace/"
	gcc -O2 -Wall -Wextra -Werror -static -o "$root/bin/hop" $here/hop.c
	gcc -O2 -Wall -Wextra -Werror -o "$root/bin/hop-dynamic" $here/hop.c
	gcc -O2 -Wall -Wextra -Werror -D_GNU_SOURCE -o "$root/bin/tlspong" tests/bench/tlspong.c -lssl -lcrypto
	install -m755 $here/init "$root/init"
	{ ldd build/otrace; ldd "$root/bin/tlspong"; } | grep -o '/[^ ]*' | while read -r lib; do
		mkdir -p "$root$(dirname "$lib")"
		cp -L "$lib" "$root$lib"
	done
	(cd "$root" && find . | cpio -o -H newc --quiet | gzip -1) >"$out/initrd"
}

boot() { # META: what it printed in $out/META.console
	timeout 400 qemu-system-x86_64 -accel tcg,thread=multi -cpu max -smp 2 -m 1024 \
		-kernel "$cache/$1/vmlinuz" -initrd "$out/initrd" \
		-append 'console=ttyS0 quiet loglevel=3 panic=-1 mitigations=off' \
		-nic none -display none -monitor none -serial stdio -no-reboot \
		</dev/null >"$out/$1.console" 2>&1
}

mkdir -p "$out"
initramfs
bad=0
n=0
echo "1..$#"
for meta in "$@"; do
	n=$((n + 1))
	since=$SECONDS
	if ! fetch "$meta"; then
		echo "ok $n - $meta # SKIP cannot be fetched"
		continue
	fi
	exec 9>&-
	boot "$meta" || true
	if result=$(/usr/bin/python3 $here/check.py "$meta" "$out/$meta.console"); then
		echo "ok $n - $meta: $result, $((SECONDS - since)) s"
	else
		echo "not ok $n - $meta, $((SECONDS - since)) s"
		printf '# %s\n' "$result"
		tail -n 60 "$out/$meta.console" | tr -d '\r' | cut -c1-200 | sed 's/^/# | /'
		bad=1
	fi
done
exit $bad
