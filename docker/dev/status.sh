#!/bin/bash
# status.sh - make status: what runs here and where; the exit status is 0 only if all of it does.
set -eu
here=$(dirname "$0")
# shellcheck source=docker/dev/lib.sh
. "$here/lib.sh"
# shellcheck source=docker/dev/state.sh
. "$here/state.sh"

status=0
# line NAME WHERE CHECK...: a service runs if its process does and the check succeeds.
line() {
	local name=$1 where=$2 pid
	shift 2
	if ! pid=$(running_pid "$name"); then
		printf '%-9s stopped\n' "$name"
		status=1
	elif ! "$@" >/dev/null 2>&1; then
		printf '%-9s pid %s does not answer at %s\n' "$name" "$pid" "$where"
		status=1
	else
		printf '%-9s pid %-7s %s\n' "$name" "$pid" "$where"
	fi
}

need_state
port=$(saved_setting AGENDA_PGPORT)
socket=$(saved_setting SOCKET_DIR)
line postgres "socket $socket, port $port, database agenda" \
	as_db_user "$(bindir)/pg_isready" -q -h "$socket" -p "$port"
line gateway "http://127.0.0.1:$(saved_setting AGENDA_PORT)" gateway_ready
brokers=$(sed -n "s/^export AGENDA_KAFKA_BROKERS='\(.*\)'/\1/p" "$RUN/env" 2>/dev/null || true)
if [ -n "$brokers" ] && ! grep -qxF -e "$brokers" "$STATE/broker.given" 2>/dev/null; then
	printf '%-9s %s (not started here)\n' broker "$brokers"
else
	line broker "$brokers (development broker, in memory)" true
fi
exit $status
