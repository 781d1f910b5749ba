# SPDX-License-Identifier: Apache-2.0
# https.bash - for tests of clients inside TLS: a server that prints what it read, and each client
# without and with the library. Has all of shim.bash.
# shellcheck shell=bash disable=SC2154

https_setup() {
	openssl req -x509 -newkey rsa:2048 -nodes -keyout "$dir/key.pem" -out "$dir/cert.pem" \
		-days 2 -subj /CN=localhost -addext 'subjectAltName=DNS:localhost' 2>/dev/null
	: >"$dir/heads"
	# Clients find certificates in different ways: each is given this one.
	unset CURL_CA_BUNDLE REQUESTS_CA_BUNDLE SSL_CERT_FILE SSL_CERT_DIR GIT_SSL_CAINFO
}

https() { # [RCVBUF]: the server of these tests
	bg https "$PY" "$APPS/httpsd.py" "$port" "$dir" "$dir/heads" "$@"
	up "$port"
}

# The wire of shim.bash's both_ways() is what the server read.
source "$(dirname "${BASH_SOURCE[0]}")/shim.bash"
wire_begins() { : >"$dir/heads"; }
wire_is() { cp "$dir/heads" "$dir/heads.$1"; }

as_wanted() { # STATUS
	[ "$1" = 0 ]
	[ -s "$dir/out.raw" ]
}

# N: this many injected headers, each behind its request line; without them, the same heads.
injected() {
	grep -A 1 ' HTTP/1.1$' "$dir/heads.shim" |
		grep -c '^traceparent: 00-[0-9a-f]\{32\}-[0-9a-f]\{16\}-01$' | grep -qx "$1" ||
		{ head -n 40 "$dir/heads.shim"; return 1; }
	same_heads
}

same_heads() {
	sed '/^traceparent: 00-[0-9a-f]*-[0-9a-f]*-01$/d' "$dir/heads.shim" | cmp - "$dir/heads.raw"
}

# PORT LINE..: nginx.conf with TLS and HTTP/2 on PORT, its locations as LINEs say; a log in
# the format `named` has each request line and the traceparent.
nginx_conf() {
	local front=$1
	shift
	cat <<-C
		pid $dir/pid; error_log $dir/nginx.log; daemon off; worker_processes 1;
		events { }
		http {
			access_log off; log_format named '\$request \$http_traceparent';
			client_body_temp_path $dir/b; proxy_temp_path $dir/p;
			fastcgi_temp_path $dir/f; uwsgi_temp_path $dir/u; scgi_temp_path $dir/s;
			proxy_http_version 1.1;
			server {
				listen 127.0.0.1:$front ssl http2;
				ssl_certificate $dir/cert.pem;
				ssl_certificate_key $dir/key.pem;
				$(printf '%s\n' "$@")
			}
		}
	C
}
