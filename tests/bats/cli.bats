#!/usr/bin/env bats
# SPDX-License-Identifier: Apache-2.0
# cli.bats - the command line as it is typed. OTRACE names the binary.

setup() {
	OTRACE=${OTRACE:-build/otrace}
}

@test "otrace without arguments prints help and starts nothing" {
	run "$OTRACE"
	[ "$status" -eq 0 ]
	[[ "${lines[0]}" == "otrace 0.1.0: distributed traces"* ]]
	[[ "${lines[-1]}" == "here: uid $(id -u), "* ]]
	for line in "${lines[@]}"; do [ "${#line}" -le 80 ]; done
}

@test "each -h is on stdout and fits into 24 lines of 80 columns" {
	for cmd in run attach agent replay doctor config completion help; do
		"$OTRACE" "$cmd" -h >"$BATS_TEST_TMPDIR/h" 2>"$BATS_TEST_TMPDIR/e"
		[ "$(wc -l <"$BATS_TEST_TMPDIR/h")" -le 24 ]
		run grep '.\{81\}' "$BATS_TEST_TMPDIR/h" # `!` fails no test
		[ "$status" -eq 1 ]
		[ ! -s "$BATS_TEST_TMPDIR/e" ]
		grep -q "^otrace $cmd" "$BATS_TEST_TMPDIR/h"
		grep -q '^exit status: ' "$BATS_TEST_TMPDIR/h"
	done
}

@test "--help=all and help CMD print the same" {
	[ "$("$OTRACE" run --help=all)" = "$("$OTRACE" help run)" ]
}

@test "version names git, probes and libbpf" {
	run "$OTRACE" --version
	[ "$status" -eq 0 ]
	[ "${lines[0]}" = "otrace 0.1.0" ]
	[[ "$output" == *git*probes*libbpf*features* ]]
}

@test "a wrong option is answered with the likely one; the status is 125 for run, 2 for other commands" {
	run "$OTRACE" run --servce x -- true
	[ "$status" -eq 125 ]
	[ "$output" = "otrace run: unknown option --servce; did you mean --service NAME?      all options: otrace run --help=all" ]
	run "$OTRACE" replay --fromat=line x
	[ "$status" -eq 2 ]
	[[ "$output" == *"did you mean --format F?"* ]]
}

@test "a wrong command is answered with the likely one" {
	run "$OTRACE" docter
	[ "$status" -eq 2 ]
	[[ "$output" == *"did you mean doctor?"* ]]
	run "$OTRACE" att # a prefix is not a command
	[ "$status" -eq 2 ]
}

@test "for an option of another command the message names that command" {
	run "$OTRACE" run --log-level x -- true
	[ "$status" -eq 125 ]
	[[ "$output" == *"it is one of agent"* ]]
}

@test "the message about a bad variable names the variable" {
	OTRACE_HOLD=soon run "$OTRACE" agent
	[ "$status" -eq 2 ]
	[[ "${lines[0]}" == 'otrace agent: OTRACE_HOLD: "soon" is not a duration' ]]
}

@test "control characters in arguments do not reach the terminal" {
	run "$OTRACE" $'\x1b]52;c;eA==\x07'
	[ "$status" -eq 2 ]
	[[ "$output" != *$'\x1b'* && "$output" == *'\x1b]52'* ]]
}

@test "output to a full disk is an error" {
	run sh -c "'$OTRACE' help >/dev/full"
	[ "$status" -eq 1 ]
}

@test "the manual page passes mandoc's lint" {
	scripts/check_man.sh "$OTRACE"
}

@test "bash completes words, options and values" {
	"$OTRACE" completion bash >"$BATS_TEST_TMPDIR/b"
	bash -n "$BATS_TEST_TMPDIR/b"
	run bash -c ". '$BATS_TEST_TMPDIR/b'
		COMP_WORDS=(otrace run --for); COMP_CWORD=2; _otrace
		echo \"\${COMPREPLY[@]}\"
		COMP_WORDS=(otrace run --format l); COMP_CWORD=3; _otrace
		echo \"\${COMPREPLY[@]}\"
		COMP_WORDS=(otrace do); COMP_CWORD=1; _otrace
		echo \"\${COMPREPLY[@]}\"
		COMP_WORDS=(otrace config ch); COMP_CWORD=2; _otrace
		echo \"\${COMPREPLY[@]}\"
		COMP_WORDS=(otrace completion f); COMP_CWORD=2; _otrace
		echo \"\${COMPREPLY[@]}\""
	[ "${lines[0]}" = "--format" ]
	[ "${lines[1]}" = "line" ]
	[ "${lines[2]}" = "doctor" ]
	[ "${lines[3]}" = "check" ]
	[ "${lines[4]}" = "fish" ]
}

@test "zsh completes words, options and values" {
	"$OTRACE" completion zsh >"$BATS_TEST_TMPDIR/_otrace"
	TERM=dumb run timeout 60 zsh -f tests/apps/complete.zsh "$BATS_TEST_TMPDIR" \
		do 'run --for' 'run --format=l' 'attach --rec' 'config ex'
	echo "$output"
	[ "$output" = $'doctor\nrun --format\nrun --format=line\nattach --record\nconfig example' ]
}

@test "fish completes words, options and values" {
	"$OTRACE" completion fish >"$BATS_TEST_TMPDIR/f"
	export HOME=$BATS_TEST_TMPDIR
	for pair in 'do doctor' 'run --for|--format' 'run --format=l|--format=line' 'attach --rec|--record' \
		'config ex|example'; do
		typed=${pair%[| ]*}
		run timeout 60 fish -N -c "source '$BATS_TEST_TMPDIR/f'; complete -C 'otrace $typed'"
		echo "$typed: $output"
		[ "${output%%$'\t'*}" = "${pair##*[| ]}" ]
	done
}

@test "the golden recordings give the golden spans" {
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
