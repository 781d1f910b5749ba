#!/usr/bin/env bats
# SPDX-License-Identifier: Apache-2.0
# postgres.bats - a real PostgreSQL, asked by psql, by psycopg2, and with bytes that the test writes.

load helpers

setup_file() { pg_setup_file; }
teardown_file() { pg_teardown_file; }
setup() { live_setup; opts=(); SVC_PIDS=("$PG_PID"); }

sql() { traced $PY "$APPS/sql.py" "$DSN sslmode=${ssl:-disable}" "$@"; cat "$dir/out"; }
ssl_mode() { # on | off
	psql -q "$DSN sslmode=disable" -c "ALTER SYSTEM SET ssl = $1" -c 'SELECT pg_reload_conf()' >/dev/null
	until_true 30 ssl_is "$1"
}
ssl_is() { psql -Atq "$DSN sslmode=disable" -c 'SHOW ssl' | grep -qx "$1"; }

@test "psql: simple statements have text, summary, rows and SQLSTATE, and the answers are unchanged" {
	traced psql -X -q -t -A "$DSN sslmode=disable" -c "SELECT name FROM items WHERE id = 1" \
		-c "SELECT count(*) FROM items JOIN orders ON item = id WHERE tag = 'secret'"
	[ "$(cat "$dir/out")" = $'ink\n0' ]
	spans 'len(C) == 2' 'C[0].attr["db.system.name"] == "postgresql"' \
		'{c.name for c in C} == {"SELECT items", "SELECT items orders"}' \
		'{c.text for c in C} == {"SELECT name FROM items WHERE id = ?", "SELECT count(*) FROM items JOIN orders ON item = id WHERE tag = ?"}' \
		'not any(c.error for c in C)' 'not any("secret" in str(c.attr) for c in C)'
}

@test "an error has its SQLSTATE, and the session goes on" {
	sql error
	spans 'len([c for c in C if c.error]) == 1' \
		'[c for c in C if c.error][0].attr["db.response.status_code"] == "42P01"' \
		'any(c.name == "SELECT items" and not c.error for c in C)'
}

@test "to prepare a statement is a span of its own, not an execution of the statement" {
	echo 'SELECT name FROM items WHERE id = 1;' >"$dir/bench.sql"
	COLUMNS=120 traced pgbench -n -M prepared -t 8 -f "$dir/bench.sql" "$DSN sslmode=disable"
	cat "$dir/text"
	spans 'sum(c.name == "PREPARE SELECT items" for c in C) == 1' \
		'sum(c.name == "SELECT items" for c in C) == 8'
	grep -q '8x .*SELECT items' "$dir/text"
	grep -q 'PREPARE SELECT items' "$dir/text"
}

@test "the extended protocol is read: parse, bind, execute, named statements that are used again" {
	sql extended
	spans 'sum(c.text == "SELECT name FROM items WHERE id = $1" for c in C) >= 5' \
		'all(not c.error for c in C)' 'sorted(c.name for c in C) == ["PREPARE SELECT items"] + ["SELECT items"] * 5'
}

@test "a pipeline of several statements with one Sync gives a span for each" {
	sql pipeline
	spans 'sum("pipe" in c.text for c in C) == 3' '[c.error for c in sorted(C, key=lambda c: c.text)] == [False, True, False] or sum(c.error for c in C) in (1, 2)'
}

@test "COPY in and out is one span each, with the rows unchanged and the beginning of each call kept" {
	opts=(--record "$dir/rec")
	sql copy
	spans 'sorted(c.name for c in C)[:2] == ["COPY bulk", "COPY bulk"]' 'all(not c.error for c in C)'
	size=$(stat -c %s "$dir/rec")
	echo "recording: $size bytes of 6.0 MB" # calls of 8 KiB and 16 KiB, 4 KiB of each are kept
	[ "$size" -lt 4000000 ]
}

@test "an answer whose middle was not copied is over when its end is read" {
	traced $PY "$APPS/pgcut.py"
	spans 'sorted(c.name for c in C) == ["SELECT long", "SELECT short"]' 'all(not c.error for c in C)'
}

@test "a cancelled statement has SQLSTATE 57014 and its real duration" {
	sql cancel
	spans '[c for c in C if c.error][0].attr["db.response.status_code"] == "57014"' \
		"$(sed -n 's/^took //p' "$dir/out") / 2 < [c for c in C if c.error][0].ms < 25000"
}

@test "after a refused SSLRequest the connection is read in clear" {
	ssl_mode off
	ssl=prefer
	sql plain
	spans 'sum(c.name == "SELECT items" for c in C) == 1'
}

@test "after a refused SSLRequest an idle connection is not named in 'not seen'" {
	ssl_mode off
	for source in '' --no-bpf --no-shim; do
		opts=()
		[ -z "$source" ] || opts=("$source")
		traced psql -X "$DSN sslmode=prefer" -c '\echo idle'
		grep -qx idle "$dir/out"
		run ! grep 'not seen' "$dir/text"
	done
}

# The probes miss what a program asks in its first 15 ms: that is named.
@test "after an accepted SSLRequest the connection works as before, and is read or named in 'not seen'" {
	ssl_mode on
	ssl=require
	export COLUMNS=160
	opts=(--no-shim)
	sql plain
	ssl_mode off
	grep -Eq "^not seen .*:$PG_PORT, .*(TLS: not readable here|inside TLS)" "$dir/text" ||
		spans '[c.name for c in C] == ["SELECT items"]'
}

@test "with both ends traced a statement has one span, that of the client" {
	bg client $PY "$APPS/sql.py" "$DSN sslmode=disable" pooled "$dir/go"
	until_true 30 grep -q ready "$dir/client.out"
	attach ":$PG_PORT" "$pid"
	touch "$dir/go"
	ended "$pid"
	[ "$status" -eq 0 ]
	detach
	spans 'len(S) == 4' 'all(s.service == "sql" and s.kind == "client" for s in S)'
}

@test "a traceparent in a comment gives the parent, and is not in the text" {
	tp=00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01
	traced psql -X -q -t -A "$DSN sslmode=disable" -c "SELECT name FROM items WHERE id = 1 /*app='x',traceparent='$tp'*/"
	[ "$(cat "$dir/out")" = ink ]
	spans 'len(C) == 1' 'C[0].trace == "0af7651916cd43dd8448eb211c80319c"' \
		'C[0].parent == "b7ad6b7169203331" and C[0].evidence == "header"' \
		'C[0].text.strip() == "SELECT name FROM items WHERE id = ?"' 'not P'
	rm "$dir/spans"
	opts=(--propagators none)
	traced psql -X -q -t -A "$DSN sslmode=disable" -c "SELECT 1 /*traceparent='$tp'*/"
	spans 'C[0].trace != "0af7651916cd43dd8448eb211c80319c"' 'C[0].evidence == "exec"'
}

@test "attached to the server alone, a notice says what is missing, with the next step" {
	export COLUMNS=160
	attach ":$PG_PORT"
	until_true 5 grep -q 'serves PostgreSQL: its requests are shown as spans of the programs that send them, and none of these is traced yet$' "$dir/tracer.err"
	grep -q '^    try  sudo otrace attach NAME  ' "$dir/tracer.err"
	psql -X -q "$DSN sslmode=disable" -c 'SELECT 1' >/dev/null
	sleep 0.3
	detach
	grep -q ' 0 traces, 0 spans$' "$dir/text"
	run -1 grep 'no request was understood' "$dir/tracer.err"
	[ "$(grep -c serves "$dir/tracer.err")" -eq 1 ]
	rm "$dir/text" "$dir/spans"
	bg client $PY "$APPS/sql.py" "$DSN sslmode=disable" pooled "$dir/go"
	until_true 10 grep -q ready "$dir/client.out"
	attach ":$PG_PORT" "$pid"
	detach
	run -1 grep 'serves PostgreSQL' "$dir/tracer.err"
}

@test "attached to a pool: statements that were prepared before are marked as unknown, new ones are read" {
	bg client $PY "$APPS/sql.py" "$DSN sslmode=disable" pooled "$dir/go"
	client=$pid
	until_true 30 grep -q ready "$dir/client.out"
	attach "$client"
	touch "$dir/go"
	ended "$tracer"
	cat "$dir/text"
	grep -q '^ok' "$dir/client.out"
	spans 'sum(c.text == "SELECT 5 AS pooled" or c.text == "SELECT ? AS pooled" for c in C) == 1' \
		'len(C) == 4' 'all(not c.error for c in C)' \
		'sum(not c.text for c in C) == 3' 'all(c.name for c in C)'
}

@test "a large answer and a large statement arrive unchanged and are not copied" {
	opts=(--record "$dir/rec")
	sql large
	spans 'len(C) == 2' 'all(not c.error for c in C)'
	size=$(stat -c %s "$dir/rec")
	echo "recording: $size bytes"
	[ "$size" -lt 500000 ]
}

@test "a script that calls curl twice and psql is one trace, also in a replay" {
	port=$(free_port)
	http "$port"
	cat >"$dir/deploy.sh" <<-'S'
		#!/bin/sh
		curl -s "$1/one"
		psql -X -q -t -A "$2" -c "SELECT name FROM items WHERE id = 1"
		curl -s "$1/two"
		exit "${3:-0}"
	S
	chmod +x "$dir/deploy.sh"
	opts=(--record "$dir/rec")
	traced "$dir/deploy.sh" "127.0.0.1:$port" "$DSN sslmode=disable"
	grep -q ' 1 trace, 4 spans$' "$dir/text"
	grep -q '^deploy  deploy.sh ' "$dir/text"
	grep -Eq '(└╌|`~)postgres  SELECT items  ~|(├╌|\|~)postgres  SELECT items  ~' "$dir/text"
	spans 'len(P) == 1' 'len(S) == 3' 'len({s.trace for s in S + P}) == 1' \
		'P[0].kind == "internal" and P[0].name == "deploy.sh" and not P[0].parent' \
		'P[0].service == "deploy" and P[0].attr["process.executable.name"] == "dash"' \
		'int(P[0].attr["process.exit.code"]) == 0 and not P[0].error' \
		'int(P[0].attr["process.pid"]) == P[0].pid' \
		'all(parent(s) is P[0] and s.evidence == "exec" for s in S)' \
		'sorted(s.service for s in S) == ["curl", "curl", "psql"]' \
		'all(P[0].start <= s.start and s.end <= P[0].end for s in S)'
	"$OTRACE" replay --export "file:$dir/again" "$dir/rec" >"$dir/tree"
	one() { grep -o '"traceId":.*' "$1" | sort; }
	[ "$(one "$dir/spans")" = "$(one "$dir/again")" ]
	[ "$(grep -A4 '^deploy' "$dir/text")" = "$(grep -A4 '^deploy' "$dir/tree")" ]

	opts=()
	rm "$dir/spans"
	run -3 "$OTRACE" run -o "$dir/text" --export "file:$dir/spans" -- \
		"$dir/deploy.sh" "127.0.0.1:$port" "$DSN sslmode=disable" 3
	spans 'P[0].error and P[0].attr["error.type"] == "3"' 'int(P[0].attr["process.exit.code"]) == 3'
}

@test "no secret of a login with scram, md5 or password reaches a recording, and a replay gives the same" {
	hba="$SVC/pg/data/pg_hba.conf"
	cp "$hba" "$dir/hba"
	for way in scram-sha-256 md5 password; do
		psql -q "$DSN sslmode=disable" -c "SET password_encryption = '${way/password/scram-sha-256}'" \
			-c "CREATE ROLE \"r_$way\" LOGIN PASSWORD 'SECRETpw_$way'"
		sed -i "1i host all r_$way 127.0.0.1/32 $way" "$hba"
	done
	psql -q "$DSN sslmode=disable" -c 'SELECT pg_reload_conf()' >/dev/null
	until_true 10 asks_password
	for way in scram-sha-256 md5 password; do
		opts=(--record "$dir/rec.$way")
		PGPASSWORD=SECRETpw_$way traced psql -X -q -t -A -c 'SELECT 1 AS one' \
			"host=127.0.0.1 port=$PG_PORT user=r_$way dbname=postgres sslmode=disable"
		[ "$(cat "$dir/out")" = 1 ]
		opts=(--record "$dir/rec.py.$way")
		PGPASSWORD=SECRETpw_$way traced $PY -c 'import psycopg2, sys
psycopg2.connect(sys.argv[1]).cursor().execute("SELECT 2 AS two")' \
			"host=127.0.0.1 port=$PG_PORT user=r_$way dbname=postgres sslmode=disable"
		"$OTRACE" replay --export "file:$dir/again" "$dir/rec.$way" "$dir/rec.py.$way" >/dev/null
		cmp "$dir/spans" "$dir/again"
		rm "$dir/spans" "$dir/again"
	done
	attach --record "$dir/rec.server" ":$PG_PORT"
	for way in scram-sha-256 md5 password; do
		PGPASSWORD=SECRETpw_$way psql -X -q -c 'SELECT 3' >/dev/null \
			"host=127.0.0.1 port=$PG_PORT user=r_$way dbname=postgres sslmode=disable"
	done
	detach
	cp "$dir/hba" "$hba"
	psql -q "$DSN sslmode=disable" -c 'SELECT pg_reload_conf()' >/dev/null
	grep -qa 'user.r_md5' "$dir/rec.md5"
	grep -qa 'user.r_md5' "$dir/rec.server"
	[ "$(cat "$dir"/rec.* | grep -caE 'SECRETpw|md5[0-9a-f]{8}|SCRAM-SHA|[rpv]=[A-Za-z0-9+/=]{8}|n,,n=')" -eq 0 ]
}
asks_password() { ! psql -Atqw "$DSN sslmode=disable user=r_md5" -c 'SELECT 1' 2>/dev/null; }
