#!/usr/bin/env bats
# SPDX-License-Identifier: Apache-2.0
# confine.bats - the capabilities and filters of a running otrace, thread by thread; traced programs
# keep their own.

load helpers
setup() {
	live_setup
	port=$(free_port)
}

# What /proc says of a thread: a word a line.
rights() { # FILE
	sed -n 's/^\(CapPrm\|CapEff\|CapInh\|CapAmb\|NoNewPrivs\|Seccomp\):\t/\1 /p' "$1"
}

confined() { # PID: has the first thread the filter?
	grep -q '^Seccomp:.*2' "/proc/$1/status"
}

# BPF PERFMON SYS_PTRACE DAC_READ_SEARCH; and what the arguments add.
mask() { # BIT..
	local bit sum=$((1 << 39 | 1 << 38 | 1 << 19 | 1 << 2))
	for bit in "$@"; do sum=$((sum | 1 << bit)); done
	printf '%016x' $sum
}

has_exactly() { # FILE MASK
	local text
	text=$(rights "$1")
	echo "$1: $text"
	grep -q "CapPrm $2" <<<"$text"
	grep -q "CapEff $2" <<<"$text"
	grep -q 'CapInh 0000000000000000' <<<"$text"
	grep -q 'CapAmb 0000000000000000' <<<"$text"
	grep -q 'NoNewPrivs 1' <<<"$text"
	grep -q 'Seccomp 2' <<<"$text"
}

# PID MASK EXPORTERS: threads that export have no capability, the others those in MASK.
threads() { # PID MASK EXPORTERS
	local task exporters=0
	for task in /proc/"$1"/task/*; do
		if [[ $(cat "$task/comm") = otrace-export ]]; then
			has_exactly "$task/status" 0000000000000000
			exporters=$((exporters + 1))
		else
			has_exactly "$task/status" "$2"
		fi
	done
	[ "$exporters" -eq "$3" ]
}

@test "agent keeps the capabilities that it needs to trace; exporter threads keep none" {
	bg serve $PY "$APPS/httpd.py" "$port"
	up "$port"
	bg tracer "$OTRACE" agent --export "file:$dir/spans" --export http://127.0.0.1:9 \
		--export "prometheus://127.0.0.1:$(free_port)" --rule "port=$port"
	until_true 30 confined "$pid"
	threads "$pid" "$(mask 40)" 4 # the page of metrics has two
	# The agent works with these rights: a request, a process that is adopted or listens later,
	# its name from /proc.
	curl -s "127.0.0.1:$port/first" >/dev/null
	until_true 30 grep -q '/first' "$dir/spans"
	threads "$pid" "$(mask 40)" 4
	kill -TERM "$pid"
	ended "$pid"
}

@test "attach keeps the capabilities that it needs to trace" {
	bg serve $PY "$APPS/httpd.py" "$port"
	local target=$pid
	up "$port"
	bg tracer "$OTRACE" attach --format line "$target"
	until_true 30 confined "$pid"
	threads "$pid" "$(mask 40)" 0
	has_no_filter "$target"
	curl -s "127.0.0.1:$port/first" >/dev/null
	until_true 30 grep -q '/first' "$dir/tracer.out"
	kill -INT "$pid"
	ended "$pid"
}

has_no_filter() { # PID
	local text
	text=$(rights "/proc/$1/status")
	grep -q 'NoNewPrivs 0' <<<"$text"
	grep -q 'Seccomp 0' <<<"$text"
}

@test "run keeps what it needs for signals and tracing; its program has the capabilities of the caller" {
	local own
	own=$(sed -n 's/^CapEff:\t//p' /proc/self/status)
	for how in "" --no-bpf; do
		# shellcheck disable=SC2086 # words
		bg tracer "$OTRACE" run $how -o "$dir/t" -- sh -c "cat /proc/self/status >$dir/was; sleep 60; :"
		until_true 30 confined "$pid"
		until_true 30 [ -s "$dir/was" ]
		if [ -z "$how" ]; then
			threads "$pid" "$(mask 5)" 0
		else
			threads "$pid" "$(printf '%016x' $((1 << 40 | 1 << 19 | 1 << 5 | 1 << 2)))" 0 # to read rings that reached no door
		fi
		grep -q "CapEff:.$own" "$dir/was"
		grep -q 'NoNewPrivs:.0' "$dir/was"
		grep -q '^Seccomp:.0' "$dir/was"
		kill -TERM "$pid"
		ended "$pid"
		rm "$dir/was"
	done
}

@test "run --user passes signals on to a program of another user" {
	bg tracer "$OTRACE" run --user nobody -o "$dir/t" -- sleep 600
	until_true 30 confined "$pid"
	kill -TERM "$pid"
	ended "$pid"
	grep -q 'ended by signal 15' "$dir/t"
}

@test "run as an ordinary user sets the system call filter, too" {
	shim_setup
	chmod 777 "$dir"
	bg tracer setpriv --reuid=65534 --regid=65534 --clear-groups \
		"$OTRACE" run -o "$dir/t" -- sleep 600
	until_true 30 confined "$pid"
	has_exactly "/proc/$pid/status" 0000000000000000
	kill -TERM "$pid"
	ended "$pid"
}

@test "doctor lists the capabilities that remain" {
	run "$OTRACE" doctor --quick
	echo "$output"
	[[ $output == *"confined    no_new_privs, seccomp; exporters: no capability"* ]]
	[[ $output == *"keeps       BPF PERFMON SYS_PTRACE DAC_READ_SEARCH CHECKPOINT_RESTORE "* ]]
}

armed() { ls -l "/proc/$1/fd" | grep -q 'perf_event'; } # PID: probes of system calls

@test "probes that are armed late attach where tracefs is not mounted" {
	bg serve node -e "require('http').createServer((q, a) => a.end('x')).listen($port, '127.0.0.1')"
	up "$port"
	bg tracer unshare -m sh -c "umount -l /sys/kernel/tracing /sys/kernel/debug 2>/dev/null
		exec $OTRACE attach --no-shim --verbose --format line :$port"
	until_true 30 confined "$pid"
	curl -s "127.0.0.1:$port/first" >/dev/null
	until_true 30 grep -q '/first' "$dir/tracer.out"
	until_true 30 armed "$pid"
	[ -z "$(grep -i 'tracefs\|sys_exit' "$dir/tracer.err" || true)" ]
	threads "$pid" "$(mask)" 0
	kill -INT "$pid"
	ended "$pid"
}
