#!/usr/bin/env bats
# SPDX-License-Identifier: Apache-2.0
# clients.bats - HTTP clients without and with the library.
#
#	scripts/setup.sh programs && bats tests/shim/clients.bats

load ../bats/shim

@test "Perl's HTTP::Tiny and LWP work as without the library, with one header per request" {
	relay
	as_nobody
	user+=(PERL_HASH_SEED=0) # the order of headers
	both_ways perl -MHTTP::Tiny -e '
		my $h = HTTP::Tiny->new; my $u = "http://127.0.0.1:'"$relay"'";
		print $h->get("$u/tiny/$_")->{content} for 1 .. 3;
		print $h->post("$u/tiny", {content => "x" x 100000})->{content};'
	injected 4
	spans 'len(C) == 4' 'all(c.code == 200 for c in C)'
	both_ways perl -MLWP::UserAgent -e '
		my $u = LWP::UserAgent->new(keep_alive => 1);
		print $u->get("http://127.0.0.1:'"$relay"'/lwp/$_")->content for 1 .. 3;
		print $u->post("http://127.0.0.1:'"$relay"'/lwp", Content => "y" x 100000)->content;'
	injected 4
	spans 'len(C) == 4' 'all(c.code == 200 for c in C)'
}

@test "lynx and aria2 work as without the library" {
	relay
	as_nobody
	both_ways env LYNX_CFG=/dev/null lynx -cfg=/dev/null -dump "http://127.0.0.1:$relay/lynx"
	injected 1
	both_ways aria2c -q --allow-overwrite=true --auto-file-renaming=false -d "$dir" -o got "http://127.0.0.1:$relay/big/3000000"
	injected_unordered 1
	[ "$(stat -c %s "$dir/got")" -eq 3000000 ]
}

@test "Rust's std: a head in several writes gets no header, and is counted" {
	relay
	rustc -O -o "$dir/std" "$APPS/std.rs"
	as_nobody
	both_ways "$dir/std" "$relay"
	[ "$(headers)" -eq 9 ]
	[ "$(grep -A 1 pieces "$dir/wire.shim" | grep -c traceparent)" -eq 0 ]
	grep -q 'left alone: 1 .*in several writes' "$dir/text"
	spans 'len(C) == 10' 'all(c.code == 200 for c in C)'
}
