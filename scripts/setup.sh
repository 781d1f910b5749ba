#!/usr/bin/env bash
# SPDX-License-Identifier: Apache-2.0
# setup.sh - installs what is missing on a bare Debian 12, from its own packages.
#
#   scripts/setup.sh [--check] [build|demo|test|accuracy|programs|bench]..
#
# No group means the first three. `make test-all` needs two more: the languages of tests/accuracy, and
# programs for tests/shim; one row of `make bench` needs the last. --check installs nothing: it names
# the missing packages, and exits with 1. A second run finds nothing to do, prints nothing and ends at
# once. No service of a package is started.
set -euo pipefail

# One package a word. PACKAGE=COMMAND: the package is not needed if there is the command.
build="gcc libc6-dev make pkg-config clang libbpf-dev bpftool=/usr/sbin/bpftool libelf-dev
	zlib1g-dev libprotobuf-c-dev protobuf-c-compiler libcurl4-openssl-dev uthash-dev
	libxxhash-dev libcap-ng-dev libseccomp-dev libpcap-dev libmicrohttpd-dev libyaml-dev"
demo="nginx-light=nginx python3 gunicorn python3-flask python3-psycopg2 python3-requests
	postgresql nodejs=node curl=curl"
test="libcmocka-dev libnghttp2-dev nghttp2-client=nghttp nghttp2-server=nghttpd nghttp2-proxy=nghttpx python3-grpcio libpq-dev libssl-dev libgnutls28-dev libdbd-pg-perl ruby-pg bats shellcheck=shellcheck clang-format=clang-format universal-ctags mandoc=mandoc
	bsdextrautils jq=jq git=git openssl=openssl wget=wget iproute2 nftables procps psmisc tmux=tmux
	libclang-rt-14-dev valgrind=valgrind musl-tools=musl-gcc gdb=gdb python3-aiohttp python3-venv
	mariadb-server mariadb-client python3-pymysql python3-mysqldb libdbd-mysql-perl php8.2-fpm redis-server=redis-server memcached=memcached libmemcached-tools python3-pymemcache python3-memcache python3-redis node-redis wrk=wrk
	nats-server=nats-server golang-github-nats-io-go-nats-dev libnats-dev mosquitto=mosquitto mosquitto-clients=mosquitto_pub python3-paho-mqtt
	golang-go=go maven=mvn default-jdk-headless=javac python3-kafka python3-confluent-kafka python3-pymongo node-mongodb python3-h2 zsh=zsh fish=fish faketime=faketime
	gcc-aarch64-linux-gnu=aarch64-linux-gnu-gcc libc6-dev-arm64-cross
	apache2-bin uwsgi-core uwsgi-plugin-python3
	strace=strace systemd=systemd-analyze debhelper dpkg-dev fakeroot lintian
	tcpdump=tcpdump tshark=tshark qemu-system-x86=qemu-system-x86_64 busybox-static cpio=cpio xz-utils=xz libc6-i386 libjemalloc2"

accuracy="default-jdk-headless=javac ruby=ruby puma=puma python3-gevent python3-uvloop
	golang-go=go"

programs="apache2-utils=ab haproxy=haproxy lighttpd=lighttpd caddy=caddy
	php8.2-fpm php8.2-cli php8.2-curl php8.2-pgsql ruby-webrick
	libwww-perl libio-socket-ssl-perl liblwp-protocol-https-perl lynx=lynx aria2=aria2c rustc=rustc sudo=sudo iputils-ping=ping libcap2-bin=setcap
	libpython3.11-testsuite qemu-user=qemu-aarch64 cmake=cmake"

bench="node-express"

say() { printf 'packages   %s\n' "$*"; }

wanted() { # GROUP..: prints their packages
	local group
	for group in "$@"; do
		case $group in
		build) echo "$build" ;;
		demo) echo "$demo" ;;
		test) echo "$test" ;;
		accuracy) echo "$accuracy" ;;
		programs) echo "$programs" ;;
		bench) echo "$bench" ;;
		*) echo "setup.sh: no group $group: build, demo, test, accuracy, programs, bench" >&2 && exit 2 ;;
		esac
	done
}

missing() { # WORD..: packages that are not installed
	local word here
	here=$(dpkg-query -W -f '${db:Status-Abbrev} ${Package}\n' "${@%%=*}" 2>/dev/null || true)
	for word in "$@"; do
		[[ $'\n'$here$'\n' != *$'\n'"ii  ${word%%=*}"$'\n'* ]] || continue
		[[ $word != *=* ]] || ! command -v "${word#*=}" >/dev/null || continue
		echo "${word%%=*}"
	done
}

# Packages start their daemons unless this file forbids it. The file of before is restored.
policy=/usr/sbin/policy-rc.d
hold_services() {
	[ ! -e $policy ] || mv $policy $policy.otrace
	trap release_services EXIT
	printf '#!/bin/sh\nexit 101\n' >$policy
	chmod 755 $policy
}
release_services() {
	rm -f $policy
	[ ! -e $policy.otrace ] || mv $policy.otrace $policy
}

install() { # PACKAGE..
	local log
	log=$(mktemp)
	export DEBIAN_FRONTEND=noninteractive
	hold_services
	if ! { apt-get update -qq && apt-get install -y -qq --no-install-recommends \
		-o DPkg::Lock::Timeout=300 "$@"; } >"$log" 2>&1 </dev/null; then
		tail -n 20 "$log" >&2
		echo "setup.sh: apt-get failed; its output: $log" >&2
		return 1
	fi
	rm -f "$log"
}

check=
[ "${1:-}" != --check ] || { check=1 && shift; }
[ $# -gt 0 ] || set -- build demo test
words=$(wanted "$@")
command -v dpkg-query >/dev/null || {
	echo "setup.sh: no Debian here: what these packages hold, install by hand:" >&2
	sed 's/=[^ ]*//g; s/^[[:space:]]*/  /' <<<"$words" >&2
	exit 1
}
# shellcheck disable=SC2086 # words
missing=$(missing $words | tr '\n' ' ')
if [ -z "$missing" ]; then
	say "all there ($*)"
elif [ -n "$check" ]; then
	say "missing packages: $missing"
	exit 1
elif [ "$(id -u)" != 0 ]; then
	say "missing packages: $missing"
	echo "           try  sudo scripts/setup.sh $*"
	exit 1
else
	since=$SECONDS
	# shellcheck disable=SC2086 # words
	install $missing
	say "${missing}installed, $((SECONDS - since)) s; no service was started"
fi
