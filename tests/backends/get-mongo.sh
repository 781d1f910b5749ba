#!/usr/bin/env bash
# SPDX-License-Identifier: Apache-2.0
# get-mongo.sh DIR - fetches mongo-java-server, a server of MongoDB's protocol that keeps its data in
# memory, into DIR/mongo; it takes a JDK and Maven. tests/apps/Mongo.java starts it.
set -euo pipefail
dir=${1:?usage: $0 DIR}
ver=1.47.0
stamp="mongo-java-server $ver"

mkdir -p "$dir"
dir=$(cd "$dir" && pwd)
exec 9>"$dir/.mongo.lock" # another run may want the same now
flock 9
if [ -d "$dir/mongo" ] && [ "$(cat "$dir/.mongo" 2>/dev/null)" = "$stamp" ]; then
	exit 0
fi
command -v mvn >/dev/null || {
	echo "get-mongo.sh: no mvn in PATH: mongo-java-server cannot be fetched" >&2
	exit 1
}
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
cd "$work"
cat >pom.xml <<-END
	<project><modelVersion>4.0.0</modelVersion>
	<groupId>otrace</groupId><artifactId>mongo</artifactId><version>1</version>
	<dependencies><dependency><groupId>de.bwaldvogel</groupId>
	<artifactId>mongo-java-server</artifactId><version>$ver</version></dependency></dependencies>
	</project>
END
mvn -q -B dependency:copy-dependencies -DoutputDirectory="$work/mongo"
rm -rf "$dir/mongo"
mv "$work/mongo" "$dir/mongo"
echo "$stamp" >"$dir/.mongo"
