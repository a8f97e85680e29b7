#!/bin/bash
# fetch.sh - brings the jars of a real single-node Apache Kafka for the tests, once.
#
#   test/kafka/fetch.sh [DIR]     prints the directory that holds the jars
#
# DIR defaults to kafka/lib below $AGENDA_STAGING, or below build/.  The jars come from Maven by the
# coordinates of pom.xml and are fetched again only when that file changes.  Exits with 77, and
# the reason as last line on standard error, where Java or Maven or the network is missing.
set -eu

here=$(cd "$(dirname "$0")" && pwd -P)
dir=${1:-${AGENDA_STAGING:-$here/../../build}/kafka/lib}

skip() {
	printf '%s\n' "$*" >&2
	exit 77
}

# the stamp is a copy of the list that was fetched, written last
if ! cmp -s "$here/pom.xml" "$dir/pom.xml"; then
	command -v java >/dev/null || skip "java is not installed"
	command -v mvn >/dev/null || skip "maven is not installed"
	rm -rf "$dir"
	mkdir -p "$dir"
	dir=$(cd "$dir" && pwd -P)
	mvn -q -B -f "$here/pom.xml" dependency:copy-dependencies -DoutputDirectory="$dir" >&2 ||
		skip "maven could not fetch Apache Kafka"
	chmod -R a+rX "$dir"
	cp "$here/pom.xml" "$dir/pom.xml"
fi
cd "$dir" && pwd -P
