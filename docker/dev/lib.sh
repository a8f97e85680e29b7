# shellcheck shell=bash
# lib.sh - what the scripts of docker/dev, test/run and test/bench share: who runs PostgreSQL, which
# directories that user can reach, and the private copy of PostgreSQL that carries our build.
#
# Sourced by bash scripts under "set -eu".  Nothing here writes to /usr, and nothing here trusts
# PG* variables of the caller: .run/env exports them for clients, not for these scripts.

umask 022
AGENDA_ROOT=$(cd "$(dirname "${BASH_SOURCE[0]}")/../.." && pwd -P)
PG_MAJOR=15
PG_LIB=/usr/lib/postgresql/$PG_MAJOR
PG_SHARE=/usr/share/postgresql/$PG_MAJOR
unset PGHOST PGPORT PGUSER PGDATABASE PGPASSWORD PGSERVICE PGOPTIONS PGDATA PGHOSTADDR
# on a fresh machine the Makefile has looked for pg_config before it was installed
if [ ! -x "${PG_CONFIG:-}" ]; then
	export PG_CONFIG=$PG_LIB/bin/pg_config
fi

say() { printf '%s\n' "$*" >&2; }
die() {
	say "${0##*/}: $*"
	exit 1
}

# The OS user that runs PostgreSQL, which refuses to run as root.
if [ "$(id -u)" = 0 ]; then DB_OS_USER=postgres; else DB_OS_USER=$(id -un); fi

# Becomes a command that runs as that user, in a directory that is open to everybody.  setpriv
# replaces itself by the command, so the process id stays the same.
exec_as_db_user() {
	cd /
	if [ "$(id -u)" = 0 ]; then
		set -- setpriv --reuid "$DB_OS_USER" --regid "$DB_OS_USER" --init-groups -- \
			env HOME=/tmp USER="$DB_OS_USER" LOGNAME="$DB_OS_USER" "$@"
	fi
	exec "$@"
}
as_db_user() { (exec_as_db_user "$@"); }

# Can that user read this file or enter this directory?
reachable() {
	if [ -d "$1" ]; then as_db_user test -r "$1" -a -x "$1"; else as_db_user test -r "$1"; fi
}

# A directory of this checkout outside of it, for a checkout that is closed to the user above
# (/root, a 0700 clone).  $1: parent directory.  Somebody else's directory is refused.
outside_dir() {
	local dir
	dir=$1/pg_agenda-$(printf '%s' "$AGENDA_ROOT" | sha256sum | cut -c1-12)
	mkdir -p "$dir"
	if [ -L "$dir" ] || [ "$(stat -c %u "$dir")" != "$(id -u)" ]; then
		die "$dir belongs to somebody else"
	fi
	chmod 755 "$dir"
	printf '%s\n' "$dir"
}

# Where products that the database user has to read are staged: build/ or a directory outside.
staging_dir() {
	mkdir -p "$AGENDA_ROOT/build"
	if reachable "$AGENDA_ROOT/build" && reachable "$AGENDA_ROOT/Makefile"; then
		printf '%s\n' "$AGENDA_ROOT/build"
	else
		outside_dir /var/tmp
	fi
}

# Makes $1 a directory of the database user.
own_dir() {
	mkdir -p "$1"
	[ "$(id -u)" != 0 ] || chown "$DB_OS_USER" "$1"
}

# Runs a command with its output in a log file, and shows the end of it on failure.
logged() {
	local log=$1
	shift
	if ! "$@" >"$log" 2>&1 </dev/null; then
		tail -n 40 "$log" >&2
		return 1
	fi
}

# Builds everything.  Bitcode is for packages, not for development.
build_world() {
	mkdir -p "$AGENDA_ROOT/build/log"
	logged "$AGENDA_ROOT/build/log/make.log" \
		make -C "$AGENDA_ROOT" --no-print-directory -j2 with_llvm=no world ||
		die "the build failed, see build/log/make.log"
}

# A private PostgreSQL below $1: a copy of the installed one with our build installed into it.
# The programs find their libraries and share files relative to themselves, so $1/usr/lib/...
# is a complete server that a second checkout does not touch.
stage_prefix() {
	local prefix=$1
	mkdir -p "$prefix/usr/lib/postgresql" "$prefix/usr/share/postgresql" \
		"$AGENDA_ROOT/build/log"
	cp -au --remove-destination "$PG_LIB" "$prefix/usr/lib/postgresql/"
	cp -au --remove-destination "$PG_SHARE" "$prefix/usr/share/postgresql/"
	logged "$AGENDA_ROOT/build/log/install.log" make -C "$AGENDA_ROOT" --no-print-directory \
		with_llvm=no DESTDIR="$prefix" install-world ||
		die "the installation into $prefix failed, see build/log/install.log"
}

# What the private copy below $1 holds, where the makefiles install it.
prefix_bindir() { printf '%s\n' "$1$PG_LIB/bin"; }
prefix_gateway() { printf '%s\n' "$1/usr/local/bin/agenda-gateway"; }
prefix_devbroker() { printf '%s\n' "$1$PG_LIB/bin/agenda-devbroker"; }
