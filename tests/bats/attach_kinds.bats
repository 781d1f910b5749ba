#!/usr/bin/env bats
# SPDX-License-Identifier: Apache-2.0
# attach_kinds.bats - `attach PID` of a process that is no traceable program: the message says what
# it is, and what to do.

load helpers
setup() {
	live_setup
	port=$(free_port)
}

has_zombie() { ps -o stat= --ppid "$1" | grep -q '^Z'; }

refused() { # PID
	run timeout 20 "$OTRACE" attach "$1"
	echo "$output"
	[ "$status" -ne 0 ]
	[ "$status" -ne 124 ]
	[ "${#lines[@]}" -eq 2 ] # what it is, what to do
}

@test "attach to a kernel thread is refused" {
	kernel=$(ps -eo pid,ppid | awk '$2 == 2 { print $1; exit }')
	refused "$kernel"
	[[ ${lines[0]} == "otrace attach: process $kernel ("*") is a thread of the kernel"* ]]
}

@test "attach to a zombie is refused; a process of which only the first thread has ended is traced" {
	bg parent $PY -c 'import os, time
if not os.fork(): os._exit(0)
time.sleep(60)'
	until_true 10 has_zombie "$pid"
	zombie=$(pgrep -P "$pid")
	refused "$zombie"
	[[ ${lines[0]} == *"process $zombie ("*") has ended: it is a zombie, whose parent $pid "* ]]
	[[ ${lines[1]} == *"otrace attach $pid" ]]
	cc -o "$dir/leaderless" -pthread -x c - <<-C
		#include <pthread.h>
		#include <unistd.h>
		static void *rest(void *arg) { pause(); return arg; }
		int main(void) { pthread_t t; pthread_create(&t, 0, rest, 0); pthread_exit(0); }
	C
	bg leaderless "$dir/leaderless"
	until_true 10 grep -q 'State:.*Z' "/proc/$pid/status"
	attach "$pid"
	detach
}

@test "attach to a thread that is not the first one names its process" {
	bg threads $PY -c 'import threading, time
threading.Thread(target=time.sleep, args=(60,)).start()'
	until_true 10 test "$(ls "/proc/$pid/task" | wc -l)" -ge 1
	until_true 10 sh -c "[ \$(ls /proc/$pid/task | wc -l) -eq 2 ]"
	tid=$(ls "/proc/$pid/task" | grep -vx "$pid")
	refused "$tid"
	[[ ${lines[0]} == *"$tid ("*") is a thread of process $pid" ]]
}

@test "attach to a 32-bit program is refused, as its bytes are not read" {
	gcc -m32 -nostartfiles -nodefaultlibs -fno-pic -no-pie -fno-stack-protector -o "$dir/sleeper" \
		"$APPS/sleeper32.c" /lib32/libc.so.6 -Wl,-dynamic-linker,/lib/ld-linux.so.2
	bg sleeper "$dir/sleeper"
	until_true 10 grep -q sleeper "/proc/$pid/comm"
	refused "$pid"
	[[ ${lines[0]} == *"process $pid (sleeper) is a 32-bit program: its bytes are not read" ]]
}

@test "attach -q with --export starts without a terminal" {
	http "$port"
	rm -f "$dir/spans"
	bg tracer setsid "$OTRACE" attach -q --export "file:$dir/spans" ":$port"
	tracer=$pid
	until_true 30 asked
	kill -INT "$tracer"
	ended "$tracer"
	[ "$status" -eq 0 ]
	[ ! -s "$dir/tracer.err" ]
}
asked() {
	curl -s "127.0.0.1:$port/quiet" >/dev/null
	grep -q quiet "$dir/spans"
}

# [OPTION]: `attach 1` in a pid namespace of the test's own, whose process 1 has two children and
# starts another when it is traced.
attached_to_first() {
	rm -f "$dir"/first.*
	cat >"$dir/init" <<-S
		sleep 60 & sleep 60 &
		"$OTRACE" attach -o "$dir/first.text" --export "file:$dir/first.spans" $* 1 2>"$dir/first.err" & tracer=\$!
		for i in \$(seq 600); do grep -q '^otrace 0' "$dir/first.text" && break; sleep 0.05; done
		curl -s "127.0.0.1:$port/later"
		kill -INT \$tracer
		wait \$tracer
	S
	unshare --pid --kill-child --fork --mount-proc bash "$dir/init"
	cat "$dir/first.err" "$dir/first.text"
	mv "$dir/first.spans" "$dir/spans"
}

@test "attach to process 1 says which processes it follows, and follows them" {
	http "$port"
	attached_to_first
	grep -qE 'process 1 is the ancestor of all others: ([3-9]) processes are traced now, and all that they start$' "$dir/first.err"
	grep -q 'otrace attach --no-follow 1$' "$dir/first.err"
	spans 'len(C) == 1' 'C[0].asked == "/later"'
	attached_to_first --no-follow
	grep -q 'process 1 alone is traced, without the processes that it started (--no-follow)$' "$dir/first.err"
	[ ! -s "$dir/spans" ]
}

# The lock of the memory map waits for a file system that never answers: foreign.h.
@test "a process whose command line blocks its reader is traced, and so are all others" {
	cc -O1 -o "$dir/stuckargs" "$APPS/stuckargs.c" -lpthread
	mkdir "$dir/mnt"
	bg stuck "$dir/stuckargs" "$dir/mnt"
	stuck=$pid
	until_true 10 grep -q 'ready' "$dir/stuck.out"
	until_true 10 waits_to_map
	status=0
	timeout -s KILL 60 "$OTRACE" attach no-such-name 2>"$dir/err" || status=$?
	[ "$status" -eq 1 ]
	timeout -s KILL 60 "$OTRACE" doctor "$stuck" >"$dir/out"
	grep -q "^process .*($stuck)" "$dir/out"
	http "$port"
	attach "$pid" "$stuck"
	curl -s "127.0.0.1:$port/a" >/dev/null
	kill -INT "$tracer"
	ended "$tracer"
	[ "$status" -eq 0 ]
	spans 'any(s.asked == "/a" for s in S)'
	kill -KILL "$stuck"
}
waits_to_map() { ! timeout -s KILL 1 cat "/proc/$stuck/cmdline"; }
