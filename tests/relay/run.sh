#!/usr/bin/env bash
# SPDX-License-Identifier: Apache-2.0
# run.sh [N [SEED..]] - N random conversations for each seed, bare and with the library.
#
# Without SEED it uses those of `seeds`, each of which has found a fault, and a new one.
# After a failure it prints the command that repeats it.
set -euo pipefail
cd "$(dirname "$0")/../.."
otrace=$(realpath "${OTRACE:-build/otrace}")
n=${1:-200}
shift $(($# > 0))
if [ $# = 0 ]; then
	mapfile -t seeds < <(sed 's/ *#.*//' tests/relay/seeds)
	set -- "${seeds[@]}" "$(date +%s)"
fi
dir=$(mktemp -d "${TMPDIR:-/tmp}/otrace-relay.XXXXXX")
server=
trap '[ -z "$server" ] || kill "$server"; rm -rf "$dir"' EXIT
cc -O1 -Wall -Werror -D_GNU_SOURCE -o "$dir/conversations" tests/relay/{conversations,guests,ways}.c -lpthread

play() { # HOW SEED CMD..
	local how=$1 seed=$2
	shift 2
	"$dir/conversations" serve "$dir/$how.wire" >"$dir/ports" &
	server=$!
	until [ -s "$dir/ports" ]; do sleep 0.02; done
	timeout 300 "$@" "$dir/conversations" play "$(cat "$dir/ports")" "$seed" "$n" >"$dir/$how.out"
	sleep 0.3 # until the last connection is written
	kill "$server"
	wait "$server" 2>/dev/null || true
	server=
	: >"$dir/ports"
}

for seed in "$@"; do
	play raw "$seed"
	play shim "$seed" "$otrace" run --no-bpf -o "$dir/text" --
	if python3 tests/relay/judge.py "$dir"/{raw,shim}.{wire,out}; then
		echo "ok seed $seed"
	else
		echo "not ok seed $seed: tests/relay/run.sh $n $seed"
		exit 1
	fi
done
