#!/usr/bin/env bats
# SPDX-License-Identifier: Apache-2.0
# cli.bats - the command line as it is typed. OTRACE names the binary.

setup() {
	OTRACE=${OTRACE:-build/otrace}
}

@test "bare otrace prints help, starts nothing" {
	run "$OTRACE"
	[ "$status" -eq 0 ]
	[[ "${lines[0]}" == "otrace 0.1.0: distributed traces"* ]]
	[[ "${lines[-1]}" == "here: uid $(id -u), "* ]]
	for line in "${lines[@]}"; do [ "${#line}" -le 80 ]; done
}

@test "every -h fits 24 lines of 80 columns, on stdout" {
	for cmd in run attach agent replay doctor completion help; do
		"$OTRACE" "$cmd" -h >"$BATS_TEST_TMPDIR/h" 2>"$BATS_TEST_TMPDIR/e"
		[ "$(wc -l <"$BATS_TEST_TMPDIR/h")" -le 24 ]
		run grep '.\{81\}' "$BATS_TEST_TMPDIR/h" # `!` fails no test
		[ "$status" -eq 1 ]
		[ ! -s "$BATS_TEST_TMPDIR/e" ]
		grep -q "^otrace $cmd" "$BATS_TEST_TMPDIR/h"
		grep -q '^exit status: ' "$BATS_TEST_TMPDIR/h"
	done
}

@test "--help=all and help CMD say the same" {
	[ "$("$OTRACE" run --help=all)" = "$("$OTRACE" help run)" ]
}

@test "version names git, probes and libbpf" {
	run "$OTRACE" --version
	[ "$status" -eq 0 ]
	[ "${lines[0]}" = "otrace 0.1.0" ]
	[[ "$output" == *git*probes*libbpf*features* ]]
}

@test "a wrong option: what was meant, 125 for run, 2 for the others" {
	run "$OTRACE" run --servce x -- true
	[ "$status" -eq 125 ]
	[ "$output" = "otrace run: unknown option --servce; did you mean --service NAME?      all options: otrace run --help=all" ]
	run "$OTRACE" replay --fromat=line x
	[ "$status" -eq 2 ]
	[[ "$output" == *"did you mean --format F?"* ]]
}

@test "a wrong command: what was meant" {
	run "$OTRACE" docter
	[ "$status" -eq 2 ]
	[[ "$output" == *"did you mean doctor?"* ]]
	run "$OTRACE" att # no prefixes
	[ "$status" -eq 2 ]
}

@test "an option of another command says whose it is" {
	run "$OTRACE" run --log-level x -- true
	[ "$status" -eq 125 ]
	[[ "$output" == *"it is one of agent"* ]]
}

@test "a bad variable is named" {
	OTRACE_HOLD=soon run "$OTRACE" agent
	[ "$status" -eq 2 ]
	[[ "${lines[0]}" == 'otrace agent: OTRACE_HOLD: "soon" is not a duration' ]]
}

@test "arguments cannot command the terminal" {
	run "$OTRACE" $'\x1b]52;c;eA==\x07'
	[ "$status" -eq 2 ]
	[[ "$output" != *$'\x1b'* && "$output" == *'\x1b]52'* ]]
}

@test "a full disk is not success" {
	run sh -c "'$OTRACE' help >/dev/full"
	[ "$status" -eq 1 ]
}

@test "the manual page is clean" {
	scripts/check_man.sh "$OTRACE"
}

@test "bash completes what is typed" {
	"$OTRACE" completion bash >"$BATS_TEST_TMPDIR/b"
	bash -n "$BATS_TEST_TMPDIR/b"
	run bash -c ". '$BATS_TEST_TMPDIR/b'
		COMP_WORDS=(otrace run --for); COMP_CWORD=2; _otrace
		echo \"\${COMPREPLY[@]}\"
		COMP_WORDS=(otrace run --format l); COMP_CWORD=3; _otrace
		echo \"\${COMPREPLY[@]}\"
		COMP_WORDS=(otrace do); COMP_CWORD=1; _otrace
		echo \"\${COMPREPLY[@]}\""
	[ "${lines[0]}" = "--format" ]
	[ "${lines[1]}" = "line" ]
	[ "${lines[2]}" = "doctor" ]
}

@test "zsh completes what is typed" {
	"$OTRACE" completion zsh >"$BATS_TEST_TMPDIR/_otrace"
	TERM=dumb run timeout 60 zsh -f tests/apps/complete.zsh "$BATS_TEST_TMPDIR" \
		do 'run --for' 'run --format=l' 'attach --rec'
	echo "$output"
	[ "$output" = $'doctor\nrun --format\nrun --format=line\nattach --record' ]
}

@test "fish completes what is typed" {
	"$OTRACE" completion fish >"$BATS_TEST_TMPDIR/f"
	export HOME=$BATS_TEST_TMPDIR
	for pair in 'do doctor' 'run --for|--format' 'run --format=l|--format=line' 'attach --rec|--record'; do
		typed=${pair%[| ]*}
		run timeout 60 fish -N -c "source '$BATS_TEST_TMPDIR/f'; complete -C 'otrace $typed'"
		echo "$typed: $output"
		[ "${output%%$'\t'*}" = "${pair##*[| ]}" ]
	done
}

@test "golden: recordings -> spans" {
	for file in tests/golden/recordings/*.otr; do
		"$OTRACE" replay --format jsonl --no-summary -o "$BATS_TEST_TMPDIR/spans" "$file"
		cmp "$BATS_TEST_TMPDIR/spans" "${file%.otr}.jsonl"
	done
}

@test "help, manual and completions list the same options" {
	for cmd in run attach agent replay doctor; do
		help=$("$OTRACE" $cmd --help=all |
			sed -n 's/^  \(-.,\|   \) --\([a-z-]*\).*/--\2/p' | sort)
		bash=$("$OTRACE" completion bash | sed -n "s/^	$cmd) opts='\(.*\)' ;;/\1/p" |
			tr ' ' '\n' | sort)
		[ -n "$help" ]
		[ "$help" = "$bash" ]
		for opt in $help; do
			"$OTRACE" help man-page | grep -q -F "\\-${opt#--}" ||
				[ "$opt" = --help ]
		done
	done
}
