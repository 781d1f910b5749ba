# SPDX-License-Identifier: Apache-2.0
# services.sh - real services for the demo and the tests. To be sourced.
#
# Everything runs in $SVC, on free ports of loopback, from the packages of the machine, and ends with
# svc_stop: only processes that were started here are ended, by pid. PostgreSQL does not run as root, so
# other users must be able to enter $SVC.
# shellcheck shell=bash

svc_root=$(cd "$(dirname "${BASH_SOURCE[0]}")/.." && pwd)
SVC_PIDS=()
export PYTHONDONTWRITEBYTECODE=1 # Python must not write next to the sources

svc_init() { # a folder for logs, data and sockets
	SVC=$(mktemp -d "${TMPDIR:-/tmp}/otrace-services.XXXXXX")
	chmod 755 "$SVC"
	find "$svc_root"/tests/apps -maxdepth 1 -type f -exec cp -t "$SVC" {} +
	chmod a+r "$SVC"/*
}

# Below the ports that the kernel gives to clients: no client takes the port meanwhile. Tests that run
# beside each other take turns: a port comes again after 22,000 others, so that no two tests have one
# that both have not bound yet.
svc_port() { # prints a free port
	/usr/bin/python3 - <<-'PY'
		import fcntl, os, random, socket, tempfile
		FIRST, LAST = 10000, 31999
		place = f"{tempfile.gettempdir()}/otrace-ports-{os.getuid()}"
		def is_free(port):
		    try:
		        for family, host in ((socket.AF_INET, ""), (socket.AF_INET6, "::")):
		            with socket.socket(family) as s:
		                s.bind((host, port))
		    except OSError:
		        return False
		    return True
		os.makedirs(place, 0o700, exist_ok=True)
		if os.lstat(place).st_uid != os.getuid():
		    raise SystemExit(f"{place} belongs to another user")
		with os.fdopen(os.open(f"{place}/last", os.O_RDWR | os.O_CREAT | os.O_NOFOLLOW, 0o600), "r+") as last:
		    fcntl.flock(last, fcntl.LOCK_EX)
		    port = int(last.read() or random.randint(FIRST, LAST))
		    while True:
		        port = port + 1 if FIRST <= port < LAST else FIRST
		        if is_free(port):
		            break
		    last.seek(0)
		    last.write(f"{port}\n")
		    last.truncate()
		print(port)
	PY
}

svc_start() { # LOG CMD..: in the background; its pid in $!
	local log=$SVC/$1.log
	shift
	"$@" >"$log" 2>&1 </dev/null &
	SVC_PIDS+=($!)
}

svc_wait_port() { # PORT [SECONDS]
	local i
	for ((i = 0; i < ${2:-60} * 20; i++)); do
		(exec 3<>"/dev/tcp/127.0.0.1/$1") 2>/dev/null && return 0
		sleep 0.05
	done
	echo "services: nobody listens on port $1" >&2
	tail -n 5 "$SVC"/*.log >&2
	return 1
}

svc_as_postgres() {
	if [ "$(id -u)" = 0 ]; then
		(cd / && setpriv --reuid=postgres --regid=postgres --init-groups "$@")
	else
		"$@"
	fi
}

svc_postgres() { # sets DSN, PGPORT_; socket in $SVC
	local bin
	bin=$(ls -d /usr/lib/postgresql/*/bin | sort -V | tail -n 1)
	PG_PORT=$(svc_port)
	mkdir "$SVC/pg"
	[ "$(id -u)" != 0 ] || chown postgres: "$SVC/pg"
	svc_as_postgres "$bin/initdb" -D "$SVC/pg/data" -A trust -U postgres -N \
		--locale=C >"$SVC/initdb.log" 2>&1 || { cat "$SVC/initdb.log" >&2; return 1; }
	if [ "$(id -u)" = 0 ]; then
		svc_start postgres setpriv --reuid=postgres --regid=postgres --init-groups \
			"$bin/postgres" -D "$SVC/pg/data" -p "$PG_PORT" -k "$SVC/pg" \
			-c listen_addresses=127.0.0.1 -c fsync=off
	else
		svc_start postgres "$bin/postgres" -D "$SVC/pg/data" -p "$PG_PORT" -k "$SVC/pg" \
			-c listen_addresses=127.0.0.1 -c fsync=off
	fi
	PG_PID=$!
	svc_wait_port "$PG_PORT"
	DSN="host=${PG_HOST:-$SVC/pg} port=$PG_PORT user=postgres dbname=postgres"
	local i
	for ((i = 0; i < 600; i++)); do
		psql -q "$DSN" -f "$SVC/shop.sql" >"$SVC/psql.log" 2>&1 && return 0
		sleep 0.1
	done
	cat "$SVC/psql.log" >&2
	return 1
}

svc_mariadb() { # ARG..: sets MY_PORT, MY_PID, MY_SOCKET; user app, password SECRETpw, database shop
	local i
	MY_PORT=$(svc_port)
	mkdir "$SVC/my"
	chown mysql: "$SVC/my"
	mariadb-install-db --no-defaults --auth-root-authentication-method=normal --skip-test-db --user=mysql \
		--datadir="$SVC/my/data" >"$SVC/install.log" 2>&1 || { cat "$SVC/install.log" >&2; return 1; }
	MY_SOCKET=$SVC/my/s
	svc_start mariadb mariadbd --no-defaults --user=mysql --datadir="$SVC/my/data" --socket="$MY_SOCKET" \
		--bind-address=127.0.0.1 --port="$MY_PORT" --local-infile=1 --skip-name-resolve --max-allowed-packet=64M --skip-log-bin "$@"
	MY_PID=$!
	svc_wait_port "$MY_PORT"
	for ((i = 0; i < 600; i++)); do
		mariadb --no-defaults -uroot -S "$MY_SOCKET" <"$SVC/shop_my.sql" >"$SVC/mysql.log" 2>&1 && return 0
		sleep 0.1
	done
	cat "$SVC/mysql.log" >&2
	return 1
}

# A broker that is its own controller, of $OTRACE_CACHE/kafka (tests/backends/get-kafka.sh).
svc_kafka() { # [ADVERTISED PORT]: sets KAFKA_PORT, KAFKA_PID; KAFKA_SASL: a port for joe, SECRETpw
	local controller from=${OTRACE_CACHE:-${HOME:-/var}/.cache/otrace}/kafka
	KAFKA_PORT=$(svc_port)
	KAFKA_SASL=$(svc_port)
	controller=$(svc_port)
	cp -r "$from/data" "$SVC/kafka"
	cat >"$SVC/kafka.properties" <<-END
		process.roles=broker,controller
		node.id=1
		controller.quorum.voters=1@127.0.0.1:$controller
		controller.listener.names=CONTROLLER
		listeners=PLAINTEXT://127.0.0.1:$KAFKA_PORT,SASL://127.0.0.1:$KAFKA_SASL,CONTROLLER://127.0.0.1:$controller
		advertised.listeners=PLAINTEXT://127.0.0.1:${1:-$KAFKA_PORT},SASL://127.0.0.1:$KAFKA_SASL
		listener.security.protocol.map=PLAINTEXT:PLAINTEXT,CONTROLLER:PLAINTEXT,SASL:SASL_PLAINTEXT
		listener.name.sasl.sasl.enabled.mechanisms=PLAIN
		listener.name.sasl.plain.sasl.jaas.config=org.apache.kafka.common.security.plain.PlainLoginModule required user_joe="SECRETpw";
		log.dirs=$SVC/kafka
		offsets.topic.num.partitions=1
		offsets.topic.replication.factor=1
		group.initial.rebalance.delay.ms=0
		num.network.threads=1
		num.io.threads=2
		log.cleaner.enable=false
	END
	svc_start kafka java -Xmx192m -XX:+UseSerialGC -XX:TieredStopAtLevel=1 -XX:-UsePerfData \
		-XX:SharedArchiveFile="$from/kafka.jsa" -cp "$from/lib/*" kafka.Kafka "$SVC/kafka.properties"
	KAFKA_PID=$!
	svc_wait_port "$KAFKA_PORT" 300 # a JVM starts slowly on a busy machine
}

svc_node() { # BACK or nothing; sets NODE_PORT, NODE_PID
	NODE_PORT=$(svc_port)
	BACK=${1:-} svc_start "node.$NODE_PORT" env BACK="${1:-}" node "$SVC/prices.js" "$NODE_PORT"
	NODE_PID=$!
	svc_wait_port "$NODE_PORT"
}

svc_gunicorn() { # APP WORKERS THREADS; sets GUNICORN_PORT, GUNICORN_PID
	GUNICORN_PORT=$(svc_port)
	svc_start gunicorn env -C "$SVC" PRICES="http://127.0.0.1:${NODE_PORT:-1}" DSN="${DSN:-}" \
		/usr/bin/python3 /usr/bin/gunicorn -w "$2" --threads "$3" \
		-b "127.0.0.1:$GUNICORN_PORT" --keep-alive 60 "$1"
	GUNICORN_PID=$!
	svc_wait_port "$GUNICORN_PORT"
}

svc_nginx() { # UPSTREAM_PORT; sets NGINX_PORT, NGINX_PID
	NGINX_PORT=$(svc_port)
	mkdir -p "$SVC/nginx"
	sed -e "s|@DIR@|$SVC/nginx|g" -e "s|@PORT@|$NGINX_PORT|" -e "s|@UPSTREAM@|$1|" \
		"$SVC/nginx.conf" >"$SVC/nginx/nginx.conf"
	svc_start nginx nginx -p "$SVC/nginx" -c "$SVC/nginx/nginx.conf" -g 'daemon off;'
	NGINX_PID=$!
	svc_wait_port "$NGINX_PORT"
}

svc_stop() {
	local pid
	for pid in "${SVC_PIDS[@]}"; do
		kill "$pid" 2>/dev/null
	done
	for pid in "${SVC_PIDS[@]}"; do
		wait "$pid" 2>/dev/null
	done
	SVC_PIDS=()
	[ -z "${SVC:-}" ] || rm -rf "$SVC"
}
