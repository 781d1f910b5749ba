#!/usr/bin/env bash
# SPDX-License-Identifier: Apache-2.0
# test.sh [all] - everything that CI runs; with `all`, the long steps at full length.
#
# Two steps run at a time, each with a log of its own, build/test/STEP.log, whose end is shown when the
# step fails. The last line counts the tests in all logs (TAP, cmocka); a step without a count is one
# test. Steps that need root are skipped without root, and named.
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
	suites=(cpython websockets node libuv curl git) # test suites of other projects
	export TORTURE=50000
	export OTRACE_BACKENDS=all # built, not skipped: tests/bats/export.bash
fi

passed=0 failed=0 skipped=0
count() { # LOG STATUS: adds the counts of a log to the three sums
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

step() { # NAME CMD..: runs a step, and waits for it
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

start_step() { # NAME CMD..: as soon as fewer than $jobs steps run
	while [ "$(jobs -rp | wc -l)" -ge $jobs ]; do wait -n; done
	step "$@" &
}

rm -rf $logs
mkdir -p $logs
since=$SECONDS
step setup scripts/setup.sh "${groups[@]}" || { echo "0 passed, 1 failed" && exit 1; }
step build make -j2 || { echo "0 passed, 1 failed" && exit 1; }

start_step export nice bats tests/bats/export.bats # waits most of the time
start_step lint scripts/lint.sh
start_step unit make -j2 unit
start_step instructions scripts/instructions.sh
start_step arm64 make -s bpf preload ARCH=arm64 CC=aarch64-linux-gnu-gcc B=build-arm64
start_step san bash -c "make -j2 unit SAN=1 && { [ $(id -u) != 0 ] || bats tests/bats/rings.bats; }"
start_step fuzz make -j2 fuzz T=$fuzz_seconds
start_step stress make stress T=$stress_seconds
if [ "$(id -u)" = 0 ]; then
	for file in tests/bats/*.bats; do
		name=$(basename "$file" .bats)
		[[ $name = export || $name = http || $name = rings ]] || start_step "$name" bats "$file"
	done
	for file in "${long[@]}"; do
		start_step "shim-$(basename "$file" .bats)" bats "$file"
	done
	for suite in "${suites[@]}"; do
		start_step "suite-$suite" "tests/shim/$suite.sh"
	done
	[ ${#long[@]} = 0 ] || start_step suite-clients tests/shim/cpython.sh clients
	[ ${#long[@]} = 0 ] || start_step tsan-agent tests/stress/agent.sh 60
	start_step vm tests/vm/run.sh
	wait
	# These need the machine for themselves: load, and no record lost.
	step http bats tests/bats/http.bats
	step demo scripts/demo.sh
	[ ! -x tests/accuracy/run.sh ] || step accuracy tests/accuracy/run.sh $accuracy
else
	start_step cli bats tests/bats/cli.bats
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
