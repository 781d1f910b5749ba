#!/usr/bin/env bash
# SPDX-License-Identifier: Apache-2.0
# agent.sh [SECONDS] - the agent under ThreadSanitizer with all of its work at once: library and
# probes, two exporters, a recording, a load that fills its queues, processes with a short
# life. Needs root.
#
# If there are reports, prints them and exits 1.
set -euo pipefail
cd "$(dirname "$0")/../.."
seconds=${1:-10}
dir=$(mktemp -d "${TMPDIR:-/tmp}/otrace-tsan.XXXXXX")
nginx_pid=
trap 'cat "$dir"/report* 2>/dev/null || true; [ -z "$nginx_pid" ] || kill "$nginx_pid" 2>/dev/null; rm -rf "$dir"' EXIT
make -s -j2 SAN=thread
cp build/libotrace.so build-tsan/

# shellcheck source=scripts/services.sh
source scripts/services.sh
front=$(svc_port) back=$(svc_port)
cat >"$dir/nginx.conf" <<N
daemon off; worker_processes 2; pid $dir/pid; error_log $dir/err; events {}
http {
	access_log off;
	upstream back { server 127.0.0.1:$back; keepalive 8; }
	server { listen 127.0.0.1:$front;
		location / { proxy_pass http://back; proxy_http_version 1.1; proxy_set_header Connection ""; } }
	server { listen 127.0.0.1:$back; location / { return 200 "hi\n"; } }
}
N
export TSAN_OPTIONS="exitcode=66 die_after_fork=0 log_path=$dir/report"
timeout $((seconds + 300)) build-tsan/otrace run -o "$dir/text" --export "file:$dir/spans" \
	--export "http://127.0.0.1:$(svc_port)" --record "$dir/otr" -- \
	nginx -p "$dir" -c "$dir/nginx.conf" &
agent=$!
until curl -sf "127.0.0.1:$front/" >"$dir/first" || ! kill -0 $agent; do sleep 0.1; done
nginx_pid=$(cat "$dir/pid")
wrk -t1 -c8 -d"$seconds" "http://127.0.0.1:$front/" >"$dir/wrk" &
load=$!
while kill -0 $load 2>/dev/null && kill -0 $agent 2>/dev/null; do
	curl -s "127.0.0.1:$front/" >"$dir/first" || break
	sleep 0.2
done
wait $load
kill -QUIT "$nginx_pid"
nginx_pid=
status=0
wait $agent || status=$?
grep -E '^(lost|overhead)' "$dir/text"
if [ "$status" != 0 ] || compgen -G "$dir/report*" >/dev/null; then
	cat "$dir"/report*
	echo "not ok the agent under ThreadSanitizer: status $status"
	exit 1
fi
echo "ok the agent under ThreadSanitizer: no report"
