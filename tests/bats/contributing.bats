#!/usr/bin/env bats
# SPDX-License-Identifier: Apache-2.0
# contributing.bats - the steps of docs/CONTRIBUTING.md, done in a copy of the tree.

# A program that serves a line protocol and asks itself, over three connections: while it serves
# `bread`, it asks for `flour`. `wine` is refused.
trace_toys() {
	export dir=$BATS_FILE_TMPDIR
	cat >"$dir/toy.py" <<-'P'
		import socket, threading
		def ask(door, name):
		    with socket.create_connection(door) as sock:
		        sock.sendall(b"ASK " + name + b"\n")
		        return sock.recv(3)
		def serve(listener, more):
		    conn, _ = listener.accept()
		    for line in conn.makefile():
		        if more:
		            assert ask(more, b"flour") == b"OK\n"
		        conn.sendall(b"NO\n" if "wine" in line else b"OK\n")
		listeners = [socket.create_server(("127.0.0.1", 0)) for _ in range(3)]
		doors = [l.getsockname() for l in listeners]
		for l, more in zip(listeners, (doors[1], None, None)):
		    threading.Thread(target=serve, args=(l, more), daemon=True).start()
		assert ask(doors[0], b"bread") == b"OK\n" and ask(doors[2], b"wine") == b"NO\n"
		assert [l.getsockname() for l in listeners] == doors
	P
	"$TREE/build/otrace" run --no-bpf --toy -o "$dir/text" --export "toy:$dir/names" \
		--export "file:$dir/spans" -- python3 "$dir/toy.py"
}

# Runs each toy block in the copy, in the order of the page; "$TREE.NAME" lists the files that block
# NAME touched. Only what a compiler's cache does not have is compiled.
setup_file() {
	export TREE=$BATS_FILE_TMPDIR/tree CCACHE_NOHASHDIR=1
	local block
	mkdir "$TREE"
	git ls-files -z | xargs -0 cp -a --parents -t "$TREE"
	cd "$TREE"
	for block in $(sed -n 's/^```sh toy //p' docs/CONTRIBUTING.md); do
		touch "$TREE.mark"
		sleep 0.1 # later files have a later time
		awk -v begin="\`\`\`sh toy $block" '$0 == begin { on = 1; next } /^```$/ { on = 0 } on' \
			docs/CONTRIBUTING.md | bash -eu
		find . -type f -newer "$TREE.mark" >"$TREE.$block"
	done
	make -s -j2 CC="$(command -v ccache || true) cc" CFLAGS=-O0 all
	trace_toys
}

touches() { # BLOCK FILE..: these files, and no others
	diff <(printf './%s\n' "${@:2}" | sort) <(sort "$TREE.$1")
}

@test "a protocol is one file, one line, and its conversations; its spans arrive" {
	touches protocol agent/proto/toy.c agent/proto/table.c tests/golden/proto/toy/bread.conv
	grep -q '"otrace/toy"' "$dir/spans"
}

@test "the toy protocol keeps the laws of a parser without an edit of a test" {
	cd "$TREE"
	run make -s CC="$(command -v ccache || true) cc" CFLAGS=-O0 build/tests/unit/proto_laws_test
	[ "$status" = 0 ]
	run build/tests/unit/proto_laws_test
	[ "$status" = 0 ]
}

@test "an exporter is one file and one line: help has it, and each span arrives there" {
	touches exporter exporters/toy.c exporters/table.c
	run sort "$dir/names"
	[ "$(grep -c bread <<<"$output")" = 2 ]
	[ "$(grep -c flour <<<"$output")" = 2 ]
	[ "$(grep -c wine <<<"$output")" = 2 ]
	run "$TREE/build/otrace" help run
	[[ $output == *toy:* ]]
}

@test "an option is one field and one row: help, man page and completions have it" {
	touches option agent/config/settings.h agent/options.c
	run "$TREE/build/otrace" help run
	[[ $output == *--toy*'Trace toys.'* ]]
	grep -q -- '--toy' <("$TREE/build/otrace" completion bash)
	grep -q -F 'Fl \-toy' <("$TREE/build/otrace" help man-page)
	OTRACE_TOY=maybe run "$TREE/build/otrace" run -- true
	[[ $output == *OTRACE_TOY* ]]
}

@test "an evidence kind is one line, beside the rule that gives it: spans have its name" {
	touches evidence bpf/evidence.def bpf/causality_state.h
	grep -q '"otrace.parent.evidence","value":{"stringValue":"toy"}' "$dir/spans"
}

@test "a wrapper of libc takes three places, a counter of the library two: the summary has it" {
	touches wrapper preload/hooks/toy.c preload/hooks/exports.map preload/base/real.def
	touches counter bpf/shim_count.def preload/hooks/toy.c
	nm -D "$TREE/build/libotrace.so" | grep -q ' T getsockname$'
	grep -q 'headers .* [1-9][0-9]* toys' "$dir/text"
}
