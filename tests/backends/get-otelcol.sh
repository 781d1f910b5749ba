#!/usr/bin/env bash
# SPDX-License-Identifier: Apache-2.0
# get-otelcol.sh DIR - builds a small OpenTelemetry Collector as DIR/otelcol. Takes
# about three minutes of CPU the first time, nothing when it is there already.
set -euo pipefail
dir=${1:?usage: $0 DIR}
here=$(cd "$(dirname "$0")" && pwd)
ver=v0.161.0 # one release for the builder and the components
stamp="otelcol $ver $(cksum <"$here/conf/otelcol-builder.yaml")"

mkdir -p "$dir"
dir=$(cd "$dir" && pwd)
exec 9>"$dir/.otelcol.lock" # another run may want the same now
flock 9
if [ -x "$dir/otelcol" ] && [ "$(cat "$dir/.otelcol" 2>/dev/null)" = "$stamp" ]; then
	exit 0
fi
command -v go >/dev/null || {
	echo "get-otelcol.sh: no go in PATH: the Collector cannot be built" >&2
	exit 1
}
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
cd "$work"
export CGO_ENABLED=0 GOTOOLCHAIN=local GOBIN=$work/bin
go install "go.opentelemetry.io/collector/cmd/builder@$ver"
sed "s|@OUT@|$work/src|" "$here/conf/otelcol-builder.yaml" >builder.yaml

# The builder writes the sources only: its own `go mod tidy` would ask for modules
# that only the components' tests need, and not all of them can be had.
bin/builder --skip-get-modules --skip-compilation --config builder.yaml
cd src
{
	printf 'module example.invalid/otelcol\n\ngo 1.26.0\n\nrequire (\n'
	sed -n 's/.*gomod: //p' ../builder.yaml
	printf 'go.opentelemetry.io/collector/otelcol %s\n)\n' "$ver"
} >go.mod
go build -mod=mod -buildvcs=false -trimpath -ldflags '-s -w' -o "$dir/otelcol" .
echo "$stamp" >"$dir/.otelcol"
"$dir/otelcol" --version
