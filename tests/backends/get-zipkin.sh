#!/usr/bin/env bash
# SPDX-License-Identifier: Apache-2.0
# get-zipkin.sh DIR - fetches the Zipkin server as DIR/zipkin.jar; it takes a JDK and Maven.
set -euo pipefail
dir=${1:?usage: $0 DIR}
ver=3.6.1
stamp="zipkin $ver"

mkdir -p "$dir"
dir=$(cd "$dir" && pwd)
exec 9>"$dir/.zipkin.lock" # another run may want the same now
flock 9
if [ -s "$dir/zipkin.jar" ] && [ "$(cat "$dir/.zipkin" 2>/dev/null)" = "$stamp" ]; then
	exit 0
fi
command -v mvn >/dev/null || {
	echo "get-zipkin.sh: no mvn in PATH: Zipkin cannot be fetched" >&2
	exit 1
}
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
cd "$work" # where there is no pom.xml
mvn -q -B dependency:copy -Dartifact="io.zipkin:zipkin-server:$ver:jar:exec" \
	-DoutputDirectory="$work/out" -Dmdep.useBaseVersion=true
install -m 644 "$work/out/zipkin-server-$ver-exec.jar" "$dir/zipkin.jar"
echo "$stamp" >"$dir/.zipkin"
