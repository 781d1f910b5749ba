#!/usr/bin/env bats
# SPDX-License-Identifier: Apache-2.0
# resource.bats - attributes that a process has in its environment are on its resource.

load helpers
setup() {
	live_setup
	shim_setup
	http "$port"
}

@test "OTEL_RESOURCE_ATTRIBUTES is read whole and decoded, also of a process that ends at once" {
	for opts in --no-bpf --no-shim --quiet; do # the last: both sources
		# By probes the agent reads the environment of a process that runs.
		at=x
		[ "$opts" != --no-shim ] || at=slow/200
		opts=("$opts")
		traced env OTEL_RESOURCE_ATTRIBUTES='deployment.environment.name=x%2Cy,team = z ,service.version=2,service.name=shop' \
			curl -s "127.0.0.1:$port/$at"
		spans 'len(C) == 1 and C[0].service == "shop"' \
			'C[0].resource["deployment.environment.name"] == "x,y"' \
			'C[0].resource["team"] == "z" and C[0].resource["service.version"] == "2"'
	done
}

@test "of OTEL_RESOURCE_ATTRIBUTES only bad pairs are ignored, which -v reports once" {
	local words='OTEL_RESOURCE_ATTRIBUTES of process [0-9]*: .bad=%zz. is ignored'
	opts+=(-v)
	traced env OTEL_RESOURCE_ATTRIBUTES='a=1,bad=%zz,none,b=2' \
		sh -c "curl -s 127.0.0.1:$port/x; curl -s 127.0.0.1:$port/y"
	[ "$(grep -c "$words" "$dir/text")" -eq 1 ]
	spans 'len(C) == 2' 'all(c.resource["a"] == "1" and c.resource["b"] == "2" for c in C)' \
		'not any("bad" in c.resource for c in C)'
	opts=(--no-bpf)
	traced env OTEL_RESOURCE_ATTRIBUTES='a=1,bad=%zz' curl -s "127.0.0.1:$port/x"
	run ! grep 'is ignored' "$dir/text"
}
