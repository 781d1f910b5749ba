#!/usr/bin/env bash
# SPDX-License-Identifier: Apache-2.0
# test.sh [all] - everything CI runs; with `all`, the long steps at full length.
#
# Two steps at a time, each with a log of its own, build/test/STEP.log, of which the end
# is shown when it fails. The last line counts the tests in all logs (TAP, cmocka); a step
# that counts none is one. What needs root is left out, and said, where there is none.
set -uo pipefail
cd "$(dirname "$0")/.." || exit 1
logs=build/test
jobs=2
export OTRACE_CACHE=${OTRACE_CACHE:-/var/cache/otrace}
fuzz_seconds=5 stress_seconds=8 accuracy=quick groups=() long=() suites=()
if [ "${1:-}" = all ]; then
	fuzz_seconds=60 stress_seconds=300 accuracy=
	groups=(build demo test accuracy programs)
	long=(tests/shim/*.bats)
	suites=(cpython websockets node libuv curl git) # other people's
	export TORTURE=50000
fi

passed=0 failed=0 skipped=0
count() { # LOG STATUS: what a log holds, added to the three
	local ok=0 bad=0 skip=0
	read -r ok bad skip < <(awk '
		/^not ok / { bad++; next }
		/^ok .*# (skip|SKIP)/ { skip++; next }
		/^ok / { ok++ }
		/^\[  PASSED  \] [0-9]+ test/ { ok += $4 }
		/^\[  FAILED  \] .*[0-9]+ test\(s\)/ { sub(/ test\(s\).*/, ""); bad += $NF }
		END { print ok + 0, bad + 0, skip + 0 }' "$1")
	[ "$2" = 0 ] || [ "$bad" -gt 0 ] || bad=1
	[ $((ok + bad + skip)) -gt 0 ] || ok=1
	passed=$((passed + ok)) failed=$((failed + bad)) skipped=$((skipped + skip))
}

step() { # NAME CMD..: now
	local name=$1 since=$SECONDS status=0
	shift
	timeout -k 10 1200 "$@" >"$logs/$name.log" 2>&1 </dev/null || status=$?
	echo "$status" >"$logs/$name.status"
	if [ "$status" = 0 ]; then
		printf '  ok     %-12s %4d s\n' "$name" $((SECONDS - since))
	else
		printf '  FAILED %-12s %4d s, status %s: %s\n' "$name" $((SECONDS - since)) \
			"$status" "$logs/$name.log"
		grep -A 12 '^not ok' "$logs/$name.log" | head -n 60
		tail -n 25 "$logs/$name.log"
	fi
	return "$status"
}

beside() { # NAME CMD..: as soon as there is room
	while [ "$(jobs -rp | wc -l)" -ge $jobs ]; do wait -n; done
	step "$@" &
}

rm -rf $logs
mkdir -p $logs
since=$SECONDS
step setup scripts/setup.sh "${groups[@]}" || { echo "0 passed, 1 failed" && exit 1; }
step build make -j2 || { echo "0 passed, 1 failed" && exit 1; }

beside export nice bats tests/bats/export.bats # waits most of the time
beside lint scripts/lint.sh
beside unit make -j2 unit
beside instructions scripts/instructions.sh
beside arm64 make -s bpf preload ARCH=arm64 CC=aarch64-linux-gnu-gcc B=build-arm64
beside san bash -c "make -j2 unit SAN=1 && { [ $(id -u) != 0 ] || bats tests/bats/rings.bats; }"
beside fuzz make -j2 fuzz T=$fuzz_seconds
beside stress make stress T=$stress_seconds
if [ "$(id -u)" = 0 ]; then
	for file in tests/bats/*.bats; do
		name=$(basename "$file" .bats)
		[[ $name = export || $name = http || $name = rings ]] || beside "$name" bats "$file"
	done
	for file in "${long[@]}"; do
		beside "shim-$(basename "$file" .bats)" bats "$file"
	done
	for suite in "${suites[@]}"; do
		beside "suite-$suite" "tests/shim/$suite.sh"
	done
	[ ${#long[@]} = 0 ] || beside suite-clients tests/shim/cpython.sh clients
	[ ${#long[@]} = 0 ] || beside tsan-agent tests/stress/agent.sh 60
	beside vm tests/vm/run.sh
	wait
	# These want the machine for themselves: load, and no record lost.
	step http bats tests/bats/http.bats
	step demo scripts/demo.sh
	[ ! -x tests/accuracy/run.sh ] || step accuracy tests/accuracy/run.sh $accuracy
else
	beside cli bats tests/bats/cli.bats
	echo "  left out, without root: what traces, the kernels in QEMU, the demo"
fi
wait

for log in "$logs"/*.log; do
	case $log in */setup.log | */build.log) continue ;; esac
	count "$log" "$(cat "${log%.log}.status")"
done
echo "  $((SECONDS - since)) s; logs in $logs"
echo "$passed passed, $failed failed$([ $skipped = 0 ] || echo ", $skipped skipped")"
[ $failed = 0 ]
