#!/usr/bin/env bash
# SPDX-License-Identifier: Apache-2.0
# record.sh [NAME..] - makes recordings/NAME.otr anew: as root, after `make`. With
# `--expect` only what is expected of those there. Read the difference before it is kept.
set -euo pipefail
cd "$(dirname "$0")/../.."
. scripts/services.sh
here=$PWD/tests/golden/recordings
otrace=$PWD/build/otrace
py=/usr/bin/python3

attach() { # NAME TARGET..: its pid in $tracer
	"$otrace" attach --record "$here/$1.otr" -o "$SVC/text" "${@:2}" &
	tracer=$!
	until grep -q '^otrace 0' "$SVC/text" 2>/dev/null; do sleep 0.05; done
}

detach() {
	sleep 1.3
	kill -INT "$tracer"
	wait "$tracer"
	cat "$SVC/text"
}

httpd() { # sets HTTP_PORT
	HTTP_PORT=$(svc_port)
	svc_start httpd $py "$SVC/httpd.py" "$HTTP_PORT"
	svc_wait_port "$HTTP_PORT"
}

# nginx, Flask under gunicorn, Node, PostgreSQL; one request is slow, one fails.
record_shop() {
	svc_node ''
	svc_postgres
	svc_gunicorn shop:app 1 2
	svc_nginx "$GUNICORN_PORT"
	attach shop ":$NGINX_PORT" ":$GUNICORN_PORT" ":$NODE_PORT" ":$PG_PORT"
	for path in checkout checkout slow fail; do
		curl -s -o "$SVC/answer" "http://127.0.0.1:$NGINX_PORT/$path?id=1"
	done
	detach
}

# As on a kernel before 6.3: by the exits of system calls.
record_fallback() {
	OTRACE_PROBES='socket lengths' "$otrace" run --record "$here/fallback.otr" -o "$SVC/text" -- bash -c "
		$py $SVC/httpd.py $1 & server=\$!
		until curl -s -o $SVC/answer 127.0.0.1:$1/hello; do sleep 0.05; done
		curl -s -o $SVC/answer -d words 127.0.0.1:$1/up; kill \$server"
	cat "$SVC/text"
}

# A full ring: one record of data is taken out of a recording, and its loss told.
record_lost() {
	httpd
	attach whole ":$HTTP_PORT"
	$py - "$HTTP_PORT" <<-'P'
		import http.client, sys
		conn = http.client.HTTPConnection("127.0.0.1", int(sys.argv[1]))
		for i in range(6):
		    conn.request("GET", f"/lost/{i}")
		    conn.getresponse().read()
	P
	detach
	$py tests/golden/lose.py "$here/whole.otr" 5 >"$here/lost.otr"
	rm "$here/whole.otr"
}

expect() { # NAME
	"$otrace" replay --format jsonl --no-summary -o "$here/$1.jsonl" "$here/$1.otr"
	chmod 644 "$here/$1".*
	wc -c "$here/$1".*
}

mkdir -p "$here"
if [ "${1:-}" = --expect ]; then
	for file in "$here"/*.otr; do expect "$(basename "$file" .otr)"; done
	exit
fi
[ $# -gt 0 ] || set -- shop fallback lost
trap "svc_stop || true" EXIT
for name; do
	svc_init
	"record_$name" "$(svc_port)"
	svc_stop || true
	expect "$name"
done
