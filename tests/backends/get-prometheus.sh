#!/usr/bin/env bash
# SPDX-License-Identifier: Apache-2.0
# get-prometheus.sh DIR - builds Prometheus and promtool as DIR/prometheus and DIR/promtool. Takes
# about five minutes of CPU the first time, nothing when they are there already.
set -euo pipefail
dir=${1:?usage: $0 DIR}
ver=v0.316.0 # the module of release 3.16.0
stamp="prometheus $ver"

mkdir -p "$dir"
dir=$(cd "$dir" && pwd)
exec 9>"$dir/.prometheus.lock" # another run may want the same now
flock 9
if [ -x "$dir/prometheus" ] && [ "$(cat "$dir/.prometheus" 2>/dev/null)" = "$stamp" ]; then
	exit 0
fi
command -v go >/dev/null || {
	echo "get-prometheus.sh: no go in PATH: Prometheus cannot be built" >&2
	exit 1
}
export CGO_ENABLED=0 GOTOOLCHAIN=local
# remove_all_sd leaves out the libraries of clouds, which are most of the download.
GOBIN=$dir go install -tags remove_all_sd,netgo -trimpath -ldflags '-s -w' \
	"github.com/prometheus/prometheus/cmd/prometheus@$ver" \
	"github.com/prometheus/prometheus/cmd/promtool@$ver"
echo "$stamp" >"$dir/.prometheus"
