#!/usr/bin/env bash
# SPDX-License-Identifier: Apache-2.0
# get-kafka.sh DIR - fetches Kafka with its dependencies into DIR/kafka/lib; it takes a JDK and Maven.
# DIR/kafka/data is the folder of a new broker, number 1 of cluster AAAAAAAAAAAAAAAAAAAAAQ, and
# DIR/kafka/kafka.jsa an archive of classes, with which it starts in half the time.
set -euo pipefail
dir=${1:?usage: $0 DIR}
ver=4.1.2
stamp="kafka $ver"

mkdir -p "$dir"
dir=$(cd "$dir" && pwd)
exec 9>"$dir/.kafka.lock" # another run may want the same now
flock 9
if [ -s "$dir/kafka/kafka.jsa" ] && [ "$(cat "$dir/.kafka" 2>/dev/null)" = "$stamp" ]; then
	exit 0
fi
command -v mvn >/dev/null || {
	echo "get-kafka.sh: no mvn in PATH: Kafka cannot be fetched" >&2
	exit 1
}
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
cd "$work"
cat >pom.xml <<END
<project xmlns="http://maven.apache.org/POM/4.0.0">
<modelVersion>4.0.0</modelVersion><groupId>otrace</groupId><artifactId>kafka</artifactId>
<version>1</version><packaging>pom</packaging><dependencies><dependency>
<groupId>org.apache.kafka</groupId><artifactId>kafka_2.13</artifactId><version>$ver</version>
</dependency></dependencies></project>
END
mvn -q -B dependency:copy-dependencies -DoutputDirectory="$work/kafka/lib"
cat >format.properties <<END
process.roles=broker,controller
node.id=1
controller.quorum.voters=1@127.0.0.1:9093
controller.listener.names=CONTROLLER
listeners=PLAINTEXT://127.0.0.1:9092,CONTROLLER://127.0.0.1:9093
log.dirs=$work/kafka/data
END
rm -rf "$dir/kafka"
mv kafka "$dir/kafka"
sed -i "s,^log.dirs=.*,log.dirs=$dir/kafka/data," format.properties
java -XX:TieredStopAtLevel=1 -cp "$dir/kafka/lib/*" kafka.tools.StorageTool format \
	-t AAAAAAAAAAAAAAAAAAAAAQ -c format.properties >format.log 2>&1 || { cat format.log >&2; exit 1; }

# One start, of which the archive is made. Java takes it only with the same class path.
port=$(python3 -c 'import socket
with socket.socket() as a, socket.socket() as b:
    a.bind(("127.0.0.1", 0)); b.bind(("127.0.0.1", 0)); print(a.getsockname()[1], b.getsockname()[1])')
sed "s/9092/${port% *}/; s/9093/${port#* }/; s,^log.dirs=.*,log.dirs=$work/data," format.properties >start.properties
cp -r "$dir/kafka/data" data
java -Xmx256m -XX:+UseSerialGC -XX:TieredStopAtLevel=1 -XX:ArchiveClassesAtExit="$work/kafka.jsa" \
	-cp "$dir/kafka/lib/*" kafka.Kafka start.properties >start.log 2>&1 &
pid=$!
for _ in $(seq 1200); do
	(exec 3<>"/dev/tcp/127.0.0.1/${port% *}") 2>/dev/null && break
	kill -0 $pid 2>/dev/null || { cat start.log >&2; exit 1; }
	sleep 0.1
done
kill $pid
wait $pid || true
mv kafka.jsa "$dir/kafka/kafka.jsa"
echo "$stamp" >"$dir/.kafka"
