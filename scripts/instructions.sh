#!/usr/bin/env bash
# SPDX-License-Identifier: Apache-2.0
# instructions.sh [NAME..] - how many instructions a span costs the agent, by callgrind.
#
# Replays the recordings of tests/bench/recordings to a sink on this host, the whole and the first
# quarter: their difference has no start-up in it. Instructions do not depend on the clock, so a busy
# machine gives the same figures. valgrind counts a `rep movsb` once for each byte that it copies, so
# memcpy() is kept from it: a curl that copies a batch would count as 350 instructions for a span.
# A figure more than 3 % above its ceiling in tests/bench/instructions fails; 3 % below it, the
# ceiling may be lowered.
set -euo pipefail
cd "$(dirname "$0")/.."
source scripts/services.sh
OTRACE=${OTRACE:-build/otrace}
dir=$(mktemp -d "${TMPDIR:-/tmp}/otrace-instructions.XXXXXX")
sink=
trap '[ -z "$sink" ] || kill "$sink"; rm -rf "$dir"' EXIT
cc -O2 -D_GNU_SOURCE -o "$dir/sink" tests/bench/sink.c -lpthread
port=$(svc_port)
"$dir/sink" "$port" &
sink=$!
svc_wait_port "$port"

quarter() { # FILE TO: its first records; the format is in agent/source/record.h
	python3 - "$@" <<'P'
import struct
import sys

data = open(sys.argv[1], "rb").read()
at = 16
while at < len(data) // 4:
    at += struct.unpack_from("<I", data, at + 4)[0] + 7 & ~7
open(sys.argv[2], "wb").write(data[:at])
P
}

replay() { # FILE: prints instructions and spans
	GLIBC_TUNABLES=glibc.cpu.x86_rep_movsb_threshold=1000000000 \
		valgrind --tool=callgrind --callgrind-out-file="$dir/out" "$OTRACE" replay -o "$dir/text" \
		--export "http://127.0.0.1:$port" "$1" 2>/dev/null
	awk '/^(totals|summary):/ { print $2; exit }' "$dir/out"
	sed -n 's/.* \([0-9,]*\) spans*$/\1/p; s/.* \([0-9,]*\) spans*, .*/\1/p' "$dir/text" | tr -d , | tail -n 1
}

status=0
for name in ${*:-flask nginx}; do
	file=tests/bench/recordings/$name.otr
	quarter "$file" "$dir/quarter.otr"
	mapfile -t whole < <(replay "$file")
	mapfile -t first < <(replay "$dir/quarter.otr")
	got=$(((whole[0] - first[0]) / (whole[1] - first[1])))
	ceiling=$(awk -v name="$name" '$1 == name { print $2 }' tests/bench/instructions)
	verdict=ok
	[ $((got * 100)) -le $((ceiling * 103)) ] || { verdict="TOO MANY" && status=1; }
	[ $((got * 103)) -ge $((ceiling * 100)) ] || verdict="ok, and the ceiling may come down"
	printf '%-8s %6d instructions a span, ceiling %6d: %s\n' "$name" "$got" "$ceiling" "$verdict"
done
exit $status
