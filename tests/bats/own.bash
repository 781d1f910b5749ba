# SPDX-License-Identifier: Apache-2.0
# own.bash - the processes that a test starts, and their end. Sourced by helpers.bash, export.bash.
# shellcheck shell=bash

# PID..: processes of this test, which its teardown ends. Some tests start so many processes that a
# pid is soon that of another process, of another test: the start time tells.
declare -gA began=()
own() {
	local pid
	for pid; do pids+=("$pid"); began[$pid]=$(start_of "$pid"); done
}
start_of() { # PID: its start time; nothing if there is none
	local stat
	{ read -r stat <"/proc/$1/stat"; } 2>/dev/null || return 0
	stat=${stat##*) }
	# shellcheck disable=SC2086 # its words
	set -- $stat
	[ "$1" = Z ] || echo "${20}"
}
is_own() { # PID: does it run, and is it the process that was given to own()?
	[[ -n ${began[$1]:-} && $(start_of "$1") = "${began[$1]}" ]]
}

end_own() { # ends all; after ten seconds by SIGKILL
	local pid
	for pid in "${pids[@]}"; do ! is_own "$pid" || kill "$pid" 2>/dev/null || true; done
	for pid in "${pids[@]}"; do
		for _ in $(seq 200); do is_own "$pid" || continue 2; sleep 0.05; done
		kill -9 "$pid" 2>/dev/null || true
	done
}
