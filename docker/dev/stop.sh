#!/bin/bash
# stop.sh - make stop: ends what make run has started here, each by its own process id.
# PostgreSQL's data stay; the development broker's topics do not.
set -eu
here=$(dirname "$0")
# shellcheck source=docker/dev/lib.sh
. "$here/lib.sh"
# shellcheck source=docker/dev/state.sh
. "$here/state.sh"

[ -e "$RUN/state" ] || exit 0
need_state
stop_gateway
stop_postgres
stop_broker
