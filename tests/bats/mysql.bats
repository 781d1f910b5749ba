#!/usr/bin/env bats
# SPDX-License-Identifier: Apache-2.0
# mysql.bats - a real MariaDB, asked by its own client, by PyMySQL, by MySQLdb and by Perl's DBD::mysql.

load helpers

setup_file() {
	svc_init
	openssl req -x509 -newkey rsa:2048 -nodes -days 2 -subj /CN=localhost \
		-keyout "$SVC/server.key" -out "$SVC/server.crt" 2>/dev/null
	chmod 644 "$SVC/server.key"
	svc_mariadb --ssl-cert="$SVC/server.crt" --ssl-key="$SVC/server.key" 3>&-
	export SVC MY_PORT MY_PID MY_SOCKET
}
teardown_file() {
	kill "$MY_PID"
	for _ in $(seq 600); do kill -0 "$MY_PID" 2>/dev/null || break; sleep 0.05; done
	rm -rf "$SVC"
}
setup() { live_setup; opts=(); SVC_PIDS=("$MY_PID"); }

q() { traced $PY "$APPS/mysqlq.py" "$MY_PORT" "$@"; grep -qx ok "$dir/out"; }
cli() { traced mariadb --no-defaults -h127.0.0.1 -P"$MY_PORT" -uapp -pSECRETpw --local-infile=1 "$@"; }
each_source() { # CMD..: with the probes alone, and with the library alone
	local source
	for source in --no-shim --no-bpf; do
		opts=("$source")
		rm -f "$dir/spans"
		"$@"
	done
}
no_secret() { spans 'not any("SECRET" in str((s.name, s.attr)) for s in S)'; }

cli_statements() {
	cli --skip-ssl --comments shop -N -e 'SELECT name FROM items WHERE id = 1; USE other;
		SELECT "SECRETVAL", id FROM shop.items i WHERE i.id IN (2, 3) # "SECRETVAL'
	[ "$(cat "$dir/out")" = $'ink\nSECRETVAL\t2\nSECRETVAL\t3' ]
	no_secret
	# the client asks for the database before it chooses another one
	spans 'len(C) == len(S) == 4' 'all(c.attr["db.system.name"] == "mariadb" and not c.error for c in C)' \
		'[c.name for c in sorted(C, key=lambda c: c.start)] == ["SELECT items", "SELECT", "USE other", "SELECT shop.items"]' \
		'[c.attr["db.namespace"] for c in sorted(C, key=lambda c: c.start)] == ["shop", "shop", "other", "other"]' \
		'{c.text.strip() for c in C} == {"SELECT name FROM items WHERE id = ?", "", "SELECT DATABASE()", "SELECT ?, id FROM shop.items i WHERE i.id IN (?, ?)"}' \
		"all(c.attr['server.address'] == '127.0.0.1' and int(c.attr['server.port']) == $MY_PORT for c in C)" \
		'[c.attr["db.response.returned_rows"] for c in C if c.name == "SELECT items"] == ["1"]'
}
@test "mariadb: statements have text, summary, rows, and the database of the moment" { each_source cli_statements; }

python_statements() {
	q "$@" plain
	no_secret
	spans 'sorted(c.name for c in C) == ["INSERT bulk", "SELECT items", "SELECT items"]' \
		'len(S) == 3' 'all(not c.error and c.attr["db.namespace"] == "shop" for c in C)'
	rm "$dir/spans"
	q "$@" errors
	no_secret
	spans 'sorted(c.attr.get("db.response.status_code", "") for c in C) == ["", "1062", "1064", "1146"]' \
		'all(c.error == ("error.type" in c.attr) and c.attr.get("error.type") == c.attr.get("db.response.status_code") for c in C)'
}
@test "PyMySQL: literals with both quotes are hidden, errors have their number" { each_source python_statements; }
@test "MySQLdb: the same through the C library" { each_source python_statements -c; }

commands() {
	q commands
	spans '[(c.name, c.attr["db.namespace"]) for c in sorted(C, key=lambda c: c.start)] == [("PING", "shop"), ("USE other", "other"), ("SELECT", "other"), ("USE", "other"), ("SELECT", "shop")]' \
		'[c.attr["db.operation.name"] for c in sorted(C, key=lambda c: c.start)[:2]] == ["PING", "USE"]'
}
@test "PING, COM_INIT_DB and USE are spans, and USE changes the database" { each_source commands; }

results() {
	q "$@" multi
	no_secret
	spans 'sorted(c.name for c in C) == ["CALL two", "SELECT UPDATE items SELECT items"]' \
		'[c.attr["db.response.returned_rows"] for c in C] == ["4", "4"]'
}
@test "several results are one answer: CALL, and several statements in one text" {
	each_source results
	each_source results -c
}

prepared() {
	traced perl "$APPS/mysqlq.pl" "$MY_PORT"
	grep -qx ok "$dir/out"
	no_secret
	spans 'sum(c.name == "SELECT items" for c in C) == 5' 'sum(c.name == "PREPARE SELECT items" for c in C) == 1' \
		'sum(c.name == "INSERT items" and c.attr["error.type"] == "1062" for c in C) == 1' \
		'sum(c.name == "PREPARE SELECT nowhere" and c.attr["error.type"] == "1146" for c in C) == 1' \
		'sum(int(c.attr.get("db.response.returned_rows", 0)) for c in C) == 3' \
		'all(c.text == "SELECT name, note FROM items WHERE id = ? AND name <> ?" for c in C if c.name == "SELECT items")'
}
@test "prepared statements of the binary protocol have their text when they are executed" { each_source prepared; }

infile() {
	q "$@" infile
	spans 'sorted(c.name for c in C) == ["LOAD bulk", "SELECT bulk"]' 'not any(c.error for c in C)'
}
@test "LOAD DATA LOCAL is one span, and what follows is read" {
	each_source infile
	each_source infile -c
}

large() {
	q "$@"
	no_secret
	spans 'len(C) == {"large": 2, "huge": 3}["'"${!#}"'"]' 'not any(c.error for c in C)'
}
@test "long answers, long statements, and packets of 16 MiB and more are stepped over" {
	each_source large large
	each_source large -c large
	each_source large huge
	each_source large -c huge
}

@test "a connection that was open before attach is read from its next statement on" {
	bg client $PY "$APPS/mysqlq.py" "$MY_PORT" wait "$dir/go"
	client=$pid
	until_true 60 grep -q ready "$dir/client.out"
	attach "$client"
	touch "$dir/go"
	ended "$tracer"
	cat "$dir/text"
	grep -q '^ok' "$dir/client.out"
	spans 'sorted(c.name for c in C) == ["SELECT items"] * 3 + ["SELECT nowhere"]' \
		'sum(c.error for c in C) == 1' 'all("db.namespace" not in c.attr for c in C)'
}

# The probes miss what a program asks in its first 15 ms: that is named.
@test "inside TLS probes and library read; compression, and TLS that is not read, are named" {
	export COLUMNS=200
	opts=(--no-shim)
	cli --ssl shop -N -e 'SELECT 1'
	[ "$(cat "$dir/out")" = 1 ]
	grep -Eq "^not seen .*:$MY_PORT, .*(TLS: not readable here|inside TLS)" "$dir/text" ||
		spans '[c.name for c in C] == ["SELECT"]'
	rm "$dir/spans"
	opts=(--no-bpf)
	cli --ssl shop -N -e 'SELECT name FROM items WHERE note = "SECRETVAL"'
	spans '[c.name for c in C] == ["SELECT items"]' 'C[0].attr["db.system.name"] == "mariadb"' \
		'C[0].attr["db.namespace"] == "shop"'
	no_secret
	for source in --no-shim --no-bpf; do
		opts=("$source")
		q -c compress
		grep -q "^not seen .*:$MY_PORT, .*compressed MySQL protocol: not read" "$dir/text"
	done
}

@test "with both ends traced a statement has one span, that of the client" {
	bg client $PY "$APPS/mysqlq.py" "$MY_PORT" wait "$dir/go"
	client=$pid
	until_true 60 grep -q ready "$dir/client.out"
	attach ":$MY_PORT" "$client"
	touch "$dir/go"
	ended "$client"
	detach
	spans 'len(S) == 4' 'all(s.kind == "client" for s in S)'
}

@test "a traceparent in a comment gives the parent, and is not in the text" {
	tp=00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01
	cli --skip-ssl --comments shop -N -e "SELECT name FROM items WHERE id = 1 /*traceparent='$tp'*/"
	spans 'len(C) == 1' 'C[0].trace == "0af7651916cd43dd8448eb211c80319c"' 'C[0].parent == "b7ad6b7169203331"' \
		'C[0].text == "SELECT name FROM items WHERE id = ?"'
}

@test "no secret of a login reaches a recording, and a replay gives the same" {
	for source in --no-shim --no-bpf; do
		opts=("$source" --record "$dir/rec.$source")
		q commands
		"$OTRACE" replay --export "file:$dir/again" "$dir/rec.$source" >/dev/null
		cmp "$dir/spans" "$dir/again"
		rm "$dir/spans" "$dir/again"
		grep -qa app "$dir/rec.$source"
		run ! grep -qaE 'mysql_native_password|_client_name|SECRET' "$dir/rec.$source"
	done
}
