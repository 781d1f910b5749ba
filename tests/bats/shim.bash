# SPDX-License-Identifier: Apache-2.0
# shim.bash - a program without and with the library. Has all of helpers.bash.
# shellcheck shell=bash

# shellcheck source=tests/bats/helpers.bash
source "$(dirname "${BASH_SOURCE[0]}")/helpers.bash"

setup() {
	live_setup
	shim_setup
}

# The user that runs the programs: root, or nobody.
user=()
as_nobody() {
	rm -f "$dir/text" "$dir/spans" # files of root, to which nobody may not write
	chmod -R a+rwX "$dir"
	user=(setpriv --reuid=65534 --regid=65534 --clear-groups env -C / HOME=/tmp)
}

# CMD..: without, then with the library: the same status, output and errors. What a client sent
# through `relay` is in $dir/wire.raw and $dir/wire.shim.
both_ways() {
	local a=0 b=0
	wire_begins
	"${user[@]}" "$@" >"$dir/out.raw" 2>"$dir/err.raw" </dev/null 3>&- || a=$?
	wire_is raw
	wire_begins
	"${user[@]}" "$OTRACE" run "${opts[@]}" -o "$dir/text" --export "file:$dir/spans" -- "$@" \
		>"$dir/out" 2>"$dir/err" </dev/null 3>&- || b=$?
	wire_is shim
	cat "$dir/text" "$dir/err"
	[ "$a" = "$b" ]
	cmp "$dir/out.raw" "$dir/out"
	cmp "$dir/err.raw" "$dir/err"
	as_wanted "$a"
}

# STATUS: is that the status that the test is about?
as_wanted() { :; }

# The bytes on the wire, and those of one of the two runs.
wire_begins() { : >"$dir/wire"; }
wire_is() { settled && cp "$dir/wire" "$dir/wire.$1"; }

# The relay writes a connection when it is over, and those before it.
settled() { until_true 10 grep -aq ===== "$dir/wire" && until_true 10 drained; }

relay() { # from $relay to the HTTP server at $port; what it received is in $dir/wire
	http "$port"
	relay=$(free_port)
	bg relay $PY "$APPS/relay.py" "$relay" "$port" "$dir/wire"
	relay_pid=$pid
	: >"$dir/wire"
	until_true 10 bound "$relay"
}

# The relay has a thread for each connection that is open.
drained() { [ "$(ls "/proc/$relay_pid/task" | wc -l)" -eq 1 ]; }

bound() { ss -Hltn "sport = :$1" | grep -q .; }

# What a client sent, without injected headers; connections and lines in any order with `sort`.
plain_wire() { sed '/^traceparent: 00-[0-9a-f]*-[0-9a-f]*-01\r$/d' "$dir/wire.shim"; }
headers() { grep -ac '^traceparent: 00-[0-9a-f]\{32\}-[0-9a-f]\{16\}-01' "$dir/wire.shim"; }

# N: this many injected headers, and without them the same bytes.
injected() {
	headers | grep -qx "$1" || { cat -A "$dir/wire.shim" | head -n 40; return 1; }
	plain_wire | cmp - "$dir/wire.raw"
}

# The same of many connections at once: their lines, whatever their order and number.
injected_unordered() {
	headers | grep -qx "$1" || { headers; head -n 40 "$dir/wire.shim" | cat -A; return 1; }
	cmp <(plain_wire | lines) <(lines <"$dir/wire.raw")
}
lines() { grep -avxE '|=====' | sort; } # without the lines that the relay adds

# PID: it and what descends from it: program, threads, what its descriptors are.
census() {
	$PY - "$1" <<-'P'
		import os, re, sys
		def of(pid, name): return open(f"/proc/{pid}/{name}").read()
		def fds(pid):
		    for fd in os.listdir(f"/proc/{pid}/fd"):
		        yield re.sub(r"\[\d+\]|\d+", "", os.readlink(f"/proc/{pid}/fd/{fd}"))
		def all_of(pid):
		    yield f"{of(pid, 'comm').strip()} threads {len(os.listdir(f'/proc/{pid}/task'))} " + " ".join(sorted(fds(pid)))
		    for tid in os.listdir(f"/proc/{pid}/task"):
		        for child in of(pid, f"task/{tid}/children").split():
		            yield from all_of(child)
		print("\n".join(sorted(all_of(sys.argv[1]))))
	P
}

alike() { census "$1" >"$dir/census" 2>/dev/null && cmp -s "$dir/census.raw" "$dir/census"; }

# PORT SIGNAL CMD..: a server, asked by the test's function `ask`: raw, then with the library:
# the same answers, the same threads and descriptors behind them, the same words and status.
server_both_ways() {
	local web=$1 signal=$2 a b main
	shift 2
	: >"$dir/wire"
	bg server "${user[@]}" "$@"
	main=$pid
	up "$web"
	ask >"$dir/answers.raw" 2>&1 3>&-
	sleep 0.3
	census "$main" >"$dir/census.raw"
	kill "-$signal" "$main"
	ended "$main"
	a=$status
	said >"$dir/said.raw"
	[ -z "${relay:-}" ] || until_true 10 drained
	cp "$dir/wire" "$dir/wire.raw"
	: >"$dir/wire"
	bg server "${user[@]}" "$OTRACE" run --no-bpf -o "$dir/text" --export "file:$dir/spans" -- "$@"
	up "$web"
	main=$(pgrep -P "$pid")
	ask >"$dir/answers" 2>&1 3>&-
	until_true 15 alike "$main" || diff "$dir/census.raw" "$dir/census"
	kill "-$signal" "$main"
	ended "$pid"
	b=$status
	[ -z "${relay:-}" ] || until_true 10 drained
	cp "$dir/wire" "$dir/wire.shim"
	said >"$dir/said"
	cat "$dir/text"
	[ "$a" = "$b" ]
	cmp "$dir/answers.raw" "$dir/answers"
	diff "$dir/said.raw" "$dir/said"
}

# What a server said, without times, process ids and addresses.
said() { sed -E 's/0x[0-9a-f]+|[0-9]+/N/g' "$dir/server.out" "$dir/server.err" | sort -u; }

# PROGRAM: an nginx with two workers: files, by sendfile and by threads of its own, and what
# is behind it, over connections that it keeps; reloaded between two requests.
nginx_both_ways() {
	local web
	web=$(free_port)
	relay
	mkdir "$dir/doc"
	head -c 3000000 /dev/urandom >"$dir/doc/big"
	cat >"$dir/nginx.conf" <<-N
		daemon off; worker_processes 2; pid $dir/nginx.pid; error_log $dir/nginx.log;
		events {}
		http {
			access_log off; aio threads; sendfile on; client_max_body_size 9m; root $dir/doc;
			client_body_temp_path $dir/b; proxy_temp_path $dir/p;
			fastcgi_temp_path $dir/f; uwsgi_temp_path $dir/u; scgi_temp_path $dir/s;
			upstream back { server 127.0.0.1:$relay; keepalive 4; }
			server { listen 127.0.0.1:$web;
				location /back/ { proxy_pass http://back; proxy_http_version 1.1;
					proxy_set_header Connection ''; }
			}
		}
	N
	as_nobody
	ask() {
		curl -s "127.0.0.1:$web/big" "127.0.0.1:$web/big" | sha256sum
		curl -s "127.0.0.1:$web/back/[1-15]"
		kill -HUP "$(cat "$dir/nginx.pid")"
		curl -s "127.0.0.1:$web/back/[16-30]"
		curl -s -H Expect: --data-binary "@$dir/doc/big" "127.0.0.1:$web/back/up"
	}
	# The number of kept connections, and which workers leave, is random.
	alike() { cmp -s <(census "$1" | no_sockets) <(no_sockets <"$dir/census.raw"); }
	no_sockets() { sed 's/socket: *//g; s/ $//' | sort -u; }
	server_both_ways "$web" QUIT "$1" -p "$dir" -e "$dir/nginx.log" -c "$dir/nginx.conf"
	[ "$(grep -c hello "$dir/answers")" -eq 30 ]
	injected_unordered 31
	spans 'len(V) == 33 and len(C) == 31' 'not any(s.error for s in S)' \
		'all(c.attr["url.full"].endswith(parent(c).path) for c in C)'
	[ ! -s "$dir/server.err" ]
}
