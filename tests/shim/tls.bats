#!/usr/bin/env bats
# SPDX-License-Identifier: Apache-2.0
# tls.bats - HTTPS clients of Ruby, PHP and Perl without and with the library.
#
#	scripts/setup.sh programs && bats tests/shim/tls.bats

load ../bats/https
setup() {
	live_setup
	shim_setup
	https_setup
}

three='[s.name for s in S] == ["GET /a", "GET /b", "POST /p"]'

@test "Ruby's Net::HTTP inside TLS gets one header per request on one connection" {
	https
	cat >"$dir/ask.rb" <<-R
		require 'net/http'
		http = Net::HTTP.new('localhost', $port)
		http.use_ssl = true
		http.ca_file = '$dir/cert.pem'
		http.start do |h|
		  puts h.get('/a').body, h.get('/b').body
		  puts h.post('/p', "GET / HTTP/1.1\r\n\r\n").body
		end
	R
	both_ways ruby "$dir/ask.rb"
	injected 3
	spans "$three"
}

@test "PHP's streams inside TLS get one header per request" {
	https
	cat >"$dir/ask.php" <<-P
		<?php
		function ask(\$path, \$http = []) {
		    \$how = ['ssl' => ['cafile' => '$dir/cert.pem'], 'http' => \$http];
		    echo file_get_contents("https://localhost:$port/\$path", false, stream_context_create(\$how));
		}
		ask('a');
		ask('b');
		ask('p', ['method' => 'POST', 'content' => 'hello', 'header' => 'Content-Type: text/plain']);
	P
	both_ways php "$dir/ask.php"
	injected 3
	spans "$three"
}

php_curl() { # URL
	cat >"$dir/curl.php" <<-P
		<?php
		\$curl = curl_init();
		curl_setopt(\$curl, CURLOPT_CAINFO, '$dir/cert.pem');
		foreach (['a', 'b', 'p'] as \$path) {
		    curl_setopt(\$curl, CURLOPT_URL, "$1/\$path");
		    if (\$path == 'p')
		        curl_setopt(\$curl, CURLOPT_POSTFIELDS, 'hello');
		    curl_exec(\$curl);
		}
	P
}

@test "PHP's extension curl, which is opened with RTLD_DEEPBIND, gets one header per request" {
	https
	php_curl "https://localhost:$port"
	both_ways php "$dir/curl.php"
	injected 3
	spans "$three"
}

@test "PHP's extension curl gets one header per request by HTTP/2" {
	local front
	front=$(free_port)
	https
	nginx_conf "$front" "location / { proxy_pass https://127.0.0.1:$port; }" >"$dir/nginx.conf"
	bg nginx nginx -c "$dir/nginx.conf"
	up "$front"
	php_curl "https://localhost:$front"
	both_ways php "$dir/curl.php"
	[ "$(grep -c '^traceparent: ' "$dir/heads.shim")" = 3 ]
	same_heads
	spans 'len(P) == 1' 'sorted(s.name for s in S) == ["GET /a", "GET /b", "POST /p"]' \
		'all(parent(s) is P[0] and s.attr["network.protocol.version"] == "2" for s in S)'
}

@test "Perl's HTTP::Tiny and LWP inside TLS (IO::Socket::SSL) get one header per request" {
	https
	export PERL_HASH_SEED=0 # the order of headers
	both_ways perl -MHTTP::Tiny -e '
		my $h = HTTP::Tiny->new(SSL_options => {SSL_ca_file => $ARGV[0]}, verify_SSL => 1);
		print $h->get("$ARGV[1]/$_")->{content} for "a", "b";
		print $h->post("$ARGV[1]/p", {content => "hello"})->{content};' \
		"$dir/cert.pem" "https://localhost:$port"
	injected 3
	spans "$three"
	both_ways perl -MLWP::UserAgent -e '
		my $h = LWP::UserAgent->new(keep_alive => 1, ssl_opts => {SSL_ca_file => $ARGV[0]});
		print $h->get("$ARGV[1]/$_")->content for "a", "b";
		print $h->post("$ARGV[1]/p", Content => "hello")->content;' \
		"$dir/cert.pem" "https://localhost:$port"
	injected 3
	spans "$three"
}
