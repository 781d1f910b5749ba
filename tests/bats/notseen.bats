#!/usr/bin/env bats
# SPDX-License-Identifier: Apache-2.0
# notseen.bats - what otrace cannot see is named, with the reason and the next step; what is seen is
# not named.

load shim
setup() {
	live_setup
	shim_setup
	export PORT=$port
}

client32() {
	gcc -m32 -nostartfiles -nodefaultlibs -fno-pic -no-pie -fno-stack-protector -o "$dir/client32" \
		"$APPS/client32.c" /lib32/libc.so.6 -Wl,-dynamic-linker,/lib/ld-linux.so.2
}

static() { cc -O2 -static -o "$dir/static" "$APPS/bypass.c"; }

not_seen() { grep -E "^(not seen  | {10}).*$1" "$dir/text"; }

# CMD..: `otrace run` as nobody, from a folder that everybody can read.
traced_as_nobody() {
	rm -f "$dir/text" "$dir/spans"
	chmod -R a+rwX "$dir"
	setpriv --reuid=65534 --regid=65534 --clear-groups env -C / HOME=/tmp "$OTRACE" run \
		-o "$dir/text" --export "file:$dir/spans" -- "$@" >"$dir/out" 2>"$dir/err" 3>&-
	cat "$dir/text" "$dir/err"
}

# How a program is started: by a shell, by execvp, by posix_spawn, by fork and execve.
@test "a 32-bit child gets no message on its stderr, and is named, however it is started" {
	client32
	http "$port"
	traced sh -c "$dir/client32; $dir/client32"
	[ ! -s "$dir/err" ]
	[ "$(grep -c '^hello /from32' "$dir/out")" = 2 ]
	not_seen 'client32 .*2 times.*32-bit program'
	traced env "$dir/client32"
	[ ! -s "$dir/err" ]
	not_seen 'client32 .*32-bit program'
	for how in 'os.posix_spawn(a, [a], os.environ)' 'child = subprocess.Popen([a])' 'os.fork() or os.execve(a, [a], os.environ)'; do
		traced $PY -c "import os, subprocess; a = '$dir/client32'; $how; os.wait()"
		cat "$dir/err"
		[ ! -s "$dir/err" ]
		grep -q '^hello /from32' "$dir/out"
		not_seen 'client32 .*32-bit program'
	done
}

@test "a 32-bit child keeps the other library of LD_PRELOAD" {
	client32
	http "$port"
	cat >"$dir/env.py" <<-P
		import os
		os.environ["LD_PRELOAD"] = "libc.so.6:" + os.environ["LD_PRELOAD"]
		os.execve("$dir/client32", ["client32", "/usr/bin/env"], os.environ)
	P
	traced $PY "$dir/env.py"
	[ ! -s "$dir/err" ]
	grep -qx 'LD_PRELOAD=libc.so.6' "$dir/out"
	grep -q '^OTRACE_SESSION=' "$dir/out"
}

@test "with probes, too, the bytes of a 32-bit child are not read, and it is named" {
	opts=()
	client32
	http "$port"
	traced sh -c "$dir/client32; curl -s 127.0.0.1:$port/curl"
	[ ! -s "$dir/err" ]
	not_seen 'client32 .*32-bit program'
	run not_seen 'made before attach'
	[ "$status" -eq 1 ]
	spans 'len(C) == 1'
}

@test "probes follow the children of a 32-bit CMD; without probes it is not started" {
	client32
	http "$port"
	opts=()
	traced "$dir/client32" /usr/bin/curl -s "127.0.0.1:$port/curl"
	[ ! -s "$dir/err" ]
	grep -q 'client32 is a 32-bit program: its own bytes are not read' "$dir/text"
	spans 'len(C) == 1 and C[0].asked == "/curl"'
	run "$OTRACE" run --no-bpf -o "$dir/text" -- "$dir/client32"
	[ "$status" -eq 125 ]
	[[ $output == *"is a 32-bit program"*"not started"* ]]
}

@test "a static child is named with the next step; with probes it is seen" {
	static
	http "$port"
	traced sh -c "$dir/static $port calls /static"
	grep -q '^hello /static' "$dir/out"
	not_seen 'static .*statically linked.*leave out --no-bpf'
	traced_as_nobody sh -c "$dir/static $port calls /static"
	not_seen 'static .*statically linked.*run otrace as root'
	rm -f "$dir/text" "$dir/spans"
	opts=()
	traced sh -c "$dir/static $port calls /static"
	run not_seen 'static'
	[ "$status" -eq 1 ]
	spans 'len(C) == 1'
}

# Go programs with cgo (Debian's caddy) are linked dynamically, and make their own system calls;
# they are known by their note.
@test "a Go program that is not static is named where there are no probes" {
	cat >"$dir/go.c" <<-'C'
		__asm__(".pushsection .note.go.buildid, \"a\", @note\n.long 4, 4, 4\n"
			".asciz \"Go\\0\"\n.ascii \"abcd\"\n.popsection");
		int main(void) { return 0; }
	C
	cc -o "$dir/gone" "$dir/go.c"
	traced sh -c "$dir/gone; true"
	not_seen 'gone .*Go program.*leave out --no-bpf'
	rm -f "$dir/text" "$dir/spans"
	opts=()
	traced sh -c "$dir/gone; true"
	run not_seen 'gone'
	[ "$status" -eq 1 ]
}

@test "a Go program that is CMD is named as a child is, and its children are seen" {
	cat >"$dir/go.c" <<-'C'
		#include <unistd.h>
		__asm__(".pushsection .note.go.buildid, \"a\", @note\n.long 4, 4, 4\n"
			".asciz \"Go\\0\"\n.ascii \"abcd\"\n.popsection");
		int main(int argc, char **argv) { return argc > 2 ? execvp(argv[1], argv + 1) : 0; }
	C
	cc -o "$dir/gone" "$dir/go.c"
	printf '#!%s\n' "$dir/gone" >"$dir/script"
	chmod +x "$dir/script"
	http "$port"
	traced "$dir/gone"
	not_seen 'gone .*Go program.*leave out --no-bpf'
	grep -q 'gone is a Go program.*leave out --no-bpf' "$dir/text"
	traced_as_nobody "$dir/gone"
	not_seen 'gone .*Go program.*run otrace as root'
	rm -f "$dir/text" "$dir/spans"
	traced "$dir/gone" curl -s "127.0.0.1:$port/x"
	spans 'len(C) == 1'
	traced "$dir/script"
	not_seen 'script .*Go program'
	rm -f "$dir/text" "$dir/spans"
	opts=()
	traced "$dir/gone"
	grep -q 'gone is a Go program: seen by kernel probes' "$dir/text"
	run not_seen 'gone'
	[ "$status" -eq 1 ]
}

@test "a set-uid CMD of another user is not started, not by root either; one of the same user is" {
	cp /usr/bin/env "$dir/own"
	chown daemon "$dir/own"
	chmod 4755 "$dir/own"
	chmod -R a+rX "$dir"
	run "$OTRACE" run --no-bpf -o "$dir/text" -- "$dir/own"
	echo "$output"
	[ "$status" -eq 125 ]
	[[ ${lines[0]} == *"runs with rights of its own"*"not started" ]]
	run "$OTRACE" run --no-bpf --user nobody -o "$dir/text" -- "$dir/own"
	[ "$status" -eq 125 ]
	"$OTRACE" run --no-bpf --user daemon -o "$dir/text" -- "$dir/own" >"$dir/out" 3>&-
	grep -q '^LD_PRELOAD=.*libotrace.so' "$dir/out"
	chown root "$dir/own"
	chmod 4755 "$dir/own"
	"$OTRACE" run --no-bpf -o "$dir/text" -- "$dir/own" >"$dir/out" 3>&-
	grep -q '^LD_PRELOAD=.*libotrace.so' "$dir/out"
}

@test "a script whose interpreter is static is named by the script" {
	printf '#!/bin/busybox sh\ntrue\n' >"$dir/script"
	chmod +x "$dir/script"
	traced env "$dir/script"
	not_seen 'script .*statically linked'
}

@test "a child with its own LD_PRELOAD or a cleared environment is named, with the next step" {
	http "$port"
	traced env LD_PRELOAD=/usr/lib/x86_64-linux-gnu/libjemalloc.so.2 curl -s "127.0.0.1:$port/x"
	grep -q '^hello /x' "$dir/out"
	not_seen 'curl .*LD_PRELOAD does not name the library.*pass LD_PRELOAD and OTRACE_SESSION on'
	traced env -i curl -s "127.0.0.1:$port/x"
	not_seen 'curl .*environment was cleared.*pass LD_PRELOAD and OTRACE_SESSION on'
	traced env OTRACE_DISABLED=1 curl -s "127.0.0.1:$port/x"
	run not_seen curl
	[ "$status" -eq 1 ]
	opts+=(--no-follow)
	traced env -i curl -s "127.0.0.1:$port/x"
	run not_seen curl
	[ "$status" -eq 1 ]
}

@test "a user's own program called as a tool of the system is seen" {
	cc -O2 -o "$dir/perf" "$APPS/bypass.c"
	cp "$dir/perf" "$dir/ld"
	http "$port"
	for name in perf ld; do
		traced "$dir/$name" "$port" calls /own
		grep -q '^hello /own' "$dir/out"
		spans 'len(C) == 1'
	done
	(cd "$dir" && PATH=$dir:$PATH traced sh -c "ld $port calls /own")
	spans 'len(C) == 1'
}

@test "a tool of the system in which the library does nothing is named if it uses the network" {
	cc -O2 -o "$dir/client" "$APPS/bypass.c"
	http "$port"
	mkdir "$dir/upper" "$dir/work" # this machine need not have perf
	for how in client server; do
		[ "$how" = client ] || cat >"$dir/client" <<-P
			#!$PY
			import socket
			socket.create_server(("127.0.0.1", 0))
		P
		rm -f "$dir/text"
		install -m 755 "$dir/client" "$dir/upper/perf"
		unshare -m sh -c "mount -t overlay -o lowerdir=/usr/bin,upperdir=$dir/upper,workdir=$dir/work none /usr/bin &&
			$OTRACE run --no-bpf -o $dir/text -- \
			sh -c '/usr/bin/perf $port calls /perf; true'" 3>&-
		cat "$dir/text"
		not_seen 'perf .by process [0-9]*.: uses the network, but the library stays off in .*leave out --no-bpf'
	done
	traced sh -c "ld --version; sh -c true"
	run not_seen .
	[ "$status" -eq 1 ]
}

@test "a set-uid child of an ordinary user is named" {
	cp /usr/bin/true "$dir/own"
	chown daemon "$dir/own"
	chmod 4755 "$dir/own"
	chmod -R a+rX "$dir"
	traced_as_nobody sh -c "$dir/own"
	not_seen 'own .*rights of its own'
}

@test "a module that is opened in a way that the library does not see is named" {
	cc -shared -fPIC -o "$dir/libdeep.so" -x c - <<<'int deep;'
	cc -D_GNU_SOURCE -o "$dir/opens" -x c - <<-C
		#include <dlfcn.h>
		int main(void)
		{
			return !dlopen("$dir/libdeep.so", RTLD_NOW | RTLD_DEEPBIND) ||
			       !dlmopen(LM_ID_NEWLM, "$dir/libdeep.so", RTLD_NOW);
		}
	C
	traced "$dir/opens"
	not_seen 'libdeep.so .*2 times.*RTLD_DEEPBIND'
}

@test "programs that carry the library, and those that do not exist, are not named" {
	http "$port"
	traced sh -c "curl -s 127.0.0.1:$port/x; $PY -c pass; env true; /no/such/program 2>/dev/null; true"
	run not_seen .
	[ "$status" -eq 1 ]
}

# The first bytes of the client (hexadecimal), and of the server; both stay connected a while.
conversation() {
	cat >"$dir/talk.py" <<-P
		import os, socket, sys
		say, answer = (bytes.fromhex(x) for x in sys.argv[1:3])
		with socket.create_server(("127.0.0.1", 0)) as place:
		    child = os.fork()
		    if not child:
		        with place.accept()[0] as s:
		            s.recv(4096)
		            s.sendall(answer)
		            while s.recv(4096): pass
		        os._exit(0)
		    with socket.create_connection(place.getsockname()) as s:
		        s.sendall(say)
		        s.recv(4096)
		        for more in sys.argv[3:]: s.sendall(bytes.fromhex(more))
		    os.wait()
	P
	traced $PY "$dir/talk.py" "$@"
}

@test "protocols that are not read yet are named by their first bytes" {
	conversation 002f00000e00524551554553545f4d4554484f4403004745540c00 485454502f312e31
	not_seen 'uwsgi is not parsed yet'
	conversation 0102030405060708 0a
	not_seen 'unknown protocol .first bytes 01 02 03'
}

@test "an idle PostgreSQL connection whose server has no TLS is not named; one inside TLS is" {
	local startup
	startup=$(printf '%08x00030000%s' 16 7573657200780000)
	conversation 0000000804d2162f 4e "$startup"
	run not_seen .
	[ "$status" -eq 1 ]
	conversation 0000000804d2162f 53 16030100050100000100
	not_seen 'TLS: not readable here'
	opts=()
	conversation 0000000804d2162f 4e "$startup"
	run not_seen .
	[ "$status" -eq 1 ]
}
