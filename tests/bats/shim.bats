#!/usr/bin/env bats
# SPDX-License-Identifier: Apache-2.0
# shim.bats - the library in real programs: the same bytes but for an injected header, the same
# output, status and errors; and traces without any privilege.

load shim
teardown() {
	[ -z "${ns:-}" ] || ip netns del "$ns" 2>/dev/null || true
	live_teardown
}

@test "curl: GET, two URLs on one connection, POST, 1 MB, 100-continue: one header each" {
	relay
	both_ways curl -s "127.0.0.1:$relay/a"
	injected 1
	spans 'len(S) == 1' 'S[0].name == "GET /a"' 'S[0].kind == "client"'
	both_ways curl -s "127.0.0.1:$relay/a" "127.0.0.1:$relay/b"
	injected 2
	both_ways curl -s -d hello "127.0.0.1:$relay/p"
	injected 1
	head -c 1000000 /dev/zero | tr '\0' x >"$dir/big"
	both_ways curl -s --data-binary "@$dir/big" "127.0.0.1:$relay/p"
	injected 1
	spans 'len(S) == 1' 'S[0].name == "POST /p"'
	both_ways curl -s -H 'Expect: 100-continue' -d hello "127.0.0.1:$relay/p"
	injected 1
}

@test "a traceparent of the program is kept, in any spelling, and none is added" {
	relay
	for header in 'traceparent: 00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01' \
		'TRACEPARENT:00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01'; do
		both_ways curl -s -H "$header" "127.0.0.1:$relay/a"
		cmp "$dir/wire.raw" "$dir/wire.shim"
		spans 'S[0].trace == "0af7651916cd43dd8448eb211c80319c"'
	done
}

@test "wget, Python, Node, Perl, Java: the same output, and one header per request" {
	relay
	both_ways wget -q -O - "127.0.0.1:$relay/w"
	injected 1
	spans '[s.name for s in S] == ["GET /w"]' # the client peeks at the answer before it reads it
	both_ways $PY -c "
import urllib.request
for path in 'xy': print(urllib.request.urlopen('http://127.0.0.1:$relay/' + path).read())
body = b'GET / HTTP/1.1\r\n\r\n'
print(urllib.request.urlopen('http://127.0.0.1:$relay/p', body).read())"
	injected 3
	both_ways $PY -c "
import requests
s = requests.Session()
for path in 'xy': print(s.get('http://127.0.0.1:$relay/' + path).text)
print(s.post('http://127.0.0.1:$relay/p', data='GET / HTTP/1.1\r\n\r\n').text)"
	injected 3
	[ "$(grep -ac ===== "$dir/wire")" -eq 1 ] # connection
	spans '[s.name for s in S] == ["GET /x", "GET /y", "POST /p"]'
	both_ways node -e "
require('http').get('http://127.0.0.1:$relay/n', (r) => r.pipe(process.stdout))"
	injected 1
	both_ways perl -e '
use IO::Socket; my $s = IO::Socket::INET->new("127.0.0.1:'"$relay"'");
syswrite $s, "GET /pl HTTP/1.0\r\nHost: x\r\n\r\n"; print grep /hello/, <$s>;'
	injected 1
}

@test "a head in several writes gets no header, and is counted; of pipelined requests one gets a header" {
	relay
	both_ways $PY "$APPS/raw.py" "$relay" bytewise
	cmp "$dir/wire.raw" "$dir/wire.shim"
	grep -q 'left alone: .*in several writes' "$dir/text"
	both_ways $PY "$APPS/raw.py" "$relay" pipelined
	injected 1
}

@test "as an ordinary user, curl through nginx and gunicorn is one trace" {
	local back=$port front
	http "$back"
	front=$(free_port)
	cat >"$dir/app.py" <<-P
		import sys, http.server, urllib.request
		class H(http.server.BaseHTTPRequestHandler):
		    def do_GET(self):
		        body = urllib.request.urlopen("http://127.0.0.1:$back/inner").read()
		        self.send_response(200)
		        self.send_header("Content-Length", str(len(body)))
		        self.end_headers()
		        self.wfile.write(body)
		    def log_message(self, *args): pass
		http.server.ThreadingHTTPServer(("127.0.0.1", $front), H).serve_forever()
	P
	cat >"$dir/all" <<-S
		$PY $dir/app.py & app=\$!
		for _ in \$(seq 100); do (exec 4<>/dev/tcp/127.0.0.1/$front) 2>/dev/null && break; sleep 0.05; done
		curl -s http://127.0.0.1:$front/outer
		kill \$app
	S
	chmod -R a+rwX "$dir"
	setpriv --reuid=65534 --regid=65534 --clear-groups env -C / HOME=/tmp \
		"$OTRACE" run -o "$dir/text" --export "file:$dir/spans" -- bash "$dir/all" 3>&-
	cat "$dir/text"
	head -n 1 "$dir/text" | grep -q shim
	spans 'len(S) == 3' 'len({s.trace for s in S}) == 1' \
		'sorted(s.kind + " " + s.name for s in S) == ["client GET /inner", "client GET /outer", "server GET /outer"]' \
		'sum(s.parent == "" for s in S + P) == 1'
}

# HOW FILE CMD..: a server that checks each byte, and its client; FILE gets the errors that it met.
tortured() {
	local how=$1 file=$2 server
	shift 2
	bg server "$dir/torture" serve "$port"
	server=$pid
	until_true 10 bound "$port"
	timeout 300 "$@" "$dir/torture" ask "$port" "$n" "$seed" "$how" >"$file" 3>&-
	ended "$server"
	cat "$dir/server.out" "$file"
	[ "$status" -eq 0 ]
	read -r _ requests _ injected _ wrong <"$dir/server.out"
	[ "$requests" -eq "$n" ]
	[ "$wrong" -eq 0 ]
}

torture() { # PRELOADED
	local seed=${TORTURE_SEED:-$RANDOM} n=${TORTURE:-2000} how
	cc -O2 -D_GNU_SOURCE -o "$dir/torture" "$APPS/torture.c"
	echo "seed $seed"
	# The fake library is before libc; the library of otrace, if it is used, before that one.
	printf 'LD_PRELOAD=${LD_PRELOAD:+$LD_PRELOAD:}%s exec "$@"\n' "$1" >"$dir/with"
	for how in poll edge block; do
		[ -z "$1" ] || export STINGY=$how
		tortured $how "$dir/out.raw" sh "$dir/with"
		[ "$injected" -eq 0 ]
		tortured $how "$dir/out" "$OTRACE" run --no-bpf --no-live -o "$dir/text" -- \
			sh "$dir/with"
		cmp "$dir/out.raw" "$dir/out"
		[ "$injected" -gt $((n / 4)) ] # none is injected while otrace is behind, nor into a head that is sent in parts
		grep -q "headers   $injected put in" "$dir/text"
	done
}

@test "with 2 KB buffers, random segments and a signal each millisecond all bytes and errors are the same" {
	torture ''
}

@test "all bytes and errors are the same if the kernel takes only some bytes, also within a header" {
	cc -O2 -fPIC -shared -D_GNU_SOURCE -o "$dir/stingy.so" "$APPS/stingy.c"
	torture "$dir/stingy.so"
	grep -q "left alone: .* cut by the kernel" "$dir/text"
}

@test "curl, wget, Python, Node: the same bytes if the kernel takes only some of a call" {
	local ask=$dir/ask.py said=0
	relay
	cc -O2 -fPIC -shared -D_GNU_SOURCE -o "$dir/stingy.so" "$APPS/stingy.c"
	printf 'LD_PRELOAD=${LD_PRELOAD:+$LD_PRELOAD:}%s exec "$@"\n' "$dir/stingy.so" >"$dir/with"
	head -c 100000 /dev/urandom >"$dir/body"
	cat >"$ask" <<-P
		import requests
		s = requests.Session()
		for i in range(10):
		    print(s.post("http://127.0.0.1:$relay/%d" % i, data="GET / HTTP/1.1\r\n\r\n").text)
	P
	cat >"$dir/ask.js" <<-J
		const http = require('http'), agent = new http.Agent({keepAlive: true});
		function ask(i) {
			http.get({port: $relay, host: '127.0.0.1', path: '/' + i, agent}, (r) => {
				r.pipe(process.stdout, {end: false});
				r.on('end', () => i < 9 ? ask(i + 1) : agent.destroy());
			});
		}
		ask(0);
	J
	export STINGY=some
	for what in "curl -s 127.0.0.1:$relay/[1-10]" "curl -s --data-binary @$dir/body 127.0.0.1:$relay/p" \
		"wget -q -O - 127.0.0.1:$relay/w" "$PY $ask" "node $dir/ask.js"; do
		# shellcheck disable=SC2086 # a program and its arguments
		both_ways sh "$dir/with" $what
		plain_wire | cmp - "$dir/wire.raw"
		said=$((said + $(headers || true)))
	done
	echo "$said headers"
	[ "$said" -gt 20 ]
}

@test "an answer whose middle was not copied is over when its end is read" {
	traced $PY "$APPS/pgcut.py"
	spans 'sorted(c.name for c in C) == ["SELECT long", "SELECT short"]' 'all(not c.error for c in C)'
}

@test "exchanges between hosts (network namespaces) are joined by the header alone" {
	ns=otr$RANDOM
	ip netns add "$ns"
	ip link add "$ns" type veth peer name "${ns}b"
	ip link set "${ns}b" netns "$ns"
	ip addr add 10.199.7.1/24 dev "$ns"
	ip link set "$ns" up
	ip netns exec "$ns" ip addr add 10.199.7.2/24 dev "${ns}b"
	ip netns exec "$ns" ip link set "${ns}b" up
	bg far ip netns exec "$ns" "$OTRACE" run --no-bpf -o "$dir/far.text" \
		--export "file:$dir/far" -- $PY "$APPS/httpd.py" "$port" 10.199.7.2
	until_true 10 bash -c "exec 4<>/dev/tcp/10.199.7.2/$port" || { cat "$dir"/far.*; return 1; }
	traced curl -s "http://10.199.7.2:$port/far"
	kill "$pid"
	ended "$pid"
	cat "$dir/far" >>"$dir/spans"
	spans 'len(S) == 2' 'len({s.trace for s in S}) == 1' \
		'V[0].parent == [s for s in S if s.kind == "client"][0].span'
}

@test "children of vfork that close descriptors change no connection of their parent" {
	relay
	both_ways $PY -c "
import http.client, subprocess
cs = [http.client.HTTPConnection('127.0.0.1', $relay) for _ in range(10)]
for i in range(200):
    c = cs[i % 10]
    c.request('GET', '/%d' % i)
    print(c.getresponse().read())
    subprocess.run(['/bin/true'], close_fds=True)"
	injected_unordered 200
	[ "$(grep -ac ===== "$dir/wire")" -eq 10 ] # connections
	spans 'len(S) == 200'
}

@test "--no-inject observes and changes no byte" {
	relay
	"$OTRACE" run --no-bpf --no-inject -o "$dir/text" --export "file:$dir/spans" -- \
		curl -s "127.0.0.1:$relay/a" 3>&-
	settled
	run ! grep -qi traceparent "$dir/wire"
	spans 'len(S) == 1' 'S[0].name == "GET /a"'
}

@test "sendmmsg, splice, dup2 and a close by a direct system call give the same answers" {
	relay
	cc -O2 -D_GNU_SOURCE -o "$dir/bulk" "$APPS/bulk.c"
	both_ways "$dir/bulk" "$relay"
	grep -q '^messages hello /many' "$dir/out"
	grep -q '^spliced hello /spliced' "$dir/out"
	injected 1
	spans '{s.path or s.attr["url.full"].rsplit("/", 1)[1] for s in S} >= {"many", "doubled"}'
}

@test "of two copies of the library one works, also of two versions" {
	relay
	mkdir "$dir/copy"
	cp "$dir/bin/libotrace.so" "$dir/copy/"
	cat >"$dir/twice" <<-S
		LD_PRELOAD=\${LD_PRELOAD:+\$LD_PRELOAD:$dir/copy/libotrace.so} exec curl -s 127.0.0.1:$relay/twice
	S
	both_ways sh "$dir/twice"
	injected 1
	grep -q '^headers   1 put in$' "$dir/text"
	spans 'len(S) == 1 and len(P) == 1' 'S[0].parent == P[0].span'
	# A run inside another one, of another installation.
	cp "$dir/bin/otrace" "$dir/copy/"
	both_ways "$dir/copy/otrace" run --no-bpf -o "$dir/inner" --export "file:$dir/inner.spans" -- \
		curl -s "127.0.0.1:$relay/within"
	[ "$(headers)" -eq 1 ]
	cp "$dir/inner.spans" "$dir/spans"
	spans 'len(S) == 1 and len(P) == 1' 'S[0].parent == P[0].span'
}

@test "the end of otrace switches the library off" {
	relay
	cat >"$dir/long.py" <<-P
		import http.client, sys, time
		c = http.client.HTTPConnection("127.0.0.1", $port)
		for i in range(60):
		    c.request("GET", "/%d" % i)
		    assert c.getresponse().read()
		    time.sleep(0.05)
		open("$dir/done", "w").write("done")
	P
	bg tracer "$OTRACE" run --no-bpf -o "$dir/text" -- $PY "$dir/long.py"
	sleep 1
	kill -9 "$pid"
	until_true 10 test -s "$dir/done"
}

@test "a program that cannot carry the library, and a missing library, are reported before the start" {
	cat >"$dir/s.c" <<<'int main(void) { return 3; }'
	cc -static -o "$dir/static" "$dir/s.c"
	run "$OTRACE" run --no-bpf -o "$dir/text" -- "$dir/static"
	echo "$output"
	[ "$status" -eq 125 ]
	[[ ${lines[0]} == "otrace run: $dir/static is statically linked: "*"not started" ]]
	[[ ${lines[1]} == *"try  sudo otrace run -- $dir/static"* ]]
	mkdir "$dir/alone"
	cp "$OTRACE" "$dir/alone/"
	run "$dir/alone/otrace" run --no-bpf -o "$dir/text" -- true
	echo "$output"
	[ "$status" -eq 125 ]
	[[ ${lines[0]} == *libotrace.so*"No such file"* ]]
}

@test "the library needs libc 2.28 alone, and exports its wrappers alone" {
	so=$(dirname "$OTRACE")/libotrace.so
	[ "$(readelf -d "$so" | grep -c NEEDED)" -eq 1 ]
	readelf -d "$so" | grep -q 'NEEDED.*libc.so.6'
	readelf -d "$so" | grep -q 'BIND_NOW'
	readelf -lW "$so" | grep 'GNU_STACK' | grep -q 'RW '
	[ $(($(readelf -lW "$so" | awk '$1 == "TLS" { print $6 }'))) -le 64 ]
	newest=$(readelf --dyn-syms -W "$so" | grep -o 'GLIBC_[0-9.]*' | sort -uV | tail -n 1)
	printf '%s\n' "$newest" GLIBC_2.28 | sort -V | tail -n 1 | grep -qx GLIBC_2.28
	readelf --dyn-syms -W "$so" | awk '$5 == "GLOBAL" && $7 != "UND" { print $8 }' | sort >"$dir/out"
	sed -n '/global:/,/local:/p' preload/hooks/exports.map | tr ';\t ' '\n\n\n' |
		grep -xE '[A-Za-z_0-9]+' | sort >"$dir/map"
	diff "$dir/map" "$dir/out"
}
