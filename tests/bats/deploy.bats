#!/usr/bin/env bats
# SPDX-License-Identifier: Apache-2.0
# deploy.bats - what deploy/ gives the agent is what it needs: the unit, the manifests, the package.

load helpers
setup() {
	live_setup
	port=$(free_port)
	unit=$ROOT/deploy/systemd/otrace.service
	set=$ROOT/deploy/kubernetes/daemonset.yaml
}

# Its capabilities, as setpriv(1) wants them: "+bpf,+perfmon,..".
of_daemonset() {
	sed -n '/^ *add:/,/^ *#/s/^ *- \([A-Z_]*\)$/\1/p' "$set" | sort | sed 's/.*/+\L&/' | paste -sd,
}
of_unit() { # KEY
	sed -n "s/^$1=//p" "$unit" | tr ' ' '\n' | sed 's/^CAP_//; s/.*/+\L&/' | sort | paste -sd,
}

# with CAPABILITIES UID CMD..: with exactly these, as that user. tracefs is mounted, as on a machine
# with systemd.
with() {
	cp "$OTRACE" "$dir/otrace"
	chmod 777 "$dir"
	exec unshare -m --propagation private sh -c 'mount -t tracefs tracefs /sys/kernel/tracing
		caps=$1 uid=$2; shift 2
		exec setpriv --reuid "$uid" --regid "$uid" --clear-groups --no-new-privs \
			--bounding-set "-all,$caps" --inh-caps "-all,$caps" --ambient-caps "-all,$caps" "$@"' \
		sh "$@"
}

@test "the unit and the DaemonSet give the same five capabilities" {
	[ "$(of_daemonset)" = '+bpf,+checkpoint_restore,+dac_read_search,+perfmon,+sys_ptrace' ]
	[ "$(of_unit AmbientCapabilities)" = "$(of_daemonset)" ]
	[ "$(of_unit CapabilityBoundingSet)" = "$(of_daemonset)" ]
}

@test "an agent with exactly these traces a server and a program with the library, as root and as another user" {
	caps=$(of_daemonset)
	libport=$(free_port)
	for uid in 0 65534; do
		bg serve $PY "$APPS/httpd.py" "$port"
		serve=$pid
		bg libserve env LD_PRELOAD="$(dirname "$OTRACE")/libotrace.so" OTRACE_WAIT=1 \
			$PY "$APPS/httpd.py" "$libport"
		libserve=$pid
		bg tracer with "$caps" $uid "$dir/otrace" agent --strict --rule "port=$port" \
			--rule "port=$libport,service=lib" --rule "env=OTRACE_WAIT=1,service=lib" \
			--rule "env=OTRACE_WAIT=1,mode=trace" --export "file:$dir/spans$uid"
		tracer=$pid
		until_true 30 grep -q watching "$dir/tracer.err" || { cat "$dir/tracer.err"; return 1; }
		up "$port"
		up "$libport"
		curl -s "127.0.0.1:$port/x" "127.0.0.1:$libport/y" >/dev/null
		grep -q "^CapEff:.*000001c000080004" "/proc/$tracer/status"
		quiet
		kill -TERM "$tracer"
		ended "$tracer"
		cat "$dir/tracer.err"
		[ "$status" -eq 0 ]
		cp "$dir/spans$uid" "$dir/spans"
		spans '{s.name for s in S} == {"GET /x", "GET /y"}'
		for pid in $serve $libserve; do
			kill "$pid"
			ended "$pid"
		done
	done
}

@test "without BPF or PERFMON the agent says which one is missing" {
	for missing in bpf perfmon; do
		run bash -c "$(declare -f with); OTRACE=$OTRACE dir=$dir
			with '$(of_daemonset | sed "s/+$missing,\?//")' 65534 '$dir/otrace' agent"
		echo "$output"
		[ "$status" -eq 4 ]
		[[ $output == *"CAP_${missing^^}"* ]]
	done
}

@test "systemd accepts the unit, finds little exposure, and its filter lets the agent's calls pass" {
	sed "s|/usr/bin/otrace|$OTRACE|" "$unit" >"$dir/otrace.service"
	run systemd-analyze verify --man=no "$dir/otrace.service"
	echo "$output"
	[ "$status" -eq 0 ]
	[ -z "$output" ]
	systemd-analyze security --offline=true --threshold=30 "$unit" >"$dir/exposure"
	bg serve $PY "$APPS/httpd.py" "$port"
	up "$port"
	bg tracer with "$(of_daemonset)" 0 strace -f -c -o "$dir/calls" "$dir/otrace" agent \
		--rule "port=$port" --export "file:$dir/spans" --export http://127.0.0.1:9
	strace=$pid
	until_true 60 grep -q watching "$dir/tracer.err" || { cat "$dir/tracer.err"; return 1; }
	curl -s "127.0.0.1:$port/x" >/dev/null
	quiet
	kill -TERM "$(pgrep -P "$strace" otrace)"
	ended "$strace"
	run $PY "$APPS/unit_filter.py" "$unit" "$dir/calls"
	echo "denied: $output"
	[ "$status" -eq 0 ]
	[ -z "$output" ]
}

@test "the manifests are what Kubernetes' schemas want, and the configuration what otrace wants" {
	cache=${OTRACE_CACHE:-/var/cache/otrace}
	tests/backends/get-kubernetes-validate.sh "$cache" >"$dir/get" 2>&1 ||
		skip "the schemas cannot be fetched: $(tail -n 1 "$dir/get")"
	validate() { "$cache/kubernetes/bin/kubernetes-validate" --strict --quiet "$@"; }
	for file in namespace serviceaccount daemonset; do
		validate "$ROOT/deploy/kubernetes/$file.yaml"
		grep -qx "  - $file.yaml" "$ROOT/deploy/kubernetes/kustomization.yaml"
	done
	sed 's/readOnlyRootFilesystem/readOnlyRootFileSystem/' "$set" >"$dir/wrong.yaml"
	run validate "$dir/wrong.yaml"
	[ "$status" -ne 0 ]
	"$OTRACE" config check "$ROOT/deploy/kubernetes/otrace.yaml"
	[ "$(grep -c 'privileged: false' "$set")" -eq 1 ]
}

# Lists of packages, one a line. What build-essential holds is in no Build-Depends.
of_setup() {
	(eval "$(sed -n '/^build="/,/"$/p' scripts/setup.sh)" && printf '%s\n' $build) |
		sed 's/=.*//' | grep -vxE 'gcc|libc6-dev|make' | sort
}
of_control() { # KEY
	sed -n "/^$1:/,/^[^ ]*:/{s/^$1://; /^[^ ]/d; p}" deploy/debian/control | tr ',' '\n' |
		sed 's/(.*)//; s/ //g; /^$/d; /^debhelper-compat$/d' | sort
}
of_image() {
	sed -n '/--no-install-recommends/,/rm -rf/p' deploy/container/Containerfile | sed '1d; $d' |
		tr ' ' '\n' | grep -x '[a-z].*' | grep -vx ca-certificates | sort
}
of_library() { # SONAME
	dpkg -S "*/$(gcc -print-multiarch)/$1" | sed 's/:.*//' | sort -u
}
of_binary() {
	readelf -d build/otrace | sed -n 's/.*(NEEDED).*\[\(.*\)\]/\1/p' |
		while read -r name; do of_library "$name"; done | grep -vx libc6 | sort
}

@test "setup.sh, the package and the image name the packages that the binary is built of and needs" {
	for file in $(make -pn 2>/dev/null | sed -n 's/^PKGS := //p'); do of_library "pkgconfig/$file.pc"; done |
		sort >"$dir/of_makefile"
	[ "$(wc -l <"$dir/of_makefile")" -ge 9 ]
	of_setup >"$dir/of_setup"
	of_control Build-Depends | diff - "$dir/of_setup"
	[ -z "$(comm -23 "$dir/of_makefile" "$dir/of_setup")" ]
	of_binary >"$dir/of_binary"
	[ "$(wc -l <"$dir/of_binary")" -ge 9 ]
	of_image | diff - "$dir/of_binary"
	name=$(sed -n 's/^#define LIBRARY "\(.*\)"$/\1/p' agent/source/pcap.c)
	[ "$(sed -n 's/^Suggests: //p' deploy/debian/control)" = "$(of_library "$name")" ]
}

@test "the package and the image are of the version that the agent says" {
	version=$("$OTRACE" --version | sed -n '1s/^otrace //p')
	[ "$(sed -n '1s/^otrace (\(.*\)) .*/\1/p' deploy/debian/changelog)" = "$version" ]
	for file in deploy/container/Containerfile deploy/kubernetes/{daemonset,kustomization}.yaml docs/KUBERNETES.md; do
		grep -oP '(otrace:|newTag: "|version=")\K[0-9][^" ]*' "$file" | sort -u >"$dir/named"
		diff "$dir/named" - <<<"$version"
	done
}

@test "the package and the docs name all protocols that the agent reads" {
	grep -rhoP '^\t\.title = "\K[^"]+' agent/proto/*.c >"$dir/titles"
	[ "$(wc -l <"$dir/titles")" -ge 7 ]
	for file in deploy/debian/control docs/USING.md; do
		while read -r title; do
			grep -qF "$title" "$file" || { echo "$file does not name $title"; return 1; }
		done <"$dir/titles"
	done
}

@test "the package is clean by lintian, and what it unpacks runs" {
	scripts/deb.sh >"$dir/log" 2>&1 || { cat "$dir/log"; return 1; }
	deb=$(echo "$ROOT"/build/deb/otrace_*.deb)
	lintian --allow-root --fail-on error,warning "$deb"
	dpkg-deb -x "$deb" "$dir/root"
	"$dir/root/usr/bin/otrace" --version
	run "$dir/root/usr/bin/otrace" config check "$dir/root/etc/otrace/otrace.yaml"
	[[ $output == *": ok, 0 keys" ]]
	dpkg-deb -e "$deb" "$dir/control"
	grep -qx /etc/otrace/otrace.yaml "$dir/control/conffiles"
	for file in usr/share/man/man1/otrace.1.gz lib/systemd/system/otrace.service usr/lib/otrace/libotrace.so \
		usr/share/bash-completion/completions/otrace; do
		[ -s "$dir/root/$file" ]
	done
	# It starts nothing, and enables only what was enabled before an upgrade.
	run grep -E 'invoke|restart|systemctl' "$dir/control/postinst"
	[ "$status" -eq 1 ]
	grep -q was-enabled "$dir/control/postinst"
}

@test "the agent tells the service manager that it is ready, reloads, lives and ends" {
	printf 'rules: [{port: 1}]\n' >"$dir/otrace.yaml"
	bg manager $PY -c "
import socket, sys
s = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM)
s.bind('$dir/notify')
while True:
    print(s.recv(4096).decode().replace('\\n', ' '), flush=True)"
	until_true 30 [ -S "$dir/notify" ]
	bg tracer env NOTIFY_SOCKET="$dir/notify" WATCHDOG_USEC=200000 "$OTRACE" agent \
		--config "$dir/otrace.yaml"
	tracer=$pid
	until_true 30 grep -qx 'READY=1 STATUS=watching 0 processes' "$dir/manager.out"
	until_true 30 grep -qx 'WATCHDOG=1' "$dir/manager.out"
	kill -HUP "$tracer"
	until_true 30 grep -q '^RELOADING=1 MONOTONIC_USEC=[0-9]' "$dir/manager.out"
	until_true 30 sh -c "[ \$(grep -c READY=1 '$dir/manager.out') -eq 2 ]"
	kill -TERM "$tracer"
	ended "$tracer"
	until_true 30 grep -qx 'STOPPING=1' "$dir/manager.out"
}
