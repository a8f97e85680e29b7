#!/bin/bash
# run.sh - the recurrence library and its peers, each in turn, on one processor.
#
#   test/bench/rrule_peers/run.sh DIRECTORY
#
# Writes DIRECTORY/NAME.txt for each (README.md says what it holds), or one line "not measured:
# REASON".  Builds in build/bench_rrule; npm and Go fetch the pinned versions there.
set -eu
here=$(cd "$(dirname "$0")" && pwd -P)
# shellcheck source=docker/dev/lib.sh
. "$here/../../../docker/dev/lib.sh"
out=$1
work=$AGENDA_ROOT/build/bench_rrule
cpu=$(taskset -cp $$ | sed 's/.*[ ,-]//')
mkdir -p "$work" "$AGENDA_ROOT/build/log"

# measure NAME COMMAND...
measure() {
	local name=$1
	shift
	if ! taskset -c "$cpu" "$@" <"$here/rules.txt" >"$out/$name.txt" 2>"$work/$name.log"; then
		not_measured "$name" "it failed: $(tail -n 1 "$work/$name.log")"
	fi
}

not_measured() {
	echo "not measured: $2" >"$out/$1.txt"
}

peer_dateutil() {
	local python
	# Debian's, if there is another in the way
	for python in /usr/bin/python3 python3; do
		if "$python" -c 'import dateutil' 2>/dev/null; then
			measure dateutil "$python" "$here/dateutil_peer.py"
			return
		fi
	done
	not_measured dateutil "python3-dateutil is not installed"
}

peer_libical() {
	if gcc -std=gnu11 -O2 -Wall -Wextra -Werror -o "$work/ical" "$here/ical.c" -lical 2>"$work/libical.log"; then
		measure libical "$work/ical"
	else
		not_measured libical "it does not build (libical-dev?)"
	fi
}

peer_rrule_js() {
	if ! command -v node >/dev/null || ! command -v npm >/dev/null; then
		not_measured rrule_js "Node.js or npm is not installed"
		return
	fi
	cp "$here/package.json" "$here/package-lock.json" "$here/rrule_js.js" "$work/"
	if (cd "$work" && npm ci --no-audit --no-fund) >"$work/rrule_js.log" 2>&1; then
		measure rrule_js node "$work/rrule_js.js"
	else
		not_measured rrule_js "npm could not fetch it"
	fi
}

peer_rrule_go() {
	if ! command -v go >/dev/null; then
		not_measured rrule_go "Go is not installed"
		return
	fi
	if (cd "$here/rrule_go" && go build -o "$work/rrule_go" .) >"$work/rrule_go.log" 2>&1; then
		measure rrule_go "$work/rrule_go"
	else
		not_measured rrule_go "go could not fetch or build it"
	fi
}

make -C "$AGENDA_ROOT/test/unit" --no-print-directory -s bench_rrule bench_hostile
measure pg_agenda "$AGENDA_ROOT/test/unit/bench_rrule"
taskset -c "$cpu" "$AGENDA_ROOT/test/unit/bench_rrule" 20000 >"$out/random.txt"
taskset -c "$cpu" "$AGENDA_ROOT/test/unit/bench_hostile" lines 4000 1 >"$out/hostile.txt"
peer_dateutil
peer_libical
peer_rrule_js
peer_rrule_go
