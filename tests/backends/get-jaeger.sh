#!/usr/bin/env bash
# SPDX-License-Identifier: Apache-2.0
# get-jaeger.sh DIR - builds Jaeger as DIR/jaeger. Takes about seven minutes of CPU the first time,
# nothing when it is there already.
set -euo pipefail
dir=${1:?usage: $0 DIR}
ver=v1.76.0 # the module of release 2.13.0
stamp="jaeger $ver"

mkdir -p "$dir"
dir=$(cd "$dir" && pwd)
exec 9>"$dir/.jaeger.lock" # another run may want the same now
flock 9
if [ -x "$dir/jaeger" ] && [ "$(cat "$dir/.jaeger" 2>/dev/null)" = "$stamp" ]; then
	exit 0
fi
command -v go >/dev/null || {
	echo "get-jaeger.sh: no go in PATH: Jaeger cannot be built" >&2
	exit 1
}
export CGO_ENABLED=0 GOTOOLCHAIN=local
# The module has a replace directive, so `go install pkg@version` refuses it. It is built in its own
# folder, which stays as it is.
src=$(go mod download -json "github.com/jaegertracing/jaeger@$ver" |
	sed -n 's/^[[:space:]]*"Dir": "\(.*\)",*$/\1/p')
[ -d "$src" ] || {
	echo "get-jaeger.sh: the module is not to be had" >&2
	exit 1
}
cd "$src"
go build -mod=readonly -buildvcs=false -trimpath -ldflags '-s -w' -o "$dir/jaeger" ./cmd/jaeger
echo "$stamp" >"$dir/.jaeger"
