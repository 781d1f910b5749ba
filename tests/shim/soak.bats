#!/usr/bin/env bats
# SPDX-License-Identifier: Apache-2.0
# soak.bats - the library for long: what it leaves behind.

bats_require_minimum_version 1.5.0
load ../bats/helpers
setup() {
	live_setup
	shim_setup
}
teardown() { live_teardown; }

# What the agent holds: descriptors, rings among them, mappings of rings, kB.
holds() {
	local fds
	fds=$(ls -l "/proc/$tracer/fd")
	echo "$(wc -l <<<"$fds") $(grep -c memfd <<<"$fds") $(grep -c memfd "/proc/$tracer/maps") \
		$(awk '/VmRSS/ { print $2 }' "/proc/$tracer/status")"
}

few_rings() { [ "$(ls -l "/proc/$tracer/fd" | grep -c memfd)" -le 1 ]; }

@test "50,000 processes leave no descriptor, no memory, no ring behind" {
	local n=${PROCESSES:-50000} shm
	cc -O2 -o "$dir/forks" "$APPS/forks.c"
	shm=$(ls /dev/shm | wc -l)
	bg tracer "$OTRACE" run --no-bpf -o "$dir/text" -- "$dir/forks" "$dir" "$n"
	tracer=$pid
	until_true 60 test -e "$dir/warm"
	until_true 10 few_rings
	read -r fds rings maps rss < <(holds)
	touch "$dir/go"
	until_true 900 test -e "$dir/done"
	until_true 30 few_rings
	read -r fds2 rings2 maps2 rss2 < <(holds)
	echo "descriptors $fds, $fds2; rings $rings, $rings2; mapped $maps, $maps2; RSS $rss, $rss2 kB"
	echo "# RSS of the agent: $rss kB after 100 processes, $rss2 kB after $n" >&3
	touch "$dir/end"
	ended "$tracer"
	tail -n 8 "$dir/text"
	[ "$status" -eq 0 ]
	grep -qx "processes $n bad 0" "$dir/tracer.out"
	[ "$fds2" -le $((fds + 2)) ]
	[ "$maps2" -le $((maps + 2)) ]
	[ "$rss2" -lt 64000 ] # what it keeps of processes for late children: no more of 150,000
	[ "$(ls /dev/shm | wc -l)" -le "$shm" ]
}
