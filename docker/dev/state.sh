# shellcheck shell=bash
# state.sh - what "make run", stop, status, token and psql know about the development environment.
#
# Its files stand in .run/ of the checkout: pgdata, sock (the socket), log, pid files, jwt.key,
# broker.address, settings (ports), env.  If the user that runs PostgreSQL cannot reach the
# checkout, all but env lives in a directory below /var/tmp, and .run has links to it; .run/state
# says "inside" or "outside".
#
# A process is known by "PID STARTTIME CHECKOUT", the start time being field 22 of /proc/PID/stat:
# neither a reused process id nor the processes of the checkout from which this one was copied
# are taken for ours.  Sourced after lib.sh.

RUN=$AGENDA_ROOT/.run
# set by open_state or need_state
STATE=

# Makes .run and the directory behind it.
open_state() {
	local name
	mkdir -p "$RUN"
	if [ ! -e "$RUN/state" ]; then
		if reachable "$RUN"; then echo inside; else echo outside; fi >"$RUN/state"
	fi
	find_state
	mkdir -p "$STATE"
	for name in log sock; do own_dir "$STATE/$name"; done
	[ "$STATE" = "$RUN" ] && return
	for name in log sock pgdata jwt.key; do ln -sfn "$STATE/$name" "$RUN/$name"; done
}

find_state() {
	case $(cat "$RUN/state") in
	inside) STATE=$RUN ;;
	*) STATE=$(outside_dir /var/tmp)/run ;;
	esac
}

# For the commands that only look.
need_state() {
	[ -e "$RUN/state" ] || die "nothing has been started here; \"make run\" does"
	find_state
}

# The setting $1 as it was at the last start.
saved_setting() {
	[ ! -e "$STATE/settings" ] || sed -n "s/^$1=//p" "$STATE/settings"
}

# The folder of the socket; a path of a socket may have 107 bytes.
socket_dir() {
	local path=$STATE/sock/.s.PGSQL.$1
	if [ ${#path} -le 107 ]; then
		printf '%s\n' "$STATE/sock"
	else
		printf '%s/sock\n' "$(outside_dir /tmp)"
	fi
}

# Fails for a process that has ended, even if nobody has asked for its exit status yet.
start_time() {
	local line
	{ read -r line <"/proc/$1/stat"; } 2>/dev/null || return 1
	# the name in parentheses may contain anything
	# shellcheck disable=SC2086
	set -- ${line##*) }
	[ "$1" != Z ] && printf '%s\n' "${20}"
}

# Prints the process id of a service of ours that runs; fails if it does not.
running_pid() {
	local pid time root
	[ -e "$STATE/$1.pid" ] || return 1
	read -r pid time root <"$STATE/$1.pid" || return 1
	[ "$root" = "$AGENDA_ROOT" ] && [ "$(start_time "$pid")" = "$time" ] || return 1
	printf '%s\n' "$pid"
}

# Remembers the process $2 as the service $1.
remember_pid() {
	printf '%s %s %s\n' "$2" "$(start_time "$2")" "$AGENDA_ROOT" >"$STATE/$1.pid"
}

# Nothing of the caller's may stay open in a process that outlives it: a pipe that make or
# a script waits on, the lock of run.sh.
close_inherited() {
	local fd
	for fd in /proc/self/fd/*; do
		fd=${fd##*/}
		[ "$fd" -le 2 ] || eval "exec $fd>&-" 2>/dev/null || true
	done
}

# start_detached NAME COMMAND...: runs it as the database user in a session of its own.
start_detached() {
	local name=$1
	shift
	(
		exec </dev/null >>"$STATE/log/$name.log" 2>&1
		close_inherited
		exec_as_db_user setsid "$@"
	) &
	remember_pid "$name" $!
}

# wait_for NAME SECONDS COMMAND...: asks ten times a second until the command succeeds; gives up
# early if the service has died.  The log is shown then.
wait_for() {
	local name=$1 turns=$(($2 * 10))
	shift 2
	while ! "$@" >/dev/null 2>&1; do
		if ! running_pid "$name" >/dev/null || [ $((turns -= 1)) -le 0 ]; then
			tail -n 20 "$STATE/log/$name.log" >&2
			die "$name did not become ready, see .run/log/$name.log"
		fi
		sleep 0.1
	done
}

# stop_service NAME SIGNAL SECONDS LAST: by its own process id, by the last signal after that time.
stop_service() {
	local pid turns=$(($3 * 10))
	pid=$(running_pid "$1") || return 0
	kill "-$2" "$pid"
	while running_pid "$1" >/dev/null; do
		if [ $((turns -= 1)) -le 0 ]; then
			say "$1 did not stop within $3 s, sending SIG$4"
			kill "-$4" "$pid"
			turns=100
		fi
		sleep 0.1
	done
	rm -f "$STATE/$1.pid"
}

# SIGINT is the fast shutdown of PostgreSQL, SIGQUIT the immediate one
stop_postgres() { stop_service postgres INT 60 QUIT; }
stop_gateway() { stop_service gateway TERM 30 KILL; }
stop_broker() { stop_service broker TERM 5 KILL; }

# Does anybody listen on this port of the loopback interface?
port_taken() { (exec 3<>"/dev/tcp/127.0.0.1/$1") 2>/dev/null; }

# need_port PORT VARIABLE WHAT
need_port() {
	! port_taken "$1" ||
		die "port $1 for $3 is taken by another process; choose another one: make run $2=NUMBER"
}

gateway_ready() {
	curl -fsS -m 2 -o /dev/null "http://127.0.0.1:$(saved_setting AGENDA_PORT)/readyz"
}

# psql as superuser: the peer map lets in the OS user that runs the server.
admin_psql() {
	as_db_user "$(bindir)/psql" -X -h "$(saved_setting SOCKET_DIR)" \
		-p "$(saved_setting AGENDA_PGPORT)" -U postgres "$@"
}

bindir() { prefix_bindir "$(saved_setting PREFIX)"; }
