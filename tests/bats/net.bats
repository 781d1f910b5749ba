#!/usr/bin/env bats
# SPDX-License-Identifier: Apache-2.0
# net.bats - network namespaces, NAT, the same addresses twice. In network namespaces of the test.

load helpers
setup() {
	live_setup
	opts=()
	port=$(free_port)
	spaces=()
}
teardown() {
	live_teardown
	for ns in "${spaces[@]}"; do ip netns del "$ns" || true; done
}

space() { # NAME: makes a network namespace, whose full name is in $ns
	ns=otr$$-$RANDOM-$1
	ip netns add "$ns"
	spaces+=("$ns")
	ip -n "$ns" link set lo up
}

in_space() { ip netns exec "$@"; }

up_in() { # NS PORT
	until_true 30 in_space "$1" bash -c "exec 4<>/dev/tcp/127.0.0.1/$2"
}

@test "connections of two namespaces with the same 127.0.0.1:8080 are not mixed" {
	space one
	one=$ns
	space two
	two=$ns
	for s in "$one" "$two"; do
		cp "$APPS/httpd.py" "$dir/app-${s##*-}.py"
		bg "app-${s##*-}" ip netns exec "$s" $PY "$dir/app-${s##*-}.py" 8080
		up_in "$s" 8080
	done
	room_for_all
	attach :8080
	bg client1 ip netns exec "$one" $PY "$APPS/load.py" 8080 /one 2 1
	first=$pid
	in_space "$two" $PY "$APPS/load.py" 8080 /two 2 1
	ended "$first"
	detach
	spans 'len(V) > 20' '{s.path for s in V if s.service == "app-one"} == {"/one"}' \
		'{s.path for s in V if s.service == "app-two"} == {"/two"}' 'not any(s.parent for s in V)'
}

@test "clients and servers of two namespaces with the same ports are joined within their namespace" {
	space one
	one=$ns
	space two
	two=$ns
	cat >"$dir/pair.sh" <<-S
		for i in 1 2 3 4 5; do curl -s --local-port 40000-40100 http://127.0.0.1:8080/\$1/\$i; done
	S
	traced bash -c "
		ip netns exec $one $PY $APPS/httpd.py 8080 & a=\$!
		ip netns exec $two $PY $APPS/httpd.py 8080 & b=\$!
		for s in $one $two; do
			until ip netns exec \$s bash -c 'exec 4<>/dev/tcp/127.0.0.1/8080' 2>/dev/null; do sleep 0.05; done
		done
		ip netns exec $one bash $dir/pair.sh one & c=\$!
		ip netns exec $two bash $dir/pair.sh two; wait \$c; kill \$a \$b"
	[ "$(grep -c hello "$dir/out")" -eq 10 ]
	spans 'len(V) == 10 and len(C) == 10' 'all(v.evidence == "wire" for v in V)' \
		'all(parent(v).attr["url.full"].endswith(v.path) for v in V)'
}

@test "client and server across veth and DNAT are joined by wire" {
	command -v nft
	space client
	client=$ns
	space server
	server=$ns
	ip link add "v$$a" netns "$client" type veth peer name "v$$b" netns "$server"
	ip -n "$client" addr add 10.99.0.1/24 dev "v$$a"
	ip -n "$server" addr add 10.99.0.2/24 dev "v$$b"
	ip -n "$client" link set "v$$a" up
	ip -n "$server" link set "v$$b" up
	in_space "$server" nft -f - <<-N
		table ip nat {
			chain pre { type nat hook prerouting priority -100; tcp dport 80 dnat to 10.99.0.2:8080; }
			chain post { type nat hook postrouting priority 100; }
		}
	N
	in_space "$client" nft -f - <<-N
		table ip nat {
			chain out { type nat hook output priority -100; ip daddr 10.200.0.1 tcp dport 80 dnat to 10.99.0.2:80; }
		}
	N
	ip -n "$client" route add default via 10.99.0.2
	traced bash -c "
		ip netns exec $server $PY $APPS/httpd.py 8080 0.0.0.0 & a=\$!
		for _ in \$(seq 600); do ip netns exec $server bash -c 'exec 4<>/dev/tcp/127.0.0.1/8080' 2>/dev/null && break; sleep 0.05; done
		ip netns exec $client curl -s -m 5 http://10.200.0.1/nat/1
		ip netns exec $client curl -s -m 5 http://10.99.0.2/nat/2
		kill \$a"
	[ "$(grep -c hello "$dir/out")" -eq 2 ]
	spans 'len(V) == 2 and len(C) == 2' 'all(v.evidence == "wire" for v in V)' \
		'all(parent(v).attr["url.full"].endswith(v.path) for v in V)' \
		'{c.attr["network.peer.address"] for c in C} == {"10.200.0.1", "10.99.0.2"}' \
		'all(v.attr["server.port"] != "" for v in V)'
}

@test "attach :PORT finds a server in another namespace, and one that starts there later" {
	space one
	bg app ip netns exec "$ns" $PY "$APPS/httpd.py" "$port"
	first=$pid
	up_in "$ns" "$port"
	attach ":$port"
	in_space "$ns" curl -s "127.0.0.1:$port/first" >/dev/null
	kill "$first"
	ended "$first"
	bg app2 ip netns exec "$ns" $PY "$APPS/httpd.py" "$port"
	up_in "$ns" "$port"
	in_space "$ns" curl -s "127.0.0.1:$port/second" >/dev/null
	detach
	spans 'sorted(v.path for v in V) == ["/first", "/second"]'
}
