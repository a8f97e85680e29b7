#!/bin/bash
# psql.sh - make psql: psql in the database of make run, as the application's login agenda_demo.
#
#   make psql                               an ordinary session
#   make psql ARGS='-c "select 1"'          with arguments, quoted as in a shell
#   make psql AS=admin                      as superuser
set -eu
here=$(dirname "$0")
# shellcheck source=docker/dev/lib.sh
. "$here/lib.sh"
# shellcheck source=docker/dev/state.sh
. "$here/state.sh"

need_state
running_pid postgres >/dev/null || die "PostgreSQL does not run; \"make run\" starts it"
eval "set -- ${ARGS:-}"
case ${AS:-demo} in
admin) admin_psql -d agenda "$@" ;;
demo)
	exec "$(bindir)/psql" -X -h "$(saved_setting SOCKET_DIR)" -p "$(saved_setting AGENDA_PGPORT)" \
		-U agenda_demo -d agenda "$@"
	;;
*) die "AS is demo or admin" ;;
esac
