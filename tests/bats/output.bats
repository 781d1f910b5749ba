#!/usr/bin/env bats
# SPDX-License-Identifier: Apache-2.0
# output.bats - where traces are written: a descriptor of the caller is used as it is, a file holds
# whole lines, and a failed write is reported.

load helpers
setup() {
	live_setup
	shim_setup
}

# All that three writers of one descriptor have written, in order.
whole() {
	cat "$dir/log"
	head -n 1 "$dir/log" | grep -qx before
	tail -n 1 "$dir/log" | grep -qx after
	grep -qx program "$dir/log"
	grep -q '^otrace 0' "$dir/log"
	grep -q '^otrace: sh: status 0' "$dir/log"
	grep -q '  200 GET /x\|GET /x  ' "$dir/log"
	run ! grep -P '\x00' "$dir/log"
}

@test "-o to a descriptor of the caller loses nothing before or after it, and mixes no lines" {
	http "$port"
	cat >"$dir/both.sh" <<-S
		echo program >&\$1
		curl -s "127.0.0.1:$port/x" >/dev/null
	S
	for out in /dev/stderr /dev/fd/2 /proc/self/fd/2; do
		(
			echo before >&2
			"$OTRACE" run --no-bpf -o "$out" -- sh "$dir/both.sh" 2
			echo after >&2
		) 2>"$dir/log" 3>&-
		whole
	done
	for out in - /dev/stdout /proc/self/fd/1; do
		(
			echo before
			"$OTRACE" run --no-bpf -o "$out" -- sh "$dir/both.sh" 1
			echo after
		) >"$dir/log" 3>&-
		whole
	done
	(
		echo before >&7
		"$OTRACE" run --no-bpf -o /dev/fd/7 -- sh "$dir/both.sh" 7
		echo after >&7
	) 7>"$dir/log" 3>&-
	whole
}

@test "-o /dev/stderr writes to root's pipe as another user, too" {
	chmod -R a+rwX "$dir"
	(
		setpriv --reuid=65534 --regid=65534 --clear-groups env -C / HOME=/tmp "$OTRACE" run \
			-o /dev/stderr -- true 2>&1 >/dev/null 3>&-
	) | cat >"$dir/log"
	cat "$dir/log"
	grep -q '^otrace: true: status 0' "$dir/log"
}

@test "an existing file that others can read gets mode 0600 before a byte is written, for each option" {
	http "$port"
	for file in text spans events; do
		echo old >"$dir/$file"
		chmod 0644 "$dir/$file"
	done
	"$OTRACE" run --no-bpf -o "$dir/text" --export "file:$dir/spans" --record "$dir/events" -- \
		curl -s "127.0.0.1:$port/x" 3>&-
	[ "$(stat -c %a "$dir/text" "$dir/spans" "$dir/events" | sort -u)" = 600 ]
	[ -s "$dir/text" ]
	[ -s "$dir/spans" ]
	[ -s "$dir/events" ]
	run ! grep -qx old "$dir/text" "$dir/spans" "$dir/events"
	echo before >"$dir/shared"
	chmod 0644 "$dir/shared"
	"$OTRACE" run --no-bpf -o - -- curl -s "127.0.0.1:$port/x" >>"$dir/shared" 3>&-
	[ "$(stat -c %a "$dir/shared")" = 644 ]
	head -n 1 "$dir/shared" | grep -qx before
}

@test "lines of a file are whole, however long" {
	http "$port"
	long=$(printf '/alpha/beta/gamma%.0s' $(seq 8))
	traced curl -s "127.0.0.1:$port$long"
	grep -qE '^└╌127.0.0.1:[0-9]+  GET (/alpha/beta/gamma){2}/alpha/beta/\{rest\}  ~ +200 ' "$dir/text"
	run ! grep '…' "$dir/text"
}

@test "-q shows nothing and needs no terminal" {
	http "$port"
	setsid "$OTRACE" run --no-bpf -q --export "file:$dir/spans" -- curl -s "127.0.0.1:$port/x" \
		>"$dir/out" 2>"$dir/err" </dev/null 3>&-
	[ ! -s "$dir/err" ]
	spans 'len(C) == 1'
	setsid "$OTRACE" run --no-bpf -q -- curl -s "127.0.0.1:$port/x" >"$dir/out" 2>"$dir/err" </dev/null 3>&-
	[ ! -s "$dir/err" ]
	grep -qx 'hello /x' "$dir/out"
}

# A backend that accepts each POST and answers with a page, as a login or a proxy does.
page_server() {
	page=$(free_port)
	cat >"$dir/pages.py" <<-P
		import http.server
		class H(http.server.BaseHTTPRequestHandler):
		    def do_POST(self):
		        self.rfile.read(int(self.headers["Content-Length"]))
		        self.send_response(200)
		        self.send_header("Content-Type", "text/html")
		        self.send_header("Content-Length", "15")
		        self.end_headers()
		        self.wfile.write(b"<html>hi</html>")
		    def log_message(self, *args): pass
		http.server.HTTPServer(("127.0.0.1", $page), H).serve_forever()
	P
	bg pages "$PY" "$dir/pages.py"
	up "$page"
}

# REASON OPTION..: without a summary, the loss is one line on stderr, and REASON another; under
# --strict the status is 5, without it the program's.
loses() {
	local reason=$1 status
	shift
	for strict in '' --strict; do
		status=0
		"$OTRACE" run --no-bpf -q ${strict:+"$strict"} "$@" -- curl -s "127.0.0.1:$port/x" \
			>"$dir/out" 2>"$dir/err" 3>&- || status=$?
		cat "$dir/err"
		[ "$status$strict" = 0 ] || [ "$status$strict" = 5--strict ]
		grep -qx 'hello /x' "$dir/out"
		grep -q "^otrace: lost [0-9]* .*: $reason" "$dir/err"
		[ "$(wc -l <"$dir/err")" -eq 1 ]
	done
}

@test "the reason of an export that fails is shown in every format" {
	http "$port"
	page_server
	shut=$(free_port)
	loses 'file:/dev/full: No space left on device' --export file:/dev/full
	loses ".*:$page/v1/traces: HTTP 200 with text/html, which is no OTLP answer" --export "http://127.0.0.1:$page"
	loses ".*:$shut/v1/traces: connection refused" --export "http://127.0.0.1:$shut"
	"$OTRACE" run --no-bpf -o "$dir/text" --export "http://127.0.0.1:$shut" -- curl -s "127.0.0.1:$port/x" 3>&-
	cat "$dir/text"
	grep -q '^lost      2 spans (export: curl 2)$' "$dir/text"
	grep -q "^          export: they were not delivered: .*:$shut/v1/traces: connection refused" "$dir/text"
	"$OTRACE" run --no-bpf -o "$dir/text" --export "http://pa55:x@127.0.0.1:$shut/pa55Xy9/v1/traces?k=pa55#pa55" -- \
		sh -c "python3 -c \"print('pa55')\"; curl -sE c:pa55 127.0.0.1:$port/x" >/dev/null 3>&-
	cat "$dir/text"
	grep -q "http://REDACTED:REDACTED@127.0.0.1:$shut/REDACTED/v1/traces?REDACTED: connection refused" "$dir/text"
	run ! grep pa55 "$dir/text"
	"$OTRACE" run --no-bpf -o "$dir/text" --format line --export "http://127.0.0.1:$page" -- \
		curl -s "127.0.0.1:$port/x" 2>"$dir/err" 3>&-
	grep -q '^otrace: lost 2 spans (refused): .*no OTLP answer' "$dir/err"
}

@test "a full disk under a recording or -o is reported with the reason; with --strict the status is 5" {
	http "$port"
	loses '/dev/full: No space left on device' --record /dev/full
	run "$OTRACE" run --no-bpf --strict -o /dev/full -- curl -s "127.0.0.1:$port/x"
	[ "$status" -eq 5 ]
	[[ $output == *"otrace: lost "*" blocks (output): "*"/dev/full: No space left on device"* ]]
	run "$OTRACE" run --no-bpf -o /dev/full -- curl -s "127.0.0.1:$port/x"
	[ "$status" -eq 0 ]
	[[ $output == *"otrace: lost "* ]]
}

@test "an incomplete recording is reported with the place, and counted as lost" {
	http "$port"
	traced curl -s "127.0.0.1:$port/x"
	"$OTRACE" run --no-bpf -q --record "$dir/rec" -- curl -s "127.0.0.1:$port/x" 3>&-
	head -c $(($(stat -c %s "$dir/rec") - 12)) "$dir/rec" >"$dir/cut"
	run "$OTRACE" replay "$dir/cut"
	echo "$output"
	[ "$status" -eq 1 ]
	[[ $output == *$'\nlost      1 recordings (recording)\n          recording: not whole: '*'ends within a record at byte '* ]]
	run "$OTRACE" replay -q --strict "$dir/cut"
	[ "$status" -eq 5 ]
	[[ $output == *"ends within a record at byte "* ]]
	run "$OTRACE" replay --strict "$dir/rec"
	[ "$status" -eq 0 ]
}
