#!/usr/bin/env bats
# SPDX-License-Identifier: Apache-2.0
# contributing.bats - the steps of docs/CONTRIBUTING.md, done in a copy of the tree.
load helpers

setup_file() {
	export TREE=$BATS_FILE_TMPDIR/tree
	mkdir "$TREE"
	git ls-files -z | xargs -0 cp -a --parents -t "$TREE"
	cp -a build "$TREE/"
	cd "$TREE"
	awk '/^```sh toy$/ { on = 1; next } /^```$/ { on = 0 } on' docs/CONTRIBUTING.md >toy.sh
	bash -eu toy.sh
	make -s -j2 all
}

# A server of a line protocol and its client in one program: two requests, one is refused.
toy() {
	cat >"$BATS_TEST_TMPDIR/toy.py" <<'P'
import socket, threading
door = socket.create_server(("127.0.0.1", 0))
def serve():
    conn, _ = door.accept()
    for line in conn.makefile():
        conn.sendall(b"OK\n" if "bread" in line else b"NO\n")
threading.Thread(target=serve, daemon=True).start()
with socket.create_connection(door.getsockname()) as sock:
    for name in (b"bread", b"wine"):
        sock.sendall(b"ASK " + name + b"\n")
        assert sock.recv(3)
P
	"$TREE/build/otrace" run --no-bpf -o "$BATS_TEST_TMPDIR/text" --export "toy:$BATS_TEST_TMPDIR/names" \
		-- python3 "$BATS_TEST_TMPDIR/toy.py"
}

@test "a protocol and an exporter are added by the page's own steps, and its spans arrive" {
	toy
	run sort "$BATS_TEST_TMPDIR/names"
	[ "$(grep -c bread <<<"$output")" = 2 ]
	[ "$(grep -c wine <<<"$output")" = 2 ]
	run "$TREE/build/otrace" help run
	[[ $output == *toy:* ]]
}

@test "the toy protocol keeps the laws of a parser without an edit of a test" {
	cd "$TREE"
	run bash -c "make -s build/tests/unit/proto_laws_test && build/tests/unit/proto_laws_test"
	[ "$status" = 0 ]
}

@test "each takes as few places as the page says" {
	cd "$TREE"
	run bash -c 'diff -rq . "$1" -x build -x .git -x toy.sh -x compile_commands.json | grep -v "^Only in $1"' _ "$(realpath "$BATS_TEST_DIRNAME/../..")"
	echo "$output"
	[ "$(wc -l <<<"$output")" = 5 ] # two files, two tables, one folder of conversations
}
