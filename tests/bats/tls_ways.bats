#!/usr/bin/env bats
# SPDX-License-Identifier: Apache-2.0
# tls_ways.bats - unusual uses of TLS: heads and bodies that reach the connection by other functions
# than the library expects, or behind bytes in clear. The peer decrypts the bytes that were sent,
# but for headers at the beginning of requests; calls return the same.

load https
setup() {
	live_setup
	shim_setup
	https_setup
	cc -O1 -Wall -D_GNU_SOURCE -o "$dir/tlsd" "$APPS/tlsd.c" -lssl -lcrypto
	bg tlsd "$dir/tlsd" "$dir" "$dir/heads"
	until_true 30 test -s "$dir/tlsd.out"
	read -r port greets <"$dir/tlsd.out"
}

# Connections are written down when they are over.
wire_is() { until_true 15 grep -aq ===== "$dir/heads" && cp "$dir/heads" "$dir/heads.$1"; }
as_wanted() { [ "$1" = 0 ]; }

# N: this many headers, each in a head that the program began; all other bytes are as without the
# library. `any`: s_client handshakes in a write of no bytes, so the session may become known too
# late.
headers_only() {
	$PY - "$dir" "$1" <<-'P'
		import re, sys
		raw, shim = (open(f"{sys.argv[1]}/heads.{how}", "rb").read() for how in ("raw", "shim"))
		ours = rb"(?<= HTTP/1\.1\r\n)traceparent: 00-[0-9a-f]{32}-[0-9a-f]{16}-0[01]\r\n(?=Host: head)"
		plain, n = re.subn(ours, b"", shim)
		sys.exit(plain != raw and f"not what was sent: {shim[:2000]}" or
		         sys.argv[2] not in ("any", str(n)) and f"{n} headers, not {sys.argv[2]}")
	P
}

ways() { # CMD.. -- WAY=HEADERS..: each way raw and with the library
	local cmd=() way
	while [ "$1" != -- ]; do cmd+=("$1") && shift; done
	shift
	for way in "$@"; do
		echo "way ${way%=*}:"
		both_ways timeout 60 "${cmd[@]}" "$port" "${way%=*}"
		headers_only "${way#*=}"
	done
}

openssl_ways() {
	cc -O1 -Wall -D_GNU_SOURCE -o "$dir/ways" "$APPS/tlsways.c" -lssl -lcrypto
	ways "$dir/ways" -- "$@"
}

gnutls_ways() {
	cc -O1 -Wall -D_GNU_SOURCE -o "$dir/ways" "$APPS/tlsways_gnutls.c" -lgnutls
	ways "$dir/ways" -- "$@"
}

@test "OpenSSL with new keys, a second handshake, early data: headers go into heads alone" {
	openssl_ways plain=2 update=2 again=2 early_half=2 early_whole=2
	# In these two cases, the headers are of the connection before, and early data was accepted.
	grep -q '^taken 1' "$dir/out"
}

@test "OpenSSL with a head by a BIO, in parts, by the function's address: headers go into heads alone" {
	openssl_ways by_bio=0 by_halves=0 whole_chain=0 by_name=0
}

@test "OpenSSL with records that wait and are sent by the program: headers go into heads alone" {
	openssl_ways buffered=0 memory_later=0 memory=0 pair=0
}

@test "OpenSSL with a second connection, another number, a child, the end of TLS: headers go into heads alone" {
	openssl_ways cleared=2 renumbered=1 child=1 unwrapped=1
}

@test "GnuTLS with new keys, a second handshake, early data: headers go into heads alone" {
	gnutls_ways plain=2 update=1 again=2 early_half=1 early_whole=1
	grep -q '^taken 1' "$dir/out"
}

@test "GnuTLS with records that wait, corked or in the program's transport: headers go into heads alone" {
	gnutls_ways corked=0 corked_whole=0 pushed=0
}

# Not Python: before 3.13 its ssl calls OpenSSL from both threads at once, and fails now and then
# without the library, too.
@test "OpenSSL, GnuTLS: one thread reads a session while another writes it, as without the library" {
	openssl_ways threads=1
	gnutls_ways threads=1
}

@test "Python with records in memory, and with the end of TLS: headers go into heads alone" {
	ways "$PY" "$APPS/tlsways.py" -- memory=0 unwrapped=1
}

@test "STARTTLS: after a greeting (SMTP) nothing is injected; of LDAP and PostgreSQL no body is changed" {
	printf '%s\r\n' 'GET /g HTTP/1.1' 'Host: body' '' >"$dir/letter"
	client() { # PROTOCOL PORT
		timeout 20 openssl s_client -starttls "$1" -connect "127.0.0.1:$2" -quiet -no_ign_eof \
			<"$dir/letter" 2>/dev/null
	}
	export -f client
	export dir
	both_ways bash -c "client smtp $greets"
	headers_only 0
	cmp <(head -c 31 "$dir/heads.raw") "$dir/letter"
	port=$greets ways "$PY" "$APPS/tlsways.py" -- starttls=0
	printf '%s\r\n' 'POST /h HTTP/1.1' 'Host: head' 'Content-Length: 31' '' 'GET /b HTTP/1.1' \
		'Host: body' '' >"$dir/letter"
	both_ways bash -c "client ldap $port"
	headers_only any
	both_ways bash -c "client postgres $port"
	headers_only any
	cmp <(head -c 83 "$dir/heads.raw") "$dir/letter"
}
