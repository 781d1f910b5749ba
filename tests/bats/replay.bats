#!/usr/bin/env bats
# SPDX-License-Identifier: Apache-2.0
# replay.bats - recordings: the same spans again, for any user; damaged ones give what precedes the
# damage.

load helpers
setup() {
	live_setup
	opts=(--record "$dir/rec.otr")
	port=$(free_port)
	http "$port"
	traced bash -c "for i in 1 2 3 4 5; do curl -s 127.0.0.1:$port/r/\$i; done; curl -s 127.0.0.1:$port/big/100000 >/dev/null"
}

replay() { "$OTRACE" replay --format jsonl --no-summary -o "$dir/$1" "$dir/rec.otr"; }

@test "two replays give the same bytes, and the same as the live session" {
	replay one
	replay two
	cmp "$dir/one" "$dir/two"
	$PY "$APPS/spans.py" "$dir/one" 'len(S) == 6'
	ids() { grep -o '"traceId":"[0-9a-f]*","spanId":"[0-9a-f]*"' "$1" | sort; }
	[ "$(ids "$dir/one")" = "$(ids "$dir/spans")" ]
}

@test "a recording is read from a pipe, too" {
	replay one
	cat "$dir/rec.otr" | "$OTRACE" replay --format jsonl --no-summary -o "$dir/two" /dev/stdin
	cmp "$dir/one" "$dir/two"
}

@test "replay needs no privilege" {
	replay one
	install -m 755 "$OTRACE" "$dir/otrace"
	install -m 644 "$dir/rec.otr" "$dir/readable"
	setpriv --reuid=65534 --regid=65534 --clear-groups env -C / "$dir/otrace" \
		replay --format jsonl --no-summary "$dir/readable" >"$dir/two"
	cmp "$dir/one" "$dir/two"
	[ "$(stat -c %a "$dir/rec.otr")" = 600 ]
}

@test "a recording that is cut short is read up to that place, which is named" {
	replay whole
	size=$(stat -c %s "$dir/rec.otr")
	for part in 3 10 30 60 95; do
		head -c $((size * part / 100 / 8 * 8 + 4)) "$dir/rec.otr" >"$dir/cut"
		run --separate-stderr "$OTRACE" replay --format jsonl --no-summary "$dir/cut"
		echo "$stderr"
		[ "$status" -eq 1 ]
		[[ $stderr == "otrace replay: $dir/cut: the recording ends within a record at byte "* ]]
		[ "$(echo "$output" | grep -c spanId)" -le 6 ]
	done
	[ "$(echo "$output" | grep -o '"spanId"' | wc -l)" -ge 4 ]
}

@test "a damaged recording is read up to the damage, whose place is named" {
	cp "$dir/rec.otr" "$dir/bad"
	$PY - "$dir/bad" <<-'P' # the head of a record near its end
		import struct, sys
		data = bytearray(open(sys.argv[1], "rb").read())
		at = 16
		while at < len(data) * 9 // 10:
		    at += struct.unpack_from("<I", data, at + 4)[0] + 7 & ~7
		data[at:at + 16] = b"\xff" * 16
		open(sys.argv[1], "wb").write(data)
	P
	run --separate-stderr "$OTRACE" replay --format jsonl --no-summary "$dir/bad"
	echo "$stderr"
	[ "$status" -eq 1 ]
	[[ $stderr == "otrace replay: $dir/bad: damaged record at byte "* ]]
	[ "$(echo "$output" | grep -o '"spanId"' | wc -l)" -ge 3 ]
}

@test "a file that is not a recording, one of another version, and a missing one are refused" {
	echo "hello, this is text" >"$dir/text.otr"
	run --separate-stderr "$OTRACE" replay "$dir/text.otr"
	[ "$status" -eq 1 ]
	[ "${stderr_lines[0]}" = "otrace replay: $dir/text.otr is not a recording of otrace, and no capture" ]
	: >"$dir/empty"
	run "$OTRACE" replay "$dir/empty"
	[ "$status" -eq 1 ]
	run --separate-stderr "$OTRACE" replay "$dir/nothing.otr"
	[ "$status" -eq 1 ]
	[[ ${stderr_lines[0]} == "otrace replay: cannot read $dir/nothing.otr: No such file or directory" ]]
	run "$OTRACE" replay /
	[ "$status" -eq 1 ]
	cp "$dir/rec.otr" "$dir/other"
	printf '\x63' | dd of="$dir/other" bs=1 seek=8 conv=notrunc status=none
	run "$OTRACE" replay "$dir/other"
	echo "$output"
	[ "$status" -eq 1 ]
}

@test "if one of several files is bad, the others are read, and the status is that of an error" {
	echo bad >"$dir/bad"
	run --separate-stderr "$OTRACE" replay --format jsonl --no-summary "$dir/rec.otr" "$dir/bad" "$dir/rec.otr"
	[ "$status" -eq 1 ]
	[ "$(echo "$output" | grep -o '"spanId"' | wc -l)" -eq 14 ]
}

@test "random bytes behind the head of a recording are refused without harm" {
	for seed in 1 2 3 4 5 6 7 8; do
		{ head -c 16 "$dir/rec.otr"; openssl enc -aes-128-ctr -K "0$seed" -iv 00 -in /bin/ls 2>/dev/null | head -c 20000; } >"$dir/noise"
		run "$OTRACE" replay "$dir/noise"
		[ "$status" -eq 1 ]
	done
}

@test "a replay that takes longer than a second shows its progress on stderr alone" {
	$PY - tests/golden/recordings/shop.otr "$dir/long.otr" <<-P
		import sys
		data = open(sys.argv[1], "rb").read()
		with open(sys.argv[2], "wb") as out:
		    out.write(data[:16])
		    for _ in range(120_000_000 // len(data)):
		        out.write(data[16:])
	P
	bg long "$OTRACE" replay -o "$dir/long.text" "$dir/long.otr"
	until_true 10 test -s "$dir/long.text"
	kill -STOP "$pid" # so it takes that long on every machine
	sleep 1.2
	kill -CONT "$pid"
	ended "$pid"
	cat "$dir/long.err"
	[ "$status" -eq 0 ]
	[ ! -s "$dir/long.out" ]
	grep -Eq "^otrace replay: reading $dir/long.otr, 11[0-9] MiB$" "$dir/long.err"
	grep -Eq "^otrace replay: read $dir/long.otr, [0-9,]+ spans in [0-9]+ s$" "$dir/long.err"
	run "$OTRACE" replay --no-live -o "$dir/text" tests/golden/recordings/shop.otr
	[ -z "$output" ]
}
