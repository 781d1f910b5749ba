#!/usr/bin/env bats
# SPDX-License-Identifier: Apache-2.0
# libpq.bats - statements that the library records where libpq is called: the same ones that the
# wire shows, each once, whatever the connection is made of; and programs notice nothing.

load helpers

setup_file() {
	pg_setup_file
	psql -q "$DSN" -c 'ALTER SYSTEM SET ssl = on' -c "ALTER SYSTEM SET log_statement = 'all'" \
		-c 'SELECT pg_reload_conf()' >/dev/null
	cc -O2 -I"$(pg_config --includedir)" -o "$SVC/pqcalls" tests/apps/pqcalls.c -lpq
	mkdir "$SVC/symbolic"
	so=$(ldd "$SVC/pqcalls" | awk '$1 == "libpq.so.5" { print $3 }')
	/usr/bin/python3 tests/apps/symbolic.py "$so" "$SVC/symbolic/libpq.so.5"
	until_true 30 psql -q "$DSN sslmode=require" -c 'SELECT 1'
}
teardown_file() { pg_teardown_file; }
setup() {
	live_setup
	shim_setup
	opts=(--no-live)
	SVC_PIDS=("$PG_PID")
	plain="$DSN sslmode=disable" secret="$DSN sslmode=require"
}

# NAME OPTION.. -- CMD..: traced; spans, output and status in $dir/NAME.*
kept() {
	local name=$1 given=() rc=0
	shift
	while [ "$1" != -- ]; do given+=("$1") && shift; done
	shift
	"$OTRACE" run "${given[@]}" "${opts[@]}" -o "$dir/$name.text" \
		--export "file:$dir/$name.spans" -- "$@" >"$dir/$name.out" 2>"$dir/$name.err" \
		</dev/null 3>&- || rc=$?
	echo "$rc" >"$dir/$name.rc"
	cat "$dir/$name.text"
	# The wire may be cut: an answer too long to be copied whole.
	[ "$name" = wire ] || [ "$name" = some ] || grep -q '^lost      nothing' "$dir/$name.text"
}

raw() { # CMD..
	local rc=0
	"$@" >"$dir/raw.out" 2>"$dir/raw.err" </dev/null 3>&- || rc=$?
	echo "$rc" >"$dir/raw.rc"
	[ -s "$dir/raw.out" ]
}

same() { # NAME..: the same as without the library
	local name end
	for name; do for end in out err rc; do cmp "$dir/raw.$end" "$dir/$name.$end"; done; done
}

statements() { $PY "$APPS/statements.py" "$@"; }

# All but the part whose end nobody reads: that has a test of its own.
every=(simple errors extended async single pipeline copy function longer many cut)

@test "each call of libpq gives the statements of the wire once, and the same answers" {
	raw "$SVC/pqcalls" "$plain" "${every[@]}"
	kept wire --no-shim -- "$SVC/pqcalls" "$plain" "${every[@]}"
	kept lib --no-bpf -- "$SVC/pqcalls" "$plain" "${every[@]}"
	kept both -- "$SVC/pqcalls" "$plain" "${every[@]}"
	same wire lib both
	statements "$dir/wire.spans" "$dir/lib.spans"
	statements "$dir/wire.spans" "$dir/both.spans"
	cp "$dir/lib.spans" "$dir/spans"
	spans 'len(C) > 90' 'all(c.kind == "client" for c in S)' \
		'[c.attr.get("db.response.returned_rows") for c in C if "SELECT g FROM" in c.text] == ["500"]'
}

@test "each call of libpq gives its statements once inside TLS, too" {
	raw "$SVC/pqcalls" "$secret" "${every[@]}"
	kept plain --no-bpf -- "$SVC/pqcalls" "$plain" "${every[@]}"
	kept lib --no-bpf -- "$SVC/pqcalls" "$secret" "${every[@]}"
	same lib
	statements "$dir/plain.spans" "$dir/lib.spans"
	run ! grep 'not seen' "$dir/lib.text"
}

@test "each call of libpq gives its statements once over a Unix socket, too" {
	kept plain --no-bpf -- "$SVC/pqcalls" "$plain" "${every[@]}"
	raw "$SVC/pqcalls" "host=$SVC/pg port=$PG_PORT user=postgres dbname=postgres" "${every[@]}"
	kept lib --no-bpf -- "$SVC/pqcalls" \
		"host=$SVC/pg port=$PG_PORT user=postgres dbname=postgres" "${every[@]}"
	same lib
	statements "$dir/plain.spans" "$dir/lib.spans"
}

@test "with a libpq whose inner calls are not seen each statement is a span, with the last of its results" {
	local parts=(extended single pipeline copy function longer many)
	kept plain --no-bpf -- "$SVC/pqcalls" "$secret" "${parts[@]}"
	raw "$SVC/pqcalls" "$secret" "${parts[@]}"
	export LD_LIBRARY_PATH=$SVC/symbolic
	kept lib --no-bpf -- "$SVC/pqcalls" "$secret" "${parts[@]}"
	same lib
	statements "$dir/plain.spans" "$dir/lib.spans"
	raw "$SVC/pqcalls" "$secret" "${every[@]}"
	kept some --no-bpf -- "$SVC/pqcalls" "$secret" "${every[@]}"
	same some
	mv "$dir/some.spans" "$dir/spans"
	# Of two statements in a call, the number of rows is that of the last; one that was cut off,
	# or whose result the next call reads, is not over.
	spans '[c.attr["db.response.returned_rows"] for c in C if " a; " in c.text] == ["2"]' \
		'[c.error for c in C if "terminate" in c.text] == [True]' \
		'[c.attr.get("otrace.cut") for c in C if c.text == "SELECT ? FROM items"] == ["answer"]' \
		'[c.attr["db.response.returned_rows"] for c in C if c.start > [d for d in C if "terminate" in d.text][0].start] == ["1"]'
}

@test "psql: scripts, \\copy, errors and a cursor are read, in clear and inside TLS" {
	cat >"$dir/script" <<-'S'
		SELECT name FROM items WHERE id = 1;
		CREATE TEMP TABLE bulk (n int, t text);
		\copy bulk from program 'seq 1 1000 | sed s/$/,x/' with (format csv)
		\copy bulk to '/dev/null'
		SELECT * FROM nosuch;
		\set FETCH_COUNT 100
		SELECT n FROM bulk;
		\set FETCH_COUNT 0
		BEGIN;
		DECLARE c CURSOR FOR SELECT n FROM bulk;
		FETCH 10 FROM c;
		COMMIT;
		SELECT 1 \; SELECT 2;
		SELECT n, 'x' FROM bulk LIMIT 2 \gdesc
		PREPARE p AS SELECT $1::int;
		EXECUTE p(3);
		COPY bulk TO STDOUT;
		\d bulk
	S
	raw psql -X -q "$plain" -f "$dir/script"
	kept wire --no-shim -- psql -X -q "$plain" -f "$dir/script"
	kept lib --no-bpf -- psql -X -q "$plain" -f "$dir/script"
	kept tls --no-bpf -- psql -X -q "$secret" -f "$dir/script"
	same wire lib tls
	statements "$dir/wire.spans" "$dir/lib.spans"
	statements "$dir/lib.spans" "$dir/tls.spans"
	cp "$dir/tls.spans" "$dir/spans"
	spans 'sum(c.name == "FETCH _psql_cursor" for c in C) == 11' \
		'[c.attr["db.response.status_code"] for c in C if c.error] == ["42P01"]'
}

@test "psycopg2: results, errors, COPY and cancel are read; so is a libpq that is called by its address" {
	local what ssl
	for what in plain error copy large extended pipeline; do
		raw $PY "$APPS/sql.py" "$plain" "$what"
		kept wire --no-shim -- $PY "$APPS/sql.py" "$plain" "$what"
		kept lib --no-bpf -- $PY "$APPS/sql.py" "$plain" "$what"
		same wire lib
		statements "$dir/wire.spans" "$dir/lib.spans"
	done
	for what in plain error copy large; do
		kept lib --no-bpf -- $PY "$APPS/sql.py" "$plain" "$what"
		kept tls --no-bpf -- $PY "$APPS/sql.py" "$secret" "$what"
		statements "$dir/lib.spans" "$dir/tls.spans"
	done
	kept lib --no-bpf -- $PY "$APPS/sql.py" "$secret" cancel
	[ "$(cat "$dir/lib.rc")" = 0 ]
	mv "$dir/lib.spans" "$dir/spans"
	spans '[c.attr["db.response.status_code"] for c in C if "pg_sleep" in c.text] == ["57014"]'
}

@test "Ruby and Perl: statements are read in clear and inside TLS" {
	local program ssl
	cat >"$dir/ask.rb" <<-'R'
		require 'pg'
		c = PG.connect(ARGV[0])
		puts c.exec('select name from items where id = 1').getvalue(0, 0)
		puts c.exec_params('select name from items where id = $1', [2]).getvalue(0, 0)
		c.prepare('p', 'select name as prepared from items where id = $1')
		puts c.exec_prepared('p', [0]).getvalue(0, 0)
		begin; c.exec('select * from nosuch'); rescue PG::Error => e; puts e.class; end
		c.transaction { |t| t.exec('select 7 as inside') }
		c.copy_data('copy items to stdout') { puts c.get_copy_data while false }
		c.send_query('select g as single from generate_series(1, 5) g')
		c.set_single_row_mode
		c.get_result.stream_each { |r| puts r }
		c.sync_exec('select 9 as sync')
		c.enter_pipeline_mode
		2.times { |i| c.send_query_params("select #{i} as pipe", []) }
		c.pipeline_sync
		while (r = c.get_result).nil? || r.result_status != PG::PGRES_PIPELINE_SYNC
		  puts r.getvalue(0, 0) if r
		end
	R
	cat >"$dir/ask.pl" <<-'P'
		use DBI;
		my $db = DBI->connect("dbi:Pg:" . join(";", split / /, $ARGV[0]), "", "",
			{RaiseError => 1, PrintError => 0});
		my $st = $db->prepare("select name as prepared from items where id = ?");
		for (0 .. 2) { $st->execute($_); print $st->fetchrow_array, "\n"; }
		eval { $db->do("select * from nosuch") };
		print $db->state, "\n";
		$db->begin_work;
		$db->do("create temp table t (a int)");
		$db->commit;
		$db->do("copy t from stdin");
		$db->pg_putcopydata("$_\n") for 1 .. 10;
		$db->pg_putcopyend;
		print $db->selectrow_array("select count(*) from t"), "\n";
	P
	for program in "ruby $dir/ask.rb" "perl $dir/ask.pl"; do
		# shellcheck disable=SC2086 # a program and its script
		raw $program "$plain"
		# shellcheck disable=SC2086
		kept wire --no-shim -- $program "$plain"
		for ssl in "$plain" "$secret"; do
			# shellcheck disable=SC2086
			kept lib --no-bpf -- $program "$ssl"
			same wire lib
			# The names of the statements that Perl prepares contain its pid.
			sed -i 's/dbdpg_p[0-9]*/dbdpg_p/g' "$dir"/*.spans
			statements "$dir/wire.spans" "$dir/lib.spans"
		done
	done
}

@test "pgbench with eight connections, four threads and three protocols: each statement is one span" {
	local mode pgbench
	pgbench=$(find /usr/lib/postgresql -name pgbench | sort -V | tail -n 1)
	export PGHOST=127.0.0.1 PGPORT=$PG_PORT PGUSER=postgres PGSSLMODE=require
	"$pgbench" -i -q postgres >/dev/null 2>&1
	# So few that the ring holds all of them, should otrace get no time to read it.
	for mode in simple extended prepared; do
		kept bench --no-bpf -- "$pgbench" -n -c 8 -j 4 -t 4 -M "$mode" postgres
		mv "$dir/bench.spans" "$dir/spans"
		for name in BEGIN END 'INSERT pgbench_history' 'UPDATE pgbench_accounts'; do
			spans "sum(c.name == '$name' and not c.error for c in C) == 32"
		done
	done
}

@test "a statement whose end nobody reads, or that is killed, ends with its connection" {
	kept lib --no-bpf -- "$SVC/pqcalls" "$secret" unread
	cp "$dir/lib.spans" "$dir/spans"
	spans '[(c.text, c.error) for c in C] == [("SELECT ?", True)]' \
		'"db.response.returned_rows" not in C[0].attr'
	export LD_LIBRARY_PATH
	for LD_LIBRARY_PATH in '' "$SVC/symbolic"; do
		rm -f "$dir/killed.spans"
		bg killed "$OTRACE" run --no-bpf "${opts[@]}" -o "$dir/text" \
			--export "file:$dir/killed.spans" -- psql -X -At "$secret" \
			-c "SELECT 'first'" -c "SELECT pg_sleep(1000)"
		until_true 30 sleeps
		kill -9 "$(pgrep -P "$pid" psql)"
		ended "$pid"
		cp "$dir/killed.spans" "$dir/spans"
		spans '[(c.text, c.error) for c in sorted(C, key=lambda c: c.start)] == [("SELECT ?", False), ("SELECT pg_sleep(?)", True)]'
		until_true 30 wakes
	done
}
sleeps() {
	LD_LIBRARY_PATH='' psql -X -At "$plain" -c "SELECT count(*) FROM pg_stat_activity
		WHERE query LIKE 'SELECT pg_sleep%' AND state = 'active'" | grep -qx 1
}
wakes() {
	LD_LIBRARY_PATH='' psql -X -At "$plain" -c "SELECT count(pg_terminate_backend(pid)) FROM pg_stat_activity
		WHERE query LIKE 'SELECT pg_sleep%' AND state = 'active'" | grep -qx 0
}

@test "in threads that serve, each statement belongs to its request" {
	cd "$SVC"
	bg traced "$OTRACE" run --no-bpf "${opts[@]}" -o "$dir/text" --export "file:$dir/spans" -- \
		env DSN="$secret" $PY /usr/bin/gunicorn -w 1 --threads 4 -b "127.0.0.1:$port" shop:app
	up "$port"
	for round in 1 2 3 4; do
		for i in 1 2 3 4 5 6; do
			curl -s "127.0.0.1:$port/query?id=$((round * 10 + i))" >"$dir/o.$i" 3>&- &
			asks[i]=$!
		done
		wait "${asks[@]}"
	done
	kill "$pid"
	ended "$pid"
	cat "$dir/text"
	spans 'len(V) == 24' 'len([c for c in C if "AS id_" in c.text]) == 24' \
		'all(parent(c) and parent(c).kind == "server" for c in C)' \
		'all(parent(c).attr["url.query"] == "id=" + c.text.split("id_")[1].split()[0] for c in C)'
}

@test "--sql-comment marks statements whose text is run as it is, once, with the id of the span" {
	local log=$SVC/postgres.log from
	from=$(wc -l <"$log")
	raw "$SVC/pqcalls" "$secret" simple extended async copy
	kept lib --no-bpf --sql-comment -- "$SVC/pqcalls" "$secret" simple extended async copy
	same lib
	kept plain --no-bpf -- "$SVC/pqcalls" "$secret" simple extended async copy
	statements "$dir/plain.spans" "$dir/lib.spans"
	cp "$dir/lib.spans" "$dir/spans"
	tail -n "+$((from + 1))" "$log" | grep 'LOG: ' >"$dir/log"
	grep -o "traceparent='00-[^']*-01'" "$dir/log" >"$dir/comments"
	n=$(wc -l <"$dir/comments")
	echo "$n comments"
	[ "$n" -gt 15 ]
	[ "$n" = "$(sort -u "$dir/comments" | wc -l)" ]
	grep -q "headers   $n put in" "$dir/lib.text"
	spans "[1 for line in open('$dir/comments') if (known.get(line.split('-')[2]) or None) in C] == [1] * $n" \
		'not any("traceparent" in str(c.attr) for c in C)'
	# Prepared by name, empty, or with a comment of its own: as the program wrote them.
	grep -q 'execute get: .*SELECT id, name FROM items' "$dir/log"
	run ! grep -E 'execute (get|later):.*traceparent' "$dir/log"
	from=$(wc -l <"$log")
	tp=00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01
	kept own --no-bpf --sql-comment -- psql -X -At "$plain" -c "SELECT 1 /*traceparent='$tp'*/" \
		-c 'SHOW all' -c 'SELECT 2 -- two' -c "SELECT 'it''s'"
	tail -n "+$((from + 1))" "$log" | grep -c traceparent | grep -qx 2
	grep -q 'headers   1 put in; left alone: 1 had one, 2 unusual' "$dir/own.text"
	from=$(wc -l <"$log")
	kept off --no-bpf --sql-comment --no-inject -- psql -X -At "$plain" -c 'SELECT 7'
	tail -n "+$((from + 1))" "$log" >"$dir/log"
	grep -q 'SELECT 7$' "$dir/log"
	run ! grep traceparent "$dir/log"
}

@test "after SIGKILL of otrace during statements the program goes on and gets the right results" {
	raw "$SVC/pqcalls" "$secret" "${every[@]}"
	cat >"$dir/loop" <<-S
		for i in \$(seq 20); do
			"$SVC/pqcalls" "$secret" ${every[*]} | cmp - "$dir/raw.out" || exit 1
			echo "\$i" >>"$dir/rounds"
		done
		echo done >"$dir/done"
	S
	bg tracer "$OTRACE" run --no-bpf -o "$dir/text" -- bash "$dir/loop"
	until_true 30 test -s "$dir/rounds"
	kill -9 "$pid"
	until_true 60 test -s "$dir/done"
}
