#!/usr/bin/env bash
# SPDX-License-Identifier: Apache-2.0
# get-witness.sh DIR - makes DIR/venv with the protobuf classes that OpenTelemetry
# publishes for Python: a reading of our bytes that shares no code with us.
set -euo pipefail
dir=${1:?usage: $0 DIR}
want=opentelemetry-proto==1.45.2

mkdir -p "$dir"
exec 9>"$dir/.witness.lock" # another run may want the same now
flock 9
if [ "$(cat "$dir/.witness" 2>/dev/null)" = "$want" ]; then
	exit 0
fi
python3 -m venv "$dir/venv"
"$dir/venv/bin/python" -m pip install -q --disable-pip-version-check "$want"
"$dir/venv/bin/python" -c 'import opentelemetry.proto.trace.v1.trace_pb2'
echo "$want" >"$dir/.witness"
