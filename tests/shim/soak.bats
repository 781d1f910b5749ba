#!/usr/bin/env bats
# SPDX-License-Identifier: Apache-2.0
# soak.bats - the library over many processes: what remains of them.

load ../bats/helpers
setup() {
	live_setup
	shim_setup
}

# Prints what the agent holds: descriptors, mappings of rings, kB. It has no descriptor of a ring, but
# one of each process that has a ring.
holds() {
	echo "$(ls "/proc/$tracer/fd" | wc -l) $(grep -c memfd "/proc/$tracer/maps") \
		$(awk '/VmRSS/ { print $2 }' "/proc/$tracer/status")"
}

# Prints what the program holds: descriptors, mappings of rings, all mappings.
app_holds() {
	local app
	app=$(pgrep -P "$tracer" forks)
	echo "$(ls "/proc/$app/fd" | wc -l) $(grep -c otrace-ring "/proc/$app/maps") $(wc -l <"/proc/$app/maps")"
}

# The agent releases what belongs to an ended process within 50 ms.
no_rings() { [ "$(grep -c memfd "/proc/$tracer/maps")" -eq 0 ]; }

@test "after 50,000 processes no descriptor, memory or ring of them remains" {
	local n=${PROCESSES:-50000} shm
	cc -O2 -o "$dir/forks" "$APPS/forks.c"
	shm=$(ls /dev/shm | wc -l)
	bg tracer "$OTRACE" run --no-bpf -o "$dir/text" -- "$dir/forks" "$dir" "$n"
	tracer=$pid
	until_true 60 test -e "$dir/warm"
	until_true 10 no_rings
	read -r fds maps rss < <(holds)
	read -r app_fds app_rings app_maps < <(app_holds)
	touch "$dir/go"
	until_true 900 test -e "$dir/done"
	until_true 30 no_rings
	app_holds >"$dir/app"
	read -r app_fds2 app_rings2 app_maps2 <"$dir/app"
	echo "the program: descriptors $app_fds, $app_fds2; rings $app_rings, $app_rings2; mapped $app_maps, $app_maps2"
	read -r fds2 maps2 rss2 < <(holds)
	echo "descriptors $fds, $fds2; mapped $maps, $maps2; RSS $rss, $rss2 kB"
	echo "# RSS of the agent: $rss kB after 100 processes, $rss2 kB after $n" >&3
	touch "$dir/end"
	ended "$tracer"
	tail -n 8 "$dir/text"
	[ "$status" -eq 0 ]
	grep -qx "processes $n bad 0" "$dir/tracer.out"
	[ "$app_fds2" -eq "$app_fds" ]
	[ "$app_rings2" -eq "$app_rings" ]
	[ "$app_maps2" -le $((app_maps + 4)) ]
	[ "$fds2" -le $((fds + 2)) ]
	[ "$maps2" -le $((maps + 2)) ]
	[ "$rss2" -lt 45000 ] # what is kept of processes for late children does not grow with 150,000 of them
	[ "$(ls /dev/shm | wc -l)" -le "$shm" ]
}
