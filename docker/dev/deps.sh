#!/bin/bash
# deps.sh - installs the Debian packages that are missing.
#
#   docker/dev/deps.sh [build] [run] [test] [lint] [fuzz] [valgrind] [bench]     default: build run
#
# A machine that has them all is left alone (no apt-get, no root needed).  While PostgreSQL is
# installed a drop-in file keeps Debian from creating a cluster of its own; it is taken away
# afterwards.
set -eu
# shellcheck source=docker/dev/lib.sh
. "$(dirname "$0")/lib.sh"

BUILD="gcc libc6-dev make postgresql-server-dev-$PG_MAJOR librdkafka-dev libcurl4-openssl-dev libical-dev libmicrohttpd-dev libpq-dev
libjansson-dev libssl-dev libgnutls28-dev zlib1g-dev pkg-config"
RUN="postgresql-$PG_MAJOR librdkafka1 libcurl4 libical3 libmicrohttpd12 libpq5 libjansson4 libssl3 libgnutls30 zlib1g tzdata openssl curl kcat"
LINT="clang-format-14 shellcheck python3 binutils"
TEST="perl libipc-run-perl postgresql-$PG_MAJOR-pgtap postgresql-$PG_MAJOR-cron python3-jsonschema kcat curl python3 wrk python3-dateutil libical-dev"
FUZZ="clang-14 libclang-rt-14-dev libclang-common-14-dev libc6-dev"
VALGRIND="valgrind libc6-dbg"
# peers of the recurrence library and of the gateway; Node.js, npm and Go may have come from elsewhere
BENCH="python3-dateutil libical-dev python3-venv"
DROP_IN=/etc/postgresql-common/createcluster.d/pg_agenda.conf

# shellcheck disable=SC2086
wanted() {
	local group
	for group in "$@"; do
		case $group in
		build) printf '%s\n' $BUILD ;;
		run) printf '%s\n' $RUN ;;
		test) printf '%s\n' $TEST ;;
		lint) printf '%s\n' $LINT ;;
		fuzz) printf '%s\n' $FUZZ ;;
		valgrind) printf '%s\n' $VALGRIND ;;
		bench) printf '%s\n' $BENCH ;;
		*) die "unknown group \"$group\"; there are build, run, test, lint, fuzz, valgrind and bench" ;;
		esac
	done
	# a JDK and Maven fetch and run the real Kafka of the tests, from wherever they came
	case " $* " in *" test "*)
		command -v javac >/dev/null || echo openjdk-17-jdk-headless
		command -v mvn >/dev/null || echo maven
		;;
	esac
}

missing() {
	local installed
	installed=$(dpkg-query -W -f '${db:Status-Status} ${Package}\n' "$@" 2>/dev/null |
		sed -n 's/^installed //p' || true)
	printf '%s\n' "$@" | sort -u | grep -vxF -e "$installed" || true
}

root() {
	if [ "$(id -u)" = 0 ]; then "$@"; else sudo "$@"; fi
}

apt() {
	logged "$AGENDA_ROOT/build/log/apt.log" root env DEBIAN_FRONTEND=noninteractive \
		apt-get -q -o DPkg::Lock::Timeout=300 -o Dpkg::Use-Pty=0 "$@"
}

forget_drop_in() {
	root rm -f "$DROP_IN"
	# ours only if postgresql-common has not come to own it
	root rmdir "${DROP_IN%/*}" "${DROP_IN%/*/*}" 2>/dev/null || true
}

[ $# -gt 0 ] || set -- build run
list=$(wanted "$@")
# shellcheck disable=SC2086
lacking=$(missing $list)
[ -n "$lacking" ] || exit 0
lacking=$(printf '%s' "$lacking" | tr '\n' ' ')

command -v apt-get >/dev/null || die "this machine has no apt-get; needed: $lacking"
say "installing (log in build/log/): $lacking"
root true || die "packages are missing, and there is neither root nor sudo to install them.
As root: apt-get install --no-install-recommends $lacking"
mkdir -p "$AGENDA_ROOT/build/log"
trap forget_drop_in EXIT
trap 'exit 130' INT TERM
root mkdir -p "${DROP_IN%/*}"
echo 'create_main_cluster = false' | root tee "$DROP_IN" >/dev/null
apt update || say "apt-get update failed in part; trying with what is known"
# shellcheck disable=SC2086
apt install -y --no-install-recommends $lacking ||
	die "apt-get could not install: $lacking"
