#!/usr/bin/env bash
# SPDX-License-Identifier: Apache-2.0
# get-kubernetes-validate.sh DIR - makes DIR/kubernetes/bin/kubernetes-validate, which holds the JSON
# schemas that Kubernetes publishes.
set -euo pipefail
dir=${1:?usage: $0 DIR}
want=kubernetes-validate==1.37.0

mkdir -p "$dir"
exec 9>"$dir/.kubernetes.lock" # another run may want the same now
flock 9
if [ "$(cat "$dir/.kubernetes" 2>/dev/null)" = "$want" ]; then
	exit 0
fi
python3 -m venv "$dir/kubernetes"
"$dir/kubernetes/bin/python" -m pip install -q --disable-pip-version-check "$want"
echo "$want" >"$dir/.kubernetes"
