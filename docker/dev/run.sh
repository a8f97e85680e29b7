#!/bin/bash
# run.sh - make run: from a bare Debian machine to a running pg_agenda, for development.
#
# Installs missing packages, builds, and starts what does not run yet: the development broker,
# a private PostgreSQL with the extension in database "agenda", and the gateway.  A service whose
# program or settings have changed is started again.  Ready means ready: every step waits until
# the service answers.  Nothing that it starts keeps the caller's input or output open.
#
#   AGENDA_PORT           port of the gateway (8000)
#   AGENDA_PGPORT         port of PostgreSQL (55432)
#   AGENDA_KAFKA_BROKERS  a real Kafka instead of the development broker
#
# The ports of the last start are kept where nothing else is said.  state.sh lists the files.
set -eu
here=$(dirname "$0")
# shellcheck source=docker/dev/lib.sh
. "$here/lib.sh"
# shellcheck source=docker/dev/state.sh
. "$here/state.sh"

# Changes when the service has to be started again: its settings and the files it runs.
fingerprint() {
	local settings=$1
	shift
	{ printf '%s\n' "$settings" && cat "$@"; } | sha256sum | cut -d' ' -f1
}

# is_current NAME FINGERPRINT: it runs, and as it would be started now.
is_current() {
	running_pid "$1" >/dev/null && [ "$(cat "$STATE/$1.fingerprint" 2>/dev/null)" = "$2" ]
}

# Before anything is stopped or remembered.
check_port_number() {
	case $2 in
	'' | *[!0-9]* | ??????*) die "$1 is \"$2\", not a port between 1 and 65535" ;;
	esac
	if [ "$2" -lt 1 ] || [ "$2" -gt 65535 ]; then
		die "$1 is \"$2\", not a port between 1 and 65535"
	fi
}

choose_settings() {
	AGENDA_PORT=${AGENDA_PORT:-$(saved_setting AGENDA_PORT)}
	AGENDA_PORT=${AGENDA_PORT:-8000}
	AGENDA_PGPORT=${AGENDA_PGPORT:-$(saved_setting AGENDA_PGPORT)}
	AGENDA_PGPORT=${AGENDA_PGPORT:-55432}
	check_port_number AGENDA_PORT "$AGENDA_PORT"
	check_port_number AGENDA_PGPORT "$AGENDA_PGPORT"
	SOCKET_DIR=$(socket_dir "$AGENDA_PGPORT")
	own_dir "$SOCKET_DIR"
	PREFIX=$(staging_dir)/prefix
	# a shell that has read .run/env hands our own broker's address back to us, maybe an old one
	if [ -n "${AGENDA_KAFKA_BROKERS:-}" ] &&
		grep -qxF -e "$AGENDA_KAFKA_BROKERS" "$STATE/broker.given" 2>/dev/null; then
		AGENDA_KAFKA_BROKERS=
	fi
}

# Only after everything that may be refused has been checked.
save_settings() {
	printf '%s\n' "AGENDA_PORT=$AGENDA_PORT" "AGENDA_PGPORT=$AGENDA_PGPORT" \
		"SOCKET_DIR=$SOCKET_DIR" "PREFIX=$PREFIX" >"$STATE/settings"
}

# A port is ours if the service runs on it already.
check_ports() {
	if [ "$(saved_setting AGENDA_PORT)" != "$AGENDA_PORT" ] || ! running_pid gateway >/dev/null; then
		need_port "$AGENDA_PORT" AGENDA_PORT "the gateway"
	fi
	if [ "$(saved_setting AGENDA_PGPORT)" != "$AGENDA_PGPORT" ] ||
		! running_pid postgres >/dev/null; then
		need_port "$AGENDA_PGPORT" AGENDA_PGPORT PostgreSQL
	fi
}

# Sets BROKERS: the given ones, or those of the development broker, which is started if need be.
start_broker() {
	local program address=$STATE/log/broker.address print
	program=$(prefix_devbroker "$PREFIX")
	BROKERS=${AGENDA_KAFKA_BROKERS:-}
	if [ -n "$BROKERS" ]; then
		stop_broker
		return
	fi
	print=$(fingerprint "" "$program")
	if ! is_current broker "$print"; then
		stop_broker
		rm -f "$address"
		start_detached broker "$program" --address-file "$address"
		wait_for broker 10 test -s "$address"
		printf '%s\n' "$print" >"$STATE/broker.fingerprint"
		cat "$address" >>"$STATE/broker.given"
	fi
	BROKERS=$(cat "$address")
}

# Made aside and moved into place when complete, so that an interrupted start can be repeated.
init_cluster() {
	local new=$STATE/pgdata.new
	[ ! -e "$STATE/pgdata/PG_VERSION" ] || return 0
	rm -rf "$new"
	own_dir "$new"
	logged "$STATE/log/initdb.log" as_db_user "$(bindir)/initdb" -D "$new" -U postgres \
		--auth=reject --encoding=UTF8 --locale=C.UTF-8 --data-checksums ||
		die "initdb failed"
	# only the operating system user that runs the server comes in as superuser
	as_db_user tee "$new/pg_ident.conf" >/dev/null <<-CONF
		# MAPNAME  SYSTEM-USERNAME  PG-USERNAME
		admin      $DB_OS_USER      postgres
	CONF
	as_db_user tee "$new/pg_hba.conf" >/dev/null <<-CONF
		# TYPE  DATABASE  USER         ADDRESS       METHOD
		local   all       postgres                   peer map=admin
		local   agenda    agenda_demo                trust
		local   agenda    agenda_gw                  trust
		host    agenda    agenda_demo  127.0.0.1/32  trust
	CONF
	echo "include 'agenda_run.conf'" | as_db_user tee -a "$new/postgresql.conf" >/dev/null
	mv -T "$new" "$STATE/pgdata"
}

# Written anew at each start: ports and the broker may be others than last time.
write_server_conf() {
	as_db_user tee "$STATE/pgdata/agenda_run.conf" >/dev/null <<-CONF
		# written by make run
		cluster_name = 'development'
		listen_addresses = '127.0.0.1'
		port = $AGENDA_PGPORT
		unix_socket_directories = '$SOCKET_DIR'
		shared_preload_libraries = 'pg_agenda'
		log_line_prefix = '%m [%p] %b %u@%d '
		agenda.kafka_brokers = '$BROKERS'
	CONF
}

start_postgres() {
	local print
	init_cluster
	write_server_conf
	print=$(fingerprint "$(grep -v kafka_brokers "$STATE/pgdata/agenda_run.conf")" \
		"$PREFIX$PG_LIB/bin/postgres" "$PREFIX$PG_LIB"/lib/pg_agenda*.so)
	if is_current postgres "$print"; then
		kill -HUP "$(running_pid postgres)"
		return
	fi
	# the gateway would only see its connections break
	stop_gateway
	stop_postgres
	start_detached postgres "$(bindir)/postgres" -D "$STATE/pgdata"
	wait_for postgres 60 as_db_user "$(bindir)/pg_isready" -q -h "$SOCKET_DIR" -p "$AGENDA_PGPORT"
	printf '%s\n' "$print" >"$STATE/postgres.fingerprint"
}

prepare_database() {
	[ -n "$(admin_psql -d postgres -Atqc "select 1 from pg_database where datname = 'agenda'")" ] ||
		admin_psql -d postgres -qc "create database agenda"
	PGOPTIONS='-c client_min_messages=warning' \
		admin_psql -d agenda -q -v ON_ERROR_STOP=1 -f - <"$here/database.sql" ||
		die "the database could not be prepared"
}

# The SQL objects of a database stay those of the day it was made until the version changes.
check_script() {
	local script sum
	script=$(sed -n "s/^default_version *= *'\(.*\)'/\1/p" "$AGENDA_ROOT/extension/pg_agenda.control")
	script=$PREFIX$PG_SHARE/extension/pg_agenda--$script.sql
	sum=$(sha256sum "$script")
	if [ "$1" = old ] && grep -qF -e " $script" "$STATE/script.sum" 2>/dev/null &&
		[ "$sum" != "$(cat "$STATE/script.sum")" ]; then
		say "The SQL of the extension has changed since this database was made, its version has not:"
		say "the old SQL stays.  For an empty database: make stop; rm -rf .run/pgdata/* ; make run"
		return
	fi
	printf '%s\n' "$sum" >"$STATE/script.sum"
}

make_key() {
	[ ! -s "$STATE/jwt.key" ] || return 0
	# exists with its final rights before the secret is in it
	rm -f "$STATE/jwt.key"
	install -m 600 /dev/null "$STATE/jwt.key"
	openssl rand -hex 32 | tr -d '\n' >"$STATE/jwt.key"
	[ "$(id -u)" != 0 ] || chown "$DB_OS_USER" "$STATE/jwt.key"
}

start_gateway() {
	local program print
	local database="host='$SOCKET_DIR' port=$AGENDA_PGPORT dbname=agenda user=agenda_gw"
	program=$(prefix_gateway "$PREFIX")
	print=$(fingerprint "$AGENDA_PORT $database $(env | grep '^AGENDA_' | sort)" "$program" \
		"$STATE/jwt.key")
	is_current gateway "$print" && return
	stop_gateway
	start_detached gateway env AGENDA_PORT="$AGENDA_PORT" AGENDA_DATABASE="$database" \
		AGENDA_JWT_KEY_FILE="$STATE/jwt.key" "$program"
	wait_for gateway 20 gateway_ready
	printf '%s\n' "$print" >"$STATE/gateway.fingerprint"
}

write_env() {
	local file=$RUN/env
	cat >"$file.new" <<-ENV
		# written by make run; read it with: . .run/env
		export PGHOST='$SOCKET_DIR'
		export PGPORT='$AGENDA_PGPORT'
		export PGDATABASE='agenda'
		export PGUSER='agenda_demo'
		export AGENDA_URL='http://127.0.0.1:$AGENDA_PORT'
		export AGENDA_KAFKA_BROKERS='$BROKERS'
	ENV
	mv "$file.new" "$file"
}

introduce() {
	local kind="the development broker: in memory, empty after make stop"
	[ -z "${AGENDA_KAFKA_BROKERS:-}" ] || kind="as given by AGENDA_KAFKA_BROKERS"
	cat <<-TEXT
		pg_agenda runs.
		  REST    http://127.0.0.1:$AGENDA_PORT
		  Kafka   $BROKERS ($kind)
		  SQL     make psql  (socket $SOCKET_DIR, port $AGENDA_PGPORT, database agenda)
		  token   $("$here/token.sh" demo)

		Try:
		  . .run/env; TOKEN=\$(make -s token USER=demo)
		  curl -s \$AGENDA_URL/api/tasks -H "Authorization: Bearer \$TOKEN" -H 'Content-Type: application/json' -d '{"title": "Water the plants", "due_date": "$(date -u -d '20 hours' +%FT%H:00:00Z)"}'
		  curl -s \$AGENDA_URL/api/tasks -H "Authorization: Bearer \$TOKEN"
		  kcat -b \$AGENDA_KAFKA_BROKERS -C -t task-created -o beginning -e -q -f '%k %s\n'

		make status shows it, make stop stops it; data stay in .run/.
	TEXT
}

"$here/deps.sh" build run
open_state
exec 9>"$STATE/lock"
flock -w 300 9 || die "another make run is at work here"
choose_settings
check_ports
say "building (log in build/log/)"
build_world
stage_prefix "$PREFIX"
save_settings
say "starting"
existed=old
[ -e "$STATE/pgdata/PG_VERSION" ] || existed=new
start_broker
start_postgres
prepare_database
check_script "$existed"
make_key
start_gateway
write_env
introduce
