#!/usr/bin/env bats
# SPDX-License-Identifier: Apache-2.0
# machines.bats - the library for arm64, in qemu's emulation of programs, and programs with
# more or fewer privileges than the process that started them.
#
#	scripts/setup.sh programs && bats tests/shim/machines.bats

load ../bats/shim

# PROGRAM ARG..: what an arm64 process does, without the library and with its own.
emulated() {
	local a=0 b=0
	qemu-aarch64 -L /usr/aarch64-linux-gnu "$@" >"$dir/out.raw" 2>"$dir/err.raw" 3>&- || a=$?
	cat >"$dir/emulate" <<-S
		unset LD_PRELOAD # of the emulator
		exec qemu-aarch64 -L /usr/aarch64-linux-gnu -E LD_PRELOAD=$dir/arm64/libotrace.so "\$@"
	S
	"$OTRACE" run --no-bpf -o "$dir/text" --export "file:$dir/spans" -- sh "$dir/emulate" "$@" \
		>"$dir/out" 2>"$dir/err" 3>&- || b=$?
	cat "$dir/text"
	[ "$a" = "$b" ]
	diff "$dir/out.raw" "$dir/out"
	diff "$dir/err.raw" "$dir/err"
}

@test "the library for arm64 gives the same values and bytes, headers and spans" {
	relay
	make -s preload CC=aarch64-linux-gnu-gcc B="$dir/arm64"
	aarch64-linux-gnu-gcc -D_GNU_SOURCE -o "$dir/get" "$APPS/get.c"
	aarch64-linux-gnu-gcc -O1 -w -D_GNU_SOURCE -o "$dir/edges" "$APPS/edges.c" -lpthread
	: >"$dir/wire"
	emulated "$dir/get" "$relay"
	until_true 10 drained
	# This emulator has no TCP_INFO, so the proof fails, and the request gets no header.
	[ "$(grep -ac '^traceparent: 00-' "$dir/wire")" -eq 0 ]
	grep -q '^headers .*left alone: 1 not proved' "$dir/text"
	spans 'len(C) == 1' 'C[0].name == "GET /get" and C[0].code == 200'
	emulated "$dir/edges" calls
	[ "$(wc -l <"$dir/out")" -gt 50 ]
	emulated "$dir/edges" sockets
	spans 'len(C) == 8' '{s.parent for s in V if s.parent} == {s.span for s in C}'
	emulated "$dir/edges" crowd
	grep -qx 'requests 4000 wrong 0' "$dir/out"
}

@test "musl: nginx with two workers serves files and a proxy, and is reloaded, as without the library" {
	tests/shim/musl_nginx.sh "$dir/nginx"
	nginx_both_ways "$dir/nginx"
}

@test "sudo, ping, a setuid program of the user nobody: no message of the library, the same status" {
	relay
	printf '#include <unistd.h>\nint main(void) { return 10 * !geteuid(); }\n' >"$dir/h.c"
	cc -o "$dir/suid" "$dir/h.c"
	chmod 4755 "$dir/suid"
	both_ways sudo -n -u nobody curl -s "127.0.0.1:$relay/sudo"
	as_nobody
	chmod 4755 "$dir/suid"
	both_ways bash -c "$dir/suid; [ \$? = 10 ] && curl -s 127.0.0.1:$relay/after"
	injected 1
	settled() { true; } # the other programs send no request
	both_ways bash -c 'sudo -n true; echo $?'
	both_ways bash -c 'ping -q -c 1 127.0.0.1 | grep -c " 0% packet loss"'
	grep -qx 1 "$dir/out"
	both_ways unshare -U id -u
	# A program whose file has a capability: the loader ignores LD_PRELOAD for it.
	printf '#include <stdlib.h>\n#include <stdio.h>\n#include <sys/auxv.h>
		int main(void) { printf("%%lu %%d\\n", getauxval(AT_SECURE), system("id -u")); return 0; }\n' >"$dir/c.c"
	cc -o "$dir/caps" "$dir/c.c"
	setcap cap_net_raw+ep "$dir/caps"
	both_ways bash -c "$dir/caps; true"
	grep -qx '1 0' "$dir/out"
}
